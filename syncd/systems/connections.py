"""The connections of one account: a transport of httpx, made of h11 and the event loop's sockets.

It does what httpx's own does, with the same protocol (h11) and the same errors, but without
httpcore's pool, locks and hooks: they are most of the price of a request. Nothing is ever sent
twice here: what was sent on a connection that breaks is told as an error.
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

_LONGEST_HEAD = 100 * 1024
"""Bytes of an answer's headers, as with httpcore."""

READ_SIZE = 64 * 1024
"""Bytes that h11 is given at a time. It bounds a head or a trailer only while that is not whole."""

_MOST_INTERIM = 100
"""So many answers of the sort "please wait" (1xx) may come before the real one."""

Origin: TypeAlias = tuple[str, str, int]
"""Scheme, host and port."""

Timeouts: TypeAlias = Mapping[str, float | None]
"""Seconds by phase, as httpx.Timeout names them."""


class Connections(httpx.AsyncBaseTransport):
    """At most so many connections at a time; those that are free are kept for a while."""

    def __init__(self, context: SSLContext, limits: httpx.Limits) -> None:
        """Make none yet; ``context`` decides whom to believe."""
        context.set_alpn_protocols(["http/1.1"])
        self._context = context
        self._expiry = limits.keepalive_expiry
        self._room = asyncio.Semaphore(limits.max_connections or 1)
        self._free: deque[_Connection] = deque()
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send once, and return the answer as soon as its headers are there."""
        request.extensions[SENT] = False
        url, timeouts = request.url, request.extensions.get("timeout", {})
        if url.scheme not in _PORTS:
            raise httpx.UnsupportedProtocol(f"'{url.scheme}://' is neither http:// nor https://")
        origin = (url.scheme, url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme])
        await self._enter(timeouts.get("pool"))
        connection = None
        try:
            connection = await self._connection(origin, timeouts.get("connect"))
            head = await connection.ask(request, timeouts)
        except BaseException:
            await self._leave(connection)
            raise
        body = _Body(connection, timeouts.get("read"), lambda: self._leave(connection))
        return httpx.Response(head.status_code, headers=head.headers.raw_items(), stream=body)

    async def aclose(self) -> None:
        """Close those that are free; the others close when they are."""
        self._closed = True
        while self._free:
            await self._free.popleft().aclose()

    async def _enter(self, patience: float | None) -> None:
        if not self._room.locked():
            await self._room.acquire()
            return
        try:
            async with asyncio.timeout(patience):
                await self._room.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("all connections are in use") from None

    async def _leave(self, connection: _Connection | None) -> None:
        """Keep the connection, unless what happened on it is not over, or all are closed."""
        self._room.release()
        if connection is None:
            return
        if self._closed or not connection.is_done():
            await connection.aclose()
        else:
            self._free.append(connection)

    async def _connection(self, origin: Origin, patience: float | None) -> _Connection:
        """Take the one used last, or a new one; the one that was not used longest may go."""
        if self._closed:
            raise httpx.ConnectError("the connections are closed")
        while len(self._free) > 1 and self._is_stale(self._free[0]):
            await self._free.popleft().aclose()
        while self._free:
            last = self._free.pop()
            if last.origin == origin and not self._is_stale(last):
                return last
            await last.aclose()
        scheme, host, port = origin
        socket = await open_socket(host, port, patience)
        if scheme == "https":
            await socket.secure(self._context, host, patience)
        return _Connection(origin, socket)

    def _is_stale(self, free: _Connection) -> bool:
        idle = asyncio.get_running_loop().time() - free.since
        return (self._expiry is not None and idle > self._expiry) or free.socket.has_news


class _Connection:
    """One request after the other over one socket, as h11 understands them."""

    def __init__(self, origin: Origin, socket: Socket) -> None:
        self.origin = origin
        self.socket = socket
        self.since = 0.0
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
        self._received = memoryview(b"")
        """What h11 was not given yet."""

    async def ask(self, request: httpx.Request, timeouts: Timeouts) -> h11.Response:
        """Send once, in one piece, and wait for the head of the answer."""
        data = await self._spelled(request)
        request.extensions[SENT] = True
        await self.socket.write(data, timeouts.get("write"))
        for _ in range(_MOST_INTERIM):
            event = await self.event(timeouts.get("read"))
            if isinstance(event, h11.Response):
                return event
        raise httpx.RemoteProtocolError(f"{_MOST_INTERIM} interim responses, and no real one")

    async def event(self, patience: float | None) -> object:
        """Wait for the next part of the answer."""
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise httpx.RemoteProtocolError(str(error)) from error
            if event is not h11.NEED_DATA:
                return event
            if not self._received:
                self._received = memoryview(await self.socket.read(patience))
                if not self._received and self._http.their_state is h11.SEND_RESPONSE:
                    why = "Server disconnected without sending a response."
                    raise httpx.RemoteProtocolError(why)
            self._http.receive_data(bytes(self._received[:READ_SIZE]))
            self._received = self._received[READ_SIZE:]

    def is_done(self) -> bool:
        """Whether the answer was read to its end, and nothing else came: it can be used again."""
        http = self._http
        if http.our_state is not h11.DONE or http.their_state is not h11.DONE:
            return False
        if http.trailing_data[0] or self._received:
            return False  # nobody asked for it: it would be taken for the next answer
        http.start_next_cycle()
        self.since = asyncio.get_running_loop().time()
        return True

    async def aclose(self) -> None:
        """End it at once."""
        await self.socket.aclose()

    async def _spelled(self, request: httpx.Request) -> bytes:
        try:
            head = h11.Request(
                method=request.method, target=request.url.raw_path, headers=request.headers.raw
            )
            spelled = [self._http.send(head)]
            spelled += [
                self._http.send(h11.Data(data=part))
                async for part in cast("httpx.AsyncByteStream", request.stream)
            ]
            spelled.append(self._http.send(h11.EndOfMessage()))
        except h11.LocalProtocolError as error:
            raise httpx.LocalProtocolError(str(error)) from error
        return b"".join(filter(None, spelled))


class _Body(httpx.AsyncByteStream):
    """A body as it travels."""

    def __init__(
        self, connection: _Connection, patience: float | None, leave: Callable[[], Awaitable[None]]
    ) -> None:
        self._connection = connection
        self._patience = patience
        self._leave = leave

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while isinstance(part := await self._connection.event(self._patience), h11.Data):
            yield part.data

    async def aclose(self) -> None:
        """Free the connection; httpx closes each body once."""
        await self._leave()
