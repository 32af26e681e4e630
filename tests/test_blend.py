"""blend: an exact mix, guarded: verified, audited synthetic rows beside rows that people made."""

from __future__ import annotations

import gzip
import json
import random
import shlex
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from synthgate.cli.app import invoke
from tests import auditing
from tests.conftest import read_rows, synthgate, write_rows
from tests.test_audit_reports import allow, key, sign


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 60 verified synthetic rows, 20 real ones and 30 real ones without a stamp."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SYNTHGATE_RUN_DIR", raising=False)
    auditing.rows(tmp_path, "syn.jsonl", range(60))
    auditing.rows(tmp_path, "real.jsonl", range(100, 120), auditing.REAL)
    write_rows(tmp_path / "plain.jsonl", [{"input": f"p{n}", "output": f"{n}"} for n in range(30)])
    return tmp_path


def blend(*words: str, audited: bool = False) -> int:
    """Run the command over `syn.jsonl`; without an audit unless told otherwise."""
    outputs = ["-o", "out.jsonl", "--rejects", "rej.jsonl"]
    reason = [] if audited or "--certificate" in words else ["--unaudited", "a test"]
    return invoke(["blend", "syn.jsonl", *outputs, *words, *reason])


def sides(path: str = "out.jsonl") -> list[bool]:
    """Whether each row of the output is real."""
    return [not row["_synthgate"]["synthetic"] for row in read_rows(Path(path))]


def certify(folder: Path, path: Path, **changes: Any) -> Path:
    ids = auditing.ids_of(path)
    proof = {"verdict": "PASS", "released_digest": auditing.digest_of(ids), "released": len(ids)}
    (folder / "cert.json").write_text(json.dumps({**proof, **changes}))
    return folder / "cert.json"


def one_line(capfd: pytest.CaptureFixture[str]) -> str:
    """The one line of an error, past what was said before it."""
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("synthgate: ")]
    assert len(said) == 1
    return said[0]


# --- the mix ----------------------------------------------------------------------------


def test_half_of_the_output_is_real(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The default: 0.5, all real rows, the synthetic ones cut to fit, said before it is written."""
    assert blend("--real", "real.jsonl") == 0
    assert sides() == [True, False] * 20
    assert {row["_reject"]["reason"] for row in read_rows(Path("rej.jsonl"))} == {"over_fraction"}
    assert len(read_rows(Path("rej.jsonl"))) == 40
    said = capfd.readouterr().err
    assert "plan: 20 of 60 synthetic and 20 of 20 real rows: real fraction 0.5" in said


def test_the_loss_report_balances_for_each_source(here: Path) -> None:
    """In = out + dropped for each side, repeats said apart."""
    assert blend("--real", "real.jsonl", "--real-fraction", "0.1") == 0
    found = json.loads(Path("out.jsonl.manifest.json").read_text())
    assert (found["rows_in"], found["rows_out"]) == (80, 67)
    assert found["rejects"] == {"surplus_real": 13}
    kept = {"in": 60, "out": 60, "repeats": 0, "dropped": {}}
    assert found["findings"]["synthetic"] == {**kept, "sources": {"synthetic": kept}}
    real = {"in": 20, "out": 7, "repeats": 0, "dropped": {"surplus_real": 13}}
    assert found["findings"]["real"] == {**real, "sources": {"people": real}}
    assert found["findings"]["real_fraction"] == 7 / 67
    assert [each.get("role", "") for each in found["inputs"]] == ["", "real"]


def test_repeat_uses_real_rows_evenly_up_to_the_limit(here: Path) -> None:
    """repeat: every real row as often as the others, at most --max-repeats times, then cap."""
    assert blend("--real", "real.jsonl", "--on-shortage", "repeat") == 0
    assert sides() == [True, False] * 60
    lines = Path("out.jsonl").read_bytes().splitlines()
    rows = [json.loads(line)["_synthgate"] for line in lines[::2]]
    marks = Counter(row["override"] for row in rows)
    assert marks == {"": 20, "repeated: use 2": 20, "repeated: use 3": 20}
    assert set(Counter(row["id"] for row in rows).values()) == {3}
    words = ("--on-shortage", "repeat", "--max-repeats", "2", "--force")
    assert blend("--real", "real.jsonl", *words) == 0
    assert sides() == [True, False] * 40
    found = json.loads(Path("out.jsonl.manifest.json").read_text())
    assert found["findings"]["repeats"] == 20


def test_error_on_shortage(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """error: exit 2 with the number of real rows that are needed, nothing written."""
    assert blend("--real", "real.jsonl", "--on-shortage", "error") == 2
    assert "need 60 real rows, there are 20" in one_line(capfd)
    assert not Path("out.jsonl").exists()
    assert blend("--real", "real.jsonl", "--on-shortage", "error", "--real-fraction", "0.25") == 0


def test_a_fraction_of_one_keeps_the_real_rows_only(here: Path) -> None:
    """r = 1: every real row, no synthetic one."""
    assert blend("--real", "real.jsonl", "--real-fraction", "1") == 0
    assert sides() == [True] * 20
    assert len(read_rows(Path("rej.jsonl"))) == 60


def test_rows_keep_their_bytes(here: Path) -> None:
    """Audited rows come out as they went in, provenance and all."""
    certificate = certify(here, here / "syn.jsonl")
    assert blend("--real", "real.jsonl", "--certificate", str(certificate)) == 0
    known = (
        Path("syn.jsonl").read_bytes().splitlines() + Path("real.jsonl").read_bytes().splitlines()
    )
    assert {*Path("out.jsonl").read_bytes().splitlines()} <= {*known}


def test_unstamped_real_rows_are_stamped_real(here: Path) -> None:
    """Rows of --real without provenance become real rows of generation 0."""
    assert blend("--real", "plain.jsonl", "--source", "people") == 0
    real = [row["_synthgate"] for row in read_rows(Path("out.jsonl")) if "p" in row["input"][:1]]
    assert len(real) == 30
    for ours in real:
        assert (ours["synthetic"], ours["generation"], ours["source"]) == (False, 0, "people")


def test_order_and_shards_do_not_matter(here: Path) -> None:
    """Shuffled inputs in several files give the same bytes, also with twins among the rows."""
    twins = [auditing.line(7, verified_by="other"), auditing.line(7)]
    lines = [*Path("syn.jsonl").read_bytes().splitlines(), *twins]
    write_rows(Path("syn.jsonl"), lines)
    real = Path("real.jsonl").read_bytes().splitlines()
    words = ("--on-shortage", "repeat", "--real-fraction", "0.6")
    assert blend("--real", "real.jsonl", *words) == 0
    first = Path("out.jsonl").read_bytes()
    for seed in range(3):
        for each in (lines, real):
            random.Random(seed).shuffle(each)
        write_rows(Path("syn.jsonl"), lines[:20])
        write_rows(Path("more.jsonl"), lines[20:])
        write_rows(Path("real.jsonl"), real[:5])
        write_rows(Path("real2.jsonl"), real[5:])
        both = ("--real", "real.jsonl", "--real", "real2.jsonl")
        assert blend("more.jsonl", *both, *words, "--force") == 0
        assert Path("out.jsonl").read_bytes() == first


@pytest.mark.parametrize("fraction", ["0.1", "0.3", "0.5", "0.9", "1"])
@pytest.mark.parametrize(("real", "synthetic"), [(1, 1), (20, 1), (1, 20), (7, 13), (13, 7)])
def test_the_grid(here: Path, real: int, synthetic: int, fraction: str) -> None:
    """Counts, share and prefixes of what is written, with cap and with repeat."""
    auditing.rows(here, "syn.jsonl", range(synthetic))
    auditing.rows(here, "real.jsonl", range(100, 100 + real), auditing.REAL)
    wanted = Fraction(fraction)
    for how, uses in (("cap", 1), ("repeat", 4)):
        words = ("--real-fraction", fraction, "--on-shortage", how, "--force")
        assert blend("--real", "real.jsonl", *words) == 0
        found = sides()
        count, ours = len(found), sum(found)
        fits = wanted == 1 or wanted * synthetic <= (1 - wanted) * real * uses
        kept = 0 if wanted == 1 else synthetic if fits else (1 - wanted) * real * uses // wanted
        assert count - ours == kept
        assert wanted * count <= ours < wanted * count + 1 or wanted == 1
        over = ours - wanted * count
        for at in range(1, count + 1):
            assert abs(sum(found[:at]) - wanted * at) <= max(Fraction(1, 2), over)


def test_compressed_files_and_arrays_give_the_same_bytes(here: Path) -> None:
    """.gz, .zst and .json inputs are mixed as the plain files are."""
    assert blend("--real", "real.jsonl") == 0
    wanted = Path("out.jsonl").read_bytes()
    lines, real = (Path(name).read_bytes() for name in ("syn.jsonl", "real.jsonl"))
    Path("a.jsonl.gz").write_bytes(gzip.compress(lines))
    Path("r.json").write_bytes(b"[" + b",\n".join(real.splitlines()) + b"]")
    words = ["--unaudited", "a test", "-o", "out.jsonl", "--force"]
    assert invoke(["blend", "a.jsonl.gz", "--real", "r.json", *words]) == 0
    assert Path("out.jsonl").read_bytes() == wanted


def test_the_seed_chooses_other_rows(here: Path) -> None:
    """Which rows go is drawn: another seed drops others."""
    assert blend("--real", "real.jsonl") == 0
    first = {*auditing.ids_of(Path("out.jsonl"))}
    assert blend("--real", "real.jsonl", "--seed", "1", "--force") == 0
    assert {*auditing.ids_of(Path("out.jsonl"))} != first


def test_limit_is_for_each_source(here: Path) -> None:
    """--limit reads the first N rows of either side."""
    assert blend("--real", "real.jsonl", "--limit", "7") == 0
    found = json.loads(Path("out.jsonl.manifest.json").read_text())
    assert (found["findings"]["synthetic"]["in"], found["findings"]["real"]["in"]) == (7, 7)


def test_bad_lines_can_be_rejected(here: Path) -> None:
    """--on-error reject counts a bad line in its own source's account."""
    with Path("real.jsonl").open("ab") as file:
        file.write(b"{bad}\n")
    assert blend("--real", "real.jsonl") == 4
    assert blend("--real", "real.jsonl", "--on-error", "reject") == 0
    found = json.loads(Path("out.jsonl.manifest.json").read_text())
    real = found["findings"]["real"]
    assert (real["in"], real["out"], real["dropped"]) == (21, 20, {"bad_line": 1})
    assert found["rejects"] == {"invalid_json": 1, "over_fraction": 40}


# --- guards -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "--no-real"),
        (["--real", "real.jsonl", "--real-fraction", "0"], 2, "--no-real REASON"),
        (["--real", "real.jsonl", "--no-real", "why"], 2, "contradict"),
        (["--real", "real.jsonl", "--unaudited", "x", "--certificate", "c"], 2, "contradict"),
        (["--real", "real.jsonl", "--real-fraction", "1.5"], 2, "--real-fraction"),
        (["--real", "real.jsonl", "--max-repeats", "0"], 2, "--max-repeats"),
        (["--real", "empty.jsonl"], 4, "no real rows"),
        (["--real", "missing.jsonl"], 4, "missing.jsonl"),
        (["--real", "syn.jsonl"], 4, "syn.jsonl:1: stands among the real rows"),
        (["--real", "deep.jsonl"], 4, "deep.jsonl:1: stands among the real rows"),
        (["--real", "copy.jsonl"], 4, "copy.jsonl:2: is also syn.jsonl:6"),
        (["real.jsonl", "--real", "plain.jsonl"], 4, "real.jsonl:1: is a real row among"),
        (["plain.jsonl", "--real", "real.jsonl"], 6, "plain.jsonl:1: nothing has verified"),
        (["edited.jsonl", "--real", "real.jsonl"], 6, "edited.jsonl:1: was edited"),
        (["human.jsonl", "--real", "real.jsonl"], 6, "human.jsonl:1: needs a person's verdict"),
        (["--real", "real.jsonl", "--certificate", "missing.json"], 6, "no certificate, no proof"),
        (["--real", "real.jsonl", "-o", "syn.jsonl", "--force"], 2, "file of its own"),
    ],
)
def test_what_must_not_be_mixed_is_refused(
    here: Path, capfd: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    """Each guard: one line with the place, its exit code, and nothing written."""
    Path("empty.jsonl").write_bytes(b"")
    auditing.rows(here, "deep.jsonl", ["x"], auditing.REAL, generation=2)
    auditing.rows(here, "human.jsonl", ["y"], needs="human")
    write_rows(Path("edited.jsonl"), [auditing.line("z").replace(b"answer", b"bnswer")])
    copy = auditing.line(5).split(b',"_synthgate"')[0] + b"}"
    write_rows(Path("copy.jsonl"), [b'{"input":"a","output":"b"}', copy])
    before = {each.name: each.read_bytes() for each in here.iterdir()}
    assert blend(*words, audited="c" in words) == code
    assert said in one_line(capfd)
    assert {each.name: each.read_bytes() for each in here.iterdir()} == before


def test_no_synthetic_rows_is_an_error(here: Path) -> None:
    """An empty synthetic stream, as a gate that said no leaves it, ends with 4."""
    done = synthgate("blend", "-", "--real", here / "real.jsonl", "-o", here / "t.jsonl")
    assert done.code == 4
    assert "no synthetic rows" in done.err
    assert not (here / "t.jsonl").exists()


def test_a_real_row_hidden_in_the_middle_is_found(here: Path) -> None:
    """The guards look at every row, not at the first."""
    for bad, code in (
        (auditing.line("r", auditing.REAL), 4),
        (auditing.line("u", verified_by=""), 6),
    ):
        auditing.rows(here, "syn.jsonl", range(60))
        write_rows(Path("syn.jsonl"), [*Path("syn.jsonl").read_bytes().splitlines(), bad])
        assert blend("--real", "real.jsonl") == code


def test_no_real_is_recorded_in_every_row(here: Path) -> None:
    """--no-real REASON: all synthetic rows, each with the reason."""
    assert blend("--no-real", "nothing was collected") == 0
    overrides = {row["_synthgate"]["override"] for row in read_rows(Path("out.jsonl"))}
    assert overrides == {"unaudited: a test; no real rows: nothing was collected"}
    assert sides() == [False] * 60
    words = ("--real", "real.jsonl", "--real-fraction", "0", "--no-real", "x", "--force")
    assert blend(*words) == 0
    assert sides() == [False] * 60
    assert {row["_reject"]["reason"] for row in read_rows(Path("rej.jsonl"))} == {"surplus_real"}


def test_earlier_overrides_are_kept(here: Path) -> None:
    """A reason that a row already carries stands before the new one."""
    auditing.rows(here, "syn.jsonl", range(3), override="dependent: same family")
    assert blend("--real", "real.jsonl") == 0
    found = [row["_synthgate"] for row in read_rows(Path("out.jsonl"))]
    assert {each["override"] for each in found if each["synthetic"]} == {
        "dependent: same family; unaudited: a test"
    }
    assert {each["override"] for each in found if not each["synthetic"]} == {""}


# --- the certificate --------------------------------------------------------------------


def test_without_a_certificate_nothing_is_blended(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """No certificate: exit 6, and the message says what would do; nothing is written."""
    assert blend("--real", "real.jsonl", audited=True) == 6
    assert "--certificate FILE" in one_line(capfd)
    assert not Path("out.jsonl").exists()


def test_a_blend_without_an_audit_says_so(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """--unaudited REASON: said even with --quiet, recorded in every synthetic row."""
    assert blend("--real", "real.jsonl", "-q") == 0
    said = "blend: the synthetic rows are not shown to be audited: a test\n"
    assert capfd.readouterr().err == said
    found = [row["_synthgate"] for row in read_rows(Path("out.jsonl"))]
    assert {each["override"] for each in found if each["synthetic"]} == {"unaudited: a test"}
    assert {each["override"] for each in found if not each["synthetic"]} == {""}


def test_a_fitting_certificate_leaves_no_mark(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With the certificate of these very rows nothing is overridden, in any order."""
    certificate = certify(here, here / "syn.jsonl")
    write_rows(Path("syn.jsonl"), Path("syn.jsonl").read_bytes().splitlines()[::-1])
    assert blend("--real", "real.jsonl", "--certificate", str(certificate)) == 0
    assert {row["_synthgate"]["override"] for row in read_rows(Path("out.jsonl"))} == {""}
    assert "not shown" not in capfd.readouterr().err


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "STOP"},
        {"verdict": None},
        {"released_digest": "0" * 64},
        {"released_digest": None},
    ],
)
def test_a_certificate_that_does_not_fit_is_stale(here: Path, changes: dict[str, Any]) -> None:
    """Another verdict or another set ends with 6."""
    certificate = certify(here, here / "syn.jsonl", **changes)
    assert blend("--real", "real.jsonl", "--certificate", str(certificate)) == 6
    assert not Path("out.jsonl").exists()


def test_a_certificate_of_an_allowed_signer(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Anybody can write a certificate; where signers are named, only theirs is one: else 6."""
    ann, eve = key(here, "ann"), key(here, "eve")
    certificate = certify(here, here / "syn.jsonl")
    words = ("--real", "real.jsonl", "--certificate", "cert.json")
    signed = (*words, "--allowed-signers", str(allow(here, "ann")))
    assert blend(*signed) == 6
    assert "cert.json.sig: is missing" in one_line(capfd)
    sign(certificate, eve)
    assert blend(*signed) == 6
    sign(certificate, ann)
    certify(here, here / "syn.jsonl", words="another")
    assert blend(*signed) == 6
    assert not Path("out.jsonl").exists()
    certify(here, here / "syn.jsonl")
    assert blend(*signed) == 0
    assert "signed by ann@example.org" in capfd.readouterr().err
    assert blend("--real", "real.jsonl", *signed[-2:], "--unaudited", "x", "--force") == 2


FLOOR = [
    (("--min-pass", ".9"), {}, 0),
    (("--min-pass", ".95"), {}, 6),
    (("--confidence", ".95"), {}, 0),
    (("--confidence", ".99"), {}, 6),
    (("--min-pass", ".9"), {"gold": {"min_pass": 0.8}}, 6),  # the reviewers overlook half
    (("--min-pass", ".8"), {"gold": {"min_pass": 0.8}}, 0),
    (("--confidence", ".9"), {"gold": {"min_pass": 0.8}}, 0),  # 5 + 5 in 100 are wrong
    (("--confidence", ".95"), {"gold": {"min_pass": 0.8}}, 6),
    (("--confidence", ".9"), {"confidence": None, "gold": {"min_pass": 0.8}}, 6),
    (("--min-pass", ".9"), {"min_pass": None}, 6),
    (("--min-pass", ".9"), {"min_pass": "0.99"}, 6),
    (("--min-pass", ".9"), {"min_pass": 90}, 6),
    ((), {"min_pass": None, "bound": None}, 0),
    (("--min-pass", ".9", "--unaudited", "x"), None, 2),
]


@pytest.mark.parametrize(("asked", "changes", "code"), FLOOR)
def test_a_certificate_shows_what_is_asked_for(
    here: Path, asked: tuple[str, ...], changes: Any, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """A PASS of a plan for less is none: what it shows, its planted rows counted, must do."""
    shown = {"min_pass": 0.9, "confidence": 0.95, "gold": {}, "bound": "at most 5 times in 100"}
    proof = ()
    if changes is not None:
        proof = ("--certificate", str(certify(here, here / "syn.jsonl", **shown | changes)))
    assert blend("--real", "real.jsonl", *proof, *asked) == code
    said = capfd.readouterr().err
    assert ("cert.json: at most 5 times in 100" in said) == (code == 0 and "bound" not in changes)


def test_a_mix_without_a_row_is_no_training_set(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where no slice has rows of both sides nothing is left: 4, not an empty file."""
    sides = {"syn.jsonl": ("a", auditing.SYNTHETIC), "real.jsonl": ("b", auditing.REAL)}
    for name, (topic, values) in sides.items():
        row = {"input": "q", "output": name, "topic": topic}
        write_rows(here / name, [auditing.stamped({**row, "n": n}, values) for n in range(5)])
    assert blend("--real", "real.jsonl", "--by", "topic", "--near-threshold", "0") == 4
    assert "nothing is left to mix" in one_line(capfd)
    assert not Path("out.jsonl").exists()


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"verdict":"STOP","verdict":"PASS"}'])
def test_what_is_no_certificate_is_stale(here: Path, text: str) -> None:
    """A file that is not a certificate is no proof: 6."""
    (here / "cert.json").write_text(text)
    assert blend("--real", "real.jsonl", "--certificate", "cert.json") == 6


@pytest.mark.parametrize("change", ["more", "fewer", "twice"])
def test_rows_that_the_gate_did_not_release_are_stale(here: Path, change: str) -> None:
    """A row more, a row fewer or a row twice is another set: 6."""
    certificate = certify(here, here / "syn.jsonl")
    lines = Path("syn.jsonl").read_bytes().splitlines()
    sets = {"more": [*lines, auditing.line("m")], "fewer": lines[1:], "twice": [*lines, lines[0]]}
    write_rows(Path("syn.jsonl"), sets[change])
    assert blend("--real", "real.jsonl", "--certificate", str(certificate)) == 6


def test_the_certificate_of_the_run_folder_is_the_default(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate in the run folder is checked without being named; --unaudited passes it by."""
    monkeypatch.setenv("SYNTHGATE_RUN_DIR", "run")
    Path("run").mkdir()
    certify(here, here / "syn.jsonl").rename("run/certificate.json")
    assert blend("--real", "real.jsonl", audited=True) == 0
    assert {row["_synthgate"]["override"] for row in read_rows(Path("out.jsonl"))} == {""}
    auditing.rows(here, "syn.jsonl", range(61))
    assert blend("--real", "real.jsonl", "--force", audited=True) == 6
    assert blend("--real", "real.jsonl", "--force") == 0


# --- gate | blend -----------------------------------------------------------------------


def pipe(here: Path, *, failing: int, run_dir: bool) -> subprocess.CompletedProcess[str]:
    """Run `audit gate … | blend - …` in a shell, without pipefail."""
    rows = auditing.rows(here, "rows.jsonl", range(1000, 1500))
    sample, _ = auditing.draw(here, rows)
    auditing.labels(here, sample, lambda at: "fail" if at <= failing else "pass")
    tool = f"{shlex.quote(sys.executable)} -m synthgate"
    script = (
        f"{tool} audit gate rows.jsonl --plan plan.json --labels labels.jsonl"
        f" | {tool} blend - --real real.jsonl -o train.jsonl"
    )
    env = {"PATH": "/usr/bin:/bin", **({"SYNTHGATE_RUN_DIR": "run"} if run_dir else {})}
    return subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, env=env, timeout=120, check=False
    )


def test_the_pipe_carries_rows_and_certificate(here: Path) -> None:
    """gate | blend: the certificate appears while the gate runs, and fits what it let through."""
    done = pipe(here, failing=1, run_dir=True)
    assert done.returncode == 0, done.stderr
    found = read_rows(Path("train.jsonl"))
    assert len(found) == 40
    assert {row["_synthgate"]["override"] for row in found} == {""}
    names = sorted(path.name for path in Path("run").iterdir())
    assert names == ["1-audit-gate.json", "2-blend.json", "certificate.json"]
    gate, mix = (json.loads(Path("run", name).read_text()) for name in names[:2])
    assert gate["outputs"][0]["sha256"] == mix["inputs"][0]["sha256"]


def test_the_pipe_without_a_run_folder_ends_with_6(here: Path) -> None:
    """Without a run folder no certificate reaches blend, and nothing is mixed."""
    done = pipe(here, failing=0, run_dir=False)
    assert done.returncode == 6
    assert "no certificate" in done.stderr
    assert not Path("train.jsonl").exists()


def test_a_stop_in_the_pipe_makes_no_training_set(here: Path) -> None:
    """A pipe whose shell ignores the gate's exit code still makes nothing: blend ends with 4."""
    done = pipe(here, failing=50, run_dir=True)
    assert done.returncode == 4
    assert "STOP" in done.stderr
    assert "no synthetic rows" in done.stderr
    assert not Path("train.jsonl").exists()
    assert not Path("run/certificate.json").exists()
