"""`exercises`: textbook-style coding exercises with tests, as for phi-1 (arXiv 2306.11644).

Three prompts for each: the exercise (a Python function's head and docstring), its tests, its
solution. Tests and solution are asked for apart, so that a solution does not come with tests made
to fit it; both come from one model all the same, which `verify --check exec` cannot see.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from synthgate.errors import UsageError
from synthgate.formats import Shape
from synthgate.rows import Decision, Row
from synthgate.strategies import Ask, Brief, Outcome, Strategy, blocks, rejected
from synthgate.strategies.axes import Axes, draw, read_axes
from synthgate.strategies.bodies import own
from synthgate.strategies.reading import code

LEVELS = ("a beginner", "someone who knows loops and lists", "an experienced programmer")
_EXERCISE = """\
Write a coding exercise in Python for {{ attributes.level }}, about: {{ topic }}
{% for name, value in attributes.items() %}
{% if name != "level" %}
- {{ name | replace("_", " ") }}: {{ value }}
{% endif %}
{% endfor %}

Give one function head with a docstring that says exactly what it returns, with two examples. Give \
no solution. Write it in one ```python block.
"""
_TESTS = """\
Write {{ count }} tests for this function, one assert statement a line, each with a literal \
expected value. Write the assert statements alone in one ```python block.

```python
{{ exercise }}
```
"""
_SOLUTION = """\
Complete this function. Write all of it in one ```python block and nothing else.

```python
{{ exercise }}
```
"""
_FIELDS = ("prompt", "entry_point", "tests", "output", "topic")
_LONGEST = 20_000  # characters of a program that is parsed


class Exercises(Strategy):
    """Each prompt is a topic; its samples are exercises on several levels."""

    name = "exercises"
    says = ("prompt",)
    templates: ClassVar[dict[str, str]] = {
        "exercises": _EXERCISE,
        "exercises-tests": _TESTS,
        "exercises-solution": _SOLUTION,
    }

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        self._axes = {"level": LEVELS} | read_axes(self.policy.attribute, brief.text)
        if taken := sorted(set(_FIELDS) & set(self._axes)):
            raise UsageError(f"the attribute {taken[0]!r} has the name of another field")

    def axes(self) -> Axes:
        """Return the levels and what else varies the exercises."""
        return self._axes

    def rounds(self, rows: Iterable[Row], shape: Shape) -> Iterator[Iterable[Ask]]:
        """Yield the exercises of some hundred topics at a time."""
        yield from blocks(self._exercises(rows, shape))

    def _exercises(self, rows: Iterable[Row], shape: Shape) -> Iterator[Ask]:
        for row in rows:
            topic = (shape.prompt(row.value) or "").strip()
            for sample in range(self.policy.samples):
                drawn = draw(self._axes, self.brief.seed, row.id, sample)
                asked = self.messages(self.name, topic=topic, attributes=drawn) if topic else ()
                fields = {"topic": topic, **drawn}
                yield Ask(asked, row, sample, step="exercise", state=fields)

    def further(self, ask: Ask) -> int:
        """Return how many calls follow at most: tests after the exercise, then the solution."""
        return {"exercise": 2, "tests": 1}.get(ask.step, 0)

    def read(self, ask: Ask, text: str) -> Iterator[Outcome]:
        """Yield the next of the three prompts, or the row."""
        fields: dict[str, Any] = ask.state
        if ask.step == "exercise":
            if (found := head(code(text))) is None:
                yield rejected(ask, "no_exercise", "no Python function with a docstring")
                return
            fields = {"prompt": found[1], "entry_point": found[0], **fields}
            values = {"exercise": found[1], "count": self.policy.per_call}
            yield self._next(ask, "tests", fields, **values)
        elif ask.step == "tests":
            tests = asserts(code(text), fields["entry_point"])
            if len(tests) < 2:
                yield rejected(ask, "no_tests", f"{len(tests)} usable assert statements")
                return
            fields = {**fields, "tests": tests}
            yield self._next(ask, "solution", fields, exercise=fields["prompt"])
        else:
            yield Decision(self.made(ask, own({**fields, "output": text})))

    def _next(self, ask: Ask, step: str, fields: dict[str, Any], **values: Any) -> Ask:
        messages = self.messages(f"exercises-{step}", **values)
        return Ask(messages, ask.row, ask.sample, step=step, state=fields)


def head(program: str) -> tuple[str, str] | None:
    """Return the name of the first function and its head with docstring, without its body."""
    program = program.replace("\r\n", "\n").replace("\r", "\n")  # lines as Python counts them
    for text in (program, f"{program}\n    pass"):
        for node in _parsed(text):
            if isinstance(node, ast.FunctionDef) and ast.get_docstring(node):
                end = node.body[0].end_lineno or 0
                lines = text.split("\n")[node.lineno - 1 : end]
                return node.name, "\n".join(lines) + "\n"
    return None


def asserts(program: str, name: str) -> list[str]:
    """Return the assert statements of a program that call a function, each once, on one line."""
    found: dict[str, None] = {}
    for node in _parsed(program):
        if isinstance(node, ast.Assert) and name in _calls(node):
            found[ast.unparse(node)] = None
    return list(found)


def _calls(node: ast.AST) -> set[str]:
    calls = (each.func for each in ast.walk(node) if isinstance(each, ast.Call))
    return {func.id for func in calls if isinstance(func, ast.Name)}


def _parsed(program: str) -> list[ast.stmt]:
    """Return the statements of a program, none where it is no Python."""
    if len(program) > _LONGEST:
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the parser comments on what models write
            return ast.parse(program).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
