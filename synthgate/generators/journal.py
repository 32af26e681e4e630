"""The journal: every raw answer that was ever bought, the one mechanism for resume, cache, replay.

One JSON line for each settled request, on disk before the answer is used. A request is known by
`key`: SHA-256 over model, messages, sampling parameters and sample number. Limits such as
`max_tokens` are not part of it, because a complete answer stays complete under another limit.
Texts stay in the file; memory is about 250 bytes for each recorded request.

What is settled is not bought again: a usable answer, one that was paid for and is none (refused,
filtered, empty, against the schema), and one that was cut off, until the limit is raised. Faults
of the server are asked again.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator

import msgspec

from synthgate.config import GeneratePolicy
from synthgate.errors import BadLine
from synthgate.generators import Answer
from synthgate.generators.record import (
    Keys,
    Record,
    Sampling,
    canonical,
    raised_limit,
    record,
    request_key,
    sampling_of,
)
from synthgate.jsonl import Log, open_log
from synthgate.rows import parse

__all__ = [
    "Journal",
    "Keys",
    "Record",
    "Sampling",
    "canonical",
    "open_journal",
    "raised_limit",
    "record",
    "request_key",
    "sampling_of",
]

# A 200 that was paid for: the same call would be paid for again, and likely end the same way.
_PAID = frozenset({
    "refused", "content_filter", "empty", "tool_calls", "reasoning", "not_text", "unfinished",
    "schema_invalid", "key_in_answer",
})  # fmt: skip
_UNFIT = frozenset({"http_400", "http_413", "http_422"})


class Journal:
    """An open journal. Keeps where each answer lies, not the answers."""

    def __init__(self, log: Log | None) -> None:
        self._log = log
        self._usable: dict[bytes, int] = {}
        self._failed: dict[bytes, tuple[int, int]] = {}  # rank and offset
        self._cut: dict[bytes, int] = {}  # the highest limit that an answer did not fit
        self._dialects: dict[str, str] = {}
        self.damaged = 0
        self._adding = threading.Lock()  # several models may be recorded in one file
        for offset, line in log.lines() if log else ():
            found = _read(line)
            if found is None:
                self.damaged += 1
            else:
                self._remember(found, offset)

    def recorded(self, key: str) -> Answer | None:
        """Return what is on record for a request, the last usable answer before any failure."""
        name = bytes.fromhex(key)
        offset = self._usable.get(name)
        if offset is None:
            offset = self._failed.get(name, (0, None))[1]
        if offset is None or self._log is None:
            return None
        found = _read(self._log.at(offset))
        return found.answer() if found else None

    def settled(self, key: str, policy: GeneratePolicy) -> Answer | None:
        """Return an answer that need not be bought again, None if the request must be made.

        An answer that was cut off is not asked for again under the same limit or a lower one: the
        same call would be paid for twice and cut off twice.
        """
        answer = self.recorded(key)
        if answer is None or not answer.reason:
            return answer
        if answer.reason == "truncated":
            return answer if self.cut_at(key) >= raised_limit(policy) else None
        return answer if answer.reason in _PAID and not policy.ask_again else None

    def cut_at(self, key: str) -> int:
        """Return the highest limit that is known to cut the answer off, 0 if none is."""
        return self._cut.get(bytes.fromhex(key), 0)

    def dialect(self, model: str) -> str:
        """Return how a model had to be asked when it last answered, "" for nothing special."""
        return self._dialects.get(model, "")

    def add(self, new: Record) -> None:
        """Put a record on disk; when this returns, no crash can lose it."""
        self.add_all([new])

    def add_all(self, records: Iterable[Record], *, durable: bool = True) -> None:
        """Put records on disk together, by one write and one sync.

        Without `durable` they are with the operating system only, for what can be read again from
        where it came.
        """
        if self._log is None:
            return
        lines = [(new, new.line()) for new in records]
        with self._adding:
            offsets = self._log.append_all([line for _, line in lines], durable=durable)
            for (new, _), offset in zip(lines, offsets, strict=True):
                self._remember(new, offset)

    def sync(self) -> None:
        """Put on disk what was added without being durable."""
        if self._log is not None:
            self._log.sync()

    def _remember(self, found: Record, offset: int) -> None:
        """Keep where a record lies; a fault hides no cut answer and none that was paid for."""
        name, reason = bytes.fromhex(found.key), found.answer().reason
        if not reason:
            self._usable[name] = offset
            self._dialects[found.model] = found.dialect
            return
        rank = 2 if reason == "truncated" else 1 if reason in _PAID else 0
        if rank >= self._failed.get(name, (0, 0))[0]:
            self._failed[name] = rank, offset
        if rank == 2 or (name in self._cut and (rank or reason in _UNFIT)):
            self._cut[name] = max(self._cut.get(name, 0), found.max_tokens)


def _read(line: bytes) -> Record | None:
    """Return the record on a line, None where the line is damaged or its key is not its own."""
    try:
        found = msgspec.convert(parse(line), Record)
    except (BadLine, msgspec.ValidationError):
        return None
    return found if found.key == found.computed_key() else None


def records(path: str) -> Iterator[Record]:
    """Yield what a journal holds, damaged lines left out."""
    with open_log(path, write=False) as log:
        for _, line in log.lines():
            if (found := _read(line)) is not None:
                yield found


@contextlib.contextmanager
def open_journal(path: str, *, write: bool) -> Iterator[Journal]:
    """Open a journal and index it; without `write` it is only read, and others may read it too."""
    with open_log(path, write=write, ours=lambda line: _read(line) is not None) as log:
        yield Journal(log)
