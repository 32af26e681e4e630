"""The tests of a task, read before anything runs: what they call, and whether it can cross.

Everything here is decided from the trusted side, prompt and tests, and never from what a candidate
says or does.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Iterator
from typing import Any

Tree = ast.Module
_FENCED = re.compile(
    r"(?m)^[ \t]*(```+|~~~+)[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.DOTALL
)
_PYTHON = ("", "python", "py", "python3")
BACK = "__changes_arguments__"
_EVALUATING = ("eval", "exec", "compile", "__import__")
_PLAIN = {name for kind in (str, list, dict, set, tuple, int, float, bytes) for name in dir(kind)}
_DEFINING = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Import,
    ast.ImportFrom,
    ast.Assign,
)


class Untestable(Exception):
    """Why these tests cannot judge a candidate from outside."""


def parse(text: str) -> Tree | None:
    """Return the syntax tree of a text, None where it is no Python."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def blocks(text: str) -> list[str]:
    """Return the Python blocks in a text's Markdown fences; the last may be cut off."""
    return [found[3] for found in _FENCED.finditer(text) if found[2].lower() in _PYTHON]


def setup_of(prompt: str) -> str:
    """Return the code that a prompt holds: helpers, imports, the head of the function; else ""."""
    for text in (prompt, *blocks(prompt)):
        for whole in (text, f"{text.rstrip()}\n    pass\n"):
            tree = parse(whole)
            if tree and any(isinstance(each, _DEFINING) for each in tree.body):
                return whole
    return ""


def program_of(prompt: str, text: str, entries: list[str]) -> list[str]:
    """Return the pieces of a candidate program, to be run one after the other.

    A text in Markdown fences is its first block that defines what is called. A text that defines
    it by itself runs behind the prompt's own code; any other is a completion of the prompt.
    """
    found = blocks(text) or [text]
    complete = (code for code in found if _defines(code, entries))
    code = next(complete, found[0] if entries else max(found, key=len))
    if not entries:
        return [code]
    if _defines(code, entries):
        return [setup_of(prompt), code]
    return [(blocks(prompt) or [prompt])[0] + code]


def _defines(code: str, names: list[str]) -> bool:
    tree = parse(code)
    return tree is not None and any(name in _defined(tree) for name in names)


def _defined(tree: Tree) -> set[str]:
    """Return the names that a module binds at its top level."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(each.asname or each.name).partition(".")[0] for each in node.names}
        else:
            found |= _stored(node)
    return found


def _stored(tree: ast.AST) -> set[str]:
    """Return the names that are assigned to anywhere in a tree."""
    names = (n for n in ast.walk(tree) if isinstance(n, ast.Name))
    return {n.id for n in names if isinstance(n.ctx, ast.Store)}


class Suite:
    """What a task's tests need: `setup` and `tree` to run, `check` to call, `entries` to provide.

    `uncrossable` says why the tests cannot call across, "" where they can. A call whose value is
    not used can only be meant to change its arguments: it goes through `BACK`.
    Raises `Untestable`.
    """

    def __init__(self, task: dict[str, Any]) -> None:
        self.cases: list[dict[str, Any]] = task["cases"]
        self.setup = setup_of(task["prompt"])
        tree, prompt = parse(task["test"] or "\n".join(task["tests"])), parse(self.setup)
        if tree is None or prompt is None:
            raise Untestable("tests are no Python")
        self.tree, self._prompt = tree, prompt
        self._known = _defined(tree) | _defined(prompt)
        self.check = self._check()
        self.entries = [task["entry"]] if task["entry"] else self._called()
        if not self.entries:
            raise Untestable("no function to test")
        self.unittest = any(_is_test_case(node) for node in tree.body)
        self._names = {*self.entries, *([self._parameter()] if self.check else [])}
        self.uncrossable = next(self._refusals(), "")
        for node in ast.walk(tree):
            call = _valueless(node)
            if call is not None and _called_name(call) in self._names:
                _send_back(call)

    def imports(self) -> list[str]:
        """Return the standard modules that the tests use without importing them."""
        used = (n.value for n in ast.walk(self.tree) if isinstance(n, ast.Attribute))
        names = {node.id for node in used if isinstance(node, ast.Name)}
        return sorted((names - self._known) & sys.stdlib_module_names)

    def _check(self) -> str:
        """Return the name of the function that is given the candidate, as HumanEval has it."""
        body = self.tree.body
        called = any(isinstance(n, ast.Expr) and _called_name(n.value) == "check" for n in body)
        found = any(isinstance(n, ast.FunctionDef) and n.name == "check" for n in body)
        return "check" if found and not called else ""

    def _parameter(self) -> str:
        body = self.tree.body
        check = next(n for n in body if isinstance(n, ast.FunctionDef) and n.name == "check")
        arguments = [*check.args.posonlyargs, *check.args.args]
        if len(arguments) != 1:
            raise Untestable("check takes more than the candidate")
        return arguments[0].arg

    def _called(self) -> list[str]:
        """Return the functions that the tests call and nobody defines, in their order.

        Where there are none, it is the function that the prompt begins and the tests name.
        """
        nodes = list(ast.walk(self.tree))
        bound = _stored(self.tree) | set(dir(builtins)) | self._known
        bound |= {n.arg for n in nodes if isinstance(n, ast.arg)}
        calls = dict.fromkeys(_called_name(n) for n in nodes)
        if used := [name for name in calls if name and name not in bound]:
            return used
        heads = [n.name for n in self._prompt.body if isinstance(n, ast.FunctionDef)]
        named = {n.id for n in nodes if isinstance(n, ast.Name)}
        return [name for name in heads if name in named][-1:]

    def _refusals(self) -> Iterator[str]:
        """Yield why the tests cannot call across."""
        functions = {n.name for n in self._prompt.body if isinstance(n, ast.FunctionDef)}
        for name in self.entries:
            if name not in functions and (name in self._known or name[:1].isupper()):
                yield f"{name} is a class"
        for node in ast.walk(self.tree):
            if (called := _called_name(node)) in _EVALUATING:
                yield f"the tests call {called}"
            if isinstance(node, ast.Attribute):
                yield from self._attribute(node)

    def _attribute(self, node: ast.Attribute) -> Iterator[str]:
        """Yield why an attribute of the candidate, or of its answer, does not cross."""
        held = node.value
        if isinstance(held, ast.Name) and held.id in self._names:
            yield f"the tests look at {held.id}.{node.attr}"
        if _called_name(held) in self._names and node.attr not in _PLAIN:
            yield f"the tests look at .{node.attr} of an answer"


def _valueless(node: ast.AST) -> Any:
    """Return what is evaluated here without any use of its value, or to see that it is None."""
    if isinstance(node, ast.Expr):
        return node.value
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is):
        other = node.comparators[0]
        if isinstance(other, ast.Constant) and other.value is None:
            return node.left
    return None


def _send_back(call: Any) -> None:
    """Make a call of a function one of what `BACK` returns for it."""
    back = ast.Name(id=BACK, ctx=ast.Load())
    call.func = ast.Call(func=back, args=[call.func], keywords=[])
    ast.fix_missing_locations(call)


def _called_name(node: ast.AST) -> str:
    """Return the plain name that an expression calls, "" where it calls none."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id
    return ""


def _is_test_case(node: ast.AST) -> bool:
    bases = node.bases if isinstance(node, ast.ClassDef) else []
    return any(ast.unparse(base).rpartition(".")[2] == "TestCase" for base in bases)
