"""TCP and TLS for httpcore, straight on the event loop.

httpcore brings a way of its own, by anyio, which hands over what was received in pieces of 64 KiB,
over TLS of 16, each through a dozen layers: half of the price of a request. This one hands over all
that is there. It knows nothing of HTTP.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ssl import SSLContext
from typing import Any, cast

import httpcore

_MOST = 1024 * 1024
"""Bytes that are received without being asked for; the peer waits while more are there."""

_NEXT_ADDRESS = 0.25
"""Seconds after which the next address of a host is tried beside the one before (RFC 8305)."""


@contextmanager
def _told_as(late: type[Exception], broken: type[Exception]) -> Iterator[None]:
    """Raise what httpcore knows instead of what the system says."""
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except (OSError, UnicodeError) as error:  # failures of TLS; hosts that no name server takes
        raise broken(str(error)) from error


class _Socket(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """One connection."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._ended = False
        self._fault: Exception | None = None
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size > _MOST:
            self._transport.pause_reading()
        self._news.set()

    def eof_received(self) -> None:
        self._ended = True
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._fault = exc
        self._news.set()
        self._room.set()

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002, ASYNC109
        """Hand over all that was received, however much; nothing: the peer ended the connection."""
        with _told_as(httpcore.ReadTimeout, httpcore.ReadError):
            if not self._parts and not self._ended:
                self._news.clear()
                async with asyncio.timeout(timeout):
                    await self._news.wait()
        if not self._parts and self._fault is not None:
            raise httpcore.ReadError(str(self._fault)) from self._fault
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        if self._size > _MOST:
            self._transport.resume_reading()
        self._size = 0
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send, waiting while the peer takes nothing."""
        if self._ended:
            raise httpcore.WriteError("the connection was closed")
        with _told_as(httpcore.WriteTimeout, httpcore.WriteError):
            self._transport.write(buffer)
            async with asyncio.timeout(timeout):
                await self._room.wait()

    async def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        """Go on encrypted, with the host that the context finds to be the right one."""
        try:
            with _told_as(httpcore.ConnectTimeout, httpcore.ConnectError):
                async with asyncio.timeout(timeout):
                    safe = await asyncio.get_running_loop().start_tls(
                        self._transport, self, ssl_context, server_hostname=server_hostname
                    )
        except BaseException:
            await self.aclose()
            raise
        self._transport = cast("asyncio.Transport", safe)
        return self

    async def aclose(self) -> None:
        """End it at once."""
        self._transport.abort()
        await asyncio.sleep(0)  # the loop closes the socket in its next round

    def get_extra_info(self, info: str) -> Any:
        """Tell what httpcore asks for."""
        if info == "is_readable":
            return self._has_news()
        return self._transport.get_extra_info(info)

    def _has_news(self) -> bool:
        """Whether something came that was not asked for, or the end: it is of no use any more."""
        if self._parts or self._ended:
            return True
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket"), select.POLLIN)
        return bool(poll.poll(0))


class Sockets(httpcore.AsyncNetworkBackend):
    """Makes connections."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,  # noqa: ARG002 - never given, as the next
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the address of a host that answers first."""
        with _told_as(httpcore.ConnectTimeout, httpcore.ConnectError):
            async with asyncio.timeout(timeout):
                way = await _first(host, port)
                _, made = await asyncio.get_running_loop().create_connection(_Socket, sock=way)
        return made


async def _first(host: str, port: int) -> socket.socket:
    """Try the addresses of a host, the next one beside those that are slow. Raises OSError.

    The loop's own way loses the socket of who is interrupted in the moment in which it is there.
    """
    loop = asyncio.get_running_loop()
    found = deque(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    tries: list[asyncio.Task[socket.socket]] = []
    try:
        while True:
            if found:
                family, kind, protocol, _, address = found.popleft()
                tries.append(loop.create_task(_to(address, family, kind, protocol)))
            waits = [t for t in tries if not t.done()]
            if waits:
                await asyncio.wait(
                    waits,
                    timeout=_NEXT_ADDRESS if found else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
            for ended in [t for t in tries if t.done()]:
                if ended.exception() is None:
                    tries.remove(ended)
                    return ended.result()
            if not found and all(t.done() for t in tries):
                return tries[0].result()  # all have failed: the first one says why
    finally:
        for late in tries:
            late.add_done_callback(_close)
            late.cancel()


async def _to(address: Any, family: int, kind: int, protocol: int) -> socket.socket:
    way = socket.socket(family, kind, protocol)
    try:
        way.setblocking(False)
        await asyncio.get_running_loop().sock_connect(way, address)
    except BaseException:
        way.close()
        raise
    return way


def _close(late: asyncio.Task[socket.socket]) -> None:
    if not late.cancelled() and late.exception() is None:
        late.result().close()
