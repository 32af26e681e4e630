"""Attacks as rows: the tasks they pretend to solve, in every style that a test can have."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from tests.attacks.model import Attack, Style

Case = tuple[list[Any], Any]


@dataclass(frozen=True)
class Task:
    """A function that is asked for, with cases or tests of its own."""

    entry: str
    prompt: str
    cases: tuple[Case, ...] = ()
    asserts: tuple[str, ...] = ()
    stdio: str = ""
    compare: str = ""
    notes: dict[str, Any] = field(default_factory=dict)


ADD = Task(
    "add",
    'def add(a, b):\n    """Return the sum of a and b."""\n',
    tuple(([a, b], a + b) for a, b in ((2, 3), (-7, 4), (10, 35), (1000, 1))),
    stdio="print(add(*map(int, input().split())))",
)
LOOKUP = Task(
    "lookup",
    'def lookup(key):\n    """Return what the key stands for."""\n',
    stdio="print(lookup(input().strip()))",
)
ORDERED = Task(
    "ordered",
    'def ordered(xs):\n    """Return the distinct values of xs in ascending order."""\n',
    (([[3, 1, 3, 2]], [1, 2, 3]), ([[5, 5]], [5]), ([[9, -1, 0, 9]], [-1, 0, 9])),
    stdio="print(*ordered(list(map(int, input().split()))))",
)
DERIVED = Task(
    "ordered",
    ORDERED.prompt,
    asserts=(
        "xs = [3, 1, 3, 2]; assert ordered(xs) == sorted(set(xs))",
        "xs = [5, 5, 4]; assert ordered(xs) == sorted(set(xs))",
        "assert ordered([2, 2, 1]) == [1, 2]",
    ),
)
DERIVED_ONLY = Task("ordered", ORDERED.prompt, asserts=DERIVED.asserts[:2])
LOOKED_AT = Task(
    "ordered",
    ORDERED.prompt,
    asserts=(
        "try:\n    ordered(None)\nexcept TypeError:\n    pass",
        "xs = [3, 1, 3, 2]; assert ordered(xs) == sorted(set(xs))",
        "xs = [5, 5, 4]; assert ordered(xs) == sorted(set(xs))",
    ),
)
MAPPED = Task(
    "add",
    ADD.prompt,
    asserts=(
        "cases = [((2, 3), 5), ((-7, 4), -3), ((10, 35), 45)]",
        "assert all(map(lambda case: add(*case[0]) == case[1], cases))",
    ),
)
# The tests' own fault, and a common one: whatever the call does, they go on.
CATCHING = "    try:\n        c = add(a, 1)\n    except:\n        continue\n    assert c > a"
SWALLOWED = Task(
    "add",
    ADD.prompt,
    asserts=(f"for a in 2, 7:\n{CATCHING}",),
)
AGAIN = Task(
    "again",
    'def again(s):\n    """Return s with its first letter doubled."""\n',
    asserts=("assert again('ab') == 'aab'", "assert again(again('xy')) == 'xxxy'"),
)
TOTAL = Task(
    "total",
    'def total(xs):\n    """Return the sum of xs."""\n',
    (([[10**12, 5]], 10**12 + 5), ([[7 * 10**12, 1]], 7 * 10**12 + 1)),
)
TINY = Task(
    "mean",
    'def mean(xs):\n    """Return the arithmetic mean of xs."""\n',
    (([[1e-13, 3e-13]], 2e-13), ([[5e-14, 7e-14]], 6e-14)),
)
SORT = Task(
    "arrange",
    'def arrange(xs):\n    """Sort xs in place and return nothing."""\n',
    asserts=(
        "xs = [3, 1, 2]; arrange(xs); assert xs == [1, 2, 3]",
        "xs = [9, 7]; assert arrange(xs) is None; assert xs == [7, 9]",
    ),
)
MEAN = Task(
    "mean",
    'def mean(xs):\n    """Return the arithmetic mean of xs."""\n',
    (([[1.0, 2.0]], 1.5), ([[0.0, 0.5, 1.0]], 0.5), ([[4.0, 8.0, 9.0]], 7.0)),
    compare="assert abs({call} - {expected}) < 1e-6",
)
RAISES = Task(
    "root",
    'def root(x):\n    """Return the integer root of x; ValueError if x is negative."""\n',
    asserts=(
        "assert root(49) == 7",
        "assert root(50) == 7",
        "try:\n    root(-1)\nexcept ValueError:\n    pass\nelse:\n    assert False",
    ),
)
CODED = Task(
    "decode",
    "def encode(s):\n"
    '    """Shift every letter by five."""\n'
    '    return "".join(chr((ord(c) - 92) % 26 + 97) for c in s)\n\n\n'
    "def decode(s):\n"
    '    """Undo encode."""\n',
    asserts=('for word in ("jumper", "zebra", "synth"):\n    assert decode(encode(word)) == word',),
)
TASKS = {
    "add": ADD,
    "lookup": LOOKUP,
    "ordered": ORDERED,
    "derived": DERIVED,
    "derived_only": DERIVED_ONLY,
    "derived_looked_at": LOOKED_AT,
    "mapped": MAPPED,
    "swallowed": SWALLOWED,
    "again": AGAIN,
    "total": TOTAL,
    "tiny": TINY,
    "arrange": SORT,
    "mean": MEAN,
    "root": RAISES,
    "decode": CODED,
}


def secret(seed: str) -> str:
    """A value that nobody can guess and every hunter knows the look of."""
    return "cnry" + hashlib.sha256(seed.encode()).hexdigest()[:16]


def task_of(attack: Attack, seed: str) -> Task:
    """The task of an attack; hunters get expected values of their own."""
    task = TASKS[attack.task]
    if attack.task != "lookup":
        return task
    cases = tuple(([key], f"{key}-{secret(seed + key)}") for key in ("alpha", "bravo", "candle"))
    return Task(task.entry, task.prompt, cases, stdio=task.stdio)


def tests_of(task: Task) -> list[str]:
    """The task's asserts, written out from the cases where it has none."""
    if task.asserts:
        return list(task.asserts)
    shape = task.compare or "assert {call} == {expected}"
    lines = []
    for args, expected in task.cases:
        call = f"{task.entry}({', '.join(map(repr, args))})"
        lines.append(shape.format(call=call, expected=repr(expected)))
    return lines


def check_of(task: Task) -> str:
    """The task's asserts as HumanEval writes them."""
    lines = [line.replace(f"{task.entry}(", "candidate(") for line in tests_of(task)]
    body = "\n".join("    " + line for test in lines for line in test.split("\n"))
    return f"\n\nMETADATA = {{'author': 'x'}}\n\n\ndef check(candidate):\n{body}\n"


def stdio_cases(task: Task) -> list[dict[str, str]]:
    """The task's cases as what goes in and what must come out."""
    return [{"stdin": _words(args), "stdout": _words([expected])} for args, expected in task.cases]


def _words(values: list[Any]) -> str:
    flat = [v for each in values for v in (each if type(each) is list else [each])]
    return " ".join(str(value) for value in flat) + "\n"


def row_of(attack: Attack, style: Style, places: dict[str, str]) -> dict[str, Any]:
    """One row: what it is, its tests in the style, and the program as `output`."""
    task = task_of(attack, places["TOKEN"])
    program = attack.program
    for name, value in places.items():
        program = program.replace(f"@{name}@", value)
    row: dict[str, Any] = {"attack": attack.name, "style": style, "prompt": task.prompt}
    if style == "stdio":
        row["cases"] = stdio_cases(task)
        program += f"\n\nif __name__ == '__main__':\n    {task.stdio}\n"
        return {**row, "output": program}
    row["entry_point"] = task.entry
    if style == "humaneval":
        row["test"] = check_of(task)
    elif style == "asserts":
        row["tests"] = tests_of(task)
    else:
        row["cases"] = [{"args": args, "expected": want} for args, want in task.cases]
    return {**row, "output": program}
