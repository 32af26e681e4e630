"""The writer: all or nothing, never over a device, never over what it was not told to replace."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.errors import OutputError
from synthgate.jsonl import Shelf, open_sink, write_file
from tests.conftest import Done, heed_signals, read_rows, synthgate, write_rows

ROWS = [{"text": f"row {number}"} for number in range(5)]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A small input."""
    return write_rows(tmp_path / "in.jsonl", ROWS)


def refused(done: Done, *words: str) -> None:
    """The command ended with 2, and its last and only complaint is a plain line that says why."""
    assert (done.code, done.out) == (2, b"")
    *notes, complaint = done.err.splitlines()
    assert all(note.startswith("dedupe: format: ") for note in notes)
    assert complaint.startswith("synthgate: ")
    for word in words:
        assert word in complaint


def write(path: Path, *lines: bytes, **options: Any) -> None:
    with open_sink(str(path), **options) as sink:
        for line in lines:
            sink.write(line)
        sink.commit()


class TestAllOrNothing:
    """A file appears under its name when it is complete, and not before."""

    def test_nothing_is_visible_before_the_commit(self, tmp_path: Path) -> None:
        """While rows are written, the name holds what it held before."""
        path = tmp_path / "o.jsonl"
        path.write_text("old\n")
        with open_sink(str(path), force=True) as sink:
            sink.write(b"new")
            sink.complete()
            assert path.read_text() == "old\n"
            sink.commit()
            assert path.read_text() == "new\n"
        assert os.listdir(tmp_path) == ["o.jsonl"]

    def test_an_empty_name_is_called_so(self, rows: Path) -> None:
        """What a shell makes of a variable that is not set is no file, and is named as none."""
        refused(synthgate("dedupe", rows, "-o", ""), "an output has an empty name")
        done = synthgate("dedupe", "")
        assert (done.code, done.err) == (4, "synthgate: an input has an empty name\n")

    @pytest.mark.parametrize("name", ["o.jsonl", "o.jsonl.gz", "o.jsonl.zst", "o.json"])
    def test_without_a_commit_nothing_is_left(self, tmp_path: Path, name: str) -> None:
        """An error in the middle leaves neither the file nor a temporary one."""
        with pytest.raises(KeyError), open_sink(str(tmp_path / name)) as sink:
            sink.write(b"x" * 200_000)
            raise KeyError
        assert os.listdir(tmp_path) == []

    @pytest.mark.parametrize(
        "number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL]
    )
    def test_a_kill_in_the_middle_leaves_nothing_under_the_name(
        self, tmp_path: Path, number: int
    ) -> None:
        """Killed while it reads: no output under its name; unless killed hard, no leftovers."""
        argv = ["dedupe", "-", "-o", "o.jsonl", "--rejects", "r.jsonl.gz", "--summary", "s.json"]
        with started(argv, tmp_path) as process:
            assert process.stdin is not None
            process.stdin.write(b'{"text":"a"}\n' * 50_000)
            process.stdin.flush()
            _until(lambda: len(os.listdir(tmp_path)) == 3)
            process.send_signal(number)
            code = process.wait(30)
        left = os.listdir(tmp_path)
        assert not {"o.jsonl", "r.jsonl.gz", "s.json"} & set(left)
        if number != signal.SIGKILL:
            assert (code, left) == (128 + number, [])

    def test_a_file_that_was_made_meanwhile_is_kept(self, tmp_path: Path) -> None:
        """Of two runs with one output and no `--force`, the second to end replaces nothing."""
        path = tmp_path / "o.jsonl"
        with open_sink(str(path)) as first, open_sink(str(path)) as second:
            first.write(b"1")
            second.write(b"2")
            first.commit()
            with pytest.raises(OutputError, match=r"o\.jsonl: .*--force"):
                second.commit()
        assert (path.read_bytes(), os.listdir(tmp_path)) == (b"1\n", ["o.jsonl"])

    def test_what_fails_at_the_end_leaves_nothing_of_the_others(self, tmp_path: Path) -> None:
        """Rows do not appear when the rejects that belong to them cannot be written."""
        lines = [{"text": "same", "n": number} for number in range(400)]
        path = write_rows(tmp_path / "in.jsonl", lines)
        done = limited(tmp_path, 40_000, "dedupe", path, "-o", "o.jsonl", "--rejects", "r.jsonl")
        refused(done, "r.jsonl", "file too large")
        assert os.listdir(tmp_path) == ["in.jsonl"]

    def test_a_new_file_gets_the_mode_of_a_new_file(self, tmp_path: Path) -> None:
        """The temporary file's private mode does not stay on the result."""
        before = os.umask(0o027)
        try:
            write(tmp_path / "o.jsonl", b"x")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "o.jsonl").stat().st_mode) == 0o640

    def test_the_mode_of_a_replaced_file_is_kept(self, rows: Path, tmp_path: Path) -> None:
        """A file that only its group may read is not opened to everybody by replacing it."""
        path = tmp_path / "o.jsonl"
        path.write_text("old")
        path.chmod(0o640)
        assert synthgate("dedupe", rows, "-o", path, "--force").code == 0
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert len(read_rows(path)) == 5

    def test_who_reads_the_old_file_reads_it_to_its_end(self, tmp_path: Path) -> None:
        """A file is replaced by another one, never written over: its readers are not disturbed."""
        path = tmp_path / "o.jsonl"
        path.write_text("old\n" * 1000)
        os.link(path, tmp_path / "also")
        with path.open() as reader:
            write(path, b"new", force=True)
            assert reader.read() == (tmp_path / "also").read_text() == "old\n" * 1000
        assert path.read_text() == "new\n"

    @pytest.mark.parametrize("dangling", [True, False])
    def test_a_link_stays_a_link(self, rows: Path, tmp_path: Path, dangling: bool) -> None:
        """Writing to a symbolic link replaces what it points to."""
        folder = tmp_path / "real"
        folder.mkdir()
        if not dangling:
            (folder / "o.jsonl").write_text("old")
        link = tmp_path / "link.jsonl"
        link.symlink_to("real/o.jsonl")
        assert synthgate("dedupe", rows, "-o", link, "--force").code == 0
        assert link.is_symlink()
        assert len(read_rows(folder / "o.jsonl")) == 5

    @pytest.mark.parametrize("name", ["ü" * 125, "x" * 250])
    def test_a_long_name_can_be_written(self, tmp_path: Path, name: str) -> None:
        """A name that the file system takes is written, however long it is in bytes."""
        write(tmp_path / name, b"x")
        assert os.listdir(tmp_path) == [name]

    @given(st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b" ")), max_size=20))
    @settings(max_examples=50, deadline=None)
    def test_what_was_written_is_what_is_read(
        self, tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
    ) -> None:
        """Lines come back as they went in, each ended by one newline, and are counted."""
        path = tmp_path_factory.mktemp("w") / "o.jsonl"
        with open_sink(str(path)) as sink:
            for line in lines:
                sink.write(line)
            stream = sink.commit("rows")
        assert path.read_bytes() == b"".join(line + b"\n" for line in lines)
        assert (stream.rows, stream.role) == (len(lines), "rows")


class TestRefusals:
    """What must not be overwritten is not, and nothing is read or left for it."""

    def test_an_existing_file_is_kept(self, rows: Path, tmp_path: Path) -> None:
        """Without `--force` an existing output ends with 2, before anything is read."""
        (tmp_path / "o.jsonl").write_text("old")
        for option in ("-o", "--rejects", "--summary"):
            done = synthgate("dedupe", "missing-is-not-noticed.jsonl", option, tmp_path / "o.jsonl")
            done = synthgate("dedupe", rows, option, tmp_path / "o.jsonl")
            refused(done, "exists", "--force")
        assert (tmp_path / "o.jsonl").read_text() == "old"
        assert sorted(os.listdir(tmp_path)) == ["in.jsonl", "o.jsonl"]

    @pytest.mark.parametrize("option", ["-o", "--rejects", "--summary"])
    @pytest.mark.parametrize("how", ["itself", "symlink", "hardlink", "folder", "stdin", "glob"])
    def test_an_output_is_never_an_input(
        self, rows: Path, tmp_path: Path, option: str, how: str
    ) -> None:
        """Whatever name leads there, the input is not written over, not even with `--force`."""
        before, other = rows.read_bytes(), tmp_path / "other.jsonl"
        if how == "symlink":
            other.symlink_to(rows)
        elif how == "hardlink":
            os.link(rows, other)
        elif how == "folder":
            (tmp_path / "there").symlink_to(tmp_path)
            other = tmp_path / "there" / "in.jsonl"
        else:
            other = rows
        source: str | Path = {"stdin": "-", "glob": tmp_path / "i*.jsonl"}.get(how, rows)
        argv = ["dedupe", source, option, other, "--force"]
        if how == "stdin":
            command = [sys.executable, "-m", "synthgate", *argv]
            with rows.open("rb") as stdin:
                done = subprocess.run(command, stdin=stdin, capture_output=True, check=False)
            refused(Done(done.returncode, done.stdout, done.stderr.decode()), "is also")
        else:
            refused(synthgate(*argv), "is also")
        assert rows.read_bytes() == before

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (("-o", "x"), ("--rejects", "x")),
            (("-o", "x"), ("--rejects", "./x")),
            (("-o", "x"), ("--summary", "x")),
            (("--rejects", "x"), ("--summary", "x")),
            (("-o", "-"), ("--rejects", "-")),
            (("-o", "-"), ("--rejects", "/dev/stdout")),
            (("-o", "-"), ("--summary", "-")),
            (("-o", "/dev/fd/1"), ("--rejects", "-")),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("force", [True, False])
    def test_two_outputs_are_two_files(
        self, rows: Path, tmp_path: Path, first: Any, second: Any, force: bool
    ) -> None:
        """Rows, rejects and summary never go into one file, existing or not."""
        more = ["--force"] if force else []
        done = synthgate("dedupe", rows, *first, *second, *more, cwd=tmp_path)
        refused(done, "is also")
        assert os.listdir(tmp_path) == ["in.jsonl"]

    def test_the_configuration_is_not_an_output(self, rows: Path, tmp_path: Path) -> None:
        """A file that the run reads its settings from is not written over."""
        config = tmp_path / "synthgate.toml"
        config.write_text("[dedupe]\n")
        done = synthgate("dedupe", rows, "--config", config, "-o", config, "--force")
        refused(done, "is also")
        assert config.read_text() == "[dedupe]\n"

    @pytest.mark.parametrize(
        ("path", "why"),
        [
            (".", "is a directory"),
            ("none/o.jsonl", "no such file"),
            ("in.jsonl/o", "not a directory"),
        ],
    )
    def test_what_cannot_be_a_file_is_refused(
        self, rows: Path, tmp_path: Path, path: str, why: str
    ) -> None:
        """A folder, a missing folder, a file as a folder: one line that names the user's path."""
        for option in ("-o", "--rejects", "--summary"):
            refused(synthgate("dedupe", rows, option, path, cwd=tmp_path), path, why)
        assert os.listdir(tmp_path) == ["in.jsonl"]

    @pytest.mark.parametrize("number", [3, 4, 5, 6, 7, 8, 9, 63])
    def test_a_descriptor_that_nobody_gave_is_refused(
        self, rows: Path, tmp_path: Path, number: int
    ) -> None:
        """A number that is not open, or only one of our own files, is not an output."""
        done = synthgate(
            "dedupe", rows, "-o", tmp_path / "o.jsonl", "--rejects", f"/dev/fd/{number}"
        )
        refused(done, f"/dev/fd/{number}", "bad file descriptor")
        assert os.listdir(tmp_path) == ["in.jsonl"]

    def test_a_dry_run_writes_nothing(self, rows: Path, tmp_path: Path) -> None:
        """`--dry-run` says what would happen and leaves everything as it was."""
        (tmp_path / "o.jsonl").write_text("old")
        done = synthgate(
            "dedupe", rows, "-o", "o.jsonl", "--rejects", "r.jsonl", "--summary", "s.json",
            "--dry-run", cwd=tmp_path, env={"SYNTHGATE_RUN_DIR": "run"},
        )  # fmt: skip
        assert (done.code, done.out) == (0, b"")
        assert "5 rows in, 5 out" in done.err and "nothing written" in done.err
        assert sorted(os.listdir(tmp_path)) == ["in.jsonl", "o.jsonl"]
        assert (tmp_path / "o.jsonl").read_text() == "old"


class TestStreams:
    """What is not a regular file is written to, never replaced."""

    def test_a_fifo_is_written_not_replaced(self, rows: Path, tmp_path: Path) -> None:
        """A FIFO gets the rows and stays a FIFO, with no manifest beside it."""
        path, found = tmp_path / "pipe", []
        os.mkfifo(path)
        reader = threading.Thread(target=lambda: found.append(path.read_bytes()), daemon=True)
        reader.start()
        done = synthgate("dedupe", rows, "-o", path)
        reader.join(10)
        assert done.code == 0
        assert stat.S_ISFIFO(path.stat().st_mode)
        assert len(found[0].splitlines()) == 5
        assert sorted(os.listdir(tmp_path)) == ["in.jsonl", "pipe"]

    def test_a_device_is_written_not_replaced(
        self, rows: Path, device: Callable[..., Path]
    ) -> None:
        """A device stays the device it was; it may serve as several outputs at once."""
        path = device("null", 3)
        for force in ([], ["--force"]):
            done = synthgate(
                "dedupe", rows, "-o", path, "--rejects", path, "--summary", path, *force
            )
            assert done.code == 0
        assert stat.S_ISCHR(path.stat().st_mode)
        assert sorted(os.listdir(path.parent)) == ["in.jsonl", "null"]

    def test_a_link_to_a_device_stays_a_link(self, rows: Path, device: Callable[..., Path]) -> None:
        """A symbolic link to a device leads to the device, and both stay."""
        path = device("null", 3)
        link = path.parent / "link"
        link.symlink_to("null")
        assert synthgate("dedupe", rows, "-o", link, "--force").code == 0
        assert link.is_symlink() and stat.S_ISCHR(path.stat().st_mode)

    @pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
    @pytest.mark.parametrize("to", ["pipe", "file", "append"])
    def test_names_of_stdout_are_stdout(
        self, rows: Path, tmp_path: Path, name: str, to: str
    ) -> None:
        """Every name of stdout writes to stdout: a pipe, a file, or behind what a file holds."""
        command = [sys.executable, "-m", "synthgate", "dedupe", str(rows), "-o", name]
        path = tmp_path / "out"
        path.write_text("before\n")
        if to == "pipe":
            out = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        else:
            with path.open("ab" if to == "append" else "wb") as file:
                subprocess.run(command, stdout=file, check=True)
            out = path.read_bytes()
        lines = out.splitlines()[1:] if to == "append" else out.splitlines()
        assert [json.loads(line)["text"] for line in lines] == [row["text"] for row in ROWS]
        assert sorted(os.listdir(tmp_path)) == ["in.jsonl", "out"]

    def test_an_inherited_descriptor_is_written(self, rows: Path) -> None:
        """`--rejects /dev/fd/N` writes to a descriptor that the caller opened for it."""
        read, passed = os.pipe()
        write_rows(rows, [{"text": "a"}, {"text": "a"}])
        command = [sys.executable, "-m", "synthgate", "dedupe", str(rows)]
        subprocess.run(
            [*command, "--rejects", f"/dev/fd/{passed}"], pass_fds=[passed], check=True,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        os.close(passed)
        with os.fdopen(read, "rb") as file:
            assert json.loads(file.read())["_reject"]["reason"] == "exact"


@pytest.fixture
def device(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of private device nodes; only root can make them."""

    def make(name: str, minor: int) -> Path:
        path = tmp_path / name
        try:
            os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
            path.open("wb").close()
        except PermissionError:
            pytest.skip("SKIPPED: device nodes cannot be made here")
        return path

    return make


def limited(cwd: Path, size: int, *argv: str | Path) -> Done:
    """Run a command whose files cannot grow beyond `size` bytes: a disk that is full."""
    done = subprocess.run(
        [sys.executable, "-m", "synthgate", *map(str, argv)],
        capture_output=True, cwd=cwd, check=False, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr.decode())


class TestFullDisk:
    """No room: exit 2, one line, nothing half written."""

    @pytest.mark.parametrize("size", [100, 100_000])
    @pytest.mark.parametrize("name", ["o.jsonl", "o.jsonl.gz", "o.json"])
    def test_a_full_disk_leaves_nothing(self, tmp_path: Path, name: str, size: int) -> None:
        """Full in the middle or only at the last flush: the output never appears."""
        lines = [{"text": os.urandom(size // 40).hex()} for _ in range(40)]
        path = write_rows(tmp_path / "in.jsonl", lines)
        done = limited(tmp_path, size, "dedupe", path, "-o", name)
        refused(done, f"{name}: cannot be written: file too large")
        assert os.listdir(tmp_path) == ["in.jsonl"]

    @pytest.mark.parametrize("option", ["-o", "--rejects", "--summary"])
    @pytest.mark.parametrize("count", [1, 4000])
    def test_a_full_device_is_said(
        self, tmp_path: Path, device: Callable[..., Path], option: str, count: int
    ) -> None:
        """A device that takes nothing ends with 2, for every kind of output, small or large."""
        path = device("full", 7)
        lines = [{"text": f"{number // 2}"} for number in range(2 * count)]
        source = write_rows(tmp_path / "in.jsonl", lines)
        done = synthgate(
            "dedupe",
            source,
            option,
            path,
            *(["-q"] if option == "-o" else ["-o", "o"]),
            cwd=tmp_path,
        )
        refused(done, f"{path}: cannot be written: no space left on device")
        assert stat.S_ISCHR(path.stat().st_mode)
        assert sorted(os.listdir(tmp_path)) == ["full", "in.jsonl"]

    @pytest.mark.parametrize(
        "argv", [["dedupe", "in.jsonl", "-q"], ["--help"], ["dedupe", "--help"]]
    )
    def test_stdout_on_a_full_device_ends_with_2(
        self, rows: Path, tmp_path: Path, device: Callable[..., Path], argv: list[str]
    ) -> None:
        """Rows or help that stdout does not take are an error of one line, not a traceback."""
        with device("full", 7).open("wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "synthgate", *argv],
                stdout=full, stderr=subprocess.PIPE, cwd=tmp_path, check=False,
            )  # fmt: skip
        refused(Done(done.returncode, b"", done.stderr.decode()), "no space left on device")


class TestRecords:
    """The manifest goes where it is asked for, and beside the rows."""

    def test_the_manifest_lies_beside_the_rows(self, rows: Path, tmp_path: Path) -> None:
        """`FILE.manifest.json` and `--summary` say the same: what went in, what came out."""
        done = synthgate("dedupe", rows, "-o", "o.jsonl", "--summary", "s.json", cwd=tmp_path)
        assert done.code == 0
        beside = json.loads((tmp_path / "o.jsonl.manifest.json").read_bytes())
        assert beside == json.loads((tmp_path / "s.json").read_bytes())
        assert (beside["rows_in"], beside["rows_out"], beside["rejects"]) == (5, 5, {})
        assert [each["role"] for each in beside["outputs"]] == ["output"]

    def test_a_run_folder_that_is_none_is_refused_first(self, rows: Path, tmp_path: Path) -> None:
        """Where the manifest cannot go is said before the first row is read."""
        file = write_rows(tmp_path / "file", [])
        for folder in (file, file / "below"):
            env = {"SYNTHGATE_RUN_DIR": str(folder)}
            done = synthgate("dedupe", rows, env=env)
            refused(done, str(folder), "SYNTHGATE_RUN_DIR", "must be a folder")
            assert done.err.count("\n") == 1
            assert synthgate("dedupe", rows, "--dry-run", env=env).code == 0

    def test_a_pipe_leaves_its_manifests_in_order(self, rows: Path, tmp_path: Path) -> None:
        """With SYNTHGATE_RUN_DIR stages leave `<n>-<stage>.json`, chained by digest."""
        tool = f"{sys.executable} -m synthgate dedupe"
        env = {**os.environ, "SYNTHGATE_RUN_DIR": str(tmp_path / "run")}
        pipe = f"{tool} in.jsonl | {tool} | {tool} -o o.jsonl"
        subprocess.run(["sh", "-c", pipe], cwd=tmp_path, env=env, check=True)
        names = sorted(os.listdir(tmp_path / "run"))
        assert names == ["1-dedupe.json", "2-dedupe.json", "3-dedupe.json"]
        found = [json.loads((tmp_path / "run" / name).read_bytes()) for name in names]
        for before, after in itertools.pairwise(found):
            assert before["outputs"][0]["sha256"] == after["inputs"][0]["sha256"] != ""

    def test_a_small_file_is_written_whole(self, tmp_path: Path) -> None:
        """A document is written with one newline at its end, `.json` or not."""
        write_file(str(tmp_path / "a.json"), b'{"a":1}', force=False)
        write_file(str(tmp_path / "b"), b"text\n", force=False)
        assert (tmp_path / "a.json").read_bytes() == b'{"a":1}\n'
        assert (tmp_path / "b").read_bytes() == b"text\n"
        with pytest.raises(OutputError, match="exists"):
            write_file(str(tmp_path / "b"), b"", force=False)


@given(st.lists(st.binary(max_size=20), max_size=30), st.randoms())
@settings(max_examples=50)
def test_a_shelf_gives_lines_back_in_any_order(lines: list[bytes], rng: Any) -> None:
    """Lines put aside come back by their number, while others are still added."""
    shelf = Shelf()
    numbers = []
    for count, line in enumerate(lines):
        numbers.append(shelf.put(line))
        pick = rng.randrange(count + 1)
        assert shelf.take(numbers[pick]) == lines[pick]
    assert len(shelf) == len(lines)


@contextlib.contextmanager
def started(argv: list[str], cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command and end it in any case."""
    with subprocess.Popen(
        [sys.executable, "-m", "synthgate", *argv],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=cwd,
        preexec_fn=heed_signals,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def _until(ready: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not ready():
        assert time.monotonic() < end, "the command did not get so far"
        time.sleep(0.01)


@pytest.mark.parametrize(
    "command",
    [
        "cluster-cap rows.jsonl -o out.jsonl --cache {}",
        "generate rows.jsonl --prompt-field text --model m --base-url http://x --journal {}",
    ],
)
def test_nothing_is_added_to_another_kind_of_file(tmp_path: Path, command: str) -> None:
    """A journal or a cache that is somebody's rows or notes, even the input: 2, not a byte more."""
    write_rows(tmp_path / "rows.jsonl", ROWS)
    for name, text in (("rows.jsonl", ""), ("notes.txt", "buy milk\n"), ("more.txt", "a\nb")):
        file = tmp_path / name
        file.write_text(text or file.read_text())
        before = file.read_bytes()
        done = synthgate(*command.format(name).split(), cwd=tmp_path)
        assert (done.code, file.read_bytes()) == (2, before), done.err
        assert done.err.splitlines()[-1].startswith(f"synthgate: {name}: ")
    assert not (tmp_path / "out.jsonl").exists()
