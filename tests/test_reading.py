"""The reader: every line is a row or a bad line, and a bad line never harms its neighbours."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.errors import BadLine, InputError
from synthgate.jsonl import Source, expand
from synthgate.provenance import Stamp
from tests.conftest import read_rows, synthgate, write_rows
from tests.strategies import Refused, damaged, objects, oracle, seeds, spell, tops

BOM = b"\xef\xbb\xbf"


class Reading:
    """One source with its bad lines collected."""

    def __init__(self, *paths: Path | str, **options: Any) -> None:
        self.bad: list[tuple[int, bytes, str]] = []
        self.source = Source([str(p) for p in paths], Stamp().provenance, self._on_bad, **options)

    def _on_bad(self, file: str, line: int, raw: bytes, error: BadLine) -> None:
        self.bad.append((line, raw, error.reason))

    def rows(self) -> list[tuple[int, bytes]]:
        """(line, payload) of every row."""
        return [(row.line, row.payload) for row in self.source]


def file_of(folder: Path, data: bytes, name: str = "in.jsonl") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def is_row(line: bytes) -> bool:
    """Whether the oracle takes the line for a row that carries nothing of ours."""
    with contextlib.suppress(Refused):
        return not {"_synthgate", "_reject"} & oracle(line).keys()
    return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the examples of one property share."""
    return tmp_path_factory.mktemp("reading")


@given(
    st.lists(st.one_of(objects(), damaged(), st.binary(max_size=30), st.just(b"")), max_size=12),
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_every_line_is_a_row_or_a_bad_line(
    folder: Path, lines: list[bytes], end: bytes, last: bool, bom: bool
) -> None:
    """Whatever the bytes: no crash, no line lost, each with its number, good ones byte for byte."""
    data = (BOM if bom else b"") + end.join(lines) + (end if last else b"")
    expected_rows, expected_bad = [], []
    for number, line in enumerate(data.removeprefix(BOM).split(b"\n"), 1):
        text = line.rstrip(b" \t\r")
        if text:
            (expected_rows if is_row(text) else expected_bad).append((number, text))
    reading = Reading(file_of(folder, data))
    assert reading.rows() == expected_rows
    assert [(number, raw) for number, raw, _ in reading.bad] == expected_bad
    assert reading.source.seen == len(expected_rows) + len(expected_bad)
    assert reading.source.streams[0].sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b'{"a":1}\n{"a":2}\n', [1, 2]),
        (b'{"a":1}\n{"a":2}', [1, 2]),
        (b'{"a":1}\r\n{"a":2}\r\n', [1, 2]),
        (b'\n \t\r\n{"a":1}\n\n{"a":2}\n\n', [3, 5]),
        (BOM + b'{"a":1}\n{"a":2}\n', [1, 2]),
        (b'{"a":"\xe2\x80\xa8"}\n{"a":"\xc2\x85"}\n{"a":"\x7f"}\n', [1, 2, 3]),
        (b'{"a":1}  \t \n', [1]),
        (b"", []),
        (BOM, []),
        (b"\n\n", []),
    ],
    ids=repr,
)
def test_line_ends_and_blank_lines(folder: Path, data: bytes, lines: list[int]) -> None:
    """Only a newline ends a line; CR before it, blank lines and a BOM at the start are no data."""
    reading = Reading(file_of(folder, data))
    assert [line for line, _ in reading.rows()] == lines
    assert reading.bad == []


@pytest.mark.parametrize(
    ("data", "bad"),
    [
        (b'{"a":1}\n' + BOM + b'{"a":2}\n{"a":3}', [2]),
        (b'{"a":1}\r{"a":2}\n{"a":3}', [1]),
        (b'\n{"a":1}\x0b\n{"a":2}', [2]),
        ('{"a":1}\n{"a":2}\n'.encode("utf-16"), [1, 2, 3]),
        (b"\x00\n\x00\x00", [1, 2]),
    ],
    ids=repr,
)
def test_what_does_not_end_a_line_is_a_bad_line(folder: Path, data: bytes, bad: list[int]) -> None:
    """A BOM in the middle, a lone CR, a vertical tab, UTF-16 and NUL bytes are errors, not ends."""
    reading = Reading(file_of(folder, data))
    reading.rows()
    assert [number for number, _, _ in reading.bad] == bad


class TestLongLines:
    """A line that is too long is never held in memory, and never takes its neighbours along."""

    @pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
    @pytest.mark.parametrize("size", [63, 64, 65, 66, 67, 200])
    def test_the_limit_is_the_length_without_the_line_end(
        self, folder: Path, size: int, end: bytes
    ) -> None:
        """A line of exactly the limit is read, one byte more is refused, whatever ends it."""
        line, after = b'{"a":"' + b"x" * (size - 8) + b'"}', b'{"a":2}' if end else b""
        reading = Reading(file_of(folder, line + end + after), max_line=64)
        expected = [(1, line)] * (size <= 64) + [(2, after)] * bool(end)
        assert reading.rows() == expected
        assert [reason for _, _, reason in reading.bad] == ["line_too_long"] * (size > 64)

    def test_neighbours_of_a_long_line_are_read(self, folder: Path) -> None:
        """The lines before and after a long one are read, with their own numbers."""
        data = b'{"a":1}\n' + b"x" * 3_000_000 + b'\n{"a":2}\n' + b"y" * 99
        reading = Reading(file_of(folder, data), max_line=64)
        assert reading.rows() == [(1, b'{"a":1}'), (3, b'{"a":2}')]
        assert [number for number, _, _ in reading.bad] == [2, 4]

    def test_the_reject_says_what_was_too_long(self, tmp_path: Path) -> None:
        """A line that is too long to keep is named by its number, size and digest."""
        path = file_of(tmp_path, b'{"text":"a"}\n' + b"x" * 500 + b"\n")
        options = ("--max-line", "100", "--on-error", "reject", "--rejects", tmp_path / "r.jsonl")
        done = synthgate("dedupe", path, *options)
        assert done.code == 0
        (reject,) = read_rows(tmp_path / "r.jsonl")
        assert reject["_reject"]["line"] == 2
        assert hashlib.sha256(b"x" * 500 + b"\n").hexdigest() in reject["_reject"]["detail"]

    def test_the_memory_of_a_giant_line_is_bounded(self, tmp_path: Path) -> None:
        """200 MB on one line are refused within 100 MiB."""
        path = tmp_path / "giant.jsonl"
        with path.open("wb") as file:
            file.write(b'{"text":"a"}\n{"text":"')
            for _ in range(200):
                file.write(b"x" * 1_000_000)
            file.write(b'"}\n{"text":"b"}\n')
        code = (
            # VmHWM and not ru_maxrss: that one starts with the parent's peak.
            "import sys; from synthgate.cli.app import invoke; code = invoke(sys.argv[1:]);"
            "peak = open('/proc/self/status').read().split('VmHWM:')[1].split()[0];"
            "print(code, peak, file=sys.stderr)"
        )
        import subprocess
        import sys

        argv = ["dedupe", str(path), "--on-error", "reject", "-o", str(tmp_path / "o.jsonl")]
        done = subprocess.run(
            [sys.executable, "-c", code, *argv], capture_output=True, check=True, timeout=120
        )
        exit_code, kilobytes = map(int, done.stderr.split()[-2:])
        assert exit_code == 0
        assert len(read_rows(tmp_path / "o.jsonl")) == 2
        assert kilobytes < 100 * 1024


def packed(kind: str, data: bytes) -> bytes:
    """Compress in two members, the way `cat a.gz b.gz` makes them."""
    pack = gzip.compress if kind == "gz" else zstd.compress
    half = data.index(b"\n") + 1
    return pack(data[:half]) + pack(data[half:])


@pytest.mark.parametrize("kind", ["gz", "zst"])
class TestCompressed:
    """Compressed files are read by their extension."""

    DATA = b'{"text":"one"}\n{"text":"two"}\n{"text":"three"}\n'

    def test_members_are_read_as_one_file(self, folder: Path, kind: str) -> None:
        """Several members are one stream, and the digest is that of the file as it is stored."""
        path = file_of(folder, packed(kind, self.DATA), f"in.jsonl.{kind}")
        reading = Reading(path)
        assert [line for line, _ in reading.rows()] == [1, 2, 3]
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert reading.source.streams[0].sha256 == digest

    @pytest.mark.parametrize("cut", [5, -1, -9])
    def test_a_truncated_file_is_an_error(self, tmp_path: Path, kind: str, cut: int) -> None:
        """A cut file ends with 4 in one line, and leaves no output."""
        data = packed(kind, self.DATA * 50)[:cut]
        path = file_of(tmp_path, data, f"in.jsonl.{kind}")
        done = synthgate("dedupe", path, "-o", tmp_path / "o.jsonl")
        assert done.code == 4
        assert "damaged compressed data" in done.err and str(path) in done.err
        assert os.listdir(tmp_path) == [path.name]

    def test_a_file_that_is_not_compressed_is_an_error(self, tmp_path: Path, kind: str) -> None:
        """A plain file named `.gz` is said to be damaged, not read as something else."""
        path = file_of(tmp_path, self.DATA, f"in.jsonl.{kind}")
        done = synthgate("dedupe", path)
        assert (done.code, done.out) == (4, b"")
        assert done.err.count("\n") == 1

    def test_rubbish_after_the_end_is_an_error(self, tmp_path: Path, kind: str) -> None:
        """Bytes behind the last member are not skipped in silence."""
        path = file_of(tmp_path, packed(kind, self.DATA) + b"rubbish!", f"in.jsonl.{kind}")
        assert synthgate("dedupe", path).code == 4

    def test_compressed_output_is_read_back(self, tmp_path: Path, kind: str) -> None:
        """What is written under such a name is compressed, and the same on every run."""
        source = file_of(tmp_path, self.DATA)
        for name in ("a", "b"):
            done = synthgate("dedupe", source, "-o", tmp_path / f"{name}.jsonl.{kind}")
            assert done.code == 0
        first, second = ((tmp_path / f"{name}.jsonl.{kind}").read_bytes() for name in "ab")
        assert first == second
        plain = gzip.decompress(first) if kind == "gz" else zstd.decompress(first)
        assert len(plain.splitlines()) == 3
        assert len(Reading(tmp_path / f"a.jsonl.{kind}").rows()) == 3


class TestArrays:
    """A `.json` file holds one array; its elements are rows like lines are."""

    @given(st.lists(tops(), max_size=5), seeds(), st.sampled_from(["\n", "\r\n", " ", ""]))
    @settings(max_examples=150, deadline=None)
    def test_elements_are_read_as_they_are(
        self, folder: Path, values: list[Any], rng: Any, gap: str
    ) -> None:
        """Spaced or not, in whatever spelling: each element is one row with its value."""
        texts = [spell(value, rng) for value in values]
        data = gap + "[" + gap + f"{gap},{gap}".join(texts) + gap + "]" + gap
        reading = Reading(file_of(folder, data.encode(), "in.json"))
        found = [row.value for row in reading.source]
        assert repr(found) == repr([oracle(text.encode()) for text in texts])
        assert reading.bad == []

    @given(st.lists(tops(), min_size=1, max_size=4), st.integers(1, 3))
    @settings(max_examples=100, deadline=None)
    def test_a_pretty_printed_array_keeps_lines_and_values(
        self, folder: Path, values: list[Any], indent: int
    ) -> None:
        """A row of a pretty printed array is on one line, and named by the line it began on."""
        plain = [json.loads(spell(value, _First())) for value in values]
        text = json.dumps(plain, indent=indent)
        opening = " " * indent + "{"
        begins = [n for n, line in enumerate(text.split("\n"), 1) if line.startswith(opening)]
        reading = Reading(file_of(folder, text.encode(), "in.json"))
        rows = list(reading.source)
        assert [row.line for row in rows] == begins
        assert [row.value for row in rows] == plain
        assert not any(b"\n" in row.payload for row in rows)

    @pytest.mark.parametrize("data", [b"[]", b" [ ] \n", BOM + b"[\n]"])
    def test_an_empty_array_has_no_rows(self, folder: Path, data: bytes) -> None:
        """An empty array is an empty input, not an error."""
        reading = Reading(file_of(folder, data, "in.json"))
        assert (reading.rows(), reading.bad) == ([], [])

    @pytest.mark.parametrize(
        "data",
        [
            b"", b"{}", b"null", b"[", b"[{}", b'[{"a":1}}', b"[{}]]", b"[{}] x", b"[{}]\n[{}]",
            b'[{"a":"]', b'[{"a":1},', b"]", b"[}",
        ],
    )  # fmt: skip
    def test_a_broken_array_is_an_error(self, folder: Path, data: bytes) -> None:
        """A file that does not hold exactly one array is refused."""
        with pytest.raises(InputError):
            Reading(file_of(folder, data, "in.json")).rows()

    @pytest.mark.parametrize(
        "data",
        [
            b'[{"a":1},]', b'[,{"a":1}]', b'[{"a":1},,{"a":1}]', b'[{"a":1},{"a":1} {"a":1}]',
            b'[{"a":1},3]', b'[{"a":1},null]', b'[{"a":1},["a"]]', b'[{"a":1},{"b":[1}]]',
            b'[{"a":1},{"b":"x\ny"}]', b'[{"a":1},\x0c{"b":1}]', b'[{"a":1},{"b":1,"b":2}]',
        ],
    )  # fmt: skip
    def test_a_broken_element_is_a_bad_line(self, folder: Path, data: bytes) -> None:
        """What is no JSON between the commas is a bad line; the good element is a row."""
        reading = Reading(file_of(folder, data, "in.json"))
        assert {payload for _, payload in reading.rows()} <= {b'{"a":1}'}
        assert len(reading.bad) >= 1

    def test_an_element_has_a_limit_too(self, folder: Path) -> None:
        """The line limit holds for elements: an array is no way around it."""
        data = b'[{"a":1},{"a":"' + b"x" * 100 + b'"},{"a":2}]'
        reading = Reading(file_of(folder, data, "in.json"), max_line=50)
        assert [payload for _, payload in reading.rows()] == [b'{"a":1}', b'{"a":2}']
        assert [reason for _, _, reason in reading.bad] == ["line_too_long"]

    def test_an_array_that_was_written_is_read_again(self, tmp_path: Path) -> None:
        """`-o x.json` writes an array that holds the same rows as lines would."""
        source = write_rows(tmp_path / "in.jsonl", [{"text": "a"}, {"text": "b"}])
        assert synthgate("dedupe", source, "-o", tmp_path / "o.json").code == 0
        assert synthgate("dedupe", source, "-o", tmp_path / "o.jsonl").code == 0
        assert json.loads((tmp_path / "o.json").read_bytes()) == read_rows(tmp_path / "o.jsonl")


class _First:
    """Spells everything in the first way."""

    def choice(self, ways: Any) -> Any:
        return ways[0]


class TestInputs:
    """Files, globs, stdin and FIFOs."""

    def test_files_and_globs_are_one_stream(self, tmp_path: Path) -> None:
        """Inputs are read in the order given, a glob's matches in the order of their names."""
        for name in ("b2", "a", "b1"):
            write_rows(tmp_path / f"{name}.jsonl", [{"text": name}])
        done = synthgate("dedupe", "b*.jsonl", "a.jsonl", cwd=tmp_path)
        assert [row["text"] for row in done.rows] == ["b1", "b2", "a"]
        assert [row["_synthgate"]["source"] for row in done.rows] == [
            "b1.jsonl", "b2.jsonl", "a.jsonl",
        ]  # fmt: skip

    def test_a_name_with_glob_characters_is_a_name_first(self, tmp_path: Path) -> None:
        """A file that is called like a pattern is that file."""
        write_rows(tmp_path / "[a].jsonl", [{"text": "brackets"}])
        write_rows(tmp_path / "a.jsonl", [{"text": "a"}])
        done = synthgate("dedupe", "[a].jsonl", cwd=tmp_path)
        assert [row["text"] for row in done.rows] == ["brackets"]

    def test_a_glob_without_a_match_is_an_error(self, tmp_path: Path) -> None:
        """A pattern that matches nothing is not an empty input."""
        done = synthgate("dedupe", "*.jsonl", cwd=tmp_path)
        assert done.code == 4
        assert "no file matches" in done.err

    def test_stdin_can_stand_between_files(self, tmp_path: Path) -> None:
        """`-` is stdin wherever it stands, and only once."""
        write_rows(tmp_path / "a.jsonl", [{"text": "a"}])
        done = synthgate("dedupe", "a.jsonl", "-", stdin=b'{"text":"b"}\n', cwd=tmp_path)
        assert [row["text"] for row in done.rows] == ["a", "b"]
        assert done.rows[1]["_synthgate"]["source"] == "stdin"
        assert synthgate("dedupe", "-", "-", stdin=b"").code == 4

    def test_without_inputs_stdin_is_read(self) -> None:
        """A command without inputs stands in a pipe."""
        assert len(synthgate("dedupe", stdin=b'{"text":"b"}\n').rows) == 1

    def test_a_fifo_is_read(self, tmp_path: Path) -> None:
        """A FIFO is an input like a file: `<(command)` works."""
        with _fifo(tmp_path / "pipe", b'{"text":"a"}\n{"text":"a"}\n'):
            done = synthgate("dedupe", tmp_path / "pipe")
        assert (done.code, len(done.rows)) == (0, 1)

    def test_a_file_name_that_is_not_utf8_is_named(self, tmp_path: Path) -> None:
        """A file name may hold any bytes; rows and rejects that name it are still valid JSON."""
        path = os.path.join(os.fsencode(tmp_path), b"\xff\x1b.jsonl")
        Path(os.fsdecode(path)).write_bytes(b'{"text":"a"}\n{"text":"a"}\nx\n')
        rejects = tmp_path / "r.jsonl"
        done = synthgate(
            "dedupe", os.fsdecode(path), "--rejects", rejects, "--on-error", "reject",
            "--summary", tmp_path / "s.json",
        )  # fmt: skip
        assert done.code == 0
        assert oracle(done.out)["_synthgate"]["source"] == "\ufffd\x1b.jsonl"
        assert len(read_rows(rejects)) == 2
        assert "\ufffd" in json.loads((tmp_path / "s.json").read_bytes())["inputs"][0]["path"]

    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("none.jsonl", "no such file"),
            ("no", "is a directory"),
            ("a.jsonl/x", "not a directory"),
        ],
    )
    def test_what_cannot_be_read_is_named(self, tmp_path: Path, name: str, why: str) -> None:
        """An input that cannot be opened is one line that names it, before anything is written."""
        write_rows(tmp_path / "a.jsonl", [{"text": "a"}])
        (tmp_path / "no").mkdir()
        done = synthgate("dedupe", "a.jsonl", name, "-o", "o.jsonl", cwd=tmp_path)
        assert (done.code, done.err.count("\n")) == (4, 1)
        assert name in done.err and why in done.err
        assert sorted(os.listdir(tmp_path)) == ["a.jsonl", "no"]

    def test_expand_without_arguments_is_stdin(self) -> None:
        """No argument means stdin."""
        assert expand([]) == ["-"]


@contextlib.contextmanager
def _fifo(path: Path, data: bytes) -> Iterator[None]:
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(data,), daemon=True)
    writer.start()
    yield
    writer.join(10)


class TestAgain:
    """A stage that needs two passes reads the same rows twice."""

    LINES = b'{"a":1}\nbad\n{"a":2}\n' + b'{"a":3}\n' * 200_000

    def test_a_file_is_read_twice(self, folder: Path) -> None:
        """The second pass gives the same rows, and counts nothing a second time."""
        reading = Reading(file_of(folder, self.LINES), again=True)
        assert reading.rows() == reading.rows() == reading.rows()
        assert (reading.source.rows, reading.source.bad, len(reading.bad)) == (200_002, 1, 1)
        assert len(reading.source.streams) == 1

    @pytest.mark.parametrize("count", [3, 200_000])
    def test_a_fifo_is_read_twice(self, tmp_path: Path, count: int) -> None:
        """What cannot be read twice is kept aside, small or larger than every buffer."""
        data = b"".join(self.LINES.splitlines(keepends=True)[:count])
        with _fifo(tmp_path / "pipe", data):
            reading = Reading(tmp_path / "pipe", again=True)
            first = reading.rows()
        assert first == reading.rows() == reading.rows()
        assert len(first) == count - 1

    def test_a_limit_holds_in_both_passes(self, folder: Path) -> None:
        """`--limit` reads the same first rows in both passes, over all inputs together."""
        path = file_of(folder, self.LINES)
        other = file_of(folder, b'{"b":1}\n', "other.jsonl")
        for limit in (1, 2, 3, 4):
            reading = Reading(other, path, other, again=True, limit=limit)
            first = reading.rows()
            assert first == reading.rows()
            assert reading.source.seen == limit

    def test_a_file_that_changed_is_refused(self, folder: Path) -> None:
        """Rows decided on in the first pass must be the rows of the second."""
        path = file_of(folder, self.LINES)
        reading = Reading(path, again=True)
        reading.rows()
        path.write_bytes(self.LINES.replace(b'{"a":2}', b'{"a":9}'))
        with pytest.raises(InputError, match="changed while it was being read"):
            reading.rows()


class TestBadLines:
    """What a user sees of a line that is no row."""

    DATA = b'{"text":"a"}\n{"text":"b","text":"c"}\n\xff\n{"text":"d"}\n'

    def test_without_on_error_the_first_one_ends_the_command(self, tmp_path: Path) -> None:
        """The default stops at the first bad line, with its place, and writes nothing."""
        path = file_of(tmp_path, self.DATA)
        done = synthgate("dedupe", path, "-o", tmp_path / "o.jsonl", "--rejects", tmp_path / "r")
        assert done.code == 4
        assert done.err == f'synthgate: {path}:2:20: duplicate key "text"\n'
        assert os.listdir(tmp_path) == ["in.jsonl"]

    def test_rejected_bad_lines_keep_their_bytes(self, tmp_path: Path) -> None:
        """With `--on-error reject` a bad line is a reject with line, reason and bytes."""
        path = file_of(tmp_path, self.DATA)
        done = synthgate("dedupe", path, "--on-error", "reject", "--rejects", tmp_path / "r.jsonl")
        assert done.code == 0
        assert [row["text"] for row in done.rows] == ["a", "d"]
        lines = self.DATA.splitlines()
        for reject, number in zip(read_rows(tmp_path / "r.jsonl"), (2, 3), strict=True):
            why = reject["_reject"]
            assert (why["file"], why["line"], why["stage"]) == (str(path), number, "dedupe")
            assert base64.b64decode(why["base64"]) == lines[number - 1]
            assert why["reason"] and why["detail"]

    def test_rejects_can_be_fed_again(self, tmp_path: Path) -> None:
        """Rejected rows go through again as the rows they were; records of bad lines do not."""
        path = file_of(tmp_path, b'{"text":"a","n":0.10}\n{"text":"A","n":1E5}\nx\n')
        rejects = tmp_path / "r.jsonl"
        synthgate("dedupe", path, "--on-error", "reject", "--rejects", rejects)
        assert len(read_rows(rejects)) == 2
        done = synthgate("dedupe", rejects, "--on-error", "reject")
        assert done.code == 0
        (row,) = done.rows
        assert done.out.startswith(b'{"text":"A","n":1E5,"_synthgate":{')
        assert row["_synthgate"]["id"] == hashlib.sha256(b'{"text":"A","n":1E5}').hexdigest()
        assert row["_synthgate"]["source"] == "in.jsonl"
        assert "reject_record 1" in done.err
