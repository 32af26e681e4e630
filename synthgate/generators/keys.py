"""An API key from the environment or a file; nothing of it, nor what may be it, is ever shown."""

from __future__ import annotations

import re
from collections.abc import Callable

from synthgate.errors import UsageError


def api_key(flag: str, name: str, look_up: Callable[[str], str | None]) -> str:
    """Return the key in the environment variable that a flag names, "" where it names none.

    Raises `UsageError` for what is no name, for a variable without a value, and for a value that
    no header can carry.
    """
    if not name:
        return ""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise UsageError(f"{flag} takes the name of an environment variable, not the key")
    secret = (look_up(name) or "").strip()
    if not secret:
        raise UsageError(f"the environment variable named by {flag} is not set, or empty")
    return _sendable(secret)


def key_in(text: bytes, path: str) -> str:
    """Return the key that is all the text of a file, or raise `UsageError`."""
    secret = text.decode(errors="replace").strip()
    if not secret:
        raise UsageError(f"{path}: holds no API key")
    return _sendable(secret)


def _sendable(secret: str) -> str:
    if not re.fullmatch(r"[!-~]+", secret):
        raise UsageError("the API key holds characters that cannot be sent")
    return secret
