"""Inputs as pages, read twice: what pass 1 finds of each page is reported back, in order.

Memory: 4 bytes a row of plain files, and 4 more where lines were blank or bad or are an array's.
"""

from __future__ import annotations

import bisect
import contextlib
import tempfile
import weakref
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import IO

from synthgate.errors import InputError, OutputError
from synthgate.jsonl.leaves import Found, Leaf, gathered
from synthgate.jsonl.lines import numbered
from synthgate.jsonl.pages import FilePage, Line, LinesPage, Page, PickedPage, looked
from synthgate.jsonl.raw import CHUNK, FileDigest, shown, why
from synthgate.jsonl.reading import Source, guarded, is_regular, open_raw
from synthgate.manifest import Stream
from synthgate.rows import Provenance, Row

_PAGE = 1 << 20  # bytes of a page


class FilePages:
    """The rows of a source as pages; the source keeps its counts."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._leaves: list[Leaf] = []
        self._begins = array("Q")  # the first row of each leaf
        self._rows = 0
        self._counts = [0] * len(source.paths)
        self._after = 0  # lines of the file that were reported so far
        self._digests: _Digests = {}
        self._read: set[int] = set()  # inputs that were opened before
        self._unreported: deque[tuple[Page, int]] = deque()
        self._opening = self._pass(self._digests)
        self._peeked: list[tuple[Page, int]] = []
        self._spools: dict[str, IO[bytes]] = {}
        for path in source.paths:
            if _plain(path) and not is_regular(path):
                self._spools[path] = _spooled(path)
                weakref.finalize(self, self._spools[path].close)

    @property
    def handles(self) -> tuple[int, ...]:
        """The descriptors of the copies of what could be read only once."""
        return tuple(spool.fileno() for spool in self._spools.values())

    @property
    def seekable(self) -> bool:
        """Whether all rows lie in plain files."""
        return not self._source.limit and all(map(_plain, self._source.paths))

    def head(self, most: int, *, strict: bool) -> list[Row]:
        """Return the first rows, before the first pass; where `strict`, a bad line raises."""
        rows: list[Row] = []
        before = last = 0
        while len(rows) < most and (following := next(self._opening, None)):
            self._peeked.append(following)
            page, file = following
            name, found = shown(self._source.paths[file]), looked(page)
            before = _before(page, before if file == last else 0)
            wanted = most - len(rows)
            reach = found.numbers[wanted - 1] if wanted <= len(found.numbers) else found.lines
            if strict and found.bad and found.bad[0].number <= reach:
                raise found.bad[0].error().at(name, before + found.bad[0].number)
            for number, value, raw in zip(found.numbers, found.values, found.raws, strict=True):
                rows.append(Row(name, before + number, raw, value, Provenance("")))
            before, last = before + found.lines, file
        return rows[:most]

    def first(self) -> Iterator[Page]:
        """Yield the pages for the first pass, those that `head` has looked at among them."""
        for following in self._peeked:
            self._unreported.append(following)
            yield following[0]
        self._peeked.clear()
        for following in self._opening:
            self._unreported.append(following)
            yield following[0]

    def took(self, found: Found) -> None:
        """Count the rows of the next page; its bad lines go to the source's `on_bad`."""
        page, file = self._unreported.popleft()
        source, name = self._source, shown(self._source.paths[file])
        leaf = self._leaves[-1] if self._leaves and self._leaves[-1].file == file else None
        before = _before(page, self._after if leaf else 0)
        for bad in found.bad:
            source.bad += 1
            source.on_bad(name, before + bad.number, bad.raw, bad.error())
        rows, plain = len(found.numbers), isinstance(page, FilePage)
        every = plain and rows == found.lines
        self._leaves.append(
            Leaf(
                page if plain else LinesPage([], 0),
                file,
                name,
                before,
                rows,
                None if every else found.numbers,
                found.starts if plain else None,
                frozenset(bad.place for bad in found.bad),
                found.check,
            )
        )
        self._begins.append(self._rows)
        self._rows += rows
        self._after = before + found.lines
        self._counts[file] += rows + len(found.bad)
        source.rows += rows
        source.edited += found.edited

    def again(self) -> Iterator[Leaf]:
        """Yield the pages once more; an input that changed in the meantime raises at its end."""
        known = {file: _hex(digest) for file, digest in self._digests.items()}
        for file, digest in known.items():
            name = shown(self._source.paths[file])
            stream = Stream(name, digest, self._counts[file], self._source.role)
            self._source.streams.append(stream)
        digests: _Digests = {}
        fresh = self._pass(digests)
        for leaf in self._leaves:
            page, file = next(fresh, (None, -1))
            if page is None or file != leaf.file:
                raise _changed(leaf.name)
            yield replace(leaf, page=page)
        for _, file in fresh:
            raise _changed(self._source.paths[file])
        for file, found in digests.items():
            if _hex(found) != known[file]:
                raise _changed(self._source.paths[file])

    def place(self, row: int) -> str:
        """Return the file and line of a row, by its number from 0."""
        at = bisect.bisect_right(self._begins, row) - 1
        leaf = self._leaves[at]
        return f"{leaf.name}:{leaf.line(row - self._begins[at])}"

    def pick(self, numbers: Sequence[int]) -> Page:
        """Return a page of some rows, by their numbers from 0, ascending."""
        if not self.seekable:
            return LinesPage(list(self._sifted(numbers)), len(numbers))
        files: dict[tuple[str, int], int] = {}
        spans: list[tuple[int, int, int]] = []
        for number in numbers:
            at = bisect.bisect_right(self._begins, number) - 1
            leaf, row = self._leaves[at], number - self._begins[at]
            page, starts = leaf.page, leaf.starts
            if not isinstance(page, FilePage) or starts is None:
                raise InputError(f"{leaf.name}: cannot be sought in")
            file = files.setdefault((page.path, page.handle), len(files))
            stop = page.start + starts[row + 1] if row + 1 < len(starts) else self._next(at)
            spans.append((file, page.start + starts[row], stop))
        return PickedPage(list(files), spans)

    def _next(self, at: int) -> int:
        """Return where the last line of a page ends at the latest: where the next row begins."""
        end = 0
        for leaf in self._leaves[at:]:
            if leaf.file != self._leaves[at].file or not isinstance(leaf.page, FilePage):
                break
            if leaf.starts and end:
                return leaf.page.start + leaf.starts[0]
            end = leaf.page.stop
        return end

    def _sifted(self, numbers: Sequence[int]) -> Iterator[Line]:
        """Yield the lines of some rows out of all."""
        wanted, row = iter(numbers), -1
        sought = next(wanted, None)
        for leaf, (page, _) in zip(self._leaves, self._pass({}), strict=False):
            for place, (_, _, raw) in enumerate(page.lines()):
                if sought is None:
                    return
                if place in leaf.bad or type(raw) is not bytes:
                    continue
                row += 1
                if row == sought:
                    yield row + 1, 0, raw
                    sought = next(wanted, None)

    # --- the pages of one pass ------------------------------------------------------------

    def _pass(self, digests: _Digests) -> Iterator[tuple[Page, int]]:
        """Yield each page and the number of its input, whose digest is taken on the way."""
        left = self._source.limit
        for file, path in enumerate(self._source.paths):
            if not _plain(path) or self._source.limit:
                for page in self._held(file, path, left, digests):
                    left -= len(page.held)
                    yield page, file
                if self._source.limit and not left:
                    return
            else:
                yield from ((page, file) for page in self._ranges(file, path, digests))

    def _ranges(self, file: int, path: str, digests: _Digests) -> Iterator[FilePage]:
        handle = self._spools[path].fileno() if path in self._spools else -1
        digest = digests[file] = FileDigest(path, handle)
        for start in range(0, digest.size, _PAGE):
            stop = min(start + _PAGE, digest.size)
            yield FilePage(path, start, stop, self._source.max_line, handle)

    def _held(self, file: int, path: str, most: int, digests: _Digests) -> Iterator[LinesPage]:
        """Yield pages with their lines of an input that is read from its start."""
        source = self._source
        with contextlib.ExitStack() as stack:
            hashing, stream = source.opened(stack, path, file not in self._read)
            self._read.add(file)
            lines = guarded(path, numbered(path, stream, source.max_line))
            some = islice(lines, most if source.limit else None)
            yield from gathered(some, shown(path), _PAGE)
            digests[file] = hashing.hexdigest() if hashing.ended else ""


_Digests = dict[int, str | FileDigest]


def _plain(path: str) -> bool:
    return not path.endswith((".gz", ".zst", ".json"))


def _before(page: Page, otherwise: int) -> int:
    """Return how many lines of the file come before a page, where the page knows it itself."""
    return page.before if isinstance(page, LinesPage) else otherwise


def _hex(digest: str | FileDigest) -> str:
    return digest if isinstance(digest, str) else digest.hexdigest()


def _changed(path: str) -> InputError:
    return InputError(f"{path}: changed while it was being read")


def _spooled(path: str) -> IO[bytes]:
    """Return a file without a name that holds what can be read only once."""
    copy: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the pages
    try:
        with open_raw(path) as raw:
            while block := raw.read(CHUNK):
                _kept(copy, block)
    except OSError as error:
        raise InputError(f"{path}: {why(error)}") from None
    return copy


def _kept(copy: IO[bytes], block: bytes) -> None:
    try:
        copy.write(block)
        copy.flush()
    except OSError as error:
        raise OutputError(f"no room for a copy of the input: {why(error)}") from None
