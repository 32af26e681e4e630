"""report: what happened, shown; what is not known, said to be not shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import read_rows, synthgate, write_rows

ROWS = [{"input": f"question {n % 7}", "output": f"answer {n % 5}"} for n in range(40)]


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """A run folder of dedupe and cluster-cap over 40 rows."""
    source = write_rows(tmp_path / "in.jsonl", ROWS)
    env = {"SYNTHGATE_RUN_DIR": str(tmp_path / "run")}
    unique = synthgate("dedupe", source, "-o", tmp_path / "unique.jsonl", env=env)
    assert unique.code == 0, unique.err
    capped = synthgate(
        "cluster-cap", tmp_path / "unique.jsonl", "-o", tmp_path / "capped.jsonl", env=env
    )
    assert capped.code == 0, capped.err
    return tmp_path


def report(folder: Path, *argv: str) -> dict[str, object]:
    """The report of a run folder, as its JSON file says it."""
    done = synthgate(
        "report", folder / "capped.jsonl", "--run-dir", folder / "run",
        "--json", folder / "report.json", "--force", *argv,
    )  # fmt: skip
    assert done.code == 0, done.err
    found: dict[str, object] = json.loads((folder / "report.json").read_text())
    return found


def test_funnel_counts_are_those_of_the_stages(ran: Path) -> None:
    """Each step's rows in = rows out + rejects, and the report shows the manifests' own counts."""
    funnel = report(ran)["funnel"]
    assert [step["stage"] for step in funnel] == ["dedupe", "cluster-cap"]
    for step in funnel:
        assert step["rows_in"] == step["rows_out"] + sum(step["rejects"].values())
    assert funnel[0]["rows_in"] == 40
    assert funnel[0]["rows_out"] == len({(n % 7, n % 5) for n in range(40)})
    assert funnel[1]["rows_out"] == len(read_rows(ran / "capped.jsonl"))


def test_a_broken_chain_is_not_shown(ran: Path) -> None:
    """A stage that read something else than what was written before is named."""
    shown = {"read": "shown", "why": ""}
    report_too = {"stage": "report", **shown}
    assert report(ran)["chain"] == [{"stage": "cluster-cap", **shown}, report_too]
    manifest = ran / "run" / "1-dedupe.json"
    changed = json.loads(manifest.read_text())
    changed["outputs"][0]["sha256"] = "0" * 64
    manifest.write_text(json.dumps(changed))
    link, last = report(ran)["chain"]
    assert (link["stage"], link["read"], last) == ("cluster-cap", "not shown", report_too)
    assert "unique.jsonl is not what dedupe wrote" in link["why"]


def test_nothing_known_is_said_to_be_not_shown(tmp_path: Path) -> None:
    """Without manifests and audit the report says so, instead of looking fine."""
    source = write_rows(tmp_path / "in.jsonl", ROWS)
    text = synthgate("report", source).out.decode()
    assert text.startswith("NOT SHOWN: ")
    for card in ("Funnel", "Audit", "Verifier independence", "Narrowing"):
        assert f"\n{card}\n  not shown: " in text
    assert "Tokens not shown: scan did not run" in text
    assert "\nAlso not shown: inherited error, drift" in text
    assert "40 synthetic rows are verified by nothing" in text


def test_tee_passes_rows_through_unchanged(tmp_path: Path) -> None:
    """With --tee stdout is the input, byte for byte, stamped or not."""
    lines = [b'{"input":"a" ,"output":0.10}', b'{"z":1E5,"text":"\\u00e9"}', b"{}"]
    source = write_rows(tmp_path / "in.jsonl", lines)
    done = synthgate("report", source, "--tee")
    assert done.out == source.read_bytes()
    assert "3 rows: 0 real, 3 synthetic" in done.err


def test_json_lines_on_stdout(tmp_path: Path) -> None:
    """`--json -` writes one finding a line."""
    source = write_rows(tmp_path / "in.jsonl", ROWS)
    found = synthgate("report", source, "--json", "-").rows
    mix = next(each for each in found if each["finding"] == "mix")
    assert mix["synthetic"] == mix["rows"] == 40


def test_hostile_names_cannot_steer_a_terminal(tmp_path: Path) -> None:
    """A source named with escape and bidirectional characters is shown as escapes."""
    source = write_rows(tmp_path / "in.jsonl", [{"text": "x", "from": "\x1b[31mred\u202e\x07"}])
    text = synthgate("report", source, "--source-field", "from").out.decode()
    assert "\\u001b[31mred\\u202e\\u0007" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_missing_run_folder_is_an_input_error(tmp_path: Path) -> None:
    """A run folder that is not there ends with 4, in one line."""
    source = write_rows(tmp_path / "in.jsonl", ROWS)
    done = synthgate("report", source, "--run-dir", tmp_path / "nowhere")
    assert done.code == 4
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("--slice", "topc"), 2, "--slice topc: no row has this field"),
        (("--slice", "meta.a"), 2, "--slice meta.a: no row has this field"),
        (("--max-narrowing", "1"), 2, "--max-narrowing must be less than 1"),
        (("--evidence", "in.jsonl"), 4, "in.jsonl: no line of it is evidence"),
    ],
)
def test_a_slip_is_no_clean_report(ran: Path, argv: tuple[str, ...], code: int, said: str) -> None:
    """What names nothing, or can never fire, is a mistake and not a section without findings."""
    words = ("--real", "in.jsonl", "--candidates", "capped.jsonl", "--html", "r.html", *argv)
    done = synthgate("report", "capped.jsonl", *words, cwd=ran)
    assert (done.code, done.out) == (code, b"")
    assert said in done.err
    assert not (ran / "r.html").exists()


def test_a_slice_that_some_row_has(ran: Path) -> None:
    """One row with the field is enough, and no row at all is no mistake."""
    rows = [*ROWS, {**ROWS[0], "topic": "x", "meta": {"a": 1}}]
    write_rows(ran / "capped.jsonl", rows)
    report(ran, "--slice", "topic", "--slice", "meta.a")
    write_rows(ran / "capped.jsonl", [])
    report(ran, "--slice", "topic")


def test_guards_that_were_switched_off_stand_beside_the_verdict(tmp_path: Path) -> None:
    """Whoever reads PASS reads in the same sentence what somebody only answered for."""
    made = [{"input": f"What is {n} + 0?", "output": f"{n} + 0 = {n}"} for n in range(4)]
    real = [{"input": f"p {n}", "output": f"{n}"} for n in range(2)]
    write_rows(tmp_path / "in.jsonl", made)
    write_rows(tmp_path / "real.jsonl", real)
    for words in (
        ("verify", "in.jsonl", "--check", "arithmetic", "-o", "v.jsonl"),
        ("blend", "v.jsonl", "--real", "real.jsonl", "--unaudited", "no time",
         "--assume-generation", "1", "--on-shortage", "repeat", "-o", "train.jsonl"),
        ("report", "train.jsonl", "--json", "r.json", "--html", "r.html", "--markdown", "r.md"),
    ):  # fmt: skip
        done = synthgate(*words, cwd=tmp_path)
        assert done.code == 0, done.err
    look_at = json.loads((tmp_path / "r.json").read_text())["verdict"]["look_at"]
    (line,) = [each for each in look_at if "switched off" in each]
    assert line.startswith("guards were switched off in 4 rows: ")
    assert "unaudited: no time" in line and "generation assumed: 1" in line
    assert "repeated" not in line  # a copy is no guard
    for form in (done.out.decode(), *((tmp_path / f"r.{e}").read_text() for e in ("html", "md"))):
        assert "guards were switched off" in " ".join(form.split())


def test_without_overrides_nothing_is_said_of_guards(ran: Path) -> None:
    """A set whose guards all stood is not told that they did not."""
    assert "switched off" not in json.dumps(report(ran))
