"""One server over HTTP; with `network.py` the only module that knows httpcore.

A pool of connections looks through all of them for every call: with 64 in flight in one pool that
costs more than everything else. So the calls are spread over several pools of a few connections.
"""

from __future__ import annotations

import asyncio
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpcore

from synthgate.generators.body import BadBody, read_body
from synthgate.generators.faults import Reply, asked_wait
from synthgate.generators.network import Network, Stream
from synthgate.generators.redirects import MOST, Refused, followed
from synthgate.version import __version__

_LANE = 6  # calls in flight in one pool
_IDLE = 5.0  # seconds; servers close what is idle for longer, just as it is used again
_SECRET = 8  # characters; a shorter key is a placeholder for a local server, and no secret


class Transport:
    """Connections to one URL, kept alive between calls."""

    def __init__(self, url: str, api_key: str, concurrency: int) -> None:
        self.url = url
        self._url, self._key = httpcore.URL(url), api_key
        self._headers = [
            (b"host", urlsplit(url).netloc.encode("idna")),
            (b"content-type", b"application/json"),
            (b"accept", b"application/json"),
            (b"accept-encoding", b"gzip"),
            (b"user-agent", f"synthgate/{__version__}".encode()),
        ]
        if api_key:
            self._headers.append((b"authorization", b"Bearer " + api_key.encode()))
        secure, proxy = _security(url), _proxy(url)
        self._lanes = [_pool(secure, proxy) for _ in range(-(-concurrency // _LANE))]
        self._busy = [0] * len(self._lanes)

    async def post(self, content: bytes, seconds: float) -> Reply:
        """Make one call under one deadline for all of it, however slowly the body drips.

        A redirect is followed on the same server alone: elsewhere it would carry the key along.
        Every fault is a `Reply`.
        """
        lane = self._busy.index(min(self._busy))
        self._busy[lane] += 1
        try:
            async with asyncio.timeout(seconds):
                return self._redacted(await self._once(self._lanes[lane], content))
        except TimeoutError:
            return Reply(error="timeout", detail=f"no answer in {seconds:g} s")
        except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol) as error:
            return self._redacted(Reply(error="request", detail=f"cannot be sent: {error}"))
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError) as error:
            detail = f"{type(error).__name__}: {error}"
            return self._redacted(Reply(error="connection", detail=detail))
        finally:
            self._busy[lane] -= 1

    async def _once(self, lane: httpcore.AsyncConnectionPool, content: bytes) -> Reply:
        """Make a call, and make it again where the same server redirects it."""
        url = self.url
        for so_far in range(MOST + 1):
            reply, location = await self._sent(lane, url, content)
            if not 300 <= reply.status < 400:
                break
            try:
                url = followed(url, reply.status, location, so_far)
            except Refused as why:
                return replace(reply, error="redirect", detail=str(why))
        return reply

    async def _sent(
        self, lane: httpcore.AsyncConnectionPool, url: str, content: bytes
    ) -> tuple[Reply, str]:
        """Return what one request came back with, and the location that it names."""
        length = (b"content-length", str(len(content)).encode())
        headers = [*self._headers, length]
        asked = self._url if url == self.url else httpcore.URL(url)
        request = httpcore.Request("POST", asked, headers=headers, content=content)
        response = await lane.handle_async_request(request)
        said = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in response.headers}
        status, location = response.status, said.get("location", "")
        try:
            return await _read(response, said), location
        except BadBody as error:
            wait = asked_wait(said)
            if status != 200:
                return Reply(status, error.text, wait=wait), location
            return Reply(200, error.text, error.reason, str(error)), location
        finally:
            await response.aclose()

    def _redacted(self, reply: Reply) -> Reply:
        """Return the reply without the API key, which a server may echo."""
        key = self._key
        if len(key) < _SECRET or (key not in reply.body and key not in reply.detail):
            return reply
        body, detail = (text.replace(key, "[api key]") for text in (reply.body, reply.detail))
        return Reply(reply.status, body, reply.error, detail, reply.wait, redacted=True)

    async def aclose(self) -> None:
        """Close every connection."""
        for lane in self._lanes:
            await lane.aclose()


async def _read(response: httpcore.Response, said: Mapping[str, str]) -> Reply:
    """Return a response that was read to its end, or raise `BadBody`."""
    body = await read_body(response.aiter_stream(), said)
    if isinstance(stream := response.extensions.get("network_stream"), Stream):
        stream.ended(_length(response.status, said))
    return Reply(response.status, body, wait=asked_wait(said))


def _length(status: int, headers: Mapping[str, str]) -> int | None:
    """Return the length of a response's body; None where it is chunked."""
    if status in (204, 304):
        return 0
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return None
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() else -1  # it ends with the connection


def _pool(secure: ssl.SSLContext | None, proxy: str) -> httpcore.AsyncConnectionPool:
    """Return a pool of connections that are kept alive while they are of use."""
    limits: dict[str, Any] = {"max_connections": None, "max_keepalive_connections": _LANE}
    return httpcore.AsyncConnectionPool(
        ssl_context=secure,
        proxy=_named(proxy) if proxy else None,
        keepalive_expiry=_IDLE,
        network_backend=Network(),
        **limits,
    )


def _security(url: str) -> ssl.SSLContext | None:
    """Return one context for all pools: to read the certificates takes 20 ms each time."""
    return httpcore.default_ssl_context() if url.startswith("https:") else None


def _proxy(url: str) -> str:
    """Return the proxy that the environment names for a URL, "" for none."""
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.netloc):
        return ""
    found = urllib.request.getproxies()
    return found.get(parts.scheme) or found.get("all") or ""


def _named(url: str) -> httpcore.Proxy:
    """Return a proxy by its URL, which may hold a user and a password."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    auth = (parts.username, parts.password or "") if parts.username else None
    host = parts.netloc.rpartition("@")[2]
    return httpcore.Proxy(f"{parts.scheme}://{host}", auth=auth)
