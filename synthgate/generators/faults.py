"""What to do about a reply that is no answer: ask again, and when; or stop, and why."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from synthgate.errors import BadLine
from synthgate.generators.answers import error_text
from synthgate.rows import lot, parse

_AGAIN = frozenset({408, 429, 500, 502, 503, 504, 529})
_REFUSED = {401: "the API key", 402: "payment", 403: "permission"}
_BILLING = re.compile(
    "insufficient_quota|credit_balance_exhausted|organization_spend_limit_exceeded"
    "|project_spend_limit_exceeded|organization_usage_limit_exceeded"
    "|billing_hard_limit_reached|billing_not_active|insufficient_balance"
)
_OF_THE_PROMPT = re.compile("moderation|flagged|content.?(filter|policy)", re.IGNORECASE)
_GARBLED = re.compile("could not parse the json body", re.IGNORECASE)
_FIRST_WAIT = 0.5
_LONGEST_PAUSE = 30.0


@dataclass(frozen=True)
class Reply:
    """What one call came back with: a status and a body, or the `error` that kept them away.

    `wait` is what the server asked for in seconds, -1 where it asked for nothing; `redacted` says
    that the API key was cut out of the body.
    """

    status: int = 0
    body: str = ""
    error: str = ""
    detail: str = ""
    wait: float = -1.0
    redacted: bool = False

    @cached_property
    def meant(self) -> int:
        """The status that counts: gateways put the error of the server behind them into a 200."""
        if self.status != 200 or self.error or '"error"' not in self.body:
            return self.status
        try:
            return _inner_status(parse(self.body.encode())) or 200
        except (BadLine, UnicodeEncodeError):
            return 200

    @property
    def cause(self) -> str:
        """What went wrong, in one word; "" for a 200."""
        return self.error or ("" if self.meant == 200 else f"http_{self.meant}")


def _inner_status(body: dict[str, Any]) -> int:
    choices = body.get("choices")
    inner = choices[0] if isinstance(choices, list) and choices else None
    for holder in (body, inner):
        if not isinstance(holder, dict):
            continue
        error = holder.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        if error == "error" or holder.get("object") == "error":
            code = holder.get("code")
        if isinstance(code, str | int) and re.fullmatch(r"[1-5]\d\d", str(code)):
            return int(code)
    return 0


def again(reply: Reply) -> bool:
    """Tell whether the same call may do better later."""
    if reply.error:
        return reply.error in ("timeout", "connection")
    if reply.meant == 402:
        return reply.wait >= 0
    if reply.meant == 400:
        return bool(_GARBLED.search(reply.body))
    return reply.meant in _AGAIN


def throttled(reply: Reply) -> bool:
    """Tell whether the server says that there are too many calls."""
    return reply.meant == 429 or (reply.meant == 503 and "slow_down" in reply.body)


def pause(attempt: int, key: str) -> float:
    """Return the seconds before the next attempt: doubled each time, up to 30.

    The jitter is drawn from the key, so that calls which failed together do not return together.
    """
    jitter = 0.5 + lot(attempt, key) / 2**64
    return min(_FIRST_WAIT * float(2**attempt), _LONGEST_PAUSE) * jitter


def futile(reply: Reply, longest_wait: float = 60.0) -> str:
    """Return why every other call would fail like this one, or an empty string."""
    status = reply.meant
    if status >= 400 and _BILLING.search(reply.body):
        return f"the quota is spent ({status}): {error_text(reply.body)}"
    if again(reply):
        if reply.wait <= longest_wait:
            return ""
        return (
            f"the server asks to wait {reply.wait:.0f} s ({status}), "
            f"more than {longest_wait:.0f} s: run the same command again later"
        )
    if status in _REFUSED and not (status == 403 and _OF_THE_PROMPT.search(reply.body)):
        return f"the server says no to {_REFUSED[status]} ({status}): {error_text(reply.body)}"
    return ""


def asked_wait(headers: Mapping[str, str]) -> float:
    """Return the seconds of a Retry-After header, a number or a date; -1 without one.

    A date that has passed is 0. `retry-after-ms` is what some servers send beside it.
    """
    if re.fullmatch(r"\d{1,12}(\.\d*)?", exact := headers.get("retry-after-ms", "").strip()):
        return float(exact) / 1000
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,12}(\.\d*)?", value):
        return float(value)
    try:
        date = email.utils.parsedate_to_datetime(value)
        return max(0.0, date.timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return -1.0
