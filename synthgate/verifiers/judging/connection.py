"""A judge's server and journal: the same client, retries and file as those of `generate`."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from synthgate.config import GeneratePolicy, VerifyPolicy
from synthgate.errors import UsageError
from synthgate.generators import Bench as Asking
from synthgate.generators import Generator
from synthgate.generators.journal import Journal, open_journal
from synthgate.generators.keys import api_key
from synthgate.generators.replay import Rehearsal, Replay
from synthgate.verifiers import Bench

_ATTEMPTS = 3


def refuse(model: str, policy: VerifyPolicy) -> None:
    """Refuse a judge that cannot be asked, and say what to type."""
    from synthgate.generators.wire import endpoint

    if not model:
        raise UsageError("--check judge: name the model, as in judge:MODEL")
    if not policy.judge_url and not policy.judge_journal:
        raise UsageError(
            f"judge:{model}: no server to ask: add --judge-url URL (http://127.0.0.1:8080), or "
            "replay what is on record with --judge-journal FILE"
        )
    if policy.judge_url:
        endpoint(policy.judge_url, "--judge-url")


@contextlib.contextmanager
def connect(model: str, bench: Bench) -> Iterator[tuple[Generator, Counter[str]]]:
    """Yield the judge and its counts of `calls` and `replayed` answers for a `with` block.

    Without a URL it answers from the journal alone; in a dry run it makes no call.
    """
    policy = bench.policy
    online = bool(policy.judge_url) and not bench.dry
    secret = api_key("--judge-key-env", policy.judge_key_env, bench.secret) if online else ""
    with ExitStack() as stack:
        journal = stack.enter_context(_journal(bench, write=online))
        asking = Asking(_generating(model, policy), bench.seed, secret, journal)
        if online:
            from synthgate.generators.chat import build

            yield stack.enter_context(build(asking)), asking.counts
        else:
            yield (Rehearsal if bench.dry else Replay)(asking), asking.counts


def _generating(model: str, policy: VerifyPolicy) -> GeneratePolicy:
    return GeneratePolicy(
        model=model,
        base_url=policy.judge_url,
        temperature=0.0,
        max_tokens=policy.judge_max_tokens,
        concurrency=policy.judge_concurrency,
        timeout=policy.judge_timeout,
        attempts=_ATTEMPTS,
    )


@dataclass
class _Shared:
    """A journal that several judges of one run write, and how many of them still need it."""

    journal: Journal
    stack: ExitStack
    users: int = 0


@contextlib.contextmanager
def _journal(bench: Bench, *, write: bool) -> Iterator[Journal | None]:
    """Open the judges' journal, once for all of them: a second lock on it would be refused."""
    path = bench.policy.judge_journal
    if not path or (bench.dry and not os.path.exists(path)):
        yield None
        return
    name = f"journal {os.path.realpath(path)}"
    # Judges begin in threads of their own; `setdefault` is one step for all of them.
    lock = bench.shared.setdefault("journals", threading.Lock())
    with lock:
        shared: _Shared = bench.shared.get(name) or _opened(bench, path, write)
        bench.shared[name] = shared
        shared.users += 1
    try:
        yield shared.journal
    finally:
        with lock:
            shared.users -= 1
            if not shared.users:
                del bench.shared[name]
                shared.stack.close()


def _opened(bench: Bench, path: str, write: bool) -> _Shared:
    stack = ExitStack()
    journal = stack.enter_context(open_journal(path, write=write))
    if journal.damaged:
        bench.note(f"{path}: {journal.damaged} damaged lines skipped")
    return _Shared(journal, stack)
