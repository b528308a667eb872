"""A raw socket in front of a sandbox platform: passes requests on, or sends odd answers."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.hostile.attack import Attack, Exchange
from tests.hostile.rows import Row


@dataclass
class Front:
    """Send ``row`` for each request whose "METHOD /path" matches ``to``, else the true answer.

    The platform carries out the request unless the row says that it is refused.
    """

    app: Any = None
    row: Row | Attack | None = None
    to: str = ""
    url: str = ""
    hits: int = 0
    more: tuple[str, ...] = ()
    """Additional headers of every true answer."""

    said: deque[tuple[str, bytes]] = field(default_factory=lambda: deque(maxlen=20))
    """The last requests and their true answers."""

    asked: deque[float] = field(default_factory=lambda: deque(maxlen=1_000))
    """When the last requests came, in monotonic seconds."""

    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def respond_oddly(self, row: Row | Attack | None, to: str = "") -> None:
        """Set the row to send from now on."""
        self.row, self.to, self.hits = row, to, 0

    def hang_up(self) -> None:
        """Close every open connection at once."""
        for task in list(self._tasks):
            task.cancel()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection with one request."""
        task = asyncio.current_task()
        assert task is not None
        self.asked.append(time.monotonic())
        self._tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                if isinstance(self.row, Attack) and self.row.early:
                    self.hits += 1
                    await self.row.send(Exchange(writer, "", self.hits, 200, b""))
                else:
                    await self._answer(reader, writer)
                await writer.drain()
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        length = next((int(v) for k, v in headers.items() if k.lower() == "content-length"), 0)
        body = await reader.readexactly(length)
        odd = self.row if re.match(self.to, f"{method} {target}") else None
        self.hits += odd is not None
        if odd is not None and odd.refuses:
            writer.write(odd.spelled())
            return
        asked = httpx.Request(method, f"http://front{target}", headers=headers, content=body)
        answer = await httpx.ASGITransport(app=self.app).handle_async_request(asked)
        true = await answer.aread()
        self.said.append((f"{method} {target}", true))
        if isinstance(odd, Attack):
            await odd.send(Exchange(writer, target, self.hits, answer.status_code, true))
        elif odd is not None:
            writer.write(odd.spelled(answer.status_code, true))
        else:
            lines = [f"HTTP/1.1 {answer.status_code} True", f"Content-Length: {len(true)}"]
            lines += [f"{k}: {v}" for k, v in answer.headers.items() if k != "content-length"]
            lines += self.more
            writer.write(
                "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + true
            )


@asynccontextmanager
async def fronted(app: Any = None) -> AsyncIterator[Front]:
    """Serve on a local port inside the context."""
    front = Front(app)
    server = await asyncio.start_server(front.serve, "127.0.0.1", 0)
    front.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield front
    finally:
        server.close()
        front.hang_up()
        await asyncio.sleep(0)
