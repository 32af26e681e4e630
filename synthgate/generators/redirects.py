"""Where a redirect leads, and whether a call may go there.

Only 307 and 308 ask for the same call at another place; a client that follows 301, 302 or 303 turns
a POST into a GET (RFC 9110, 15.4). The same place is the same scheme, host and port: anything else
would carry the key, and the prompts, to a server that nobody named.
"""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

MOST = 2  # redirects of one call
_SAME_CALL = (307, 308)
_PORTS = {"http": 80, "https": 443}


class Refused(Exception):
    """Why a redirect is not followed."""


def followed(url: str, status: int, location: str, so_far: int) -> str:
    """Return the URL on the same server at which a call is made again, or raise `Refused`.

    `so_far` redirects of the call have been followed. The scheme and server of the result are those
    of `url`, letter by letter: whatever a location says, its path and query are all that is taken.
    """
    if status not in _SAME_CALL:
        raise Refused(f"the server answered {status}, which would make a GET of the call")
    if so_far >= MOST:
        raise Refused(f"the server answered {status} after {MOST} redirects of the same call")
    target = _joined(url, location)
    here, there = urlsplit(url), urlsplit(target)
    if _place(target) != _place(url):
        raise Refused(f"the server answered {status} and leads elsewhere, to {_shown(target)}")
    path = (there.path or "/") + (f"?{there.query}" if there.query else "")
    return f"{here.scheme}://{here.netloc}{path}"


def _joined(url: str, location: str) -> str:
    if not location or not location.isascii() or not location.isprintable() or " " in location:
        raise Refused("the server redirects and does not say where to")
    try:
        target = urljoin(url, location)
        urlsplit(target).port  # noqa: B018 -- raises for a port that is none
    except ValueError:
        raise Refused("the server redirects to what is no address") from None
    return target


def _place(url: str) -> tuple[str, str | None, int | None, str]:
    parts = urlsplit(url)
    user, _, _ = parts.netloc.rpartition("@")
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme), user


def _shown(url: str) -> str:
    """Return scheme, host and port alone: paths and queries may hold what is secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"[:100]
