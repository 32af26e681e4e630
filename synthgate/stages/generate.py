"""Make candidates: prompts times samples through a generator.

Shape: per row. Memory: the requests that the generator looks ahead. Nothing is ever a candidate
that the generator did not call an answer: every other sample is rejected with its cause.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import orjson

from synthgate.config import GeneratePolicy
from synthgate.errors import UsageError
from synthgate.formats import Shape
from synthgate.generators import Answer, Generator, Message, Request
from synthgate.generators.journal import canonical
from synthgate.jsonl import MAX_LINE
from synthgate.provenance import attach, child, emit, extend
from synthgate.rows import OURS, REJECT, Decision, Provenance, Row, Value, content_id


@dataclass(frozen=True)
class Origin:
    """What the run declares about the rows that it makes."""

    source: str = "synthetic"
    run: str = ""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One sample of one prompt; without messages when there is nothing to ask."""

    row: Row
    sample: int
    messages: tuple[Message, ...]


def refuse(rows: Iterable[Row], shape: Shape, policy: GeneratePolicy) -> None:
    """Raise `UsageError` for the first prompt whose answer would have no place in its row."""
    if policy.output_field in ("", "input", OURS, REJECT):
        raise UsageError(f"--output-field: {policy.output_field!r} cannot hold the answer")
    for row in rows:
        if why := _conflict(row.value, shape, policy.output_field):
            raise UsageError(f"{row.file}:{row.line}: {why}")


def _conflict(value: Value, shape: Shape, output: str) -> str:
    if shape.name == "messages":
        turns = value.get("messages")
        last = turns[-1] if type(turns) is list and turns else None
        if type(last) is dict and last.get("role") == "assistant":
            return "the conversation ends with an answer already: drop its last turn"
        return ""
    if output in value:
        return f"the field {output!r} holds a value already: name another one with --output-field"
    if _needs_input(value, shape) and "input" in value and value["input"] != shape.prompt(value):
        return (
            "the field 'input' holds another text than the prompt: "
            "rename it, or say where the prompt is with --prompt-field"
        )
    return ""


def _needs_input(value: Value, shape: Shape) -> bool:
    """Tell whether `input` is ours to fill, and not where the prompt was read from."""
    if shape.name == "alpaca":
        return "input" not in value
    return "input" not in shape.keys and shape.name != "messages"


def generate(
    rows: Iterable[Row],
    shape: Shape,
    generator: Generator,
    policy: GeneratePolicy,
    origin: Origin = Origin(),
) -> Iterator[Decision]:
    """Yield one Decision for each prompt and sample, in order: a new row, or the prompt rejected.

    `rows` must have passed `refuse`. A prompt that holds no text is rejected as `no_prompt`.
    """
    waiting: deque[_Wanted] = deque()
    requests = _requests(rows, shape, policy, waiting)
    for answer in generator.answers(requests):
        yield from _unasked(waiting)
        wanted = waiting.popleft()
        if answer.reason:
            yield _rejected(wanted, answer.reason, answer.detail)
        else:
            yield _candidate(wanted, answer, shape, generator, policy, origin)
    deque(requests, maxlen=0)  # a generator that gave up early must not hide the prompts behind
    while waiting:
        yield from _unasked(waiting)
        if waiting:
            yield _rejected(waiting.popleft(), "no_answer", "the generator gave no answer")


def _requests(
    rows: Iterable[Row], shape: Shape, policy: GeneratePolicy, waiting: deque[_Wanted]
) -> Iterator[Request]:
    """Yield what to ask, and remember for what."""
    for row in rows:
        messages = conversation(row.value, shape, policy.system)
        for sample in range(policy.samples):
            waiting.append(_Wanted(row, sample, messages))
            if messages:
                yield Request(messages, sample)


def _unasked(waiting: deque[_Wanted]) -> Iterator[Decision]:
    """Reject the prompts at the head of the line that nobody was asked about."""
    while waiting and not waiting[0].messages:
        yield _rejected(waiting.popleft(), "no_prompt", "the row holds no prompt that can be asked")


def _rejected(wanted: _Wanted, reason: str, detail: str) -> Decision:
    return Decision(wanted.row, reason, f"sample {wanted.sample}: {detail}")


def conversation(value: Value, shape: Shape, system: str = "") -> tuple[Message, ...]:
    """Return the messages that a prompt row asks with; none if it holds no text to ask.

    A prompt that is a conversation is sent turn by turn, any other one as one user message.
    """
    text = shape.prompt(value)
    if text is None or not text.strip():
        return ()
    turns = value.get(shape.keys[0])
    if type(turns) is not list or not all(_is_turn(turn) for turn in turns):
        turns = [{"role": "user", "content": text}] if shape.name != "messages" else []
    opening = [{"role": "system", "content": system}] if system and turns else []
    return (*opening, *turns)


def _is_turn(turn: object) -> bool:
    return type(turn) is dict and type(turn.get("role")) is str and "content" in turn


def prompt_hash(messages: tuple[Message, ...]) -> str:
    """Return the hash of a prompt and its template, the same for every sample and model."""
    return hashlib.sha256(canonical(list(messages))).hexdigest()[:16]


# --- the new row ------------------------------------------------------------------------


def _candidate(
    wanted: _Wanted,
    answer: Answer,
    shape: Shape,
    generator: Generator,
    policy: GeneratePolicy,
    origin: Origin,
) -> Decision:
    row = wanted.row
    payload, value = _answered(row, shape, answer.text, policy.output_field)
    provenance = Provenance(
        content_id(payload),
        origin.source,
        generator=generator.identity,
        prompt=prompt_hash(wanted.messages),
        parents=row.id,
        generation=child([row.provenance], policy.generator_generation),
        run=origin.run,
    )
    made = Row(row.file, row.line, payload, value, provenance)
    if len(emit(made)) > MAX_LINE:
        return _rejected(wanted, "too_large", f"the row would be longer than {MAX_LINE} bytes")
    return Decision(made)


def _answered(row: Row, shape: Shape, text: str, output: str) -> tuple[bytes, Value]:
    """Return the prompt row with its answer: bytes and value; no byte of the prompt changes."""
    payload, value = row.payload, row.value
    if shape.name == "messages":
        turn = {"role": "assistant", "content": text}
        return (
            extend(payload, "messages", orjson.dumps(turn)),
            {**value, "messages": [*value["messages"], turn]},
        )
    added = {output: text}
    if _needs_input(value, shape) and "input" not in value:
        added = {"input": shape.prompt(value) or "", output: text}
    for key, each in added.items():
        payload = attach(payload, orjson.dumps(key)[1:-1].decode(), orjson.dumps(each))
    return payload, {**value, **added}
