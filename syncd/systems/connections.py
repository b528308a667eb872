"""Connections to one account: an httpx transport built on h11 and the event loop's sockets.

It behaves like httpx's own transport, with the same protocol library (h11) and the same errors, but
without httpcore's pool, locks and hooks, which take most of the CPU time of a request. Nothing is
sent twice: if a connection breaks after a request was sent, that is an error.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from ssl import SSLContext
from typing import TypeAlias, cast

import h11
import httpx

from syncd.systems.client import SENT
from syncd.systems.sockets import Socket, open_socket

_PORTS = {"http": 80, "https": 443}

_MAX_HEAD = 100 * 1024
"""Bytes of a response's headers, as with httpcore."""

READ_SIZE = 64 * 1024
"""Bytes that h11 is given at a time: it checks the size of a head or trailer only between them."""

_MAX_INTERIM = 100
"""Interim responses (1xx) that may come before the final one."""

Origin: TypeAlias = tuple[str, str, int]
"""Scheme, host and port."""

Timeouts: TypeAlias = Mapping[str, float | None]
"""Seconds by phase, as httpx.Timeout names them."""


class Connections(httpx.AsyncBaseTransport):
    """A pool with a maximum number of connections; free ones are kept for a while."""

    def __init__(self, context: SSLContext, limits: httpx.Limits) -> None:
        """Prepare an empty pool; ``context`` verifies the servers."""
        context.set_alpn_protocols(["http/1.1"])
        self._context = context
        self._expiry = limits.keepalive_expiry
        self._slots = asyncio.Semaphore(limits.max_connections or 1)
        self._free: deque[_Connection] = deque()
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request once, and return the response as soon as its headers have arrived."""
        request.extensions[SENT] = False
        url, timeouts = request.url, request.extensions.get("timeout", {})
        if url.scheme not in _PORTS:
            raise httpx.UnsupportedProtocol(
                f"the URL scheme '{url.scheme}://' is neither http:// nor https://"
            )
        origin = (url.scheme, url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme])
        await self._acquire(timeouts.get("pool"))
        connection = None
        try:
            connection = await self._take(origin, timeouts.get("connect"))
            head = await connection.send(request, timeouts)
        except BaseException:
            await self._release(connection)
            raise
        body = _Body(connection, timeouts.get("read"), lambda: self._release(connection))
        return httpx.Response(head.status_code, headers=head.headers.raw_items(), stream=body)

    async def aclose(self) -> None:
        """Close the free connections; the others are closed when they become free."""
        self._closed = True
        while self._free:
            await self._free.popleft().aclose()

    async def _acquire(self, timeout: float | None) -> None:  # noqa: ASYNC109
        if not self._slots.locked():
            await self._slots.acquire()
            return
        try:
            async with asyncio.timeout(timeout):
                await self._slots.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("all connections are in use") from None

    async def _release(self, connection: _Connection | None) -> None:
        """Keep the connection if its response was read to the end and the pool is open."""
        self._slots.release()
        if connection is None:
            return
        if self._closed or not connection.is_reusable():
            await connection.aclose()
        else:
            self._free.append(connection)

    async def _take(self, origin: Origin, timeout: float | None) -> _Connection:  # noqa: ASYNC109
        """Return the connection used last, or a new one; close stale ones."""
        if self._closed:
            raise httpx.ConnectError("the connection pool is closed")
        while len(self._free) > 1 and self._is_stale(self._free[0]):
            await self._free.popleft().aclose()
        while self._free:
            last = self._free.pop()
            if last.origin == origin and not self._is_stale(last):
                return last
            await last.aclose()
        scheme, host, port = origin
        socket = await open_socket(host, port, timeout)
        if scheme == "https":
            await socket.start_tls(self._context, host, timeout)
        return _Connection(origin, socket)

    def _is_stale(self, connection: _Connection) -> bool:
        idle = asyncio.get_running_loop().time() - connection.free_since
        expired = self._expiry is not None and idle > self._expiry
        return expired or connection.socket.has_input


class _Connection:
    """Sends requests one after the other over one socket, with h11."""

    def __init__(self, origin: Origin, socket: Socket) -> None:
        self.origin = origin
        self.socket = socket
        self.free_since = 0.0
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
        self._received = memoryview(b"")
        """Received bytes that were not given to h11 yet."""

    async def send(self, request: httpx.Request, timeouts: Timeouts) -> h11.Response:
        """Send a request in one piece, and wait for the head of the response."""
        data = await self._serialize(request)
        request.extensions[SENT] = True
        await self.socket.write(data, timeouts.get("write"))
        for _ in range(_MAX_INTERIM):
            event = await self.next_event(timeouts.get("read"))
            if isinstance(event, h11.Response):
                return event
        raise httpx.RemoteProtocolError(f"{_MAX_INTERIM} interim responses (1xx) and no final one")

    async def next_event(self, timeout: float | None) -> object:  # noqa: ASYNC109
        """Wait for the next h11 event of the response."""
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise httpx.RemoteProtocolError(str(error)) from error
            if event is not h11.NEED_DATA:
                return event
            if not self._received:
                self._received = memoryview(await self.socket.read(timeout))
                if not self._received and self._http.their_state is h11.SEND_RESPONSE:
                    why = "Server disconnected without sending a response."
                    raise httpx.RemoteProtocolError(why)
            self._http.receive_data(bytes(self._received[:READ_SIZE]))
            self._received = self._received[READ_SIZE:]

    def is_reusable(self) -> bool:
        """Return whether the response was read to its end and nothing else came; if so, reset."""
        http = self._http
        if http.our_state is not h11.DONE or http.their_state is not h11.DONE:
            return False
        if http.trailing_data[0] or self._received:
            return False  # unrequested data would be taken for the next answer
        http.start_next_cycle()
        self.free_since = asyncio.get_running_loop().time()
        return True

    async def aclose(self) -> None:
        """Close the connection at once."""
        await self.socket.aclose()

    async def _serialize(self, request: httpx.Request) -> bytes:
        try:
            head = h11.Request(
                method=request.method, target=request.url.raw_path, headers=request.headers.raw
            )
            chunks = [self._http.send(head)]
            chunks += [
                self._http.send(h11.Data(data=part))
                async for part in cast("httpx.AsyncByteStream", request.stream)
            ]
            chunks.append(self._http.send(h11.EndOfMessage()))
        except h11.LocalProtocolError as error:
            raise httpx.LocalProtocolError(str(error)) from error
        return b"".join(filter(None, chunks))


class _Body(httpx.AsyncByteStream):
    """A body that is read from its connection as it arrives."""

    def __init__(
        self,
        connection: _Connection,
        timeout: float | None,
        release: Callable[[], Awaitable[None]],
    ) -> None:
        self._connection = connection
        self._timeout = timeout
        self._release = release

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while isinstance(part := await self._connection.next_event(self._timeout), h11.Data):
            yield part.data

    async def aclose(self) -> None:
        """Release the connection; httpx closes each body once."""
        await self._release()
