"""What holds for every command that rows pass through, written once."""

from __future__ import annotations

import base64
import contextlib
import ctypes
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from synthgate.cli.app import AUDIT, COMMANDS, invoke
from synthgate.provenance import emit
from tests.conftest import Done, synthgate
from tests.filters import DRAW, FILTERS, GENERATE, Filter, Outcome, lines_of, row_of
from tests.strategies import Refused, oracle, plain_rows

EVERY = (*FILTERS, GENERATE, DRAW)
BAD = (
    b"{", b"null", b'{"input":"a","output":"b","output":"c"}', b"\xff\xfe", b'{"a":NaN}', b"[1]",
    b'{"input":"x","output":"\\ud800"}', b'{"a":1}{"b":2}', b"\x00", b'{"_synthgate":{}}',
)  # fmt: skip
GOOD = tuple(
    b'{"input":"question %d","output":"answer %d","n":0.10,"big":12345678901234567890123}' % (n, n)
    for n in range(12)
)
per_filter = pytest.mark.parametrize("each", FILTERS, ids=str)
per_command = pytest.mark.parametrize("each", EVERY, ids=str)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that the examples of a property share, and in which they run."""
    folder = tmp_path_factory.mktemp("contract")
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


def test_every_command_is_in_the_table() -> None:
    """A new command is held to the contract, or named here as one that is no filter."""
    not_filters = {"run", "demo", ("audit", "review"), ("audit", "export")}
    not_filters |= {("audit", "import"), "completion", "init"}
    known = {words[0] if len(words) == 1 else words for words in (each.words for each in EVERY)}
    commands = (set(COMMANDS) - {"audit"}) | {("audit", verb) for verb in AUDIT}
    assert commands - not_filters == known


def stamped(lines: list[bytes]) -> list[bytes]:
    """The lines as an earlier stage wrote them."""
    found = ((line, row_of(line)) for line in lines)
    return [emit(row.marked(cluster="c", generation=1)) if row else line for line, row in found]


def kept(line: bytes, each: Filter) -> bytes:
    """What an output line was before our key was put on, found without synthgate's own code."""
    if not each.stamps:
        return line
    assert line.endswith(b"}}")
    return line[: line.rindex(b',"_synthgate":{')] + b"}"


def rejected(line: bytes) -> bytes:
    """The row of a reject, or the original bytes of a line that was none."""
    why = json.loads(line)["_reject"]
    assert why["reason"] and type(why["line"]) is int and why["stage"] and why["file"]
    if "base64" in why:
        return base64.b64decode(why["base64"])
    rest = line[: line.rindex(b',"_reject":{')]
    return rest[: rest.rindex(b',"_synthgate":{')] + b"}"


def counts_agree(done: Outcome) -> None:
    """The manifest counts what is in the files, and nothing is unaccounted for."""
    summary = done.summary
    assert summary["rows_out"] == len(done.out)
    assert sum(summary["rejects"].values()) == len(done.rejects)
    repeats = summary["findings"].get("repeats", 0)
    assert summary["rows_in"] + repeats == len(done.out) + len(done.rejects)


LINES = st.lists(st.one_of(plain_rows(), st.sampled_from(GOOD), st.sampled_from(BAD)), max_size=30)


@per_filter
@given(LINES, st.booleans())
@example([*BAD, GOOD[0]], False)
@example([GOOD[0], *BAD, GOOD[0], GOOD[1]], True)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_row_is_lost(shelf: Path, each: Filter, lines: list[bytes], before: bool) -> None:
    """Rows in = rows out + rejects, byte for byte, whatever stands between the good lines."""
    rows = [row_of(line) for line in lines]
    if each.needs_fields and lines and not any(rows):
        return
    given_lines = stamped(lines) if before else lines
    each.lay(shelf, given_lines)
    done = each.run(shelf, "--on-error", "reject", "-q")
    if not any(rows) and each.empty:
        assert (done.code, done.out) == (each.empty, [])
        return
    assert done.code == 0
    counts_agree(done)
    out = Counter(kept(line, each) for line in done.out)
    back = Counter(map(rejected, done.rejects))
    assert out + back == Counter([*(lines if each.stamps else given_lines), *each.reference])


@given(LINES)
@example([*GOOD, *BAD])
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_wanted_answer_is_lost(shelf: Path, lines: list[bytes]) -> None:
    """Each sample of each prompt is a row or a reject; a malformed prompt is a reject."""
    rows = [row for row in map(row_of, lines) if row]
    if not rows:
        return
    GENERATE.lay(shelf, lines)
    done = GENERATE.run(shelf, "--on-error", "reject", "-q")
    assert done.code in (0, 7)
    counts_agree(done)
    heads = Counter(row.payload[:-1] for row in rows for _ in range(2))
    back = [rejected(line) for line in done.rejects]
    for payload in [*(kept(line, GENERATE) for line in done.out), *back]:
        head = next((head for head in heads if payload.startswith(head)), None)
        if head is not None:
            heads -= Counter([head])
    assert not heads
    assert Counter(back) >= Counter(line for line in lines if row_of(line) is None)


@per_command
def test_a_second_run_gives_the_same_bytes(tmp_path: Path, each: Filter) -> None:
    """The same command on the same input writes the same rows and the same rejects."""
    each.lay(tmp_path, [*GOOD, GOOD[3], *BAD, b'{"input":"x","output":"y"}'])
    first = each.run(tmp_path, "--on-error", "reject")
    second = each.run(tmp_path, "--on-error", "reject")
    assert first.code == second.code == 0
    assert first.out == second.out and first.out
    assert first.rejects == second.rejects
    for key in ("settings_digest", "rows_in", "rejects", "findings"):
        assert first.summary[key] == second.summary[key]


@pytest.mark.parametrize("each", [each for each in FILTERS if each.order_free], ids=str)
def test_the_order_of_the_input_does_not_matter(tmp_path: Path, each: Filter) -> None:
    """Shuffled input gives the same set of rows: no stage depends on where a row stands."""
    lines = [*GOOD, b'{"input":"x","output":"y"}', b'{"input":"question 1!","output":"answer 1!"}']
    each.lay(tmp_path, lines)
    wanted = each.run(tmp_path)
    assert wanted.code == 0
    for seed in range(3):
        fed = lines_of(tmp_path / "in.jsonl")
        random.Random(seed).shuffle(fed)
        (tmp_path / "in.jsonl").write_bytes(b"".join(line + b"\n" for line in fed))
        assert sorted(each.run(tmp_path).out) == sorted(wanted.out)


def test_dedupe_keeps_the_same_texts_in_any_order(tmp_path: Path) -> None:
    """Which of two equal rows survives is the first; which texts survive is a fact of the set."""
    dedupe = FILTERS[0]
    dedupe.lay(tmp_path, [*GOOD, *(line.replace(b"answer", b"ANSWER ") for line in GOOD)])
    wanted = {json.loads(line)["output"].casefold() for line in dedupe.run(tmp_path).out}
    fed = lines_of(tmp_path / "in.jsonl")
    random.Random(1).shuffle(fed)
    (tmp_path / "in.jsonl").write_bytes(b"".join(line + b"\n" for line in fed))
    found = [json.loads(line)["output"].casefold() for line in dedupe.run(tmp_path).out]
    assert {text.replace("  ", " ") for text in found} == {t.replace("  ", " ") for t in wanted}
    assert len(found) == 12


@per_filter
def test_a_pipe_is_a_file(tmp_path: Path, each: Filter) -> None:
    """Rows that carry provenance come out the same from stdin as from a file."""
    each.lay(tmp_path, stamped(list(GOOD)))
    wanted = each.run(tmp_path)
    done = synthgate(*each.argv(tmp_path, "-"), stdin=(tmp_path / "in.jsonl").read_bytes())
    assert done.code == 0
    assert done.out.split(b"\n")[:-1] == wanted.out


@per_command
@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_a_bad_line_ends_the_command(
    tmp_path: Path, each: Filter, bad: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    """Unless told otherwise, the first bad line ends with 4 and its place; nothing is written."""
    each.lay(tmp_path, [*GOOD, bad, b"{"])
    capfd.readouterr()
    done = each.run(tmp_path)
    complaint = capfd.readouterr().err.splitlines()[-1]
    assert (done.code, done.out, done.rejects, done.summary) == (4, [], [], {})
    assert complaint.startswith(f"synthgate: {tmp_path}/in.jsonl:13:")


@per_command
def test_an_empty_input(tmp_path: Path, each: Filter) -> None:
    """No rows in, no rows out: 0 for a filter, 4 where a verdict or a mix needs rows."""
    each.lay(tmp_path, list(GOOD))
    for nothing in (b"", b"\n \n", b"\xef\xbb\xbf"):
        (tmp_path / "in.jsonl").write_bytes(nothing)
        done = each.run(tmp_path)
        assert (done.code, done.out) == (each.empty, [])


@pytest.mark.parametrize("each", [each for each in EVERY if each.needs_fields], ids=str)
def test_rows_without_a_text_are_an_error(
    tmp_path: Path, each: Filter, capfd: pytest.CaptureFixture[str]
) -> None:
    """When no row has a field that is known, the message names the keys and the options."""
    each.lay(tmp_path, [b'{"foo":1,"bar":"x"}'] * 3)
    argv = [word for word in each.argv(tmp_path) if word not in ("--prompt-field", "input")]
    capfd.readouterr()
    assert invoke([*argv, "-o", str(tmp_path / "out.jsonl")]) == 4
    complaint = capfd.readouterr().err.splitlines()[-1]
    assert "foo, bar" in complaint and "--prompt-field" in complaint
    assert not (tmp_path / "out.jsonl").exists()


def is_refused(done: Done, code: int, *words: str) -> None:
    """It ended with that code, wrote no rows, and its last line says why."""
    assert (done.code, done.out) == (code, b"")
    complaint = done.err.splitlines()[-1]
    assert complaint.startswith("synthgate: ") and "Traceback" not in done.err
    for word in words:
        assert word in complaint


@per_command
@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("none.jsonl", "no such file"),
        ("folder", "is a directory"),
        ("locked.jsonl", "permission denied"),
    ],
)
def test_an_input_that_cannot_be_read(tmp_path: Path, each: Filter, source: str, why: str) -> None:
    """Missing, a folder, not ours to read: exit 4, one line with the name, nothing written."""
    each.lay(tmp_path, list(GOOD))
    (tmp_path / "locked.jsonl").write_bytes(GOOD[0] + b"\n")
    (tmp_path / "locked.jsonl").chmod(0)
    (tmp_path / "folder").mkdir()
    before = sorted(os.listdir(tmp_path))
    argv = [*each.argv(tmp_path, tmp_path / source), "-o", "out.jsonl", "--rejects", "r.jsonl"]
    run = unprivileged if source == "locked.jsonl" else lambda argv, cwd: synthgate(*argv, cwd=cwd)
    is_refused(run(argv, tmp_path), 4, source, why)
    assert sorted(os.listdir(tmp_path)) == before


def unprivileged(argv: list[str], cwd: Path) -> Done:
    """Run a command for which file modes count, even if we are root."""
    done = subprocess.run(
        [sys.executable, "-m", "synthgate", *argv],
        cwd=cwd, capture_output=True, check=False, timeout=60, preexec_fn=_drop_overrides,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr.decode())


def _drop_overrides() -> None:
    """Give up root's right to read and write whatever it likes."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            if libc.prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
                raise OSError(ctypes.get_errno(), "prctl")


@per_command
def test_an_output_that_cannot_be_written(
    tmp_path: Path, each: Filter, capfd: pytest.CaptureFixture[str]
) -> None:
    """A folder that is not ours to write: exit 2, one line with the name, nothing written."""
    each.lay(tmp_path, list(GOOD))
    (tmp_path / "closed").mkdir(0o555)
    for option in ("-o", "--rejects", "--summary"):
        argv = [*each.argv(tmp_path), option, str(tmp_path / "closed" / "x.jsonl")]
        capfd.readouterr()
        with overrides_put_aside():
            code = invoke(argv)
        out, err = capfd.readouterr()
        is_refused(Done(code, out.encode(), err), 2, "closed/x.jsonl", "permission denied")
    assert os.listdir(tmp_path / "closed") == []


@contextlib.contextmanager
def overrides_put_aside() -> Iterator[None]:
    """Let file modes count in this thread, even if we are root."""
    libc = ctypes.CDLL(None, use_errno=True)
    head = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
    held = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; the higher half of them
    if libc.capget(head, held):
        raise OSError(ctypes.get_errno(), "capget")
    fewer = (ctypes.c_uint32 * 6)(*held)
    fewer[0] &= ~(1 << 1 | 1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    if libc.capset(head, fewer):
        raise OSError(ctypes.get_errno(), "capset")
    try:
        yield
    finally:
        libc.capset(head, held)


@per_command
def test_an_output_over_the_input(tmp_path: Path, each: Filter) -> None:
    """The input is not written over, not even with `--force`."""
    each.lay(tmp_path, list(GOOD))
    before = (tmp_path / "in.jsonl").read_bytes()
    for option in ("-o", "--rejects", "--summary"):
        done = synthgate(*each.argv(tmp_path), option, tmp_path / "in.jsonl", "--force")
        is_refused(done, 2, "in.jsonl", "is also")
    assert (tmp_path / "in.jsonl").read_bytes() == before


SIDED = [
    each for each in EVERY if str(each) in ("verify", "audit-gate", "blend", "generate", "scan")
]


@pytest.mark.parametrize("each", SIDED, ids=str)
def test_an_output_over_a_file_that_is_read(tmp_path: Path, each: Filter) -> None:
    """Rules, plans, labels, journals, real rows: what a run reads it does not write over."""
    each.lay(tmp_path, list(GOOD))
    argv = each.argv(tmp_path)
    sides = [word.removeprefix("rule:") for word in argv[len(each.words) + 1 :]]
    sides = [side for side in sides if side.startswith(str(tmp_path)) and os.path.exists(side)]
    assert sides
    for side in sides:
        before = Path(side).read_bytes()
        done = synthgate(*argv, "-o", side, "--force")
        is_refused(done, 2, side, "is also")
        assert Path(side).read_bytes() == before


@per_command
def test_an_existing_output_is_kept(tmp_path: Path, each: Filter) -> None:
    """Without `--force` an existing output is refused before anything is done."""
    each.lay(tmp_path, list(GOOD))
    (tmp_path / "old.jsonl").write_text("old")
    argv = [word for word in each.argv(tmp_path) if word != "--force"]
    for option in ("-o", "--rejects", "--summary"):
        is_refused(synthgate(*argv, option, tmp_path / "old.jsonl"), 2, "old.jsonl", "exists")
    assert (tmp_path / "old.jsonl").read_text() == "old"


@per_command
def test_a_mistake_in_the_configuration(tmp_path: Path, each: Filter) -> None:
    """An unknown key ends with 2, its line and the nearest known key, before anything is read."""
    each.lay(tmp_path, list(GOOD))
    (tmp_path / "synthgate.toml").write_text("# settings\n[blend]\nreal_fractoin = 0.5\n")
    done = synthgate(*each.argv(tmp_path), "-o", "out.jsonl", cwd=tmp_path)
    is_refused(done, 2, "synthgate.toml:3:1: blend.real_fractoin", "'real_fraction'")
    assert not (tmp_path / "out.jsonl").exists()


@per_command
def test_a_dry_run_writes_nothing(tmp_path: Path, each: Filter) -> None:
    """`--dry-run` ends as the run would, and leaves every file as it was."""
    each.lay(tmp_path, list(GOOD))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert invoke([*each.argv(tmp_path), "-o", str(tmp_path / "o"), "--dry-run"]) == 0
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "each", [FILTERS[0], FILTERS[1], FILTERS[2], FILTERS[5], FILTERS[6]], ids=str
)
def test_a_limit_reads_the_first_rows_only(tmp_path: Path, each: Filter) -> None:
    """`--limit N` reads N rows and no more; what stands behind them is not even parsed."""
    each.lay(tmp_path, [*GOOD[:3], b"not json"])
    done = each.run(tmp_path, "--limit", "3")
    assert (done.code, done.summary["rows_in"], len(done.out) + len(done.rejects)) == (0, 3, 3)


@per_filter
def test_stamped_rows_keep_what_earlier_stages_said(tmp_path: Path, each: Filter) -> None:
    """Id, source and lineage of a row are the same behind every stage."""
    each.lay(tmp_path, stamped(list(GOOD)))
    before = {
        row["_synthgate"]["id"]: row["_synthgate"]
        for row in map(oracle, lines_of(tmp_path / "in.jsonl"))
    }
    done = each.run(tmp_path)
    assert done.out
    for line in done.out:
        shown = oracle(line)["_synthgate"]
        if shown["synthetic"]:
            old = before[shown["id"]]
            for key in ("source", "synthetic", "generator", "parents", "generation", "needs"):
                assert shown[key] == old[key]


@pytest.mark.parametrize("argv", ["scan --real", "report --real", "dedupe --against"])
def test_rows_that_are_compared_with_themselves_are_named(tmp_path: Path, argv: str) -> None:
    """Nothing is missing then and nothing is new: no comfort may be drawn from that."""
    for name, lines in {"in": GOOD, "same": GOOD, "other": GOOD[1:]}.items():
        (tmp_path / name).write_bytes(b"".join(line + b"\n" for line in lines))
    words, option = argv.split()
    for real, alike in {"in": True, "same": True, "other": False}.items():
        done = synthgate(words, "in", option, real, "--summary", f"{real}.json", cwd=tmp_path)
        assert done.code == 0
        said = f"{real}: the same bytes as the input, compared with themselves"
        assert (said in done.err) == alike
        assert (said in json.loads((tmp_path / f"{real}.json").read_bytes())["notes"]) == alike


ROWS = b"".join(line + b"\n" for line in GOOD)
EXCLUSION = b'{"kind":"source","value":"in","reason":"bad"}\n'


@pytest.mark.parametrize(
    ("argv", "stdin"),
    [
        ("blend - --real - --unaudited x", ROWS),
        ("blend in --real - --exclude - --unaudited x", ROWS),
        ("dedupe in --against - --against -", ROWS),
        ("dedupe in --exclude - --exclude -", EXCLUSION),
        ("scan - --real -", ROWS),
    ],
)
def test_stdin_has_one_reader(tmp_path: Path, argv: str, stdin: bytes) -> None:
    """The second would find nothing: an empty list of exclusions would let everything through."""
    (tmp_path / "in").write_bytes(ROWS)
    done = synthgate(*argv.split(), cwd=tmp_path, stdin=stdin)
    assert (done.code, done.out) == (2, b"")
    assert done.err.splitlines()[-1] == "synthgate: -: stdin holds other rows; name a file"


@pytest.mark.parametrize("each", [each for each in FILTERS if each.words == ("audit", "gate")])
def test_labels_are_not_read_from_the_rows(tmp_path: Path, each: Filter) -> None:
    """The gate reads stdin once, for its rows; its labels are then in a file."""
    each.lay(tmp_path, list(GOOD))
    words = ["-" if word.endswith("labels.jsonl") else word for word in each.argv(tmp_path, "-")]
    done = synthgate(*words, cwd=tmp_path, stdin=(tmp_path / "in.jsonl").read_bytes())
    assert (done.code, done.out) == (2, b"")
    assert done.err.splitlines()[-1] == "synthgate: -: stdin holds other rows; name a file"


def test_unknown_commands_and_options_end_with_2(capfd: pytest.CaptureFixture[str]) -> None:
    """A word that nobody knows is a usage error of one line that names the nearest."""
    for argv, near in (
        (["dedup"], "dedupe"),
        (["audit", "gat"], "gate"),
        (["dedupe", "--onn"], "--on"),
    ):
        assert invoke(argv) == 2
        said = capfd.readouterr().err
        assert said.count("\n") == 1 and near in said


def test_the_oracle_and_the_reader_agree_on_the_lines_used_here() -> None:
    """The good lines are rows and the bad lines are none, or these tests would prove nothing."""
    assert all(row_of(line) for line in GOOD)
    assert not any(row_of(line) for line in BAD)
    for line in BAD[:-1]:
        with pytest.raises(Refused):
            oracle(line)
