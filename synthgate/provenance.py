"""The `_synthgate` key: read it off a line, stamp a row that has none, splice it back on.

An incoming `_synthgate` is a claim, not evidence: its id is computed again from the bytes, and
a row whose bytes changed loses what was verified of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from synthgate.errors import BadLine
from synthgate.members import TOKEN, cut, members
from synthgate.rows import OURS, REJECT, Provenance, Row, Value, content_id, parse
from synthgate.version import __version__

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Provenance).decode
_FIELDS: dict[str, type] = {
    "id": str, "source": str, "synthetic": bool, "generator": str, "prompt": str, "parents": str,
    "generation": int, "run": str, "cluster": str, "verified_by": str, "confidence": float,
    "needs": str, "override": str,
}  # fmt: skip
_ID = re.compile(r"[0-9a-f]{64}")
_KEY = b',"' + OURS.encode() + b'":'
_SPLICED = _KEY + b'{"id":"'
_CLAIM = len(_KEY)
_REJECTED = b',"' + REJECT.encode() + b'":{'
_SPACE_OR_OPEN = b" \t\r\n{"


@dataclass(frozen=True)
class Stamp:
    """What the user declares about rows that carry no provenance."""

    source: str = ""
    source_field: str = ""
    generator: str = ""
    generation: int = -1
    real: bool = False
    run: str = ""
    _common: dict[str, Provenance] = field(default_factory=dict, compare=False, repr=False)

    def provenance(self, payload: bytes, value: Value, file: str) -> Provenance:
        """Return the provenance of an undeclared row: synthetic unless declared real."""
        common = self._common.get(file) or self._of_file(file)
        if self.source_field:
            named = value.get(self.source_field)
            if isinstance(named, str) and named:
                return msgspec.structs.replace(common, id=content_id(payload), source=named)
        return msgspec.structs.replace(common, id=content_id(payload))

    def writer(self, file: str) -> Callable[[bytes], bytes]:
        """Return what stamps the lines of undeclared rows of a file, as `emit(read(...))` does.

        Twice as fast where all rows of the file have one source: then only the id differs.
        """
        if self.source_field:
            return lambda raw: emit(read(raw, file, 0, self.provenance))
        head, _, tail = _encode(self._of_file(file)).partition(b'"id":""')
        head, tail = b'%b%b"id":"' % (_KEY, head), b'"%b}' % tail

        def written(raw: bytes) -> bytes:
            if raw[-2] in _SPACE_OR_OPEN:
                return splice(raw, self.provenance(raw, {}, file))
            return b"".join((raw[:-1], head, content_id(raw).encode(), tail))

        return written

    def _of_file(self, file: str) -> Provenance:
        """Return what the provenance of all rows of a file has in common, made once."""
        made: dict[str, Any] = {"generator": self.generator, "generation": self.generation}
        declared = {"synthetic": False, "generation": 0} if self.real else made
        source = self.source or _file_name(file)
        self._common[file] = Provenance("", source, run=self.run, **declared)
        return self._common[file]


def _file_name(file: str) -> str:
    return "stdin" if file == "-" else file.rsplit("/", 1)[-1]


Stamper = Callable[[bytes, Value, str], Provenance]


def read(raw: bytes, file: str, line: int, stamp: Stamper) -> Row:
    """Return the row on a line, stamped where it carries no provenance, or raise `BadLine`."""
    if raw.endswith(b"}}"):
        row = _as_spliced(raw, file, line) or _as_rejected(raw, file, line)
        if row is not None:
            return row
    value = parse(raw)
    if OURS not in value and REJECT not in value:
        return Row(file, line, raw, value, stamp(raw, value, file), False, raw)
    ours = {key for key in (OURS, REJECT) if key in value}
    claimed, reject = value.pop(OURS, None), value.pop(REJECT, None)
    _refuse_foreign(ours, claimed, reject, value)
    payload = cut(raw, ours)
    if OURS not in ours:
        return Row(file, line, payload, value, stamp(payload, value, file), False, raw)
    provenance, row_id = Provenance(**claimed), content_id(payload)
    if row_id == provenance.id:
        return Row(file, line, payload, value, provenance, False, raw)
    if not _ID.fullmatch(provenance.id):
        raise BadLine("foreign_synthgate", f"{OURS}.id is not an id of synthgate's")
    return Row(file, line, payload, value, _void(provenance, row_id), True, raw)


FRESH, WRITTEN, OTHER = range(3)  # how a line is written again: stamped, as it is, with care


def look(raw: bytes) -> tuple[Value, int, bool]:
    """Return (the value without our keys, how the line is written again, whether it was edited).

    As `read` does, but nothing is stamped or hashed that a first look does not need.
    """
    if raw.endswith(b"}}") and (row := _as_spliced(raw, "", 0)) is not None:
        return row.value, WRITTEN, False
    value = parse(raw)
    if OURS not in value and REJECT not in value:
        return value, FRESH, False
    row = read(raw, "", 0, _unstamped)
    return row.value, OTHER, row.edited


def _unstamped(payload: bytes, _value: Value, _file: str) -> Provenance:
    return Provenance(content_id(payload))


def _as_spliced(raw: bytes, file: str, line: int) -> Row | None:
    """Return the row of a line that ends just as `splice` wrote it, None for any other line.

    Three times as fast as the general way. It is sound because what follows the payload is, byte
    for byte, our own encoding of what was decoded: no key can stand there twice.
    """
    at = raw.rfind(_SPLICED)
    if at < 1:
        return None
    claim, payload = raw[at + _CLAIM : -1], raw[:at] + b"}"
    try:
        provenance = _decode(claim)
        value = parse(payload)
    except (msgspec.DecodeError, BadLine):
        return None
    if _encode(provenance) != claim or content_id(payload) != provenance.id:
        return None
    if not value or OURS in value or REJECT in value or not _in_range(provenance):
        return None
    return Row(file, line, payload, value, provenance, False, raw)


def _as_rejected(raw: bytes, file: str, line: int) -> Row | None:
    """Return the row of a line that ends just as a stage writes a reject, None for any other line.

    Many times as fast as the general way, and sound for the same reason: what stands before the
    last key is a line that was spliced, which has no such key, and what stands there is an object.
    """
    at = raw.rfind(_REJECTED)
    row = _as_spliced(raw[:at] + b"}", file, line) if at > 0 else None
    if row is None:
        return None
    try:
        record = parse(raw[at + len(_REJECTED) - 1 : -1])
    except BadLine:
        return None
    return msgspec.structs.replace(row, raw=raw) if record.keys() >= {"reason", "line"} else None


def _in_range(provenance: Provenance) -> bool:
    return -1 <= provenance.generation < 2**31 and 0.0 <= provenance.confidence <= 1.0


def _refuse_foreign(ours: set[str], claimed: Any, reject: Any, value: Value) -> None:
    """Refuse `_synthgate` and `_reject` keys that synthgate cannot have written."""
    if REJECT in ours and not (type(reject) is dict and "reason" in reject and "line" in reject):
        raise BadLine("reserved_key", f"the key {REJECT} is reserved for synthgate's rejects")
    if ours == {REJECT} and not value:
        raise BadLine("reject_record", "the record of a line that was no row is not a row")
    if OURS not in ours:
        return
    if type(claimed) is not dict or claimed.keys() != _FIELDS.keys():
        raise BadLine("foreign_synthgate", f"{OURS} is not synthgate's: it has other keys")
    if type(claimed["confidence"]) is int:  # other tools write 0.0 as 0
        claimed["confidence"] = float(claimed["confidence"])
    for name, kind in _FIELDS.items():
        if type(claimed[name]) is not kind:
            raise BadLine("foreign_synthgate", f"{OURS}.{name} must be of type {kind.__name__}")
    if not -1 <= claimed["generation"] < 2**31 or not 0.0 <= claimed["confidence"] <= 1.0:
        raise BadLine("foreign_synthgate", f"{OURS} has a generation or confidence out of range")


def taken_apart(raw: bytes) -> tuple[bytes, Value, Any]:
    """Return (payload, value, what stood at `_synthgate`) of a line, whatever stood there.

    For lines whose `_synthgate` is cut down, such as those of an audit's sample. Raises `BadLine`.
    """
    value = parse(raw)
    ours = {key for key in (OURS, REJECT) if key in value}
    claimed = value.pop(OURS, None)
    value.pop(REJECT, None)
    return (cut(raw, ours) if ours else raw), value, claimed


def edited(provenance: Provenance, row_id: str) -> Provenance:
    """Return the provenance of a row that was edited into one with another id."""
    return _void(provenance, row_id)


def replace(payload: bytes, new: dict[str, bytes]) -> bytes:
    """Return a JSON object's bytes with other values at some of its keys; no other byte changes."""
    head = payload[: payload.index(b"{") + 1]
    parts = []
    for name, member in members(payload, len(head)):
        if name not in new:
            parts.append(member)
            continue
        key = TOKEN.search(member)
        at = member.index(b":", key.end() if key else 0) + 1
        value = member[at:]
        before, after = len(value) - len(value.lstrip()), len(value) - len(value.rstrip())
        parts.append(member[: at + before] + new[name] + value[len(value) - after :])
    return head + b",".join(parts) + b"}"


def _void(provenance: Provenance, row_id: str) -> Provenance:
    """Return the provenance of an edited row: a child of the old one, verified by nothing."""
    return msgspec.structs.replace(
        provenance,
        id=row_id,
        parents=f"{provenance.parents} {provenance.id}".strip(),
        cluster="",
        verified_by="",
        confidence=0.0,
    )


def splice(payload: bytes, provenance: Provenance) -> bytes:
    """Return the payload with `_synthgate` as its last key; no other byte changes."""
    if payload[-2] in _SPACE_OR_OPEN:  # what may be an empty object, and takes no comma then
        return attach(payload, OURS, _encode(provenance))
    return b"".join((payload[:-1], _KEY, _encode(provenance), b"}"))


def attach(payload: bytes, key: str, encoded: bytes) -> bytes:
    """Return a JSON object's bytes with one more last key."""
    body = payload[:-1]
    comma = b"" if body.strip() == b"{" else b","
    return b'%b%b"%b":%b}' % (body, comma, key.encode(), encoded)


def extend(payload: bytes, key: str, encoded: bytes) -> bytes:
    """Return a JSON object's bytes with one more item in its non-empty array at `key`."""
    head = payload[: payload.index(b"{") + 1]
    parts = []
    for name, member in members(payload, len(head)):
        end = member.rindex(b"]") if name == key else len(member)
        parts.append(member[:end] + (b"," + encoded if name == key else b"") + member[end:])
    return head + b",".join(parts) + b"}"


def emit(row: Row) -> bytes:
    """Return the line that a row is written as, without line end."""
    return splice(row.payload, row.provenance)


def child(parents: Iterable[Provenance], generator_generation: int = 0) -> int:
    """Return the generation of a row made from these: 1 + the largest, or -1 if one is unknown."""
    generations = [generator_generation, *(parent.generation for parent in parents)]
    return -1 if min(generations) < 0 else 1 + max(generations)


def stands_in(said: Provenance) -> bool:
    """Tell whether a row was made to stand in for a real one that must not be shown."""
    return said.source.partition(":")[0] == "stand-in"


def run_hash(settings_digest: str) -> str:
    """Return the `run` field: a short hash of tool version and settings."""
    return content_id(f"{__version__}\n{settings_digest}".encode())[:16]
