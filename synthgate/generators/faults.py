"""What to do about a reply that is no answer: ask again, and when; or stop, and why."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

from synthgate.generators.answers import error_text
from synthgate.rows import lot

ATTEMPTS = 3
LONGEST_WAIT = 60.0  # seconds; a server that asks for more ends the run
_AGAIN = frozenset({408, 429, 500, 502, 503, 504, 529})
_REFUSED = {401: "the API key", 402: "payment", 403: "permission"}
_BILLING = re.compile(
    "insufficient_quota|credit_balance_exhausted|organization_spend_limit_exceeded"
    "|project_spend_limit_exceeded|organization_usage_limit_exceeded"
)
_FIRST_WAIT = 0.5


@dataclass(frozen=True, slots=True)
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


def again(reply: Reply) -> bool:
    """Tell whether the same call may do better later."""
    if reply.error:
        return reply.error in ("timeout", "connection")
    return reply.status in _AGAIN


def pause(attempt: int, key: str) -> float:
    """Return the seconds before the next attempt: doubled each time.

    The jitter is drawn from the key, so that calls which failed together do not return together.
    """
    jitter = 0.5 + lot(attempt, key) / 2**64
    return _FIRST_WAIT * float(2**attempt) * jitter


def futile(reply: Reply) -> str:
    """Return why every other call would fail like this one, or an empty string."""
    if reply.status in _REFUSED:
        what = _REFUSED[reply.status]
        return f"the server says no to {what} ({reply.status}): {error_text(reply.body)}"
    if reply.status >= 400 and _BILLING.search(reply.body):
        return f"the quota is spent ({reply.status}): {error_text(reply.body)}"
    if again(reply) and reply.wait > LONGEST_WAIT:
        return (
            f"the server asks to wait {reply.wait:.0f} s ({reply.status}), "
            f"more than {LONGEST_WAIT:.0f} s: run the same command again later"
        )
    return ""


def asked_wait(headers: Mapping[str, str]) -> float:
    """Return the seconds of a Retry-After header, a number or a date; -1 without one."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d+(\.\d*)?", value):
        return float(value)
    try:
        date = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return -1.0
    return max(0.0, date.timestamp() - time.time())
