"""One request and its whole answer, as far as it is reasonable to wait and to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import httpx

from syncd.systems.client import SENT, Answer
from syncd.systems.stopping import IN_FLIGHT

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from syncd.systems.stopping import Stopping

MOST_BYTES = 32 * 1024 * 1024
"""No answer is read further than this, counted after decompression: the largest lists are 2 MB."""

LONGEST = 120.0
"""Seconds in which an answer must be whole, however steadily it trickles."""


class TooMuch(httpx.RequestError):
    """An answer that nobody in their right mind sends."""


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
                parts, size = [], 0
                async for part in _unpacked(response):
                    parts.append(part)
                    size += len(part)
                    if size > MOST_BYTES:
                        raise TooMuch(f"the answer is longer than {MOST_BYTES} bytes")
            finally:
                await response.aclose()
    except TimeoutError:
        if not is_sent():
            raise Unsent("syncd is ending", request=request) from None
        allowed = IN_FLIGHT if stopping.is_set() else LONGEST
        raise httpx.ReadTimeout(f"no whole answer in {allowed:.0f} s", request=request) from None
    return Answer.of(response, b"".join(parts))


def _unpacked(response: httpx.Response) -> AsyncIterable[bytes]:
    """The body by parts; most are not packed, and need not go through what unpacks."""
    if "content-encoding" in response.headers:
        return response.aiter_bytes()
    return cast("httpx.AsyncByteStream", response.stream)
