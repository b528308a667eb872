"""Send one request and read its whole response, with bounds on time and memory.

Each bound is checked before the memory is used. Every call to a platform goes through `exchange`,
whatever transport sends it.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, cast

import httpx

from syncd.systems.client import SENT, HttpResponse
from syncd.systems.lenient import number
from syncd.systems.stopping import IN_FLIGHT
from syncd.systems.unpacking import decompressor_for

if TYPE_CHECKING:
    from syncd.systems.client import Client
    from syncd.systems.stopping import Stopping

MAX_BYTES = 8 * 1024 * 1024
"""Bytes of a response that are read at most, compressed or not; the largest lists are 2 MB."""

LARGE = 512 * 1024
"""Bytes above which the responses of one account are received one after the other.

Otherwise ten lists read in parallel could take ten times `MAX_BYTES`.
"""

MAX_CHUNKS = 20_000
"""Chunks of a response: as many as the longest one has at 400 bytes each."""

MAX_HEADERS = 200
"""Header fields of a response; platforms send about 30."""

MAX_DURATION = 120.0
"""Seconds after which a response must be complete, even if it still arrives slowly."""

_CHUNKS_PER_TURN = 64
"""Chunks that are handled before other tasks may run."""

_FRAMING = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})
_WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class ResponseTooLargeError(httpx.RequestError):
    """A response that exceeds one of the bounds on size, chunks or headers."""


class NotSentError(httpx.RequestError):
    """The stop signal came before the first byte of the request was sent."""


async def exchange(client: Client, request: httpx.Request, stopping: Stopping) -> HttpResponse:
    """Send a request and return its whole response. Raises httpx.RequestError.

    After the stop signal, no new request is sent (NotSentError); one in flight may finish.
    """

    def is_sent() -> bool:
        # A transport that does not set the extension may have sent it.
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
            raise NotSentError("syncd is stopping", request=request) from None
        allowed = IN_FLIGHT if stopping.is_set() else MAX_DURATION
        raise httpx.ReadTimeout(
            f"no complete response within {allowed:.0f} s", request=request
        ) from None
    return HttpResponse.from_response(response, content)


async def _body(response: httpx.Response, large: asyncio.Lock) -> bytes:
    """Read the whole body, decompressed. Raises httpx.RequestError if it is incomplete."""
    body = _Body(large)
    try:
        await _read(response, body)
        return body.whole()
    finally:
        body.release()


async def _read(response: httpx.Response, body: _Body) -> None:
    framing = _framing(response.headers.raw)
    encodings = framing.get(b"content-encoding")
    decompressor = decompressor_for(encodings.split(",")) if encodings is not None else None
    arrived = chunks = 0
    async for chunk in cast("httpx.AsyncByteStream", response.stream):
        arrived += len(chunk)
        chunks += 1
        _expect_at_most(MAX_BYTES, arrived)
        if chunks > MAX_CHUNKS:
            raise ResponseTooLargeError(f"the response has more than {MAX_CHUNKS} chunks")
        if decompressor is None:
            await body.add(chunk)
        else:
            for piece in decompressor.decompress(chunk):
                await body.add(piece)
        if not chunks % _CHUNKS_PER_TURN:
            await asyncio.sleep(0)
    if decompressor is not None:
        decompressor.end()
    announced = number(framing.get(b"content-length"))
    if (
        announced not in {None, arrived}
        and b"transfer-encoding" not in framing
        and response.status_code not in _WITHOUT_BODY
    ):
        raise httpx.RemoteProtocolError(f"{arrived} of {announced} bytes of the response arrived")


def _framing(headers: list[tuple[bytes, bytes]]) -> dict[bytes, str]:
    """Return the headers that describe how the body is sent. Raises ResponseTooLargeError."""
    if len(headers) > MAX_HEADERS:
        raise ResponseTooLargeError(f"the response has more than {MAX_HEADERS} header fields")
    framing: dict[bytes, str] = {}
    for name, value in headers:
        if (key := name.lower()) in _FRAMING:
            field = value.decode("latin-1")
            framing[key] = f"{framing[key]},{field}" if key in framing else field
    return framing


def _expect_at_most(most: int, size: int) -> None:
    if size > most:
        raise ResponseTooLargeError(f"the response is longer than {most} bytes")


class _Body:
    """A body, joined chunk by chunk: a list of tiny chunks would take far more memory.

    Above `LARGE` bytes it holds the account's lock for large responses until `release`.
    """

    def __init__(self, large: asyncio.Lock) -> None:
        self._first = b""
        self._joined: BytesIO | None = None
        self._size = 0
        self._large = large
        self._holds_lock = False

    async def add(self, chunk: bytes) -> None:
        """Append a chunk. Raises ResponseTooLargeError."""
        self._size += len(chunk)
        _expect_at_most(MAX_BYTES, self._size)
        if self._size > LARGE and not self._holds_lock:
            await self._large.acquire()
            self._holds_lock = True
        if self._joined is not None:
            self._joined.write(chunk)
        elif not self._first:
            self._first = bytes(chunk)
        else:
            self._joined = BytesIO()
            self._joined.write(self._first)
            self._joined.write(chunk)
            self._first = b""

    def whole(self) -> bytes:
        """Return the body; one that came in a single chunk is not copied."""
        return self._first if self._joined is None else self._joined.getvalue()

    def release(self) -> None:
        """Let the next large response be received."""
        if self._holds_lock:
            self._holds_lock = False
            self._large.release()
