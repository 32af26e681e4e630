"""OpenAI batch files: requests written instead of made, results taken in any order.

A request is known by its `custom_id`, which is its journal key: that alone joins results to
requests. What a batch did not answer, because it expired or failed, stays missing and is asked
again. Memory: one key for each request that is written, and one offset for each result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

from synthgate.errors import BadLine
from synthgate.generators import Answer, Bench, Generator, Request
from synthgate.generators.journal import Journal
from synthgate.generators.record import Keys, Record
from synthgate.generators.replay import Replay
from synthgate.generators.wire import encoded, request_body, spoken
from synthgate.jsonl import Log
from synthgate.rows import Value, parse

MOST_LINES = 50_000  # of one file, as OpenAI takes it
MOST_BYTES = 200_000_000
_PATH = "/v1/chat/completions"


class Lines(Protocol):
    """A file of lines that is being written."""

    def write(self, line: bytes, /) -> None:
        """Write one line without its end."""


class Parts:
    """Lines over as many files as their limits ask for; `begin(number)` opens one, from 1."""

    def __init__(self, begin: Callable[[int], Lines]) -> None:
        self._begin = begin
        self.files = self._lines = self._bytes = 0
        self._current: Lines | None = None

    def write(self, line: bytes) -> None:
        """Write a line to the current file, or to the next one where that is full."""
        full = self._lines == MOST_LINES or self._bytes + len(line) + 1 > MOST_BYTES
        if self._current is None or full:
            self.files += 1
            self._current = self._begin(self.files)
            self._lines = self._bytes = 0
        self._current.write(line)
        self._lines += 1
        self._bytes += len(line) + 1


class BatchOut(Replay):
    """Answers what is settled and writes a request for the rest, each once."""

    def __init__(self, bench: Bench, parts: Parts) -> None:
        super().__init__(bench)
        self._parts, self._keys, self._written = parts, Keys(bench), set[str]()
        words = bench.journal.dialect(self.identity) if bench.journal else ""
        self._dialect = spoken(words, bench.policy.schema_dialect)

    def _find(self, key: str) -> Answer | None:
        journal = self._bench.journal
        return journal.settled(key, self._bench.policy) if journal else None

    def _missing(self, key: str, request: Request) -> Answer:
        if key not in self._written:
            self._written.add(key)
            self._bench.counts["written"] += 1
            self._parts.write(self._line(key, request))
        return Answer("", "in_batch", f"a request in the batch: custom_id {key}", key)

    def _line(self, key: str, request: Request) -> bytes:
        policy = self._bench.policy
        sampling = self._keys.sampling(request)
        limit = policy.max_tokens
        body = request_body(policy.model, request.messages, sampling, key, limit, self._dialect)
        return encoded({"custom_id": key, "method": "POST", "url": _PATH, "body": body})


class Results:
    """What batches came back with, by key; of several results the last usable one counts."""

    def __init__(self, logs: Sequence[Log]) -> None:
        self._logs = logs
        self._at: dict[str, tuple[int, int, bool]] = {}  # log, offset, whether HTTP says 200
        self.unanswered = 0
        for number, log in enumerate(logs):
            for line, (offset, raw) in enumerate(log.lines(), 1):
                self._index(number, offset, _result(log.path, line, raw))

    def _index(self, log: int, offset: int, result: Value) -> None:
        response = result.get("response")
        if not isinstance(response, dict) or not isinstance(response.get("status_code"), int):
            self.unanswered += 1
            return
        key, good = result["custom_id"], response["status_code"] == 200
        if good or not self._at.get(key, (0, 0, False))[2]:
            self._at[key] = log, offset, good

    def __len__(self) -> int:
        return len(self._at)

    def response(self, key: str) -> dict[str, Any] | None:
        """Return the status and body that a request was answered with, None without a result."""
        found = self._at.get(key)
        if found is None:
            return None
        log, offset, _ = found
        response: dict[str, Any] = parse(self._logs[log].at(offset))["response"]
        return response


def _result(path: str, line: int, raw: bytes) -> Value:
    try:
        result = parse(raw)
        if not isinstance(result.get("custom_id"), str):
            raise BadLine("no_custom_id", "a batch result needs a custom_id")
    except BadLine as error:
        raise error.at(path, line) from None
    return result


class BatchIn:
    """Puts the results of batches on record before another generator looks there."""

    def __init__(self, bench: Bench, journal: Journal, results: Results, inner: Generator) -> None:
        self.identity = inner.identity
        self._bench, self._journal, self._results, self._inner = bench, journal, results, inner
        self._keys = Keys(bench)

    def answers(self, requests: Iterable[Request]) -> Iterator[Answer]:
        """Yield what the other generator answers, which finds the results on record."""
        try:
            yield from self._inner.answers(map(self._taken, requests))
        finally:
            self._journal.sync()

    def _taken(self, request: Request) -> Request:
        """Put the result of a request on record, unless it is settled or failed there before."""
        key = self._keys.of(request)
        response = self._results.response(key)
        if response is None:
            return request
        known = self._journal.recorded(key)
        good = response["status_code"] == 200
        if self._journal.settled(key, self._bench.policy) or (known and not good):
            return request
        # The results file keeps them as well: one sync at the end is enough.
        self._journal.add_all([self._record(request, key, response)], durable=False)
        self._bench.counts["taken"] += 1
        return request

    def _record(self, request: Request, key: str, response: dict[str, Any]) -> Record:
        body = response.get("body")
        return Record(
            key=key,
            model=self.identity,
            sample=request.sample,
            sampling=self._keys.sampling(request),
            messages=list(request.messages),
            max_tokens=self._bench.policy.max_tokens,
            status=response["status_code"],
            body=body if isinstance(body, dict) else str(body or ""),
        )


def numbered(path: str, number: int) -> str:
    """Return the name of a part: `requests.jsonl`, then `requests-2.jsonl`, ..."""
    stem, dot, rest = path.rpartition("/")[2].partition(".")
    folder = path[: len(path) - len(stem + dot + rest)]
    return path if number == 1 else f"{folder}{stem}-{number}{dot}{rest}"
