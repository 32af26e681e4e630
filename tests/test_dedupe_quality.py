"""dedupe: what no candidate can be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.near import quality
from synthgate.near.quality import refusal
from tests.test_dedupe import decided

Shared = Callable[[str], Path]
CODE = "Here it is:\n```python\nprint(1)\n"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"output": ""}, "invalid:empty"),
        ({"output": " \n"}, "invalid:blank"),
        ({"output": None}, "invalid:no_text_field"),
        ({"input": " ", "output": "a"}, "invalid:blank_prompt"),
        ({"output": "ab\0cd" * 100}, "invalid:control_garbage"),
        ({"output": "\ufffd\ufffd\x01 word"}, "invalid:control_garbage"),
        ({"output": "tab\tand\r\nline\fends"}, ""),
        (
            {
                "output": "one \ufffd in a text that is otherwise as long as it has to be to stay "
                * 2
            },
            "",
        ),
        ({"output": "cut", "finish_reason": "length"}, "invalid:truncated"),
        ({"output": "cut", "meta": {"stop_reason": "max_tokens"}}, "invalid:truncated"),
        ({"output": "", "finish_reason": "length"}, "invalid:empty"),
        ({"output": "done, for a reason", "finish_reason": "stop"}, ""),
        ({"output": CODE}, "invalid:truncated"),
        ({"output": CODE + "```\n"}, ""),
        ({"output": CODE + "```\nand\n~~~ sh\nls\n"}, "invalid:truncated"),
        ({"output": "print(1)\n```"}, ""),
        ({"output": "It says:" + " I am the best of them." * 30}, "invalid:repetition"),
        (
            {"output": "It says:" + " I am the best of them." * 30 + " I am th"},
            "invalid:repetition",
        ),
        ({"output": "la la la la"}, ""),
        ({"output": "-" * 500 + "|---" * 100 + " 0" * 300}, ""),
        ({"output": "x" * 400}, ""),
    ],
)
def test_certain_signs(row: dict[str, Any], reason: str) -> None:
    """Each fault has its reason; what only looks like one stays."""
    assert decided([{"input": "q", **row}]) == [reason]


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I\u2019m sorry, but as an AI language model, I cannot provide medical advice.", True),
        ("As an AI language model I am unable to answer that.", True),
        ("I cannot assist with this request.", True),
        ("Sorry, I won't do that.", True),
        ("I can't find my card, can you help?", False),
        ("I'm sorry to hear that. Please try again.", False),
        ("I cannot help but notice that it rains.", False),
        ("The bank cannot provide this.", False),
    ],
)
def test_refusals(text: str, refuses: bool) -> None:
    """Only a beginning that refuses counts, and only where refusals are unwanted."""
    assert refusal(text) is refuses
    row = {"input": "q", "output": text}
    assert decided([row]) == [""]
    assert decided([row], drop_refusals=True) == ["invalid:refusal" if refuses else ""]


def test_people_do_not_loop_refuse_or_send_garbage(shared: Shared) -> None:
    """Of the real answers and queries of people none is called invalid."""
    with open(shared("gsm8k/test.jsonl"), encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    values = [{"input": row["question"], "output": row["answer"]} for row in rows]
    found = decided(values, drop_refusals=True, near_threshold=0.0, fuzzy_threshold=0.0)
    assert not [reason for reason in found if reason.startswith("invalid")]


def test_small_models_are_cut_off(shared: Shared) -> None:
    """Rows of a model that say they were cut at the limit are truncated, and no others."""
    with open(shared("generated/banking_smollm2-135m.jsonl"), encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    values = [
        {"input": row["prompt"], "output": row["output"], "finish_reason": row["finish_reason"]}
        for row in rows
    ]
    found = decided(values, near_threshold=0.0, fuzzy_threshold=0.0)
    cut = [row["finish_reason"] == "length" for row in rows]
    for reason, short in zip(found, cut, strict=True):
        assert (reason in ("invalid:truncated", "invalid:repetition")) if short else not reason


WRONG = "\0\x01\b\x0e\x1a\x1c\x1f\x7f\x80\x84\x86\x9f\ufffd\ufdd0\ufdef\ufffe\uffff"


@given(st.text(st.characters(codec="utf-8"), max_size=9), st.sampled_from(WRONG), st.booleans())
def test_what_holds_controls_is_suspect(text: str, wrong: str, escaped: bool) -> None:
    """No line is passed over whose text is garbage, in escapes or as it is."""
    text += wrong * (len(text) + 1)
    assert quality.garbage(text)
    assert quality.suspect(json.dumps({"text": text}, ensure_ascii=escaped).encode())
