"""What a raw answer means: a usable text, or the reason why it is none.

The same function reads an answer when it arrives and when the journal replays it. Only one shape
is a candidate; everything else is refused by its cause, because an error text, half an answer or
a model's private reasoning in a training set is worse than a missing row.
"""

from __future__ import annotations

import json
import re
from typing import Any

from synthgate.errors import BadLine
from synthgate.rows import Value, parse

_CUT = ("length", "max_tokens", "model_context_window_exceeded")
_WHOLE = ("stop", "tool_calls", "function_call")
_FINISHED = {
    "content_filter": ("content_filter", "the provider's filter stopped the answer"),
    "refusal": ("refused", "the model refused"),
    "error": ("error_in_200", "finish_reason is error"),
}
_THOUGHT = re.compile(r"\s*<think>.*?</think>\s*", re.DOTALL)
_LONGEST_DETAIL = 300
_TAIL = 60  # characters of a cut answer that are shown


class Unusable(Exception):
    """Why an answer is none: a reason and a detail."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def usable_text(status: int, body: Value | str, max_tokens: int = 0) -> str:
    """Return the text of a chat completion, or raise `Unusable`.

    `body` is the JSON object, or the raw text of a body that may be none. An answer counts when
    HTTP says 200, no error stands in it, it finished by itself, nothing was refused, and the text
    is not blank once a leading `<think>` block is taken off.
    """
    if 300 <= status < 400:
        raise Unusable("redirect", f"the server answered {status}, which was not followed")
    if status != 200:
        raise Unusable(f"http_{status}", error_text(body))
    choice = _choice(_object(body))
    message = choice.get("message")
    if type(message) is not dict:
        raise Unusable("no_choices", "the choice holds no message")
    _finished(choice.get("finish_reason"), max_tokens, message.get("content"))
    if message.get("refusal"):
        raise Unusable("refused", _shown(message["refusal"]))
    if message.get("tool_calls") or message.get("function_call"):
        raise Unusable("tool_calls", "the model called a tool instead of answering")
    return _spoken(message)


def _object(body: Value | str) -> Value:
    if not isinstance(body, str):
        return body
    try:
        return parse(body.encode())
    except BadLine as error:
        raise Unusable("invalid_json", f"the body is not JSON as expected: {error}") from None


def _choice(body: Value) -> Value:
    if body.get("error") or body.get("object") == "error":
        raise Unusable("error_in_200", error_text(body))
    choices = body.get("choices")
    if type(choices) is not list or not choices or type(choices[0]) is not dict:
        raise Unusable("no_choices", "the body holds no choices")
    choice: Value = choices[0]
    if choice.get("error"):
        raise Unusable("error_in_200", error_text(choice))
    return choice


def _finished(reason: Any, max_tokens: int, content: Any) -> None:
    """Refuse whatever did not end by itself."""
    if reason in _WHOLE:
        return
    if reason in _CUT:
        limit = f" at max_tokens {max_tokens}: raise --max-tokens" if max_tokens else ""
        seen = f"; it ends in {content[-_TAIL:]!r}" if isinstance(content, str) and content else ""
        raise Unusable("truncated", f"cut off{limit}{seen}")
    if isinstance(reason, str) and reason in _FINISHED:
        raise Unusable(*_FINISHED[reason])
    raise Unusable("unfinished", f"finish_reason is {_shown(reason)}, not stop")


def _spoken(message: Value) -> str:
    """Return what was said aloud: never the reasoning, wherever the server put it."""
    content = message.get("content")
    if content is not None and not isinstance(content, str):
        raise Unusable("not_text", "the content is not a text")
    text = content or ""
    if thought := _THOUGHT.match(text):
        text = text[thought.end() :]
    if "<think>" in text or "</think>" in text:
        raise Unusable("reasoning", "the reasoning cannot be told from the answer")
    if not text.strip():
        reasoned = thought or message.get("reasoning") or message.get("reasoning_content")
        raise Unusable("empty", "only reasoning, no answer" if reasoned else "no text")
    return text


def reasoning_in(body: Value | str) -> str:
    """Return what the model thought aloud, wherever the server put it; "" where there is nothing.

    `body` is one that `usable_text` took.
    """
    message = body["choices"][0]["message"] if isinstance(body, dict) else {}
    for name in ("reasoning", "reasoning_content"):
        if isinstance(said := message.get(name), str) and said:
            return said
    thought = _THOUGHT.match(message.get("content") or "")
    return thought[0].strip().removeprefix("<think>").removesuffix("</think>") if thought else ""


def error_text(body: Value | str) -> str:
    """Return what an error body says, in whichever shape, cut to 300 characters."""
    if isinstance(body, str):
        try:
            body = parse(body.encode())
        except BadLine:
            return _shown(body)
    said: Any = body
    for key in ("error", "message", "detail"):
        while isinstance(said, dict) and said.get(key):
            said = said[key]
    return _shown(said)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_DETAIL else text[:_LONGEST_DETAIL] + "..."
