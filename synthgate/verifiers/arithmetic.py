"""The check `arithmetic`: every calculation that the response writes down is right.

A weak check, and meant as one: it says that the steps are calculated correctly, not that they
are the right steps. Results may be rounded to the digits that are written (`10/3 = 3.33`).
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain

from synthgate.errors import UsageError
from synthgate.formats import Shape
from synthgate.rows import Row
from synthgate.verifiers import Bench, Verdict, Verifier
from synthgate.verifiers.equations import Equation, annotated, written
from synthgate.verifiers.expression import Number, Unreadable, evaluate, number

FLOAT_DIGITS = 15
FLOAT_ERROR = Fraction(1, 10**13)
MAX_EQUATIONS = 2000  # more is no answer but an attack on the time that a check takes
TOO_MANY = Verdict("abstain", "too_many_equations")
NO_EQUATION = Verdict("abstain", "no_equation")


def build(argument: str, bench: Bench) -> Arithmetic:  # noqa: ARG001 -- every check is built alike
    """Return the check; it has no argument."""
    if argument:
        raise UsageError(f"--check arithmetic:{argument}: arithmetic takes no argument")
    return Arithmetic()


class Arithmetic(Verifier):
    """Recalculates what the response calculates."""

    name = "arithmetic"
    kind = "arithmetic"

    def check(self, row: Row, shape: Shape) -> Verdict:
        """Return pass or fail; abstain where nothing is calculated, or too much."""
        checked = 0
        for at, equation in enumerate(_equations(shape.response(row.value) or "")):
            if at == MAX_EQUATIONS:
                return TOO_MANY
            right = holds(equation)
            if right is False:
                wrong = f"{equation.left.strip()} = {equation.right.strip()}"
                return Verdict("fail", "wrong_equation", {"equation": wrong})
            checked += right is True
        return Verdict("pass", "", {"equations": checked}) if checked else NO_EQUATION


def _equations(text: str) -> Iterator[Equation]:
    return chain(annotated(text), written(text))


def holds(equation: Equation) -> bool | None:
    """Tell whether an equation is right; None where it calculates nothing or cannot be read."""
    left, right = number(equation.left), number(equation.right)
    if left is not None and (right is not None or not equation.alone):
        return None
    try:
        if right is not None:
            return _is_written_as(evaluate(equation.left), right)
        if left is not None:
            return _is_written_as(evaluate(equation.right), left)
        return evaluate(equation.left) == evaluate(equation.right)
    except ZeroDivisionError:
        return False
    except Unreadable:
        return None


def _is_written_as(value: Fraction, result: Number) -> bool:
    """Tell whether a value rounds to a written result; `20%` may stand for 20 or for 0.2."""
    return any(_rounds(each, result) for each in _meant(value, result))


def _meant(value: Fraction, result: Number) -> tuple[Fraction, ...]:
    return (value, value * 100) if result.percent else (value,)


def _rounds(value: Fraction, result: Number) -> bool:
    """Tell whether a value, rounded to the digits written, is the result.

    A result of zero must be exact. A result as long as a calculator prints a 64-bit float
    (`1.87 * 9 = 16.830000000000002`) is right to the precision of one.
    """
    error = abs(value - result.value)
    if result.value == 0:
        return error == 0
    if result.places and result.digits >= FLOAT_DIGITS and error <= abs(value) * FLOAT_ERROR:
        return True
    return error <= Fraction(1, 2 * 10**result.places)
