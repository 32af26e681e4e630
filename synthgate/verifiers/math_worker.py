"""The process that asks math-verify, one question a line on stdin, one or two answers on stdout.

It is run as a script of its own, without synthgate: what it is asked is hostile text, and whatever
that does to it (endless work, all memory, a crash) must end with this process.

    {"gold": LATEX, "answer": LATEX, "tolerance": NUMBER}
    -> "gold"                              the gold was read; what follows is about the answer
    -> "same" | "differs" | "unsure" | "gold_unread" | "unread"

Numbers are compared here, not by math-verify, which takes 1/3 and 0.333333 as equal and what is
close to nothing as nothing. Everything else must be equal to it in both orders.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from typing import Any

DIGITS = 30  # evaluated for a comparison of numbers
CLOSE = 1e-15  # relative difference of two exact numbers after evaluation


def main() -> None:
    """Answer until stdin ends: MEMORY in MiB, SECONDS for a question, FOLDER of math-verify."""
    memory, seconds = int(sys.argv[1]) * 1024 * 1024, float(sys.argv[2])
    sys.path.append(sys.argv[3])
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints is no answer
    questions = _Questions()
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out.write('"ready"\n')
    for line in sys.stdin:
        asked = json.loads(line)
        signal.setitimer(signal.ITIMER_REAL, 2 * seconds)  # nobody may be left to kill it
        for answer in questions.ask(asked["gold"], asked["answer"], asked["tolerance"]):
            out.write(json.dumps(answer) + "\n")
        signal.setitimer(signal.ITIMER_REAL, 0)


class _Questions:
    """math-verify, imported once."""

    def __init__(self) -> None:
        import logging

        import sympy
        from latex2sympy2_extended import latex2sympy
        from math_verify import LatexExtractionConfig, verify
        from math_verify.grader import should_treat_as_complex

        logging.disable()
        self._sympy, self._latex, self._verify = sympy, latex2sympy, verify
        self._complex = should_treat_as_complex
        self._normal = LatexExtractionConfig().normalization_config
        list(self.ask(r"\frac{1}{2}x", "x/2", 0.0))  # its parser is built on first use

    def ask(self, gold: str, answer: str, tolerance: float) -> Iterator[str]:
        """Yield what the protocol says, the gold first."""
        wanted = self._read(gold)
        if wanted is None:
            yield "gold_unread"
            return
        yield "gold"
        found = self._read(answer)
        yield "unread" if found is None else self._compare(wanted, found, tolerance)

    def _read(self, latex: str) -> Any:
        """Return a whole text as an expression, None where math-verify's parser refuses it.

        Its parser only: the one for plain expressions hands text to `eval`.
        """
        try:
            return self._latex(
                latex,
                is_real=not self._complex(latex),
                convert_degrees=False,
                normalization_config=self._normal,
            )
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 -- a parser of a foreign grammar raises what it likes
            return None

    def _compare(self, gold: Any, answer: Any, tolerance: float) -> str:
        numbers = self._number(gold), self._number(answer)
        if None not in numbers:
            return self._numerically(*numbers, tolerance)
        orders = [self._says(gold, answer), self._says(answer, gold)]
        if orders[0] != orders[1]:
            return "unsure"
        if not orders[0]:
            return "differs"
        return "same" if self._is_exact(gold, answer) else "unsure"

    def _says(self, one: Any, other: Any) -> bool:
        return bool(self._verify([one], [other], float_rounding=15, timeout_seconds=None))

    def _number(self, value: Any) -> Any:
        """Return an expression without variables as a number, None for everything else."""
        if not isinstance(value, self._sympy.Expr) or value.free_symbols:
            return None
        value = value.doit()
        return value if value.is_number and value.is_finite is not False else None

    def _numerically(self, gold: Any, answer: Any, tolerance: float) -> str:
        if gold.is_Rational and answer.is_Rational and not tolerance:
            return "same" if gold == answer else "differs"
        sizes = [abs(each.evalf(DIGITS)) for each in (gold - answer, gold)]
        if not all(each.is_number and each.is_finite for each in sizes):
            return "unsure"
        if sizes[0] <= max(tolerance, CLOSE) * sizes[1]:
            return "same"
        return "differs" if sizes[1] or sizes[0] > CLOSE else "unsure"

    def _is_exact(self, gold: Any, answer: Any) -> bool:
        """Tell whether a difference that math-verify calls nothing is nothing."""
        if not all(isinstance(each, self._sympy.Expr) for each in (gold, answer)):
            return True
        try:
            return bool(self._sympy.simplify(gold - answer) == 0)
        except (TypeError, ValueError, AttributeError):
            return False


if __name__ == "__main__":
    main()
