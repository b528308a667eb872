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
                if len(response.headers.raw) > MOST_HEADERS:
                    raise TooMuch(f"the answer has more than {MOST_HEADERS} header fields")
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
    headers = response.headers
    packed = (
        unpacker(headers.get_list("content-encoding", split_commas=True))
        if "content-encoding" in headers
        else None
    )
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
    if "transfer-encoding" not in headers and response.status_code not in _WITHOUT_BODY:
        announced = number(headers.get("content-length"))
        if announced is not None and announced != arrived:
            raise httpx.RemoteProtocolError(f"{arrived} of {announced} bytes arrived")
    return body.whole()


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
