"""What no candidate can be, whatever it says: empty, garbage, cut off, refused, in a loop.

Only certain signs count; what may be meant so stays a candidate for the checks of `verify`.
"""

from __future__ import annotations

import re

REASONS = (
    "", "invalid:no_text_field", "invalid:empty", "invalid:blank", "invalid:blank_prompt",
    "invalid:control_garbage", "invalid:truncated", "invalid:repetition", "invalid:refusal",
)  # fmt: skip

_GARBAGE = re.compile(
    "[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f\ufffd\ufdd0-\ufdef\ufffe\uffff]"
)
_ESCAPED = re.compile(rb"\\[ub]")  # three times as fast as to look for one and then for the other
_PLAIN = bytes(code for code in range(128) if not _GARBAGE.match(chr(code)))
_GARBAGE_SHARE = 0.02
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([^\n`]*)$", re.MULTILINE)
_TAIL = 16  # characters whose last occurrence before the end gives the length of a loop
_LOOPS, _LOOPED = 8, 100  # repeats and characters that make a loop
_LOOP_SHARE = 0.25
_SORRY = (
    r"(?:(?:i'?m|i am) (?:very |so |really )?(?:sorry|afraid)|sorry|i apologi[sz]e|unfortunately)"
)
_MODEL = r"as an? (?:ai|artificial intelligence|large language|language)\b[^.,]{0,60}"
_CANNOT = (
    r"i (?:can(?:no|')t|can not|won't|will not|must decline|am unable|am not able|"
    r"don't feel comfortable|do not feel comfortable)|i'm (?:unable|not able)"
)
_DO = (
    r"help(?! but)|assist|fulfill?|comply|provide|create|generate|write|answer|do (?:that|this)|"
    r"discuss|engage|support|continue|share|offer|complete"
)
_REFUSAL = re.compile(
    rf"(?:{_SORRY}[,.!:; -]*)?(?:but )?(?:{_MODEL}[, ]*)?"
    rf"(?:{_CANNOT})\b(?: \w+){{0,3}}? (?:{_DO})\b",
    re.IGNORECASE,
)


TRUNCATED = REASONS.index("invalid:truncated")


def suspect(raw: bytes) -> bool:
    """Tell whether the texts of a line of JSON may hold controls: most lines cannot.

    Beyond ASCII all that is garbage begins with one of two bytes.
    """
    if b"\x7f" in raw or (not raw.isascii() and (b"\xc2" in raw or b"\xef" in raw)):
        return True
    return _ESCAPED.search(raw) is not None


def fault(
    prompt: str | None,
    response: str | None,
    *,
    promptless: bool,
    refusals: bool,
    suspect: bool = True,
) -> int:
    """Return what is wrong with a row as a number of `REASONS`, 0 for nothing.

    `promptless` rows need no prompt; `refusals` are a fault only where they are unwanted. Rows
    that are not `suspect` cannot hold control characters.
    """
    if response is None:
        return 1
    if not response:
        return 2
    if response.isspace():
        return 3
    if prompt is None and not promptless:
        return 1
    if prompt is not None and (not prompt or prompt.isspace()):
        return 4
    if suspect and (garbage(response) or (prompt is not None and garbage(prompt))):
        return 5
    if unclosed(response):
        return 6
    if looping(response):
        return 7
    return 8 if refusals and refusal(response) else 0


def garbage(text: str) -> bool:
    """Tell whether a text holds a NUL, or is control and replacement characters to 2 %."""
    rest = text.encode("utf-8", "surrogatepass").translate(None, _PLAIN)
    found = len(_GARBAGE.findall(rest.decode("utf-8", "surrogatepass")))
    return bool(found) and (found > _GARBAGE_SHARE * len(text) or "\0" in text)


def unclosed(response: str) -> bool:
    """Tell whether a response ends inside a fenced block that it opened with a language's name.

    A bare last fence may close a block that the prompt opened, and is no sure sign.
    """
    # One is found sooner than three of them, and three sooner than lines that begin with them.
    if ("`" not in response or "```" not in response) and (
        "~" not in response or "~~~" not in response
    ):
        return False
    fence = label = ""
    for mark, info in _FENCE.findall(response):
        if not fence:
            fence, label = mark, info.strip()
        elif mark.startswith(fence) and not info.strip():
            fence = label = ""
    return bool(fence and label)


def looping(text: str) -> bool:
    """Tell whether a text ends in one passage, with a letter in it, over and over again.

    One character is no passage: rulers, padding and drawings are made so.
    """
    text = text.rstrip()
    if len(text) < _LOOPED:
        return False
    longest = len(text) // _LOOPS
    before = text.rfind(text[-_TAIL:], len(text) - _TAIL - longest, len(text) - 1)
    if before < 0:
        return False
    period = len(text) - _TAIL - before
    if period == 1 or not any(map(str.isalpha, text[-period:])):
        return False
    unit, end = text[-period:], len(text)
    while end >= period and text.startswith(unit, end - period):
        end -= period
    looped = len(text) - end
    return looped >= max(_LOOPED, _LOOPS * period, _LOOP_SHARE * len(text))


def refusal(response: str) -> bool:
    """Tell whether a response begins by refusing, in English."""
    plain = response[:400].replace("\u2019", "'").lstrip(" \t\r\n\"'*")
    return _REFUSAL.match(plain) is not None
