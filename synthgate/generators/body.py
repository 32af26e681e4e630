"""The body of an HTTP response, unpacked under a limit and as text."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping

LARGEST = 32 * 1024 * 1024  # bytes, once unpacked
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class BadBody(Exception):
    """A body that cannot be taken; `text` is what there is to record of it."""

    def __init__(self, reason: str, detail: str, text: str = "") -> None:
        super().__init__(detail)
        self.reason, self.text = reason, text


async def read_body(chunks: AsyncIterator[bytes], headers: Mapping[str, str]) -> str:
    """Return the text of a body from its raw chunks, or raise `BadBody`.

    Unpacked here and not by the HTTP library: a small bomb must never become a large string.
    """
    encoding = headers.get("content-encoding", "identity").strip().lower() or "identity"
    if encoding not in ("identity", "gzip", "x-gzip", "deflate"):
        raise BadBody("invalid_encoding", f"content-encoding {encoding!r} was not asked for")
    unpack = None if encoding == "identity" else zlib.decompressobj(_GZIP_OR_ZLIB)
    body = bytearray()
    async for chunk in chunks:
        body += chunk if unpack is None else _unpacked(unpack, chunk, LARGEST + 1 - len(body))
        if len(body) > LARGEST:
            raise BadBody("too_large", f"the body is larger than {LARGEST} bytes")
    if unpack is not None and not unpack.eof:
        raise BadBody("invalid_encoding", "the compressed body is cut off")
    return _text(bytes(body))


def _unpacked(unpack: zlib._Decompress, chunk: bytes, most: int) -> bytes:
    try:
        return unpack.decompress(chunk, most)
    except zlib.error as error:
        raise BadBody("invalid_encoding", f"the compressed body is damaged: {error}") from None


def _text(body: bytes) -> str:
    try:
        return body.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        recorded = body.decode(errors="backslashreplace")
        raise BadBody("invalid_json", f"invalid UTF-8 at byte {error.start}", recorded) from None
