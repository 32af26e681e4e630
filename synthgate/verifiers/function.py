"""A plain Python function as a check, for the Python API."""

from __future__ import annotations

from collections.abc import Callable

from synthgate.formats import Shape
from synthgate.rows import Row, Value
from synthgate.verifiers import PASS, Verdict, Verifier


class FunctionVerifier(Verifier):
    """Calls `function(row)` with the row's own fields: True passes, False fails, None abstains."""

    def __init__(self, function: Callable[[Value], bool | None], name: str) -> None:
        self.function = function
        self.name = name

    def check(self, row: Row, _shape: Shape) -> Verdict:
        """Return the function's verdict; anything but True, False and None is an error."""
        said = self.function(dict(row.value))
        if said is True:
            return PASS
        if said is False:
            return Verdict("fail", "said_false")
        if said is None:
            return Verdict("abstain", "said_none")
        return Verdict("error", "no_verdict", {"returned": type(said).__name__})
