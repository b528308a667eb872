"""TCP and TLS connections directly on the event loop.

A read returns all bytes that have arrived, so that the reader is woken once and not for each piece.
This module knows nothing of HTTP except the names of httpx's errors.
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

from syncd.systems.addresses import resolve_host

_MAX_BUFFERED = 1024 * 1024
"""Bytes that are buffered before a read; above that, receiving is paused."""

_NEXT_ADDRESS = 0.25
"""Seconds after which the next address of a host is tried in parallel (RFC 8305)."""


@contextmanager
def _connecting() -> Iterator[None]:
    """Translate connection errors of the system to those of httpx."""
    try:
        yield
    except TimeoutError as error:
        raise httpx.ConnectTimeout(str(error)) from error
    except (OSError, UnicodeError) as error:  # TLS failures; host names that cannot be encoded
        raise httpx.ConnectError(str(error)) from error


class Socket(asyncio.Protocol):
    """One connection, made by `open_socket`. Timeouts are in seconds; None means no timeout."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        """Start with an empty buffer."""
        self._parts: list[bytes] = []
        self._size = 0
        self._ended = False
        self._fault: Exception | None = None
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (`asyncio.Protocol` callback)."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Buffer received bytes (`asyncio.Protocol` callback)."""
        self._parts.append(data)
        self._size += len(data)
        if self._size > _MAX_BUFFERED:
            self._transport.pause_reading()
        self._readable.set()

    def eof_received(self) -> None:
        """Note that the peer sends no more (`asyncio.Protocol` callback)."""
        self._ended = True
        self._readable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is closed (`asyncio.Protocol` callback)."""
        self._ended = True
        self._fault = exc
        self._readable.set()
        self._writable.set()

    def pause_writing(self) -> None:
        """Block writes (`asyncio.Protocol` callback)."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Unblock writes (`asyncio.Protocol` callback)."""
        self._writable.set()

    async def read(self, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """Wait for bytes and return all that have arrived; b"" after the peer has closed.

        Raises httpx.ReadTimeout or httpx.ReadError.
        """
        if not self._parts and not self._ended:
            self._readable.clear()
            try:
                async with asyncio.timeout(timeout):
                    await self._readable.wait()
            except TimeoutError as error:
                raise httpx.ReadTimeout(str(error)) from error
        if not self._parts and self._fault is not None:
            raise httpx.ReadError(str(self._fault)) from self._fault
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        if self._size > _MAX_BUFFERED:
            self._transport.resume_reading()
        self._size = 0
        return data

    async def write(self, data: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send, and wait while the send buffer is full. Raises httpx.WriteTimeout or WriteError."""
        if self._ended:
            raise httpx.WriteError("the connection is closed")
        self._transport.write(data)
        if self._writable.is_set():
            return
        try:
            async with asyncio.timeout(timeout):
                await self._writable.wait()
        except TimeoutError as error:
            raise httpx.WriteTimeout(str(error)) from error

    async def start_tls(
        self,
        context: SSLContext,
        host: str,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> None:
        """Start TLS; ``context`` verifies that the peer is ``host``.

        Raises httpx.ConnectTimeout or httpx.ConnectError, and then closes the connection.
        """
        try:
            with _connecting():
                async with asyncio.timeout(timeout):
                    encrypted = await asyncio.get_running_loop().start_tls(
                        self._transport, self, context, server_hostname=host
                    )
        except BaseException:
            await self.aclose()
            raise
        self._transport = cast("asyncio.Transport", encrypted)

    async def aclose(self) -> None:
        """Close the connection at once."""
        self._transport.abort()
        await asyncio.sleep(0)  # the loop closes the socket in its next round

    @property
    def has_input(self) -> bool:
        """Whether unread data or the end has arrived; a free connection is then unusable."""
        if self._parts or self._ended:
            return True
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket"), select.POLLIN)
        return bool(poll.poll(0))


async def open_socket(host: str, port: int, timeout: float | None = None) -> Socket:  # noqa: ASYNC109
    """Connect to whichever address of a host answers first.

    Raises httpx.ConnectTimeout or httpx.ConnectError.
    """
    with _connecting():
        async with asyncio.timeout(timeout):
            raw = await _connect_first(host, port)
            _, connection = await asyncio.get_running_loop().create_connection(Socket, sock=raw)
    return connection


async def _connect_first(host: str, port: int) -> socket.socket:
    """Try the addresses of a host in parallel, each a moment after the last. Raises OSError.

    The event loop's own implementation leaks a socket if it is cancelled just as it connects.
    """
    loop = asyncio.get_running_loop()
    addresses = deque(await resolve_host(host, port))
    tries: list[asyncio.Task[socket.socket]] = []
    try:
        while True:
            if addresses:
                family, kind, protocol, _, address = addresses.popleft()
                tries.append(loop.create_task(_connect(address, family, kind, protocol)))
            running = [t for t in tries if not t.done()]
            if running:
                await asyncio.wait(
                    running,
                    timeout=_NEXT_ADDRESS if addresses else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
            for ended in [t for t in tries if t.done()]:
                if ended.exception() is None:
                    tries.remove(ended)
                    return ended.result()
            if not addresses and all(t.done() for t in tries):
                return tries[0].result()  # all failed: raise the error of the first
    finally:
        for late in tries:
            late.add_done_callback(_close)
            late.cancel()


async def _connect(address: Any, family: int, kind: int, protocol: int) -> socket.socket:
    raw = socket.socket(family, kind, protocol)
    try:
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, address)
    except BaseException:
        raw.close()
        raise
    return raw


def _close(late: asyncio.Task[socket.socket]) -> None:
    if not late.cancelled() and late.exception() is None:
        late.result().close()
