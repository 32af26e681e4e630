"""The reviewer without a screen, and rows that need a person each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synthgate.provenance import Stamp, emit, read
from synthgate.text import printable
from tests.conftest import synthgate, write_rows
from tests.hostile import HOSTILE
from tests.reviewing import drawn, few, logged

ROWS = [{"input": text, "output": text + "!"} for text in HOSTILE.values()]


def test_keys_come_as_lines_where_there_is_no_terminal(tmp_path: Path) -> None:
    """The same machine from a pipe; rows and notes are plain text whatever is in them."""
    drawn(tmp_path, ROWS, *few(ROWS))
    keys = b"p\nf 2\nn a note \x1b[31m\nu\nb\nf\n?\nq\np\n"
    review = "audit review sample.jsonl --plan plan.json --labels log.jsonl --reviewer ann"
    done = synthgate(*review.split(), stdin=keys, cwd=tmp_path)
    assert done.code == 0 and done.out == b""
    plan = json.loads((tmp_path / "plan.json").read_text())
    labels = logged(tmp_path / "log.jsonl", plan)
    assert [each["verdict"] for each in labels] == [
        "pass",
        "fail",
        "fail",
        "skip",
        "unsure",
        "fail",
    ]
    assert labels[2]["reason"] == "incomplete" and labels[4]["note"] == "a note \x1b[31m"
    assert all(each["reviewer"] == "ann" and each["ms"] >= 0 for each in labels)
    hidden = {each for each in done.err if printable(each) != each} - {"\n"}
    assert not hidden
    again = synthgate(*review.split(), stdin=b"q\n", cwd=tmp_path)
    assert f"row 4 of {len(ROWS)}" in again.err
    dry = synthgate(*review.split(), "--dry-run", stdin=b"p\n", cwd=tmp_path)
    assert (dry.code, len(logged(tmp_path / "log.jsonl", plan))) == (2, 6)


@pytest.mark.parametrize("flag", ["-o", "--output", "--rejects", "--shard-rows", "--seed"])
def test_a_review_has_no_options_that_do_nothing(tmp_path: Path, flag: str) -> None:
    """What `audit review` does not use is not in its help, and is refused instead of ignored."""
    drawn(tmp_path, ROWS, *few(ROWS))
    page = synthgate("audit", "review", "--help").out.decode()
    assert "--labels FILE" in page and f"{flag} " not in page and f"{flag}," not in page
    review = "audit review sample.jsonl --plan plan.json --labels log.jsonl --reviewer ann"
    done = synthgate(*review.split(), flag, "1", stdin=b"p\n", cwd=tmp_path)
    assert (done.code, "No such option" in done.err) == (2, True)
    assert not (tmp_path / "log.jsonl").exists()


@pytest.mark.parametrize("name", ["rows.jsonl", "sample.jsonl", "plain.jsonl", "cut.jsonl"])
def test_a_file_that_is_no_log_is_not_touched(tmp_path: Path, name: str) -> None:
    """Rows, samples and plain label lines named as the log end with 4, and keep every byte."""
    sample = drawn(tmp_path, ROWS, *few(ROWS))
    label = {"id": sample[0]["_synthgate"]["id"], "verdict": "pass", "reviewer": "x"}
    (tmp_path / "plain.jsonl").write_text(json.dumps(label))
    (tmp_path / "cut.jsonl").write_bytes((tmp_path / "rows.jsonl").read_bytes()[:-1])
    before = (tmp_path / name).read_bytes()
    review = f"audit review sample.jsonl --plan plan.json --labels {name} --reviewer ann"
    done = synthgate(*review.split(), stdin=b"p\n", cwd=tmp_path)
    assert (done.code, "is no label log" in done.err) == (4, True)
    assert (tmp_path / name).read_bytes() == before


def test_rows_that_need_a_person_are_reviewed_each(tmp_path: Path) -> None:
    """`--all` shows the rows with `needs: human` of a set, and `verify` releases by the log."""
    rows = [read(b'{"input":"q","output":"%d"}' % n, "x", 1, Stamp().provenance) for n in range(6)]
    marked = [emit(row.marked(needs="human" if n % 2 else "")) for n, row in enumerate(rows)]
    write_rows(tmp_path / "rows.jsonl", marked)
    review = "audit review --all rows.jsonl --labels log.jsonl --reviewer ann"
    done = synthgate(*review.split(), stdin=b"p\np\nf\n\n", cwd=tmp_path)
    assert done.code == 0 and "row 1 of 3" in done.err
    labels = logged(tmp_path / "log.jsonl")
    assert [each["verdict"] for each in labels] == ["pass", "pass", "fail"]
    done = synthgate("verify", "rows.jsonl", "--check", "human:log.jsonl", cwd=tmp_path)
    passed = {row["output"]: row["_synthgate"]["needs"] for row in done.rows}
    assert passed == {"1": "", "3": ""}
