"""Decompress a response step by step, so that its size is checked before memory is used.

Requests ask for gzip or deflate, and only one layer is accepted: several layers multiply, so that
5 kB may become 3 GB. Other encodings are an error.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_STEP = 64 * 1024
"""Bytes that are decompressed at a time."""

MAX_RATIO = 250
"""Growth above which a body is refused. JSON grows tenfold, and repeated rows fiftyfold."""

RATIO_FROM = 1024 * 1024
"""Decompressed bytes below which the ratio is not checked."""

_PLAIN = frozenset({"", "identity"})
_GZIP = frozenset({"gzip", "x-gzip"})
_DEFLATE = "deflate"
_ZLIB_HEADER = 2
_ZLIB_METHOD = 8


class Decompressor:
    """Decompresses one body. Raises httpx.DecodingError, also if the body is incomplete."""

    def __init__(self, encoding: str) -> None:
        """Prepare for ``encoding``: gzip, x-gzip or deflate."""
        self._deflate = encoding == _DEFLATE
        self._stream = None if self._deflate else zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._head = b""
        self._bytes_in = 0
        self._bytes_out = 0

    def decompress(self, data: bytes) -> Iterator[bytes]:
        """Decompress a chunk of the body; yield the result in pieces of at most 64 KiB."""
        self._bytes_in += len(data)
        stream = self._stream
        if stream is None:
            data = self._head + data
            if len(data) < _ZLIB_HEADER:
                self._head = data
                return
            # Some servers send deflate without the zlib header.
            bits = zlib.MAX_WBITS if _has_header(data) else -zlib.MAX_WBITS
            stream = self._stream = zlib.decompressobj(bits)
        while True:
            if stream.eof:
                if data:
                    raise httpx.DecodingError(
                        "there is data after the end of the compressed response"
                    )
                return
            try:
                piece = stream.decompress(data, _STEP)
            except zlib.error as error:
                raise httpx.DecodingError(str(error)) from error
            self._count(len(piece))
            if piece:
                yield piece
            data = stream.unused_data if stream.eof else stream.unconsumed_tail
            if not data and len(piece) < _STEP:
                return

    def end(self) -> None:
        """Check that the compressed body is complete; its checksum was verified with its end."""
        if self._bytes_in and (self._stream is None or not self._stream.eof):
            raise httpx.DecodingError("the compressed response is incomplete")

    def _count(self, size: int) -> None:
        self._bytes_out += size
        if self._bytes_out > max(RATIO_FROM, MAX_RATIO * self._bytes_in):
            raise httpx.DecodingError(
                f"the decompressed response is more than {MAX_RATIO} times as long"
            )


def decompressor_for(encodings: Sequence[str]) -> Decompressor | None:
    """Return the decompressor of a body with these encodings; None if it is not compressed.

    Raises httpx.DecodingError for several encodings, and for one that was not requested.
    """
    layers = [layer for each in encodings if (layer := each.strip().lower()) not in _PLAIN]
    if not layers:
        return None
    if len(layers) > 1:
        raise httpx.DecodingError(f"the response is compressed {len(layers)} times")
    if layers[0] not in _GZIP and layers[0] != _DEFLATE:
        raise httpx.DecodingError("the response has an encoding that syncd did not request")
    return Decompressor(layers[0])


def _has_header(data: bytes) -> bool:
    return data[0] & 15 == _ZLIB_METHOD and (data[0] << 8 | data[1]) % 31 == 0
