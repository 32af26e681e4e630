"""The other side of a candidate: tests and expected values, in a process of their own.

The functions that a candidate is to provide are stubs here that call across. What the tests say
counts only while every answer was a value: a candidate that died, broke off or sent anything else
has failed, whatever the tests made of it. Tests are run once more with stand-ins that compute
nothing; tests that one of those passes are vacuous.
"""

from __future__ import annotations

import builtins
import copy
import importlib
import socket
import sys
import types
from collections.abc import Iterator
from typing import Any

from synthgate.sandbox.inside.same import same
from synthgate.sandbox.inside.stand_ins import (
    STAND_INS,
    CandidateError,
    Function,
    constant,
    stand_in,
    with_back,
)
from synthgate.sandbox.inside.suite import BACK, Suite, Untestable, program_of
from synthgate.sandbox.inside.values import (
    SIZES,
    BadFrame,
    Unencodable,
    pack,
    receive,
    send,
    unpack,
)

_SHOWN = 300  # characters of an error's text
# These end a loop of the tests instead of failing it: `all(map(...))` would be true.
_ENDING = (StopIteration, StopAsyncIteration)


class Broken(BaseException):
    """The candidate gave no value; not an `Exception`, so that no test swallows it by mistake."""


class Unrunnable(BaseException):
    """Trusted code that does not run here, whatever a candidate does."""


class Failed(Exception):
    """A case whose answer is not the expected one."""


class Link:
    """The way to the candidate. `broken` says why nothing that was answered counts any more."""

    def __init__(self, handle: int) -> None:
        self._socket = socket.socket(fileno=handle)
        self.broken = ""
        self.uncrossable = ""
        self.calls = 0

    def load(self, task: dict[str, Any], suite: Suite) -> None:
        """Give the candidate its program, and nothing else, and wait until it has loaded it."""
        shown = {name: task[name] for name in ("prompt", "text", "seed")}
        try:
            send(self._socket, {**shown, "entries": suite.entries})
        except (Unencodable, OSError):
            self._break("died")
        answer = self._receive()
        if "ready" not in answer:
            why = answer.get("load") or ["missing", *answer.get("missing", [])]
            self._break("not_loaded: " + ": ".join(map(str, why))[:_SHOWN])

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], *, back: bool) -> Any:
        """Return the value that the candidate answers, or raise what it raised."""
        if self.broken or self.uncrossable:
            raise Broken
        self.calls += 1
        try:
            question = {"call": name, "args": pack(list(args)), "kwargs": pack(kwargs)}
            send(self._socket, {**question, "back": back})
        except Unencodable as error:
            # The candidate's own answers are plain, but may be too much when they are handed on.
            if self.calls > 1 and str(error) in SIZES:
                self._break(f"answered what is {error}")
            self.uncrossable = str(error)
            raise Broken from None
        except OSError:
            self._break("died")
        answer = self._receive()
        if "raised" in answer:
            raise _exception(answer["raised"])
        if "value" not in answer:
            self._break("unencodable: " + str(answer.get("unencodable", "no value"))[:_SHOWN])
        try:
            if back:
                _copy_back(args, unpack(answer.get("args")))
            return unpack(answer["value"])
        except BadFrame:
            self._break("bad_frame")

    def _receive(self) -> dict[str, Any]:
        try:
            answer = receive(self._socket)
        except (EOFError, OSError):
            self._break("died")
        except BadFrame:
            self._break("bad_frame")
        if type(answer) is not dict:
            self._break("bad_frame")
        return answer  # type: ignore[no-any-return]

    def _break(self, why: str) -> Any:
        self.broken = self.broken or why
        raise Broken


def _exception(shown: Any) -> Exception:
    """Return what a test may catch: a built-in exception of that name, else one of ours."""
    name, text = shown if type(shown) is list and len(shown) == 2 else ("", "")
    kind = getattr(builtins, name, None) if type(name) is str else None
    if isinstance(kind, type) and issubclass(kind, Exception) and kind not in _ENDING:
        try:
            return kind(str(text)[:_SHOWN])
        except TypeError:
            pass
    return CandidateError(f"{name}: {text}"[:_SHOWN])


def _copy_back(args: tuple[Any, ...], after: Any) -> None:
    """Do to the test's own lists, dicts and sets what the candidate did to its copies."""
    if type(after) is not list or len(after) != len(args):
        raise BadFrame("no_value")
    for mine, theirs in zip(args, after, strict=True):
        if type(mine) is not type(theirs):
            continue
        if type(mine) in (list, bytearray):
            mine[:] = theirs
        elif type(mine) in (dict, set):
            mine.clear()
            mine.update(theirs)


# --- the tests ----------------------------------------------------------------------------


class Tests:
    """The tests of a suite, compiled once and run as often as there are functions to try."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self._setup = compile(suite.setup, "<prompt>", "exec", dont_inherit=True)
        self._body = compile(suite.tree, "<tests>", "exec", dont_inherit=True)

    def run(self, functions: dict[str, Function]) -> None:
        """Run all tests with these functions under the candidate's names; raises what fails."""
        module = types.ModuleType("tests")
        sys.modules["tests"] = module
        names = vars(module)
        # Helpers come from the trusted prompt; what a candidate has of the same name stays there.
        names.update({name: importlib.import_module(name) for name in self.suite.imports()})
        try:
            exec(self._setup, names)
        except Exception as error:
            raise Unrunnable(f"the prompt's code: {type(error).__name__}: {error}") from None
        names.update(functions)
        names[BACK] = lambda function: getattr(function, "back", function)
        first = functions[self.suite.entries[0]]
        for number, case in enumerate(self.suite.cases, 1):
            _try_case(number, case, first)
        exec(self._body, names)
        if self.suite.check:
            names[self.suite.check](first)
        if self.suite.unittest:
            _run_unittest(module)


def _try_case(number: int, case: dict[str, Any], function: Function) -> None:
    given = copy.deepcopy(case["args"])
    answer = function(**given) if type(given) is dict else function(*given)
    if not same(answer, case["expected"]):
        raise Failed(f"case {number}")


def _run_unittest(module: types.ModuleType) -> None:
    import unittest

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromModule(module).run(result)
    for test, trace in [*result.errors, *result.failures]:
        raise Failed(f"{test.id()}: {trace.strip().splitlines()[-1]}"[:_SHOWN])


def _passed_by(tests: Tests) -> Iterator[str]:
    """Yield the stand-ins that pass the tests."""
    stand_ins = dict(STAND_INS)
    if len(tests.suite.cases) > 1:
        stand_ins["returns the first expected value"] = constant(tests.suite.cases[0]["expected"])
    for name, function in stand_ins.items():
        copied = stand_in(function)
        try:
            tests.run(dict.fromkeys(tests.suite.entries, copied))
        except BaseException:  # whatever tests may raise, they did not pass
            continue
        yield name


# --- the verdict --------------------------------------------------------------------------


def judge(harness: int, candidate: int) -> None:
    """Read a task, run its tests against the candidate and send the verdict, one frame each.

    A pass is followed by a second frame that names the stand-in that passes too, "" if none does.
    """
    link, home = Link(candidate), socket.socket(fileno=harness)
    task = receive(home)
    try:
        suite = Suite(task)
        tests = Tests(suite)
        shared = task["shared"] and bool(suite.uncrossable)
        if suite.uncrossable and not shared:
            raise Untestable(suite.uncrossable)
    except (Untestable, SyntaxError, ValueError) as error:
        send(home, {"outcome": "abstain", "reason": str(error)[:_SHOWN], "calls": 0})
        return
    verdict = _shared(tests, task) if shared else _split(tests, link, task)
    send(home, verdict)
    if verdict["outcome"] == "pass" and task["stand_ins"]:
        send(home, {"vacuous": next(_passed_by(tests), "")})


def _split(tests: Tests, link: Link, task: dict[str, Any]) -> dict[str, Any]:
    """Judge a candidate that answers from another process."""

    def stub(name: str) -> Function:
        def call(*args: Any, **kwargs: Any) -> Any:
            return link.call(name, args, kwargs, back=False)

        def back(*args: Any, **kwargs: Any) -> Any:
            return link.call(name, args, kwargs, back=True)

        call.__name__ = name
        return with_back(call, back)

    why = ""
    try:
        link.load(task, tests.suite)
        tests.run({name: stub(name) for name in tests.suite.entries})
    except BaseException as error:
        why = _reason(error)
        if isinstance(error, Unrunnable | ImportError) and not link.calls and not link.broken:
            return {"outcome": "abstain", "reason": why, "calls": 0}
    if link.uncrossable:
        why = f"the tests pass a {link.uncrossable}"
        return {"outcome": "abstain", "reason": why, "calls": link.calls}
    why = link.broken or why
    return {"outcome": "fail" if why else "pass", "reason": why, "calls": link.calls}


def _shared(tests: Tests, task: dict[str, Any]) -> dict[str, Any]:
    """Judge a candidate beside its tests, where it could forge what they say."""
    module = types.ModuleType("candidate")
    sys.modules["candidate"] = module
    why = ""
    try:
        for code in program_of(task["prompt"], task["text"], tests.suite.entries):
            exec(compile(code, "<candidate>", "exec", dont_inherit=True), vars(module))
        tests.run({name: vars(module)[name] for name in tests.suite.entries})
    except BaseException as error:
        why = _reason(error)
    outcome = "fail" if why else "pass"
    return {"outcome": outcome, "reason": why, "calls": 0, "shared": True}


def _reason(error: BaseException) -> str:
    """Return what failed: the line of the tests, or the error that came up in them."""
    if isinstance(error, Failed | Unrunnable):
        return str(error)[:_SHOWN]
    line, step = 0, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == "<tests>":
            line = step.tb_lineno
        step = step.tb_next
    name = "assertion" if isinstance(error, AssertionError) else type(error).__name__
    text = "" if isinstance(error, AssertionError) else f": {error}"[:_SHOWN]
    return f"{name} in line {line} of the tests{text}"
