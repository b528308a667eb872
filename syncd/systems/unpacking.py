"""Unpack a compressed answer step by step, so that its size is known before memory is used.

One layer of what was asked for is unpacked: gzip or deflate. Several layers multiply (5 kB become
3 GB), and an encoding that was not asked for is none that anybody can be expected to read.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STEP = 64 * 1024
"""Bytes that are unpacked at a time."""

MAX_RATIO = 250
"""A body that grows by more is no list of rows: JSON grows tenfold, repeated rows fiftyfold."""

RATIO_FROM = 1024 * 1024
"""Bytes below which the ratio does not matter."""

_PLAIN = frozenset({"", "identity"})
_GZIP = frozenset({"gzip", "x-gzip"})
_DEFLATE = "deflate"
_ZLIB_HEADER = 2
_ZLIB_METHOD = 8


class Unpacker:
    """Unpacks one body. Raises httpx.DecodingError, also where the body is not whole."""

    def __init__(self, encoding: str) -> None:
        """Begin with the one encoding of the body."""
        self._deflate = encoding == _DEFLATE
        self._stream = None if self._deflate else zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._head = b""
        self._taken = 0
        self._made = 0

    def unpack(self, data: bytes) -> Iterator[bytes]:
        """Unpack a part of the body, in steps."""
        self._taken += len(data)
        stream = self._stream
        if stream is None:
            data = self._head + data
            if len(data) < _ZLIB_HEADER:
                self._head = data
                return
            # Some servers send deflate without the header of zlib.
            bits = zlib.MAX_WBITS if _has_header(data) else -zlib.MAX_WBITS
            stream = self._stream = zlib.decompressobj(bits)
        while True:
            if stream.eof:
                if data:
                    raise httpx.DecodingError("there is more after the end of the packed answer")
                return
            try:
                part = stream.decompress(data, STEP)
            except zlib.error as error:
                raise httpx.DecodingError(str(error)) from error
            self._count(len(part))
            if part:
                yield part
            data = stream.unused_data if stream.eof else stream.unconsumed_tail
            if not data and len(part) < STEP:
                return

    def end(self) -> None:
        """Check that the packed body came to its own end, with the right checksum."""
        if self._taken and (self._stream is None or not self._stream.eof):
            raise httpx.DecodingError("the packed answer ends early")

    def _count(self, made: int) -> None:
        self._made += made
        if self._made > max(RATIO_FROM, MAX_RATIO * self._taken):
            raise httpx.DecodingError(f"the answer grows more than {MAX_RATIO} times")


def unpacker(encodings: Sequence[str]) -> Unpacker | None:
    """Return what unpacks a body with these encodings; None: it is not packed.

    Raises httpx.DecodingError for several encodings, and for one that was not asked for.
    """
    found = [said for each in encodings if (said := each.strip().lower()) not in _PLAIN]
    if not found:
        return None
    if len(found) > 1:
        raise httpx.DecodingError(f"the answer is packed {len(found)} times")
    if found[0] not in _GZIP and found[0] != _DEFLATE:
        raise httpx.DecodingError("the answer is packed in a way that was not asked for")
    return Unpacker(found[0])


def _has_header(data: bytes) -> bool:
    return data[0] & 15 == _ZLIB_METHOD and (data[0] << 8 | data[1]) % 31 == 0
