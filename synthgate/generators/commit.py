"""Group commit: answers that arrive together reach the disk together, and only then are used.

Syncing a file takes milliseconds however much was written. While one group is on its way to the
disk, the next one gathers (DeWitt et al., 1984).
"""

from __future__ import annotations

import asyncio

from synthgate.errors import SynthgateError
from synthgate.generators.journal import Journal
from synthgate.generators.record import Record

_GATHER = 0.004  # seconds; each group costs a hand-over to another thread


class Commits:
    """Puts records on disk from an event loop, a group at a time."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._gathered: list[tuple[Record, asyncio.Future[None]]] = []
        self.writing: asyncio.Task[None] | None = None

    async def add(self, new: Record) -> None:
        """Return when the record is on disk; raises `OutputError` where it cannot be written."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gathered.append((new, done))
        if self.writing is None:
            self.writing = asyncio.get_running_loop().create_task(self._write())
        await asyncio.shield(done)

    async def finish(self) -> None:
        """Return when all that was gathered is on disk, or cannot be."""
        while self.writing is not None:
            await asyncio.shield(self.writing)

    async def _write(self) -> None:
        while self._gathered:
            await asyncio.sleep(_GATHER)
            group, self._gathered = self._gathered, []
            error = await asyncio.to_thread(self._add, [new for new, _ in group])
            for _, done in group:
                if error:
                    done.set_exception(error)
                    done.exception()  # whoever waited for it may have been cancelled
                else:
                    done.set_result(None)
        self.writing = None

    def _add(self, records: list[Record]) -> SynthgateError | None:
        try:
            self._journal.add_all(records)
        except SynthgateError as error:
            return error
        return None
