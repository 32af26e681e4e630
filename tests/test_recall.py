"""Lines recalled by place: what the second pass copies is what the first one looked at."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.cli.blend_proof import Ids
from synthgate.cli.sides import Numbers, Side, columns
from synthgate.errors import BadLine, InputError
from synthgate.jsonl import Recall, Source
from synthgate.provenance import Stamp
from tests.auditing import digest_of
from tests.conftest import write_rows

STAMP = Stamp(source="s").provenance


def ignore(file: str, line: int, raw: bytes, error: BadLine) -> None:
    """A bad line is passed over."""


def looked_at(*paths: Path) -> tuple[Recall, list[bytes], list[tuple[str, int]]]:
    """The recall of all rows of some files, with what the first pass saw."""
    source = Source([str(path) for path in paths], STAMP, ignore, again=True)
    recall, lines, places = Recall(source), [], []
    for row in source:
        recall.note(row.raw, row.line)
        lines.append(row.raw)
        places.append((row.file, row.line))
    return recall, lines, places


PIECES = st.sampled_from(
    [b'{"a":1}\n', b'{"b": 2}  \r\n', b"\n", b"{bad\n", b' {"c":"x"}\n', b"  \n", b'{"d":[]}\t\n']
)


@given(st.lists(PIECES, max_size=12), st.booleans(), st.randoms())
def test_any_line_in_any_order(pieces: list[bytes], bom: bool, rng: random.Random) -> None:
    """Blank and bad lines, white space, a BOM, no last line end: each row comes back as read."""
    with tempfile.TemporaryDirectory() as folder:
        text = b"\xef\xbb\xbf" * bom + b"".join(pieces)
        plain, packed = Path(folder, "x.jsonl"), Path(folder, "y.jsonl.gz")
        array = Path(folder, "z.json")
        plain.write_bytes(text.removesuffix(b"\n"))
        packed.write_bytes(gzip.compress(text))
        array.write_text(json.dumps([{"n": n} for n in range(len(pieces))], indent=1))
        recall, lines, places = looked_at(packed, plain, array, plain)
        numbers = list(range(len(recall)))
        rng.shuffle(numbers)
        assert [recall.line(n) for n in numbers] == [lines[n] for n in numbers]
        assert [recall.place(n) for n in numbers] == [places[n] for n in numbers]
        recall.close()


def test_a_line_that_changed_is_an_error(tmp_path: Path) -> None:
    """A file that is written to between the passes cannot slip in what was not looked at."""
    path = write_rows(tmp_path / "x.jsonl", [{"n": n} for n in range(3)])
    recall, lines, _ = looked_at(path)
    path.write_bytes(path.read_bytes().replace(b'"n": 1', b'"n": 8'))
    assert recall.line(0) == lines[0]
    with pytest.raises(InputError, match=r"x\.jsonl:2: changed while it was being read"):
        recall.line(1)
    recall.close()


def test_stdin_is_kept(tmp_path: Path) -> None:
    """A pipe can be read once: its rows are kept in a file and found there."""
    code = (
        "from tests.test_recall import *\n"
        "recall, lines, _ = looked_at(Path('-'))\n"
        "assert [recall.line(n) for n in (2, 0, 1)] == [lines[n] for n in (2, 0, 1)]\n"
        "print(len(lines))"
    )
    rows = "".join(json.dumps({"n": n}) + "\n" for n in range(3))
    done = subprocess.run(
        [sys.executable, "-c", code], input=rows, capture_output=True, text=True, check=True
    )
    assert done.stdout == "3\n"


def test_a_side_of_a_blend_is_small(tmp_path: Path) -> None:
    """What a blend holds of a row while it reads is at most 30 bytes, whatever the row's length."""
    path = write_rows(tmp_path / "x.jsonl", [{"n": n, "text": "x" * 500} for n in range(20_000)])
    source = Source([str(path)], STAMP, ignore, again=True)
    side = Side(source, 0, columns("")[0], columns("")[0])
    rows = iter(source)
    side.add(next(rows), (None, None))
    tracemalloc.start()
    for row in rows:
        side.add(row, (None, None))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    side.close()
    side.release()
    assert held < 30 * 20_000 * 1.15, "growing arrays have some room to spare"


@given(st.lists(st.sampled_from([0, 1, 255, 256, 65_535, 65_536, 2**32 - 1])))
def test_numbers_take_what_they_need(numbers: list[int]) -> None:
    """They come back as they were, in one, two or four bytes each."""
    found = Numbers()
    for each in numbers:
        found.append(each)
    assert found.values.tolist() == numbers
    width = max([1, *((each.bit_length() + 7) // 8 for each in numbers)])
    assert found.values.itemsize == {1: 1, 2: 2}.get(width, 4)


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=40))
def test_a_set_of_ids_has_the_digest_of_the_set(ids: list[bytes]) -> None:
    """Ids with zero bytes anywhere sort as bytes do: the digest is that of the gate."""
    found = Ids()
    for each in [*ids, bytes(32), b"\1" + bytes(31), bytes(31) + b"\1"]:
        found.add(each.hex())
    every = [each.hex() for each in [*ids, bytes(32), b"\1" + bytes(31), bytes(31) + b"\1"]]
    assert (len(found), found.digest()) == (len(every), digest_of(every))
