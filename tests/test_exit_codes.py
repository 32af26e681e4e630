"""The exit codes are the interface that scripts and CI jobs rely on: the whole table, walked."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from synthgate import errors
from synthgate.cli.app import COMMANDS, invoke
from synthgate.exclusions import Exclusion, write
from synthgate.generators.journal import record
from synthgate.near.emit import Written
from synthgate.provenance import Stamp, emit, read
from tests.conftest import Done, heed_signals, synthgate, write_rows
from tests.filters import FILTERS, Filter, lines_of

TOOL = f"{shlex.quote(sys.executable)} -m synthgate"
FILTERED = pytest.mark.parametrize("each", FILTERS, ids=str)


# --- the table --------------------------------------------------------------------------


def rows(folder: Path, count: int = 30) -> None:
    """Verified synthetic rows, real rows, and prompts."""
    stamp = Stamp(source="s").provenance
    plain = [json.dumps({"input": f"q{n}", "output": f"a{n}"}).encode() for n in range(count)]
    found = [read(line, "x", 1, stamp) for line in plain]
    write_rows(
        folder / "rows.jsonl", [emit(row.marked(verified_by="rule", generation=1)) for row in found]
    )
    write_rows(folder / "real.jsonl", [{"input": f"r{n}", "output": f"s{n}"} for n in range(count)])
    write_rows(folder / "plain.jsonl", plain)
    write_rows(folder / "prompts.jsonl", [{"prompt": "one"}, {"prompt": "two"}])
    write_rows(folder / "journal.jsonl", [record("m", "one", "answer")])
    write_rows(folder / "empty.jsonl", [])
    (folder / "bad.jsonl").write_text('{"input":"q","output":"a"}\n{\n')


def labels(folder: Path, verdicts: Callable[[int], str]) -> None:
    """Draw a sample and label it; an empty verdict leaves a row without a label."""
    draw = ["audit", "draw", "rows.jsonl", "-o", "sample.jsonl", "--plan", "plan.json"]
    assert synthgate(*draw, cwd=folder).code == 0
    ids = [json.loads(line)["_synthgate"]["id"] for line in lines_of(folder / "sample.jsonl")]
    found = [(row_id, verdicts(number)) for number, row_id in enumerate(ids)]
    lines = [{"id": i, "verdict": verdict, "reviewer": "r"} for i, verdict in found if verdict]
    write_rows(folder / "labels.jsonl", lines)


GATE = "audit gate rows.jsonl --plan plan.json --labels labels.jsonl -o out.jsonl"
GENERATE = "generate prompts.jsonl --samples 1 --model m -o out.jsonl"
REPLAY = f"{GENERATE} --offline --journal journal.jsonl"


@dataclass(frozen=True)
class Case:
    """A command line, what lies there before it runs, and the code that it must end with."""

    code: int
    command: str
    before: Callable[[Path], None] = lambda folder: None

    def __str__(self) -> str:
        return f"{self.code}: {self.command}"[:70]


def _passing(folder: Path) -> None:
    labels(folder, lambda _: "pass")


def _failing(folder: Path) -> None:
    labels(folder, lambda _: "fail")


def _few(folder: Path) -> None:
    labels(folder, lambda number: "pass" if number < 3 else "")


def _stale(folder: Path) -> None:
    _passing(folder)
    write_rows(folder / "rows.jsonl", lines_of(folder / "rows.jsonl")[1:])


def _certified(folder: Path) -> None:
    _passing(folder)
    assert synthgate(*GATE.split(), "--certificate", "c.json", cwd=folder).code == 0
    (folder / "out.jsonl").unlink()


def _excluding(folder: Path) -> None:
    """Exclusions of what is there and of what is not, and one that was cut."""
    lists = {"gone": [("source", "s"), ("generator", "m")], "other": [("run", "x")]}
    for name, listed in lists.items():
        sealed = write(Exclusion(kind, value, "poison") for kind, value in listed)
        (folder / f"{name}.jsonl").write_bytes(sealed)
    lines = (folder / "gone.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "cut.jsonl").write_bytes(b"".join(lines[:-1]))


TABLE = (
    Case(0, "--help"),
    Case(0, "--version"),
    Case(0, "dedupe rows.jsonl -o out.jsonl"),
    Case(0, "dedupe empty.jsonl -o out.jsonl"),
    Case(0, "dedupe bad.jsonl -o out.jsonl --on-error reject"),
    Case(0, "report rows.jsonl"),
    Case(0, GATE, _passing),
    Case(0, "blend rows.jsonl --real real.jsonl -o out.jsonl --unaudited test"),
    Case(0, f"{REPLAY} --unknown-sampling"),
    Case(0, "trace rows.jsonl --match q1"),
    Case(0, "trace rows.jsonl --verify-exclusion other.jsonl", _excluding),
    Case(2, ""),
    Case(2, "audit"),
    Case(2, "dedup rows.jsonl"),
    Case(2, "dedupe rows.jsonl --on nothing"),
    Case(2, "dedupe rows.jsonl -o ."),
    Case(2, "verify rows.jsonl -o out.jsonl"),
    Case(2, "verify rows.jsonl -o out.jsonl --check nothing"),
    Case(2, "blend rows.jsonl -o out.jsonl"),
    Case(2, "blend rows.jsonl --real real.jsonl --real-fraction 0 -o out.jsonl"),
    Case(2, f"{GENERATE}"),
    Case(2, "run none.toml"),
    Case(2, "trace rows.jsonl"),
    Case(3, GATE, _failing),
    Case(3, "trace rows.jsonl --verify-exclusion gone.jsonl", _excluding),
    Case(3, f"{REPLAY} --unknown-sampling --exclude gone.jsonl", _excluding),
    Case(4, "dedupe none.jsonl -o out.jsonl"),
    Case(4, "dedupe bad.jsonl -o out.jsonl"),
    Case(4, "verify rows.jsonl -o out.jsonl --check rule:none.toml"),
    Case(4, "audit draw empty.jsonl -o out.jsonl --plan plan.json"),
    Case(4, "blend empty.jsonl --real real.jsonl -o out.jsonl --unaudited test"),
    Case(4, "blend rows.jsonl --real empty.jsonl -o out.jsonl --unaudited test"),
    Case(5, GATE, _few),
    Case(6, GATE, _stale),
    Case(6, "trace rows.jsonl --verify-exclusion cut.jsonl", _excluding),
    Case(6, "dedupe rows.jsonl -o out.jsonl --exclude cut.jsonl", _excluding),
    Case(6, "blend plain.jsonl --real real.jsonl -o out.jsonl --unaudited test"),
    Case(6, "blend rows.jsonl --real real.jsonl -o out.jsonl --certificate none.json"),
    Case(7, f"{GENERATE} --base-url http://127.0.0.1:9 --journal new.jsonl"),
    Case(7, f"{REPLAY.replace('journal.jsonl', 'empty.jsonl')} --unknown-sampling"),
)


@pytest.mark.parametrize("case", TABLE, ids=str)
def test_the_table(tmp_path: Path, case: Case) -> None:
    """Each code is reached as it is documented; what is not a pass leaves no rows behind."""
    rows(tmp_path)
    case.before(tmp_path)
    done = synthgate(*case.command.split(), cwd=tmp_path)
    assert done.code == case.code, done.err
    assert "Traceback" not in done.err
    if case.code in (2, 3, 4, 5, 6):
        assert done.out == b"" and done.err
        assert not (tmp_path / "out.jsonl").exists()


def test_every_error_has_a_code_of_the_table() -> None:
    """No error ends with a code that is not documented, and none with 1."""
    kinds = [each for each in vars(errors).values() if isinstance(each, type)]
    codes = {each.exit_code for each in kinds if issubclass(each, errors.SynthgateError)}
    assert codes - {1} == {2, 3, 4, 5, 6, 7, 8}
    assert [each for each in kinds if getattr(each, "exit_code", 0) == 1] == [errors.SynthgateError]


def test_a_second_run_is_refused_with_8(tmp_path: Path) -> None:
    """While one run holds a journal or a run folder, a second one ends with 8."""
    rows(tmp_path)
    (tmp_path / "run").mkdir()
    run = '[run]\ncandidates = "rows.jsonl"\n[verify]\ncheck = ["answer"]\n'
    (tmp_path / "s.toml").write_text(run)
    holder = (
        "import fcntl, sys; file = open(sys.argv[1], 'a'); fcntl.flock(file, fcntl.LOCK_EX);"
        "print(1, flush=True); input()"
    )
    for path, command in (
        ("journal.jsonl", f"{GENERATE} --base-url http://127.0.0.1:9 --journal journal.jsonl"),
        ("run/lock", "run s.toml"),
    ):
        with subprocess.Popen(
            [sys.executable, "-c", holder, str(tmp_path / path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        ) as process:  # fmt: skip
            assert process.stdout is not None and process.stdout.readline()
            done = synthgate(*command.split(), cwd=tmp_path)
            process.communicate(b"\n")
        assert (done.code, done.out) == (8, b"")
        assert path in done.err and done.err.splitlines()[-1].startswith("synthgate: ")


# --- closed pipes -----------------------------------------------------------------------


@pytest.fixture(params=["buffered", "unbuffered"])
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    """The machine's environment, with Python's own buffering on and off."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    return env | ({"PYTHONUNBUFFERED": "1"} if request.param == "unbuffered" else {})


def shell(command: str, cwd: Path, env: dict[str, str]) -> Done:
    """Run a line of bash; the code is that of the first command of the last pipe."""
    done = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        cwd=cwd, env=env, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr.decode())


@FILTERED
def test_a_reader_that_has_enough_ends_a_command_with_141(
    tmp_path: Path, each: Filter, environment: dict[str, str]
) -> None:
    """`| head -1` on more rows than a pipe holds: 141, no message, no traceback."""
    text = "x" * 400
    lines = [
        b'{"input":"question %d","output":"%d %s"}' % (n, n, text.encode()) for n in range(900)
    ]
    each.lay(tmp_path, lines)
    argv = shlex.join([*each.argv(tmp_path), *each.bulk])
    done = shell(f"{TOOL} {argv} -q | head -1", tmp_path, environment)
    assert done.code == 141
    assert "Traceback" not in done.err and "BrokenPipe" not in done.err
    assert len(done.out.splitlines()) == 1


@pytest.mark.parametrize(
    "command", ["dedupe rows.jsonl -q", "--help", "report rows.jsonl -q", "dedupe --help"]
)
def test_a_reader_that_is_gone_ends_small_output_with_141(
    tmp_path: Path, command: str, environment: dict[str, str]
) -> None:
    """Output that fits into every buffer is not lost in silence either: 141, and not one word."""
    rows(tmp_path, 3)
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "synthgate", *command.split()],
            cwd=tmp_path, env=environment, stdout=pipe, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_closed_pipe_leaves_no_files(tmp_path: Path, environment: dict[str, str]) -> None:
    """When the rows had nowhere to go, the rejects and the summary of that run are not left."""
    rows(tmp_path, 20_000)
    before = sorted(os.listdir(tmp_path))
    options = "--rejects rejects.jsonl --summary summary.json -q"
    assert shell(f"{TOOL} dedupe rows.jsonl {options} | head -1", tmp_path, environment).code == 141
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("dedupe rows.jsonl >&-", 2),
        ("dedupe rows.jsonl -o out.jsonl >&-", 0),
        ("dedupe empty.jsonl >&-", 0),
        ("--help >&-", 2),
        ("--version >&-", 2),
        ("dedupe rows.jsonl 2>&- >/dev/null", 0),
        ("dedupe none.jsonl 2>&-", 4),
        ("dedupe rows.jsonl --on x 2>&-", 2),
        ("dedupe rows.jsonl -o out.jsonl <&- >&- 2>&-", 0),
        ("dedupe <&-", 0),
    ],
)
def test_closed_descriptors(
    tmp_path: Path, command: str, code: int, environment: dict[str, str]
) -> None:
    """stdin, stdout or stderr may be closed: no rows go astray, no traceback, the right code."""
    rows(tmp_path, 3)
    done = shell(f"{TOOL} {command}", tmp_path, environment)
    assert done.code == code
    assert "Traceback" not in done.err
    if "-o out.jsonl" in command:
        assert len(lines_of(tmp_path / "out.jsonl")) == 3


@pytest.mark.parametrize(
    ("command", "code"),
    [("dedupe rows.jsonl -o out.jsonl", 0), ("dedupe none.jsonl", 4), ("dedupe --onn", 2)],
)
def test_nobody_reads_the_messages(
    tmp_path: Path, command: str, code: int, environment: dict[str, str]
) -> None:
    """When stderr is a closed pipe, the exit code still says what happened."""
    rows(tmp_path, 3)
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "synthgate", *command.split()],
            cwd=tmp_path, env=environment, stderr=pipe, stdout=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert done.returncode == code


# --- signals ----------------------------------------------------------------------------


@contextlib.contextmanager
def waiting(folder: Path, argv: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A command that waits for rows on stdin, its outputs already open."""
    with subprocess.Popen(
        [sys.executable, "-m", "synthgate", *argv],
        cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=heed_signals,
    ) as process:  # fmt: skip
        try:
            _until_open(folder, process)
            yield process
        finally:
            process.kill()


def _until_open(folder: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while not any(name.endswith(".tmp") for name in os.listdir(folder)):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.01)


@FILTERED
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_signal_cleans_up_and_ends_with_its_code(
    tmp_path: Path, each: Filter, number: int, code: int
) -> None:
    """Ctrl-C 130, SIGTERM 143: nothing half written stays, and nothing is said."""
    each.lay(tmp_path, [b'{"input":"question","output":"answer"}'])
    before = sorted(os.listdir(tmp_path))
    argv = [*each.argv(tmp_path, "-"), "-o", "out.jsonl", "--rejects", "r.jsonl", "--summary", "s"]
    with waiting(tmp_path, argv) as process:
        process.send_signal(number)
        _, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (code, b"")
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize(
    ("late", "whole"),
    [("import late", b"True"), ("from package import late", b"True"), ("import outer", b"all")],
)
def test_a_signal_waits_for_an_import_and_no_longer(
    tmp_path: Path, late: str, whole: bytes
) -> None:
    """A module is loaded whole before a signal is heard, as the cleanups may need it.

    Then it is heard at once, even where the run has nothing left to do.
    """
    module = "import os, sys\nos.kill(os.getpid(), 15)\nimport colorsys\nsys.whole = True\n"
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "outer.py").write_text("import late, sys\nassert sys.whole\nsys.whole = 'all'\n")
    for folder in (tmp_path, tmp_path / "package"):
        (folder / "late.py").write_text(module)
    (tmp_path / "run.py").write_text(
        "import sys\nfrom synthgate.cli.process import cleaning_up\n"
        "from synthgate.errors import Terminated\n"
        f"try:\n with cleaning_up():\n  {late}\n  print('not heard')\n"
        "except Terminated:\n print(sys.whole, sys.getprofile())\n"
    )
    done = subprocess.run(
        [sys.executable, "run.py"], cwd=tmp_path, capture_output=True, check=False, timeout=50
    )
    assert (done.stdout, done.stderr) == (whole + b" None\n", b"")


LOSING = """
import os, sys
from synthgate.cli import app, common
from synthgate.errors import Terminated
before, asked = common.{where}, []
def losing(*given, **named):
    if asked:
        os._exit(9)
    asked.append(True)
    try:
        os.kill(os.getpid(), 15)
    except Terminated:
        pass
    return before(*given, **named)
common.{where} = losing
sys.exit(app.invoke(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("where", "argv"),
    [
        ("emit", "scan rows.jsonl --real rows.jsonl"),  # while rows are written
        (
            "record.conserve",
            "dedupe rows.jsonl",
        ),  # when all is written, but nothing can be seen yet
        ("read_file", "audit gate rows.jsonl --plan none.json --labels none.jsonl"),  # a refusal
    ],
)
def test_a_signal_that_a_library_drops_is_heard_all_the_same(
    tmp_path: Path, where: str, argv: str
) -> None:
    """msgspec swallows what is raised where it hashes a type: the run went on as if unasked."""
    rows(tmp_path, 3)
    code = LOSING.format(where=where)
    done = subprocess.run(
        [sys.executable, "-c", code, *argv.split(), "-o", "out.jsonl", "--summary", "s", "-q"],
        cwd=tmp_path, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (143, b"")
    assert not {"out.jsonl", "s"} & set(os.listdir(tmp_path))


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """Under `nohup` a hangup does not end a run: whoever started it has the say."""
    code = f"trap '' HUP; exec {TOOL} dedupe - -o out.jsonl -q"
    with subprocess.Popen(["bash", "-c", code], cwd=tmp_path, stdin=subprocess.PIPE) as process:
        _until_open(tmp_path, process)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        process.communicate(b'{"text":"a"}\n', timeout=120)
    assert process.returncode == 0
    assert len(lines_of(tmp_path / "out.jsonl")) == 1


@pytest.mark.parametrize("delay", range(0, 300, 15))
def test_a_signal_at_any_moment_leaves_nothing(tmp_path: Path, delay: int) -> None:
    """From the first import to the last rename: the output is whole or not there, and no word."""
    rows(tmp_path, 2000)
    argv = [sys.executable, "-m", "synthgate", "dedupe", "rows.jsonl", "-o", "out.jsonl.gz", "-q"]
    number = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)[delay % 3]
    with subprocess.Popen(
        argv, cwd=tmp_path, stderr=subprocess.PIPE, preexec_fn=heed_signals
    ) as process:
        time.sleep(delay / 1000)
        process.send_signal(number)
        _, said = process.communicate(timeout=120)
    # Before the first line of Python and after the last one, the kernel ends the process.
    assert process.returncode in (0, 128 + number, -number)
    assert said == b"" or process.returncode == -number
    left = [name for name in os.listdir(tmp_path) if name.startswith((".", "out"))]
    assert set(left) <= {"out.jsonl.gz", "out.jsonl.gz.manifest.json"}
    assert left or process.returncode != 0
    if "out.jsonl.gz" in left:
        assert len(gzip.decompress((tmp_path / "out.jsonl.gz").read_bytes()).splitlines()) == 2000


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_while_libraries_load_is_no_traceback(
    tmp_path: Path, number: int, code: int
) -> None:
    """From the first import on a signal ends the command with its code and not a word."""
    stand_in = f"import os, time\nos.kill(os.getpid(), {int(number)})\ntime.sleep(9)\n"
    (tmp_path / "typer.py").write_text(stand_in)  # found before the library is
    done = subprocess.run(
        [sys.executable, "-m", "synthgate", "--help"],
        cwd=tmp_path, capture_output=True, check=False, preexec_fn=heed_signals,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")


# --- bugs -------------------------------------------------------------------------------

BUG = """
import sys
import synthgate.stages.dedupe
def broken(*_):
    raise {error}
synthgate.stages.dedupe.decide = broken
from synthgate.cli.app import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    "error", ["RuntimeError('a bug')", "KeyError('x')", "AssertionError()", "ValueError('v')"]
)
def test_a_bug_ends_with_1_and_a_traceback(tmp_path: Path, error: str) -> None:
    """What synthgate did not foresee is never dressed up as a finding, and writes nothing."""
    rows(tmp_path, 3)
    before = sorted(os.listdir(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", BUG.format(error=error), "dedupe", "rows.jsonl", "-o", "out.jsonl"],
        cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert b"Traceback" in done.stderr and error.split("(")[0].encode() in done.stderr
    assert sorted(os.listdir(tmp_path)) == before


def test_a_stage_that_loses_a_row_is_a_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The conservation law is checked by every run, not only by these tests."""
    import synthgate.stages.dedupe as stage

    rows(tmp_path, 3)
    whole = stage.write

    def losing(*given: Any, **more: Any) -> Iterator[Written]:
        for page in whole(*given, **more):
            yield replace(page, lines=page.lines.partition(b"\n")[2], rows=page.rows - 1)

    monkeypatch.setattr(stage, "write", losing)
    with pytest.raises(RuntimeError, match="lost rows: 3 in, 2 out"):
        invoke(["dedupe", str(tmp_path / "rows.jsonl"), "-o", str(tmp_path / "out.jsonl")])
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_ends_with_0_on_stdout(command: str) -> None:
    """Help that was asked for is output, not an error."""
    done = synthgate(command, "--help")
    assert (done.code, done.err) == (0, "")
    assert b"--output" in done.out or command in ("audit", "run", "demo", "init")
