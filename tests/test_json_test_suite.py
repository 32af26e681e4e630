"""All texts of JSONTestSuite as lines between good neighbours, through every command."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from synthgate.errors import BadLine
from synthgate.rows import parse
from tests.filters import DRAW, FILTERS, GENERATE, Filter
from tests.strategies import Refused, oracle

Shared = Callable[[str], Path]
# Valid JSON that a gate must refuse all the same: we would check one value, a trainer read another.
AMBIGUOUS = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}


def neighbour(number: int) -> bytes:
    return b'{"input":"question %d","output":"answer %d","n":0.10}' % (number, number)


def texts(shared: Shared) -> dict[str, bytes]:
    """{name: text} of the suite."""
    folder = shared("json_test_suite/test_parsing")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def as_value(text: bytes) -> bytes:
    """A row that holds the text as the value of one of its keys."""
    return b'{"input":"q","output":"a","value":' + text + b"}"


def is_row(line: bytes) -> bool:
    try:
        oracle(line)
    except Refused:
        return False
    return True


def is_read(line: bytes) -> bool:
    try:
        parse(line)
    except BadLine:
        return False
    return True


def test_the_suite_is_whole(shared: Shared) -> None:
    """All 318 texts are there: 95 must be read, 188 must not, 35 may."""
    assert Counter(name[0] for name in texts(shared)) == {"y": 95, "n": 188, "i": 35}


def test_each_text_as_a_value(shared: Shared) -> None:
    """What must be read is read, what must not is not; in the free class we do as the oracle."""
    read = {name for name, text in texts(shared).items() if is_read(as_value(text))}
    must = {name for name in texts(shared) if name.startswith("y_")}
    assert must - read == AMBIGUOUS
    assert not {name for name in read if name.startswith("n_")}
    assert read == {name for name, text in texts(shared).items() if is_row(as_value(text))}


def test_each_text_as_a_row(shared: Shared) -> None:
    """A text is a row exactly if it is one object; the class of the suite decides which are."""
    for name, text in texts(shared).items():
        line = text.strip(b" \t\r\n")
        if line.startswith(b"{") and not name.startswith("i_") and name not in AMBIGUOUS:
            assert is_read(line) == name.startswith("y_"), name
        assert is_read(line) == is_row(line), name


def between_neighbours(found: list[bytes]) -> list[bytes]:
    """The physical lines of the texts, a good line before each and one at the end."""
    joined = b"".join(neighbour(n) + b"\n" + text + b"\n" for n, text in enumerate(found))
    return [*joined.split(b"\n")[:-1], neighbour(len(found))]


@pytest.mark.parametrize("each", [*FILTERS, DRAW, GENERATE], ids=str)
@pytest.mark.parametrize("form", [bytes, as_value], ids=["bare", "value"])
def test_every_command_keeps_or_rejects_each_text(
    tmp_path: Path, shared: Shared, each: Filter, form: Callable[[bytes], bytes]
) -> None:
    """No crash, no neighbour lost; each line is kept byte for byte or rejected with its reason."""
    lines = between_neighbours([form(text) for text in texts(shared).values()])
    each.lay(tmp_path, lines)
    done = each.run(tmp_path, "--on-error", "reject", "-q")
    assert done.code == 0
    stripped = [line.rstrip(b" \t\r") for line in lines]
    bad = {n: line for n, line in enumerate(stripped, 1) if line and not is_row(line)}
    rejected = {}
    for line in done.rejects:
        why = json.loads(line)["_reject"]
        if "base64" in why:
            assert why["reason"] and why["detail"]
            rejected[why["line"]] = base64.b64decode(why["base64"])
    assert rejected == bad
    good = Counter(line for line in stripped if line and is_row(line))
    if each in FILTERS:
        rows = Counter(_row(line, each) for line in [*done.out, *done.rejects])
        del rows[b"{}"]
        del good[b"{}"]  # an empty row cannot be told from the record of a bad line here
        assert rows == good + Counter(each.reference)
    assert done.summary["rows_in"] >= sum(good.values()) + len(bad)


def _row(line: bytes, each: Filter) -> bytes:
    """The row of an output line or reject as it stood in the input."""
    if b',"_reject":{' in line or line.startswith(b'{"_reject":{'):
        line = line[: line.rindex(b'"_reject":{')].removesuffix(b",")
        return (
            line[: line.rindex(b'"_synthgate":{')].removesuffix(b",") + b"}"
            if b"_synthgate" in line
            else b"{}"
        )
    if not each.stamps:
        return line
    return line[: line.rindex(b'"_synthgate":{')].removesuffix(b",") + b"}"
