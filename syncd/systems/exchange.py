"""One request and its whole answer, as far as it is reasonable to wait and to read.

Each bound is checked before the memory is used. Every call to a platform takes this way, whatever
transport carries it.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, cast

import httpx

from syncd.systems.client import SENT, Answer
from syncd.systems.lenient import number
from syncd.systems.stopping import IN_FLIGHT
from syncd.systems.unpacking import unpacker

if TYPE_CHECKING:
    from syncd.systems.client import Client
    from syncd.systems.stopping import Stopping

MAX_BYTES = 8 * 1024 * 1024
"""No answer is read further than this, packed or unpacked: the largest lists are 2 MB."""

LARGE = 512 * 1024
"""Bytes from which on the answers of one account are received one after the other.

Else ten lists that are read at once would take ten times `MAX_BYTES`.
"""

MAX_PARTS = 20_000
"""Chunks of an answer: as many as the longest one has with 400 bytes each."""

MAX_HEADERS = 200
"""Header fields of an answer; platforms send 30."""

MAX_DURATION = 120.0
"""Seconds in which an answer must be whole, however steadily it trickles."""

_TURN = 64
"""Parts that are taken before other tasks have a turn."""

_FRAMING = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})
_WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class ResponseTooLargeError(httpx.RequestError):
    """An answer that is larger than any that a platform sends."""


class NotSentError(httpx.RequestError):
    """The signal to end came before the first byte of the request left."""


async def exchange(client: Client, request: httpx.Request, stopping: Stopping) -> Answer:
    """Send, and read the answer as far as is reasonable. Raises httpx.RequestError.

    After the signal to end, a request of which bytes have left is finished, and no other one.
    """

    def is_sent() -> bool:
        # A transport that does not tell may have sent it.
        return request.extensions.get(SENT) is not False

    try:
        async with stopping.cut(MAX_DURATION, lambda: IN_FLIGHT if is_sent() else 0.0):
            response = await client.transport.handle_async_request(request)
            try:
                content = await _body(response, client.large)
            finally:
                await response.aclose()
    except TimeoutError:
        if not is_sent():
            raise NotSentError("syncd is ending", request=request) from None
        allowed = IN_FLIGHT if stopping.is_set() else MAX_DURATION
        raise httpx.ReadTimeout(f"no whole answer in {allowed:.0f} s", request=request) from None
    return Answer.of(response, content)


async def _body(response: httpx.Response, large: asyncio.Lock) -> bytes:
    """Read the body to its end, unpacked. Raises httpx.RequestError if it is not whole."""
    body = _Body(large)
    try:
        await _read(response, body)
        return body.whole()
    finally:
        body.leave()


async def _read(response: httpx.Response, body: _Body) -> None:
    framing = _framing(response.headers.raw)
    encodings = framing.get(b"content-encoding")
    packed = unpacker(encodings.split(",")) if encodings is not None else None
    arrived = parts = 0
    async for part in cast("httpx.AsyncByteStream", response.stream):
        arrived += len(part)
        parts += 1
        _expect_at_most(MAX_BYTES, arrived)
        if parts > MAX_PARTS:
            raise ResponseTooLargeError(f"the answer comes in more than {MAX_PARTS} parts")
        if packed is None:
            await body.add(part)
        else:
            for step in packed.unpack(part):
                await body.add(step)
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


def _framing(headers: list[tuple[bytes, bytes]]) -> dict[bytes, str]:
    """Return the header fields that say how the body is sent. Raises ResponseTooLargeError."""
    if len(headers) > MAX_HEADERS:
        raise ResponseTooLargeError(f"the answer has more than {MAX_HEADERS} header fields")
    found: dict[bytes, str] = {}
    for name, value in headers:
        if (key := name.lower()) in _FRAMING:
            said = value.decode("latin-1")
            found[key] = f"{found[key]},{said}" if key in found else said
    return found


def _expect_at_most(most: int, size: int) -> None:
    if size > most:
        raise ResponseTooLargeError(f"the answer is longer than {most} bytes")


class _Body:
    """The parts of a body, put together as they come: a list of tiny ones would take far more.

    From `LARGE` bytes on it waits for its turn; ``leave`` ends that.
    """

    def __init__(self, large: asyncio.Lock) -> None:
        self._only = b""
        self._joined: BytesIO | None = None
        self._size = 0
        self._large = large
        self._has_turn = False

    async def add(self, part: bytes) -> None:
        """Append a part. Raises ResponseTooLargeError."""
        self._size += len(part)
        _expect_at_most(MAX_BYTES, self._size)
        if self._size > LARGE and not self._has_turn:
            await self._large.acquire()
            self._has_turn = True
        if self._joined is not None:
            self._joined.write(part)
        elif not self._only:
            self._only = bytes(part)
        else:
            self._joined = BytesIO()
            self._joined.write(self._only)
            self._joined.write(part)
            self._only = b""

    def whole(self) -> bytes:
        """Return the body, which is not copied for it."""
        return self._only if self._joined is None else self._joined.getvalue()

    def leave(self) -> None:
        """Let the next large answer have its turn."""
        if self._has_turn:
            self._has_turn = False
            self._large.release()
