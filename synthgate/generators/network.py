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

_LAST_CHUNK = b"0\r\n\r\n"


class Reader(asyncio.StreamReader):
    """A reader that knows how much nobody has read yet."""

    unread = 0

    def feed_data(self, data: Any) -> None:
        """Take the bytes that came in."""
        self.unread += len(data)
        super().feed_data(data)


class Stream(httpcore.AsyncNetworkStream):
    """One TCP connection.

    A server that answers twice must not have its second answer taken for that of the next call:
    a connection on which more came than one response is not used again.
    """

    def __init__(self, reader: Reader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._head, self._last, self._received = b"", b"", 0
        self._spoilt = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        with _mapped(httpcore.ReadError):
            data = await self._reader.read(max_bytes)
        self._reader.unread -= len(data)
        if b"\r\n\r\n" not in self._head:
            self._head += data
        self._received += len(data)
        self._last = data
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._head, self._last, self._received = b"", b"", 0
        with _mapped(httpcore.WriteError):
            self._writer.write(buffer)
            await self._writer.drain()

    def ended(self, length: int | None) -> None:
        """Take note that a response was read to its end; its body has a length, or is chunked.

        In doubt, such as with a last chunk that came in two pieces, the connection is spoilt: that
        costs a new one.
        """
        if length is None:
            self._spoilt |= self._last.find(_LAST_CHUNK) + len(_LAST_CHUNK) != len(self._last)
        else:
            head = self._head.find(b"\r\n\r\n") + 4
            self._spoilt |= self._received != head + length

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
        """Tell what httpcore asks for: an idle connection that is readable is of no more use."""
        if info == "is_readable":
            reader = self._reader
            return self._spoilt or reader.unread or reader.at_eof() or reader.exception()
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
        loop = asyncio.get_running_loop()
        reader = Reader()
        protocol = asyncio.StreamReaderProtocol(reader)
        with _mapped(httpcore.ConnectError):
            transport, _ = await loop.create_connection(lambda: protocol, host, port)
        return Stream(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@contextlib.contextmanager
def _mapped(kind: type[Exception]) -> Iterator[None]:
    """Raise what the operating system and TLS say as an error of httpcore."""
    try:
        yield
    except (OSError, UnicodeError) as error:  # a host that is no name raises UnicodeError
        raise kind(str(error) or type(error).__name__) from None
