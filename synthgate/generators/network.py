"""Streams of asyncio for httpcore, which by itself takes anyio: that costs a fifth of a call.

The deadline of a call is set around all of it (`transport.py`), so that timeouts are not looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore


class Stream(httpcore.AsyncNetworkStream):
    """One TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        with _mapped(httpcore.ReadError):
            return await self._reader.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        with _mapped(httpcore.WriteError):
            self._writer.write(buffer)
            await self._writer.drain()

    async def aclose(self) -> None:
        self._writer.close()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> Stream:
        with _mapped(httpcore.ConnectError):
            await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        return self

    def get_extra_info(self, info: str) -> Any:
        """Tell what httpcore asks for: an idle connection that is readable was closed."""
        if info == "is_readable":
            return self._reader.at_eof() or self._reader.exception() is not None
        return self._writer.get_extra_info(info)


class Network(httpcore.AsyncNetworkBackend):
    """TCP connections by asyncio."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> Stream:
        """Connect; asyncio sets TCP_NODELAY by itself."""
        with _mapped(httpcore.ConnectError):
            return Stream(*await asyncio.open_connection(host, port))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@contextlib.contextmanager
def _mapped(kind: type[Exception]) -> Iterator[None]:
    """Raise what the operating system and TLS say as an error of httpcore."""
    try:
        yield
    except (OSError, UnicodeError) as error:  # a host that is no name raises UnicodeError
        raise kind(str(error) or type(error).__name__) from None
