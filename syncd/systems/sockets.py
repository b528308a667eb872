"""TCP and TLS for HTTP, straight on the event loop.

What is received is handed over as it is there, however much, and not in pieces, for each of which
the reader would be woken. It knows nothing of HTTP but the names of httpx's errors.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLContext
from typing import Any, cast

import httpx

from syncd.systems.addresses import addresses

_MOST = 1024 * 1024
"""Bytes that are received without being asked for; the peer waits while more are there."""

_NEXT_ADDRESS = 0.25
"""Seconds after which the next address of a host is tried beside the one before (RFC 8305)."""


@contextmanager
def _connecting() -> Iterator[None]:
    """Raise what httpx raises instead of what the system says."""
    try:
        yield
    except TimeoutError as error:
        raise httpx.ConnectTimeout(str(error)) from error
    except (OSError, UnicodeError) as error:  # failures of TLS; hosts that no name server takes
        raise httpx.ConnectError(str(error)) from error


class Socket(asyncio.Protocol):
    """One connection, made by `open_socket`. Time-outs are in seconds; None: none."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        """Be told by the loop what happens."""
        self._parts: list[bytes] = []
        self._size = 0
        self._ended = False
        self._fault: Exception | None = None
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As the loop tells."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """As the loop tells."""
        self._parts.append(data)
        self._size += len(data)
        if self._size > _MOST:
            self._transport.pause_reading()
        self._news.set()

    def eof_received(self) -> None:
        """As the loop tells."""
        self._ended = True
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """As the loop tells."""
        self._ended = True
        self._fault = exc
        self._news.set()
        self._room.set()

    def pause_writing(self) -> None:
        """As the loop tells."""
        self._room.clear()

    def resume_writing(self) -> None:
        """As the loop tells."""
        self._room.set()

    async def read(self, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """Hand over all that was received, however much; nothing: the peer ended the connection.

        Raises httpx.ReadTimeout or httpx.ReadError.
        """
        if not self._parts and not self._ended:
            self._news.clear()
            try:
                async with asyncio.timeout(timeout):
                    await self._news.wait()
            except TimeoutError as error:
                raise httpx.ReadTimeout(str(error)) from error
        if not self._parts and self._fault is not None:
            raise httpx.ReadError(str(self._fault)) from self._fault
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        if self._size > _MOST:
            self._transport.resume_reading()
        self._size = 0
        return data

    async def write(self, data: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send, waiting while the peer takes nothing. Raises httpx.WriteTimeout or WriteError."""
        if self._ended:
            raise httpx.WriteError("the connection was closed")
        self._transport.write(data)
        if self._room.is_set():
            return
        try:
            async with asyncio.timeout(timeout):
                await self._room.wait()
        except TimeoutError as error:
            raise httpx.WriteTimeout(str(error)) from error

    async def secure(
        self,
        context: SSLContext,
        host: str,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> None:
        """Go on encrypted, with the host that the context finds to be the right one.

        Raises httpx.ConnectTimeout or httpx.ConnectError, and is closed then.
        """
        try:
            with _connecting():
                async with asyncio.timeout(timeout):
                    safe = await asyncio.get_running_loop().start_tls(
                        self._transport, self, context, server_hostname=host
                    )
        except BaseException:
            await self.aclose()
            raise
        self._transport = cast("asyncio.Transport", safe)

    async def aclose(self) -> None:
        """End it at once."""
        self._transport.abort()
        await asyncio.sleep(0)  # the loop closes the socket in its next round

    @property
    def has_news(self) -> bool:
        """Whether something came that was not asked for, or the end: it is of no use any more."""
        if self._parts or self._ended:
            return True
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket"), select.POLLIN)
        return bool(poll.poll(0))


async def open_socket(host: str, port: int, timeout: float | None = None) -> Socket:  # noqa: ASYNC109
    """Connect to the address of a host that answers first.

    Raises httpx.ConnectTimeout or httpx.ConnectError.
    """
    with _connecting():
        async with asyncio.timeout(timeout):
            way = await _first(host, port)
            _, made = await asyncio.get_running_loop().create_connection(Socket, sock=way)
    return made


async def _first(host: str, port: int) -> socket.socket:
    """Try the addresses of a host, the next one beside those that are slow. Raises OSError.

    The loop's own way loses the socket of who is interrupted in the moment in which it is there.
    """
    loop = asyncio.get_running_loop()
    found = deque(await addresses(host, port))
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
