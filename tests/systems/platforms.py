"""Platforms over real sockets that a test scripts byte by byte, and the transports to call them."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx

from syncd.systems.connections import Connections

LIMITS = httpx.Limits(max_connections=10, max_keepalive_connections=10, keepalive_expiry=15.0)


def ours(context: ssl.SSLContext, limits: httpx.Limits = LIMITS) -> httpx.AsyncBaseTransport:
    """Return the transport that syncd uses."""
    return Connections(context, limits)


def theirs(context: ssl.SSLContext, limits: httpx.Limits = LIMITS) -> httpx.AsyncBaseTransport:
    """Return the transport behind a proxy, which is httpx's own."""
    return httpx.AsyncHTTPTransport(verify=context, limits=limits)


WIRES = {"ours": ours, "theirs": theirs}


@dataclass
class Line:
    """One connection, as the platform sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seen: list[str]

    async def asked(self) -> str:
        """Wait for a request, and return its first line. Raises ConnectionError at the end."""
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError:
            raise ConnectionError from None
        for line in head.lower().split("\r\n"):
            if line.startswith("content-length:"):
                await self.reader.readexactly(int(line.split(":")[1]))
        self.seen.append(head.split("\r\n")[0])
        return self.seen[-1]

    async def say(self, what: bytes) -> None:
        """Send bytes and wait until they are written."""
        self.writer.write(what)
        await self.writer.drain()

    async def answer(self, body: bytes = b"{}", *headers: str) -> None:
        """Send a whole answer."""
        head = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers]
        await self.say("\r\n".join([*head, "", ""]).encode() + body)

    def reset(self) -> None:
        """Reset the connection without an answer, as a crashed machine does."""
        said = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, said)
        self.writer.transport.abort()


@dataclass
class Platform:
    """The requests that the platform received, and the number of connections."""

    port: int = 0
    lines: int = 0
    open: int = 0
    seen: list[str] = field(default_factory=list)


@asynccontextmanager
async def platform(
    behave: Callable[[Line], Awaitable[None]], context: ssl.SSLContext | None = None
) -> AsyncIterator[Platform]:
    """Serve during the block; ``treat`` handles each connection, which is then closed."""
    known = Platform()
    tasks = set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        known.lines += 1
        known.open += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.CancelledError):
                await behave(Line(reader, writer, known.seen))
        finally:
            known.open -= 1
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    known.port = server.sockets[0].getsockname()[1]
    try:
        yield known
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


async def fine(line: Line) -> None:
    """Answer every request."""
    while True:
        await line.asked()
        await line.answer()
