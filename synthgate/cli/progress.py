"""A sign of life on stderr: a live counter on a terminal, a line every 30 s elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Self

from synthgate.rows import Row

_EVERY = 30.0
_STEP = 500


class Progress(ExitStack):
    """Counts rows as they are read."""

    def __init__(self, stage: str) -> None:
        super().__init__()
        self.stage = stage
        self._bar: Any = None
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress as Bar
            from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

            columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
            self._bar = self.enter_context(
                Bar(*columns, console=Console(stderr=True), transient=True)
            )
            self._task = self._bar.add_task(self.stage)
        return self

    def watch(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Pass the rows on and count them."""
        for count, row in enumerate(rows, 1):
            if count % _STEP == 0:
                self._show(count)
            yield row

    def _show(self, count: int) -> None:
        if self._bar is not None:
            self._bar.update(self._task, description=f"{self.stage}: {count} rows")
        elif time.monotonic() - self._last > _EVERY:
            self._last = time.monotonic()
            sys.stderr.write(f"{self.stage}: {count} rows so far\n")

    @property
    def live(self) -> bool:
        """Whether there is a live line."""
        return self._bar is not None

    def tell(self, text: str, *, stays: bool = False) -> None:
        """Show a text on the live line in place of the count of rows, or for good above it."""
        if self._bar is None:
            return
        text = f"{self.stage}: {text}"
        if stays:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            from rich.markup import escape

            self._bar.update(self._task, description=escape(text))

    def stop(self) -> None:
        """Clear the live line before something else is said."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
