"""Pages: however an input is cut, each line belongs to one page and reads as in one piece."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.errors import BadLine, InputError
from synthgate.formats import EMPTY, PROMPTS, SHAPES, by_fields
from synthgate.jsonl import FilePages, Source, paged
from synthgate.jsonl.leaves import Leaf
from synthgate.jsonl.pages import FilePage, Line, LinesPage, looked
from synthgate.jsonl.stamped import identified
from synthgate.near.emit import Drop, Sheet, written
from synthgate.near.settings import Settings
from synthgate.provenance import OTHER, Stamp, emit, look, read
from tests.strategies import damaged, objects

BOM = b"\xef\xbb\xbf"
LINES = st.lists(
    st.one_of(objects(), damaged(), st.binary(max_size=30), st.just(b""), st.just(b" \t")),
    max_size=12,
)
Bad = list[tuple[int, bytes, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the examples of one property share."""
    return tmp_path_factory.mktemp("pages")


class Reading:
    """A source read in one piece, with its bad lines collected."""

    def __init__(self, *paths: Path, again: bool = True, **options: Any) -> None:
        self.bad: Bad = []
        names = [str(path) for path in paths]
        self.source = Source(names, Stamp().provenance, self._on_bad, again=again, **options)

    def _on_bad(self, file: str, line: int, raw: bytes, error: BadLine) -> None:
        self.bad.append((line, raw, error.reason))


def whole(*paths: Path, **options: Any) -> tuple[list[tuple[str, int, bytes]], Bad, Source]:
    """(file, line, payload) of all rows, bad lines, source: the reader that pages replace."""
    reading = Reading(*paths, **options)
    rows = [(row.file, row.line, row.payload) for row in reading.source]
    return rows, reading.bad, reading.source


class Paged(Reading):
    """The same through pages."""

    def __init__(self, *paths: Path, **options: Any) -> None:
        super().__init__(*paths, **options)
        self.pages = FilePages(self.source)
        self.values: list[Any] = []
        for page in self.pages.first():
            found = looked(page)
            self.values += found.values
            self.pages.took(found)

    def rows(self) -> list[tuple[str, int, bytes]]:
        """What the second pass sees of the rows."""
        found = []
        for leaf in self.pages.again():
            lines = [
                raw
                for place, (_, _, raw) in enumerate(leaf.page.lines())
                if place not in leaf.bad and isinstance(raw, bytes)
            ]
            assert len(lines) == leaf.rows
            found += [
                (leaf.name, leaf.line(row), read(raw, "", 0, Stamp().provenance).payload)
                for row, raw in enumerate(lines)
            ]
        return found


@given(LINES, st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.booleans(), st.integers(1, 60))
@settings(max_examples=250, deadline=None)
def test_pages_hold_what_the_reader_reads(
    folder: Path, lines: list[bytes], end: bytes, last: bool, bom: bool, size: int
) -> None:
    """Pages of any size hold the rows, bad lines, counts and digests of the file read in one go."""
    path = folder / "in.jsonl"
    path.write_bytes((BOM if bom else b"") + end.join(lines) + (end if last else b""))
    rows, bad, source = whole(path, max_line=100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paged, "_PAGE", size)
        found = Paged(path, max_line=100)
        assert found.rows() == rows
        assert found.bad == bad
        assert found.source.streams == source.streams
        assert (found.source.rows, found.source.bad) == (source.rows, source.bad)
        picked = found.pages.pick(range(0, len(rows), 2))
        assert all(stop <= path.stat().st_size for _, _, stop in getattr(picked, "spans", []))
        again = [raw for _, _, raw in picked.lines() if isinstance(raw, bytes)]
        payloads = [read(raw, "", 0, Stamp().provenance).payload for raw in again]
        assert payloads == [payload for _, _, payload in rows[::2]]
        assert [found.pages.place(row) for row in range(len(rows))] == [
            f"{name}:{line}" for name, line, _ in rows
        ]


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_each_line_belongs_to_one_page(folder: Path, data: bytes, cuts: list[int]) -> None:
    """Wherever a file is cut, its pages have its lines, in order, at the bytes where they begin."""
    path = folder / "cut.jsonl"
    path.write_bytes(data)
    bounds = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    found: list[tuple[int, bytes]] = []
    count = 0
    for start, stop in itertools.pairwise(bounds):
        page = FilePage(str(path), start, stop, 10_000)
        for _, begun, raw in page.lines():
            assert isinstance(raw, bytes)
            found.append((start + begun, raw))
        count += page.count
    expected, at = [], 0
    for line in data.split(b"\n"):
        text = line.rstrip(b" \t\r")
        skip = 3 if at == 0 and text.startswith(BOM) else 0
        if text[skip:]:
            expected.append((at + skip, text[skip:]))
        at += len(line) + 1
    assert found == expected
    assert count == data.count(b"\n") + (not data.endswith(b"\n") and data != b"")


def test_a_line_that_spans_pages(folder: Path) -> None:
    """A row of many pages is read once; one beyond the limit is bad, with its size and digest."""
    path = folder / "long.jsonl"
    long = b'{"a":"' + b"x" * 5000 + b'"}'
    path.write_bytes(b'{"a":1}\n' + long + b'\n{"a":2}\n' + long + long + b"\n" + b'{"a":3}')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paged, "_PAGE", 512)
        found = Paged(path, max_line=6000)
        expected, bad, _ = whole(path, max_line=6000)
        assert found.rows() == expected
        assert found.bad == bad == [(4, b"", "line_too_long")]


def test_a_first_line_that_is_too_long_behind_a_mark(folder: Path) -> None:
    """The size and digest of what is refused are those of all its bytes, the mark included."""
    path = folder / "marked.jsonl"
    path.write_bytes(BOM + b"x" * 5000 + b'\n{"a":1}\n')
    page = FilePage(str(path), 0, 1000, 2000)
    ((number, _, refused),) = page.lines()
    assert number == 1 and not isinstance(refused, bytes)
    digest = hashlib.sha256(path.read_bytes()[:5004]).hexdigest()
    assert "5004 bytes" in refused.detail and digest in refused.detail


@pytest.mark.parametrize("kind", ["gz", "json", "limit", "fifo", "several"])
def test_what_cannot_be_sought(tmp_path: Path, kind: str) -> None:
    """Compressed files, arrays, limited and one-way inputs give the same rows through pages."""
    values = [{"text": f"row {number}"} for number in range(50)]
    data = b"".join(json.dumps(value).encode() + b"\n" for value in values) + b"[bad]\n"
    path = tmp_path / "in.jsonl"
    options: dict[str, Any] = {}
    if kind == "gz":
        path = path.with_suffix(".jsonl.gz")
        path.write_bytes(gzip.compress(data))
    elif kind == "json":
        path = path.with_suffix(".json")
        path.write_text(json.dumps(values[:3]) + "\n")
    else:
        path.write_bytes(data)
    paths = [path]
    if kind == "limit":
        options["limit"] = 7
    elif kind == "several":
        (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(data))
        paths = [path, tmp_path / "b.jsonl.gz", path]
    expected, bad, source = whole(*paths, **options)
    if kind == "fifo":
        paths = [tmp_path / "fifo"]
        os.mkfifo(paths[0])
        threading.Thread(target=paths[0].write_bytes, args=(data,), daemon=True).start()
        expected = [(str(paths[0]), line, payload) for _, line, payload in expected]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paged, "_PAGE", 100)
        found = Paged(*paths, **options)
        picked = found.pages.pick([0, 2])
        assert [value["text"] for value in looked(picked).values] == ["row 0", "row 2"]
        assert found.rows() == expected
    assert found.bad == bad
    assert [stream.sha256 for stream in found.source.streams] == [
        stream.sha256 for stream in source.streams
    ]
    assert found.pages.seekable == (kind == "fifo")


def grown(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b'{"a":9}\n')


def changed(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"1", b"2"))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:8])


@pytest.mark.parametrize("change", [grown, changed, cut])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_file_that_changes_between_the_passes(tmp_path: Path, change: Any, suffix: str) -> None:
    """What was decided about other bytes is never written."""
    path = tmp_path / f"in.jsonl{suffix}"
    data = b'{"a":1}\n{"a":1}\n{"a":3}\n'
    path.write_bytes(gzip.compress(data) if suffix else data)
    found = Paged(path)
    if suffix:
        plain = tmp_path / "plain"
        plain.write_bytes(data)
        change(plain)
        path.write_bytes(gzip.compress(plain.read_bytes()))
    else:
        change(path)
    with pytest.raises(InputError, match="changed while it was being read"):
        for leaf in found.pages.again():
            written(Sheet(leaf, bytes(leaf.rows), [], False), Settings())


def test_a_page_that_changes_is_noticed_by_its_own_sum(tmp_path: Path) -> None:
    """The digest of the file may be taken after the change: the sum over the page is not."""
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'{"a":1}\n{"a":1}\n{"a":3}\n')
    found = Paged(path)
    changed(path)
    leaf = next(found.pages.again())
    with pytest.raises(InputError, match="changed while it was being read"):
        written(Sheet(leaf, bytes(leaf.rows), [], False), Settings())


def lines_of_rows() -> st.SearchStrategy[bytes]:
    """Lines of rows: without provenance, stamped by us, or with our key in another place."""
    plain = objects().filter(_is_plain)
    return st.one_of(plain, plain.map(_stamped), plain.map(_moved))


def _is_plain(line: bytes) -> bool:
    try:
        return look(line)[1] != OTHER
    except BadLine:
        return False


def _stamped(line: bytes) -> bytes:
    return emit(read(line, "a.jsonl", 1, Stamp(source="other").provenance))


def _moved(line: bytes) -> bytes:
    row = read(line, "a.jsonl", 1, Stamp(source="other").provenance)
    spliced = emit(row)
    claim = spliced[spliced.rindex(b'"_synthgate":') : -1]
    body = row.payload.strip()[1:-1]
    return b"{" + claim + (b"," + body if body.strip() else b"") + b"}"


@given(st.lists(lines_of_rows(), min_size=1, max_size=6), st.booleans(), st.data())
@settings(max_examples=200, deadline=None)
def test_lines_are_written_as_emit_writes_them(
    lines: list[bytes], by_field: bool, data: Any
) -> None:
    """The short ways of pass 2 give the bytes of `emit(read(...))`, kept rows and rejects alike."""
    stamp = Stamp(source_field="a" if by_field else "", run="r")
    held: list[Line] = [(number, 0, line.rstrip(b" \t\r")) for number, line in enumerate(lines, 1)]
    page = LinesPage(held, len(held))
    found = looked(page)
    gone = data.draw(st.sets(st.integers(0, len(lines) - 1)))
    stamped = [read(line, "", 1, stamp.provenance).id for line in lines]
    assert identified(page, stamp.provenance) == stamped
    leaf = Leaf(page, 0, "f.jsonl", 0, len(lines), None, None, frozenset())
    drops = [Drop(row, "exact", "why", "id") for row in sorted(gone)]
    sheet = Sheet(leaf, bytes(found.forms), drops, True)
    made = written(sheet, Settings(stamp=stamp, stage="s"))
    rows = [read(line.rstrip(b" \t\r"), "f.jsonl", 1, stamp.provenance) for line in lines]
    expected = [emit(row) for number, row in enumerate(rows) if number not in gone]
    assert made.lines == b"".join(line + b"\n" for line in expected)
    assert (made.rows, made.reasons.total()) == (len(expected), len(gone))
    rejects = made.rejects.splitlines() if not gone else made.rejects.split(b"\n")[:-1]
    for row, line in zip(sorted(gone), rejects, strict=True):
        value = json.loads(line)
        assert line.startswith(emit(rows[row])[:-1])
        assert value["_reject"] == {
            "file": "f.jsonl", "line": row + 1, "stage": "s",
            "reason": "exact", "detail": "why", "survivor": "id",
        }  # fmt: skip
    without = written(sheet._replace(rejects=False), Settings(stamp=stamp))
    assert (without.lines, without.rejects) == (made.lines, b"")


EVERY_SHAPE = [
    *SHAPES, *PROMPTS, EMPTY, by_fields(None, "a.b", "c"), by_fields(SHAPES[0], None, "c"),
]  # fmt: skip


@pytest.mark.parametrize("shape", EVERY_SHAPE, ids=lambda shape: shape.name)
def test_a_shape_survives_the_way_to_another_process(shape: Any) -> None:
    """A process that is sent a shape reads the same texts by it."""
    import pickle

    value = {
        "input": "i", "output": "o", "prompt": "p", "completion": "c", "instruction": "n",
        "text": "t", "chosen": "h", "rejected": "r", "a": {"b": "x"}, "c": "y",
        "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
        "conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}],
    }  # fmt: skip
    again = pickle.loads(pickle.dumps(shape))
    assert (again.name, again.keys) == (shape.name, shape.keys)
    assert again.prompt(value) == shape.prompt(value)
    assert again.response(value) == shape.response(value)
