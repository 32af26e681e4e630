"""A generated program at work: it is given code and arguments, and gives back values.

It never sees a test, an expected value or a verdict, and nothing that it sends is one. Whatever it
does to its own interpreter changes what it answers and nothing else.
"""

from __future__ import annotations

import io
import os
import random
import socket
import sys
import types
from contextlib import suppress
from typing import Any, TextIO

from synthgate.sandbox.inside.suite import program_of
from synthgate.sandbox.inside.values import (
    BadFrame,
    Unencodable,
    encode,
    pack,
    receive,
    send,
    unpack,
)

_MESSAGE = 300  # characters of an error's text


def serve(handle: int) -> None:
    """Load the program that the first frame holds, then answer one call after another."""
    link = socket.socket(fileno=handle)
    task = receive(link)
    random.seed(task["seed"])
    module = types.ModuleType("candidate")
    sys.modules["candidate"] = module
    names = vars(module)
    try:
        for code in program_of(task["prompt"], task["text"], task["entries"]):
            exec(compile(code, "<candidate>", "exec", dont_inherit=True), names)
        missing = [name for name in task["entries"] if not callable(names.get(name))]
        send(link, {"missing": missing} if missing else {"ready": True})
    except BaseException as error:
        send(link, {"load": _shown(error)})
        return
    while True:
        try:
            call = receive(link)
        except (EOFError, OSError, BadFrame):
            return
        _answer(link, names, call)


def _answer(link: socket.socket, names: dict[str, Any], call: dict[str, Any]) -> None:
    """Call a function with its own copies of the arguments and send back what came of it."""
    try:
        arguments, keywords = unpack(call["args"]), unpack(call["kwargs"])
        value = names[call["call"]](*arguments, **keywords)
        answer = {"value": pack(value)}
        if call["back"]:
            answer["args"] = pack(arguments)
        frame = encode(answer)
    except Unencodable as error:
        frame = encode({"unencodable": str(error)})
    except BaseException as error:
        frame = encode({"raised": _shown(error)})
    link.sendall(frame)


def _shown(error: BaseException) -> list[str]:
    try:
        text = str(error)
    except BaseException:  # its own `__str__` may do anything
        text = ""
    return [type(error).__name__[:100], text[:_MESSAGE]]


def run_program(handle: int) -> None:
    """Run the program that the first frame holds as a script on stdin and stdout."""
    link = socket.socket(fileno=handle)  # its end tells the harness that the program has ended
    task = receive(link)
    random.seed(task["seed"])
    main = types.ModuleType("__main__")
    main.__builtins__ = __builtins__  # type: ignore[attr-defined]
    sys.modules["__main__"] = main
    sys.argv = ["candidate"]
    sys.stdin, sys.stdout, sys.stderr = map(_stream, range(3), "rww")
    left = 0
    try:
        (code,) = program_of("", task["text"], [])
        exec(compile(code, "<candidate>", "exec", dont_inherit=True), vars(main))
    except SystemExit as leaving:
        left = _exit_code(leaving.code)
    except BaseException as error:
        sys.stderr.write(": ".join(_shown(error)))
        left = 1
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(left)


def _stream(number: int, mode: str) -> TextIO:
    """Return a standard stream anew: the zygote's own belong to its own first descriptors."""
    raw = os.fdopen(number, mode + "b", closefd=False)
    return io.TextIOWrapper(raw, encoding="utf-8", errors="surrogateescape")


def _exit_code(asked: object) -> int:
    if asked is None:
        return 0
    return asked & 255 if isinstance(asked, int) else 1
