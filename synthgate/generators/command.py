"""Any program as a generator: the prompt as JSON on stdin, the answer on stdout.

One run of the program for each answer, `--concurrency` at a time, in the same journal as the
answers of servers. No shell reads the words of `--command`, and nothing of a row is among them.
Exit code 0 is an answer; any other one, too long a run or too long an answer is a reject.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import islice

from synthgate.config import GeneratePolicy
from synthgate.errors import InputError, Unreachable, UsageError
from synthgate.formats import text_of
from synthgate.generators import Answer, Bench, Request
from synthgate.generators.journal import Record, request_key, sampling_of
from synthgate.jsonl import MAX_LINE, read_file
from synthgate.rows import lot
from synthgate.sandbox.commands import Exit, run_command, why_not

_LOOKAHEAD = 4  # windows: one slow run must not keep the others idle
_SHOWN = 300  # characters of stderr


class Program:
    """Runs the program for the answers that the journal does not have."""

    def __init__(
        self, bench: Bench, argv: list[str], workers: ThreadPoolExecutor, stop: Callable[[], bool]
    ) -> None:
        self.identity = bench.policy.model or identity(bench.policy)
        self._bench, self._argv, self._workers, self._stop = bench, argv, workers, stop
        self._sampling = sampling_of(bench.policy, bench.seed)
        self._revision = _revision(argv)
        self._running: dict[str, Future[Answer]] = {}
        self._counting = threading.Lock()

    def answers(self, requests: Iterable[Request]) -> Iterator[Answer]:
        """Yield one answer for each request, in order, a bounded number of requests ahead.

        Raises `Unreachable` where the program cannot be started.
        """
        asked, window = iter(requests), deque[Future[Answer]]()
        most = _LOOKAHEAD * self._bench.policy.concurrency
        while True:
            window.extend(map(self._submit, islice(asked, most - len(window))))
            if not window:
                return
            try:
                answer = window.popleft().result()
            except Unreachable:
                wait(window)
                raise
            yield answer

    def _submit(self, request: Request) -> Future[Answer]:
        """Return what will be the answer: one on record, one that is being made, or a new one."""
        key = request_key(self.identity, request.messages, self._sampling, request.sample)
        policy, journal = self._bench.policy, self._bench.journal
        found = journal.settled(key, policy) if journal else None
        if found:
            self._count("replayed")
            future = Future[Answer]()
            future.set_result(found)
            return future
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = self._workers.submit(self._made, request, key)
            running.add_done_callback(lambda _: self._running.pop(key, None))
        return running

    def _count(self, what: str) -> None:
        with self._counting:
            self._bench.counts[what] += 1

    def _made(self, request: Request, key: str) -> Answer:
        """Run the program once and put what came of it on record before it is used."""
        self._count("calls")
        stdin = self._stdin(request, key)
        try:
            ended = run_command(
                self._argv, stdin, self._bench.policy.timeout, stdout=MAX_LINE, stop=self._stop
            )
        except OSError as error:
            raise Unreachable(f"--command: {self._argv[0]}: {error.strerror}") from None
        new = self._record(request, key, ended)
        if self._bench.journal and ended.why != "stopped":
            self._bench.journal.add(new)
        return new.answer()

    def _stdin(self, request: Request, key: str) -> bytes:
        policy = self._bench.policy
        asked = {
            "prompt": text_of(request.messages[-1].get("content")) or "",
            "messages": request.messages,
            "model": self.identity,
            "sample": request.sample,
            "seed": lot(self._bench.seed, key) >> 33,  # as it is sent to servers
            "temperature": policy.temperature,
            "top_p": policy.top_p,
            "max_tokens": policy.max_tokens,
        }
        return json.dumps(asked, ensure_ascii=False).encode() + b"\n"

    def _record(self, request: Request, key: str, ended: Exit) -> Record:
        """Return the journal's record of a run; an answer stands in it as one of a server does."""
        error, detail = _fault(ended)
        text = "" if error else ended.said.decode().removesuffix("\n")
        choice = {"index": 0, "message": {"role": "assistant", "content": text}}
        body = {"model": self.identity, "system_fingerprint": self._revision}
        said = {**body, "choices": [{**choice, "finish_reason": "stop"}]}
        return Record(
            key=key,
            model=self.identity,
            sample=request.sample,
            sampling=self._sampling,
            messages=list(request.messages),
            max_tokens=self._bench.policy.max_tokens,
            status=0 if error else 200,
            error=error,
            detail=detail,
            body="" if error else said,
        )


def _fault(ended: Exit) -> tuple[str, str]:
    """Return (reason, detail) of a run that gave no answer, two empty texts for one that did."""
    if ended.why == "too much output":
        return "too_large", f"more than {MAX_LINE} bytes on stdout"
    if ended.why:
        return ended.why, "the program was ended"
    if ended.status:
        last = ended.stderr.decode(errors="replace").strip().splitlines()[-1:]
        how = f"exit_{ended.status}" if ended.status > 0 else f"signal_{-ended.status}"
        return how, " ".join(last)[:_SHOWN] or "the program failed"
    try:
        ended.said.decode()
    except UnicodeDecodeError:
        return "invalid_encoding", "the answer is no UTF-8"
    return "", ""


def identity(policy: GeneratePolicy) -> str:
    """Return what the program is called in provenance and journal: `command:NAME`.

    The name is that of the first word that is no interpreter: `python3 gen.py` is `gen.py`.
    """
    words = _words(policy)
    files = [word for word in words[1:] if os.path.isfile(word)]
    return f"command:{os.path.basename((files or words)[0])}"


def _words(policy: GeneratePolicy) -> list[str]:
    try:
        words = shlex.split(policy.command)
    except ValueError as error:
        raise UsageError(f"--command {policy.command}: {error}") from None
    if not words:
        raise UsageError("--generator command needs --command 'PROGRAM ARGUMENTS'")
    return words


def _revision(argv: list[str]) -> str:
    """Return a digest of the program and of the files among its arguments."""
    seen = hashlib.sha256()
    for word in argv:
        with contextlib.suppress(InputError, OSError):
            if os.path.isfile(word):
                seen.update(hashlib.sha256(read_file(word)).digest())
    return seen.hexdigest()[:16]


@contextlib.contextmanager
def build(bench: Bench) -> Iterator[Program]:
    """Run the program for the time of a `with` block; what still runs at its end is killed."""
    words = _words(bench.policy)
    program = shutil.which(words[0])
    if program is None:
        raise Unreachable(f"--command: {words[0]}: {why_not(words[0])}")
    stop = threading.Event()
    workers = ThreadPoolExecutor(bench.policy.concurrency)
    try:
        yield Program(bench, [os.path.abspath(program), *words[1:]], workers, stop.is_set)
    finally:
        stop.set()
        workers.shutdown(wait=True, cancel_futures=True)
