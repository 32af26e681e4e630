"""What is run in boxes and what comes back: tests against a candidate, and whole scripts.

Nothing that a candidate sends is a verdict. Tests run in a second box and call across; a script is
judged by the caller from what it printed. The wall clock is the harness's.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any, Literal

from synthgate.sandbox.box import Box, Broken, Plan
from synthgate.sandbox.inside.values import BadFrame, Unencodable, receive, send
from synthgate.sandbox.streams import LOOK, Streams

FLOOD = 1 << 20  # bytes of output; more is no answer
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Found:
    """What tests said of a candidate; `vacuous` names a stand-in that passes them too.

    `calls` counts the answers that crossed, `shared` says that nothing had to cross.
    """

    outcome: Literal["pass", "fail", "abstain"]
    reason: str = ""
    calls: int = 0
    vacuous: str = ""
    shared: bool = False


@dataclass(frozen=True)
class Ran:
    """What a program printed and how it ended: its exit code, minus a signal; `why` it was cut."""

    stdout: bytes
    stderr: bytes
    status: int
    why: str = ""


class Rigs:
    """Pairs of boxes, candidate and oracle, lent to one thread at a time and made on demand."""

    def __init__(self, plan: Plan, seconds: float) -> None:
        self._plan, self._seconds = plan, seconds
        self._idle: SimpleQueue[Rig] = SimpleQueue()
        self._made: list[Rig] = []

    @contextmanager
    def lend(self) -> Iterator[Rig]:
        """Lend a rig for the time of a `with` block."""
        try:
            rig = self._idle.get_nowait()
        except Empty:
            rig = Rig(self._plan, self._seconds, 2 * len(self._made))
            self._made.append(rig)
        try:
            yield rig
        finally:
            self._idle.put(rig)

    def close(self) -> None:
        """End every box."""
        for rig in self._made:
            rig.close()


class Rig:
    """A box for candidates and a box for their tests. Boxes that broke are made anew."""

    def __init__(self, plan: Plan, seconds: float, slot: int) -> None:
        # Tests run once against the candidate and once more against the stand-ins.
        self._plans = plan, replace(plan, cpu=2 * plan.cpu)
        self._seconds, self._slot = seconds, slot
        self._boxes: list[Box | None] = [None, None]
        self._closed = False

    def _box(self, which: int) -> Box:
        box = self._boxes[which]
        if box is None or not box.alive:
            box = self._boxes[which] = Box(self._plans[which], self._slot + which)
        if self._closed:  # while this thread was making one
            box.close()
            raise Broken("the run has ended")
        return box

    def close(self) -> None:
        """End both boxes."""
        self._closed = True
        for box in self._boxes:
            if box is not None:
                box.close()

    def judge(self, task: dict[str, Any]) -> Found:
        """Return what the tests of a task say of its candidate.

        Raises `Broken` where no box can be had. A candidate that breaks a box twice has failed.
        """
        for _ in range(2):
            boxes = self._box(0), self._box(1)
            with suppress(Broken):
                return self._judged(*boxes, task)
        return Found("fail", "broke the sandbox")

    def _judged(self, candidate: Box, oracle: Box, task: dict[str, Any]) -> Found:
        home, theirs = socket.socketpair()
        ours, link = socket.socketpair()
        with home, theirs, ours, link:
            candidate.start("candidate", [link.fileno()])
            link.close()
            try:
                oracle.start("oracle", [theirs.fileno(), ours.fileno()])
                theirs.close()
                ours.close()
                return self._heard(home, task, candidate)
            finally:
                _ended(candidate, oracle)

    def _heard(self, home: socket.socket, task: dict[str, Any], candidate: Box) -> Found:
        """Return the verdict that comes from the tests' process; no verdict is a fail."""
        line: Any = _Timed(home, self._seconds, candidate)
        try:
            send(line, task)
            said = receive(line)
        except TimeoutError as error:
            return Found("fail", str(error) or "timeout")
        except Unencodable:
            return Found("abstain", "too large")
        except (OSError, EOFError, BadFrame):
            return Found("fail", "no verdict")
        if not _is_verdict(said):
            return Found("fail", "no verdict")
        reason = said["reason"].encode("utf-8", "backslashreplace").decode()  # it is hostile text
        found = Found(said["outcome"], reason, said["calls"], shared="shared" in said)
        if found.outcome != "pass" or not task["stand_ins"]:
            return found
        try:
            line.extend(self._seconds)
            return replace(found, vacuous=str(receive(line).get("vacuous", ""))[:100])
        except (OSError, EOFError, BadFrame):
            return found  # the stand-ins took too long: not shown to be vacuous

    def run(self, text: str, stdin: bytes, seed: int) -> Ran:
        """Return what a script prints for some input; raises `Broken` as `judge` does."""
        for _ in range(2):
            box = self._box(0)
            with suppress(Broken):
                return self._ran(box, text, stdin, seed)
        return Ran(b"", b"", 1, "broke the sandbox")

    def _ran(self, box: Box, text: str, stdin: bytes, seed: int) -> Ran:
        ours, link = socket.socketpair()
        with ours, link, Streams(FLOOD) as streams:
            box.start("program", [*streams.theirs, link.fileno()], stdio=3)
            link.close()
            streams.passed()

            def over() -> str | None:
                if box.stored() > box.plan.disk:
                    return "too much on disk"
                return "" if _is_gone(ours) else None

            why = "stopped"
            try:
                why = self._given(ours, {"text": text, "seed": seed})
                why = why or streams.pump(stdin, self._seconds, over, ours)
            finally:
                box.end(gone=not why)
                status = box.ended()
            return Ran(bytes(streams.out), bytes(streams.stderr), status, why)

    def _given(self, link: socket.socket, task: dict[str, Any]) -> str:
        """Give a program its text; return why that cannot be done."""
        link.settimeout(self._seconds)
        try:
            send(link, task)
        except Unencodable:
            return "too large"
        except OSError:
            pass  # it is gone already: what it printed will show why
        link.setblocking(False)
        return ""


def _is_gone(link: socket.socket) -> bool:
    """Tell whether nobody holds the other end any more; what was sent there means nothing."""
    try:
        while link.recv(_BLOCK):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _is_verdict(said: Any) -> bool:
    return (
        type(said) is dict
        and said.get("outcome") in ("pass", "fail", "abstain")
        and type(said.get("reason")) is str
        and type(said.get("calls")) is int
    )


def _ended(*boxes: Box) -> None:
    """End the programs of all boxes, side by side, also where one of them is gone."""
    lost: list[Broken] = []
    for step in (Box.end, Box.ended):
        for box in boxes:
            if box.alive:
                try:
                    step(box)
                except Broken as error:
                    lost.append(error)
    if lost:
        raise lost[0]


class _Timed:
    """A socket under one deadline for everything, however slowly the other side drips.

    While it waits it looks at what the candidate stores, where the file system has no limit.
    """

    def __init__(self, link: socket.socket, seconds: float, candidate: Box) -> None:
        self._link, self._until, self._candidate = link, time.monotonic() + seconds, candidate
        self._step = LOOK if candidate.plan.tier != "A" else seconds

    def extend(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def recv(self, size: int) -> bytes:
        while True:
            left = self._until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._link.settimeout(min(left, self._step))
            with suppress(TimeoutError):
                return self._link.recv(size)
            _refuse_hoard(self._candidate)

    def sendall(self, data: bytes) -> None:
        self._link.settimeout(max(0.01, self._until - time.monotonic()))
        self._link.sendall(data)


def _refuse_hoard(box: Box) -> None:
    if box.stored() > box.plan.disk:
        raise TimeoutError("too much on disk")
