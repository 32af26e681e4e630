"""What blend refuses, drops and records beyond the audit: each guard and the row that trips it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from synthgate.cli.app import invoke
from synthgate.exclusions import Exclusion, write
from tests import auditing
from tests.conftest import read_rows, write_rows
from tests.test_blend import certify, one_line


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 20 verified synthetic rows and 20 real ones."""
    monkeypatch.chdir(tmp_path)
    auditing.rows(tmp_path, "syn.jsonl", range(20))
    auditing.rows(tmp_path, "real.jsonl", range(100, 120), auditing.REAL)
    return tmp_path


def blend(*words: str, audited: bool = False) -> int:
    reason = [] if audited else ["--unaudited", "a test"]
    outputs = ["-o", "out.jsonl", "--rejects", "rej.jsonl"]
    return invoke(["blend", *words, "--real", "real.jsonl", *outputs, "--force", *reason])


def findings() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("out.jsonl.manifest.json").read_text())["findings"]
    return found


def overrides() -> set[str]:
    return {row["_synthgate"]["override"] for row in read_rows(Path("out.jsonl"))}


# --- generation and models --------------------------------------------------------------


def test_a_row_too_deep_is_refused(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A generation past --max-generation ends with 3 and the row's place, until it is allowed."""
    lines = [auditing.line(n, generation=2 if n == 7 else 1) for n in range(20)]
    write_rows(Path("syn.jsonl"), lines)
    assert blend("syn.jsonl") == 3
    assert "syn.jsonl:8: is of generation 2, at most 1" in one_line(capfd)
    assert not Path("out.jsonl").exists()
    assert blend("syn.jsonl", "--max-generation", "2") == 0


def test_an_unknown_generation_is_refused(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Unknown ends with 6; what is assumed instead is written and recorded in the row."""
    auditing.rows(here, "syn.jsonl", range(20), generation=-1)
    assert blend("syn.jsonl") == 6
    assert "syn.jsonl:1: its generation is unknown" in one_line(capfd)
    assert blend("syn.jsonl", "--assume-generation", "2") == 3
    capfd.readouterr()
    assert blend("syn.jsonl", "--assume-generation", "1") == 0
    found = [row["_synthgate"] for row in read_rows(Path("out.jsonl"))]
    made = [ours for ours in found if ours["synthetic"]]
    assert {ours["generation"] for ours in made} == {1}
    assert {ours["override"] for ours in made} == {"generation assumed: 1; unaudited: a test"}
    assert findings()["override"] == "generation assumed: 1; unaudited: a test"


def test_own_models_need_a_reason_and_an_audit_of_their_own(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Rows of a model that we tuned: refused, then asked for their own certificate, then marked."""
    auditing.rows(here, "own.jsonl", ["x", "y"], generator="tuned-7b")
    own = ("syn.jsonl", "own.jsonl", "--own-model", "tuned-*")
    assert blend(*own) == 3
    assert "own.jsonl:1: tuned-7b is a model of our own" in one_line(capfd)
    certify(here, here / "syn.jsonl").rename("others.json")
    certify(here, here / "own.jsonl").rename("own.json")
    allowed = (*own, "--allow-own-model", "a try", "--certificate", "others.json")
    assert blend(*allowed, audited=True) == 6
    assert "an audit of their own" in one_line(capfd)
    assert blend(*allowed, "--own-certificate", "others.json", audited=True) == 6
    assert blend(*allowed, "--own-certificate", "own.json", audited=True) == 0
    assert overrides() == {"", "own model: a try"}
    marked = [row for row in read_rows(Path("out.jsonl")) if row["_synthgate"]["override"]]
    assert {row["_synthgate"]["generator"] for row in marked} == {"tuned-7b"}


@pytest.mark.parametrize(
    ("said", "code"), [("own = true", 3), ('tuned_on = ["real.jsonl"]', 3), ("own = false", 0)]
)
def test_a_model_that_the_configuration_calls_our_own(
    here: Path, capfd: pytest.CaptureFixture[str], said: str, code: int
) -> None:
    """`own` and `tuned_on` of `[models]` count as `--own-model` does, by the name as it is."""
    name = "org/tuned[7b]"
    Path("synthgate.toml").write_text(f'[models."{name}"]\n{said}\n')
    auditing.rows(here, "own.jsonl", ["x", "y"], generator=name)
    assert blend("syn.jsonl", "own.jsonl") == code
    assert (f"own.jsonl:1: {name} is a model of our own" in capfd.readouterr().err) == bool(code)
    assert Path("out.jsonl").exists() == (not code)
    assert blend("syn.jsonl") == 0  # the rows of other models are none of its business
    certify(here, here / "syn.jsonl").rename("others.json")
    certify(here, here / "own.jsonl").rename("own.json")
    named = ("--certificate", "others.json", "--own-certificate", "own.json")
    if code:
        allowed = ("syn.jsonl", "own.jsonl", "--allow-own-model", "a try", *named)
        assert blend(*allowed, audited=True) == 0
        assert overrides() == {"", "own model: a try"}


def test_a_stand_in_needs_a_leak_check(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A row made in place of a real one is refused until a leak check has passed it."""
    auditing.rows(here, "syn.jsonl", range(20), source="stand-in")
    assert blend("syn.jsonl") == 6
    assert "syn.jsonl:1: stands in for a real row" in one_line(capfd)
    auditing.rows(here, "syn.jsonl", range(20), source="stand-in:clinic", verified_by="rule leak")
    assert blend("syn.jsonl") == 0


def test_what_needs_a_person_needs_a_certificate(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """`needs: human`: a reason does not replace the verdict; a certificate that covers it does."""
    auditing.rows(here, "syn.jsonl", range(20), needs="human")
    assert blend("syn.jsonl") == 6
    assert "syn.jsonl:1: needs a person's verdict" in one_line(capfd)
    certificate = str(certify(here, here / "syn.jsonl"))
    assert blend("syn.jsonl", "--certificate", certificate, audited=True) == 0


# --- real rows that are none ------------------------------------------------------------

LONG = (
    "The train leaves the station at nine and reaches the coast before noon, when the boats of "
    "the fishermen come back and the market on the pier opens for everybody who likes fresh fish."
)


def near(folder: Path) -> None:
    """Synthetic and real rows; real row 2 repeats synthetic row 2 but for a word, 3 its prompt."""
    said = LONG.replace("market", "bazaar")
    rows = [
        {"input": "Where does the train go and what is there to see?", "output": text}
        for text in (LONG, said, LONG.replace("train", "bus").replace("nine", "ten")[:60])
    ]
    stamped = [auditing.line("a"), _stamped(rows[0])]
    write_rows(folder / "syn.jsonl", stamped)
    write_rows(folder / "real.jsonl", [{"input": "p", "output": "q"}, rows[1], rows[2]])


def _stamped(row: dict[str, str]) -> bytes:
    from tests.filters import row_of

    payload = json.dumps(row).encode()
    found = row_of(payload)
    assert found is not None
    made = auditing.line("x").split(b',"_synthgate":')[1][:-1]
    ours = json.loads(made) | {"id": found.id}
    spliced = json.dumps(ours, separators=(",", ":")).encode()
    return payload[:-1] + b',"_synthgate":' + spliced + b"}"


def test_a_near_copy_among_the_real_rows(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A real row that a generator wrote but for a word is refused; the same prompt alone is not."""
    near(here)
    assert blend("syn.jsonl") == 4
    assert "real.jsonl:2: repeats syn.jsonl:2 (similarity 0." in one_line(capfd)
    assert not Path("out.jsonl").exists()
    assert blend("syn.jsonl", "--near-threshold", "0") == 0
    assert blend("syn.jsonl", "--on-repeat", "reject") == 0
    (gone,) = [row for row in read_rows(Path("rej.jsonl")) if "_reject" in row][:1]
    assert gone["_reject"]["reason"] == "repeats_synthetic"
    assert gone["_reject"]["line"] == 2
    assert (
        gone["_reject"]["survivor"]
        == json.loads(Path("syn.jsonl").read_bytes().splitlines()[1])["_synthgate"]["id"]
    )


def test_trusted_real_rows_are_kept_and_their_repeats_go(here: Path) -> None:
    """With keep-real every synthetic row that repeats a real one goes, near or byte for byte."""
    near(here)
    syn, real = Path("syn.jsonl").read_bytes(), Path("real.jsonl").read_bytes()
    copy = _stamped(json.loads(real.splitlines()[2]))
    Path("syn.jsonl").write_bytes(syn + copy + b"\n" + copy + b"\n")
    assert blend("syn.jsonl", "--on-repeat", "keep-real", "--real-fraction", "0.75") == 0
    gone = [row["_reject"] for row in read_rows(Path("rej.jsonl"))]
    assert {(each["reason"], each["line"]) for each in gone} == {
        ("repeats_real", 2), ("repeats_real", 3), ("repeats_real", 4),
    }  # fmt: skip
    ids = {row["_synthgate"]["id"] for row in read_rows(Path("out.jsonl"))}
    assert len(ids) == 4
    assert {each["survivor"] for each in gone} <= ids


def test_keep_real_without_real_rows(here: Path) -> None:
    """Nothing repeats a real row where there is none."""
    near(here)
    argv = ["syn.jsonl", "-o", "o.jsonl", "--unaudited", "x", "--no-real", "x", "-q"]
    assert invoke(["blend", *argv, "--on-repeat", "keep-real"]) == 0
    assert len(read_rows(Path("o.jsonl"))) == 2


def test_a_copy_in_another_shape(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The texts count, not the keys: a chat that says what a synthetic pair says is a copy."""
    near(here)
    turns = [
        {"role": "user", "content": "Where does the train go and what is there to see?"},
        {"role": "assistant", "content": LONG.upper()},
    ]
    write_rows(Path("real.jsonl"), [{"messages": turns}])
    assert blend("syn.jsonl") == 4
    assert "real.jsonl:1: repeats syn.jsonl:2 (similarity 1.000)" in one_line(capfd)


def test_rows_without_texts_are_no_repeats(here: Path) -> None:
    """Rows that hold numbers only have nothing to compare but their bytes."""
    rows = [_stamped({"n": n}) for n in range(3)]  # type: ignore[dict-item]
    write_rows(Path("syn.jsonl"), rows)
    write_rows(Path("real.jsonl"), [{"n": 7}, {"n": 8}, {"n": 9}])
    assert blend("syn.jsonl") == 0
    write_rows(Path("real.jsonl"), [{"n": 7}, {"n": 2}])
    assert blend("syn.jsonl") == 4


# --- exclusions -------------------------------------------------------------------------


def test_exclusions_are_closed_over_parents(here: Path) -> None:
    """What was made from an excluded row goes, too, however far away and in whatever order."""
    ids = [json.loads(auditing.line(n))["_synthgate"]["id"] for n in range(20)]
    parents = {3: ids[5], 2: f"{'0' * 64} {ids[3]}", 9: "f" * 64}
    lines = [auditing.line(n, parents=parents.get(n, "")) for n in range(20)]
    lines[12] = auditing.line(12, source="bad source")
    lines[13] = auditing.line(13, run="bad-run")
    write_rows(Path("syn.jsonl"), lines)
    listed = [("id", ids[5]), ("source", "bad source"), ("run", "bad-run")]
    Path("gone.jsonl").write_bytes(write(Exclusion(k, v, "poison") for k, v in listed))
    assert blend("syn.jsonl", "--exclude", "gone.jsonl") == 0
    gone = [row for row in read_rows(Path("rej.jsonl")) if row["_reject"]["reason"] == "excluded"]
    assert {row["input"] for row in gone} == {f"question {n}" for n in (2, 3, 5, 12, 13)}
    assert {row["_reject"]["detail"] for row in gone} == {
        f"id {ids[5]}: poison", f"made from {ids[5]}", f"made from {ids[3]}",
        "source bad source: poison", "run bad-run: poison",
    }  # fmt: skip
    assert findings()["synthetic"]["dropped"] == {"excluded": 5}
    left = {row["input"] for row in read_rows(Path("out.jsonl"))}
    assert not left & {row["input"] for row in gone}


def test_real_rows_can_be_excluded(here: Path) -> None:
    """An excluded source takes its real rows along; the fraction is that of what is left."""
    lines = [auditing.line(n, auditing.REAL, source=f"web {n % 2}") for n in range(100, 120)]
    write_rows(Path("real.jsonl"), lines)
    write_rows(Path("gone.jsonl"), [{"kind": "source", "value": "web 1", "reason": "spam"}])
    assert blend("syn.jsonl", "--exclude", "gone.jsonl") == 0
    found = [row["_synthgate"] for row in read_rows(Path("out.jsonl"))]
    assert [ours["synthetic"] for ours in found].count(False) == 10
    assert {ours["source"] for ours in found if not ours["synthetic"]} == {"web 0"}


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("{", 4, "gone.jsonl:1"),
        ('{"kind":"colour","value":"red"}', 4, "gone.jsonl:1: an exclusion is"),
        ('{"kind":"id","value":""}', 4, "gone.jsonl:1"),
        ('{"exclusions":2,"digest":"0"}\n{"kind":"id","value":"a"}\n', 6, "cut or changed"),
    ],
)
def test_a_list_that_is_none(
    here: Path, capfd: pytest.CaptureFixture[str], text: str, code: int, said: str
) -> None:
    """What is no exclusion ends with 4 and its line; a list whose seal is broken with 6."""
    Path("gone.jsonl").write_text(text)
    assert blend("syn.jsonl", "--exclude", "gone.jsonl") == code
    assert said in one_line(capfd)


# --- slices, weights, releases ----------------------------------------------------------


def test_slices_are_planned_and_accounted_for(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """--by: a quota a slice, said before anything is written; slices without real rows named."""
    kinds = ("red", "green", "blue")
    rows = [{"input": f"q{n}", "output": f"a{n}", "kind": kinds[n % 3]} for n in range(30)]
    write_rows(Path("syn.jsonl"), [_stamped(row) for row in rows])  # type: ignore[arg-type]
    real = [{"input": f"r{n}", "output": f"s{n}", "kind": kinds[n % 2]} for n in range(12)]
    write_rows(Path("real.jsonl"), real)
    assert blend("syn.jsonl", "--by", "kind") == 0
    said = capfd.readouterr().err
    assert "plan: kind=green: 6 of 10 synthetic and 6 of 6 real rows" in said
    assert "no real rows stand beside the slices blue: 10 synthetic rows drop" in said
    found = json.loads(Path("out.jsonl.manifest.json").read_text())
    assert found["slices"]["kind=red"] == {
        "synthetic_in": 10, "synthetic_out": 6, "real_in": 6, "real_out": 6,
    }  # fmt: skip
    for side in ("real", "synthetic"):
        for part in ("slices", "sources"):
            parts = found["findings"][side][part].values()
            for each in parts:
                assert each["in"] + each["repeats"] == each["out"] + sum(each["dropped"].values())
            assert sum(each["in"] for each in parts) == found["findings"][side]["in"]


def test_weights_and_caps_by_source(here: Path) -> None:
    """--weight and --cap by source name; what they drop is named for it."""
    lines = [auditing.line(n, source="a" if n < 15 else "b") for n in range(20)]
    write_rows(Path("syn.jsonl"), lines)
    assert blend("syn.jsonl", "--weight", "a=1", "--weight", "b=1") == 0
    sources = findings()["synthetic"]["sources"]
    assert (sources["a"]["out"], sources["b"]["out"]) == (5, 5)
    assert sources["a"]["dropped"] == {"over_weight": 10}
    assert blend("syn.jsonl", "--cap", "a=4", "--cap", "people=6") == 0
    assert findings()["synthetic"]["sources"]["a"]["dropped"]["over_cap"] == 11
    assert findings()["real"]["dropped"] == {"over_cap": 14}


@pytest.mark.parametrize(
    "words",
    [
        ["--weight", "a"], ["--weight", "a=x"], ["--weight", "a=0"], ["--weight", "a=-1"],
        ["--cap", "=3"], ["--cap", "a=1.5"], ["--cap", "a=1", "--cap", "a=2"],
        ["--weight", "a=2", "--by", "kind"], ["--weight", "a=2", "--unit", "chars"],
        ["--weight", "c=2"], ["--cap", "c=2"], ["--by", "kind"], ["--val-fraction", "0.1"],
        ["--val-output", "v.jsonl"], ["--own-certificate", "c"],
    ],
)  # fmt: skip
def test_settings_that_cannot_be_followed(here: Path, words: list[str]) -> None:
    """A source without a number, or settings that contradict each other, end with 2."""
    assert blend("syn.jsonl", *words) == 2
    assert not Path("out.jsonl").exists()


def test_characters_as_the_unit(here: Path) -> None:
    """--unit chars: the real share of the characters is the wanted one, to within a row."""
    rows = [{"input": "q" * (n + 1), "output": f"a{n}"} for n in range(20)]
    write_rows(Path("syn.jsonl"), [_stamped(row) for row in rows])
    real = [{"input": f"r{n} " * n, "output": f"s{n}"} for n in range(40)]
    write_rows(Path("real.jsonl"), real)
    assert blend("syn.jsonl", "--unit", "chars", "--real-fraction", "0.4") == 0
    sizes = [
        (not row["_synthgate"]["synthetic"], len(row["input"] + row["output"]))
        for row in read_rows(Path("out.jsonl"))
    ]
    total, ours = sum(n for _, n in sizes), sum(n for is_real, n in sizes if is_real)
    assert 0 <= ours - 0.4 * total <= max(n for _, n in sizes)
    assert findings()["real_fraction"] == ours / total


def test_real_rows_of_the_last_release_are_missed(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A release that replaces real rows instead of adding to them is warned of."""
    assert blend("syn.jsonl") == 0
    Path("out.jsonl").rename("first.jsonl")
    manifest = json.loads(Path("out.jsonl.manifest.json").read_text())
    manifest["outputs"][0]["path"] = "elsewhere/first.jsonl"
    Path("first.json").write_text(json.dumps(manifest))
    lines = Path("real.jsonl").read_bytes().splitlines()
    capfd.readouterr()
    assert blend("syn.jsonl", "--last-release", "first.json") == 0
    assert "last release are not" not in capfd.readouterr().err
    write_rows(Path("real.jsonl"), lines[5:])
    assert blend("syn.jsonl", "--last-release", "first.json", "-q") == 0
    said = capfd.readouterr().err
    assert "5 of 20 real rows of the last release are not in this one (5 were not given)" in said
    assert findings()["last_release"] == {"real": 20, "missing": 5, "not_given": 5}
    Path("bad.json").write_text('{"stage":"verify"}')
    assert blend("syn.jsonl", "--last-release", "bad.json") == 4
