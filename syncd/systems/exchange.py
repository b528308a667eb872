"""One request and its whole answer, as far as it is reasonable to wait and to read.

Each bound is checked before the memory is used. Every call to a platform takes this way, whatever
transport carries it.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

import httpx

from syncd.systems.client import SENT, Answer
from syncd.systems.loose import number
from syncd.systems.stopping import IN_FLIGHT
from syncd.systems.unpacking import unpacker

if TYPE_CHECKING:
    from syncd.systems.stopping import Stopping

MOST_BYTES = 8 * 1024 * 1024
"""No answer is read further than this, packed or unpacked: the largest lists are 2 MB."""

MOST_PARTS = 20_000
"""Chunks of an answer: as many as the longest one has with 400 bytes each."""

MOST_HEADERS = 200
"""Header fields of an answer; platforms send 30."""

LONGEST = 120.0
"""Seconds in which an answer must be whole, however steadily it trickles."""

_TURN = 64
"""Parts that are taken before other tasks have a turn."""

_FRAMING = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})
_WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class TooMuch(httpx.RequestError):
    """An answer that is larger than any that a platform sends."""


class Unsent(httpx.RequestError):
    """The signal to end came before the first byte of the request left."""


async def exchange(
    transport: httpx.AsyncBaseTransport, request: httpx.Request, stopping: Stopping
) -> Answer:
    """Send, and read the answer as far as is reasonable. Raises httpx.RequestError.

    After the signal to end, a request of which bytes have left is finished, and no other one.
    """

    def is_sent() -> bool:
        # A transport that does not tell may have sent it.
        return request.extensions.get(SENT) is not False

    try:
        async with stopping.cut(LONGEST, lambda: IN_FLIGHT if is_sent() else 0.0):
            response = await transport.handle_async_request(request)
            try:
                content = await _body(response)
            finally:
                await response.aclose()
    except TimeoutError:
        if not is_sent():
            raise Unsent("syncd is ending", request=request) from None
        allowed = IN_FLIGHT if stopping.is_set() else LONGEST
        raise httpx.ReadTimeout(f"no whole answer in {allowed:.0f} s", request=request) from None
    return Answer.of(response, content)


async def _body(response: httpx.Response) -> bytes:
    """Read the body to its end, unpacked. Raises httpx.RequestError if it is not whole."""
    framing = _framing(response.headers.raw)
    encodings = framing.get(b"content-encoding")
    packed = unpacker(encodings.split(",")) if encodings is not None else None
    body = _Body()
    arrived = parts = 0
    async for part in cast("httpx.AsyncByteStream", response.stream):
        arrived += len(part)
        parts += 1
        _expect_at_most(MOST_BYTES, arrived)
        if parts > MOST_PARTS:
            raise TooMuch(f"the answer comes in more than {MOST_PARTS} parts")
        if packed is None:
            body.add(part)
        else:
            for step in packed.unpack(part):
                body.add(step)
        if not parts % _TURN:
            await asyncio.sleep(0)
    if packed is not None:
        packed.end()
    announced = number(framing.get(b"content-length"))
    if (
        announced not in {None, arrived}
        and b"transfer-encoding" not in framing
        and response.status_code not in _WITHOUT_BODY
    ):
        raise httpx.RemoteProtocolError(f"{arrived} of {announced} bytes arrived")
    return body.whole()


def _framing(headers: list[tuple[bytes, bytes]]) -> dict[bytes, str]:
    """Return the header fields that say how the body is sent. Raises TooMuch."""
    if len(headers) > MOST_HEADERS:
        raise TooMuch(f"the answer has more than {MOST_HEADERS} header fields")
    found: dict[bytes, str] = {}
    for name, value in headers:
        if (key := name.lower()) in _FRAMING:
            said = value.decode("latin-1")
            found[key] = f"{found[key]},{said}" if key in found else said
    return found


def _expect_at_most(most: int, size: int) -> None:
    if size > most:
        raise TooMuch(f"the answer is longer than {most} bytes")


class _Body:
    """The parts of a body, put together as they come: a list of tiny ones would take far more."""

    def __init__(self) -> None:
        self._only = b""
        self._joined: bytearray | None = None

    def add(self, part: bytes) -> None:
        """Append a part. Raises TooMuch."""
        if self._joined is None:
            if not self._only:
                self._only = bytes(part)
                _expect_at_most(MOST_BYTES, len(self._only))
                return
            self._joined, self._only = bytearray(self._only), b""
        self._joined += part
        _expect_at_most(MOST_BYTES, len(self._joined))

    def whole(self) -> bytes:
        """Return the body."""
        return self._only if self._joined is None else bytes(self._joined)
