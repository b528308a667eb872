"""The connections of one account: a transport of httpx, made of httpcore's parts.

It does what httpx's own does, with the same connections and thus the same errors, but httpcore's
pool, which looks at each connection several times a request, and its way to the network. Nothing
is ever sent twice here: what was sent on a connection that breaks is told as an error.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from ssl import SSLContext

import httpcore
import httpx

from syncd.systems.sockets import Sockets

_TOLD_AS: dict[type[Exception], type[httpx.TransportError]] = {
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.LocalProtocolError: httpx.LocalProtocolError,
    httpcore.ReadError: httpx.ReadError,
    httpcore.ReadTimeout: httpx.ReadTimeout,
    httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
    httpcore.WriteError: httpx.WriteError,
    httpcore.WriteTimeout: httpx.WriteTimeout,
}


@contextmanager
def _told_as_httpx() -> Iterator[None]:
    try:
        yield
    except tuple(_TOLD_AS) as error:
        raise _TOLD_AS[type(error)](str(error)) from error


class Connections(httpx.AsyncBaseTransport):
    """At most so many connections at a time; those that are free are kept for a while."""

    def __init__(self, context: SSLContext, limits: httpx.Limits) -> None:
        """Make none yet; ``context`` decides whom to believe."""
        self._context = context
        self._expiry = limits.keepalive_expiry
        self._room = asyncio.Semaphore(limits.max_connections or 1)
        self._sockets = Sockets()
        self._free: deque[httpcore.AsyncConnectionInterface] = deque()
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send once, and return the answer as soon as its headers are there."""
        url = request.url
        if url.scheme not in {"http", "https"}:
            raise httpx.UnsupportedProtocol(f"'{url.scheme}://' is neither http:// nor https://")
        asked = httpcore.Request(
            request.method,
            httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        await self._enter(request.extensions.get("timeout", {}).get("pool"))
        connection = None
        try:
            connection = await self._connection(asked.url.origin)
            with _told_as_httpx():
                answer = await connection.handle_async_request(asked)
        except BaseException:
            await self._leave(connection)
            raise
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(answer, lambda: self._leave(connection)),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        """Close those that are free; the others close when they are."""
        self._closed = True
        while self._free:
            await self._free.popleft().aclose()

    async def _enter(self, patience: float | None) -> None:
        try:
            async with asyncio.timeout(patience):
                await self._room.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("all connections are in use") from None

    async def _leave(self, connection: httpcore.AsyncConnectionInterface | None) -> None:
        """Keep the connection, unless what happened on it has closed it, or all are closed."""
        self._room.release()
        if connection is None:
            return
        if self._closed:
            await connection.aclose()
        elif connection.is_available():
            self._free.append(connection)

    async def _connection(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        """Take the one used last, or a new one; the one that was not used longest may go."""
        if self._closed:
            raise httpx.ConnectError("the connections are closed")
        while self._free and self._free[0].has_expired():
            await self._free.popleft().aclose()
        while self._free:
            last = self._free.pop()
            if last.can_handle_request(origin) and not last.has_expired():
                return last
            await last.aclose()
        return httpcore.AsyncHTTPConnection(
            origin,
            ssl_context=self._context,
            keepalive_expiry=self._expiry,
            network_backend=self._sockets,
        )


class _Body(httpx.AsyncByteStream):
    """A body as it travels."""

    def __init__(self, answer: httpcore.Response, leave: Callable[[], Awaitable[None]]) -> None:
        self._answer = answer
        self._leave = leave

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _told_as_httpx():
            async for part in self._answer.aiter_stream():
                yield part

    async def aclose(self) -> None:
        """Free the connection; httpx closes each body once."""
        try:
            await self._answer.aclose()
        finally:
            await self._leave()
