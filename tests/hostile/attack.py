"""An attack: a name, and a function that sends something instead of the true answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

CHUNK = 64 * 1024


@dataclass
class Exchange:
    """One request as the attacker sees it, with the true answer."""

    writer: asyncio.StreamWriter | Nobody
    target: str
    number: int
    status: int
    true: bytes

    async def send(self, *parts: bytes) -> None:
        """Send bytes unchanged, no faster than the client reads them."""
        for part in parts:
            for at in range(0, len(part), CHUNK):
                self.writer.write(part[at : at + CHUNK])
                await self.writer.drain()

    async def answer(self, body: bytes, *headers: str, status: int = 200) -> None:
        """Send a complete answer with a correct length."""
        await self.send(head(f"Content-Length: {len(body)}", *headers, status=status), body)

    async def trickle(self, data: bytes, seconds: float = 1.0) -> None:
        """Send one byte at a time."""
        for byte in data:
            await self.send(bytes([byte]))
            await asyncio.sleep(seconds)

    @property
    def tree(self) -> Any:
        """Return the true answer, decoded."""
        return json.loads(self.true)

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of the true answer."""
        rows: list[dict[str, Any]] = self.tree[self.key]
        return rows

    @property
    def key(self) -> str:
        """Return the field in which this platform's list is."""
        return next(k for k in ("List", "events", "appointments") if k in self.tree)

    def with_rows(self, rows: Iterable[Any], count: int | None = None) -> bytes:
        """Return the true answer with other rows, and ``count`` as their stated number."""
        tree = self.tree
        tree[self.key] = list(rows)
        if "RecordCount" in tree:
            tree["RecordCount"] = len(tree[self.key]) if count is None else count
        return json.dumps(tree).encode()


Send = Callable[[Exchange], Awaitable[None]]


@dataclass(frozen=True)
class Attack:
    """One row of the table of attacks.

    - ``early``: sends before a request arrives.
    - ``waits``: a client that believes it waits for an hour, so its system sends it last.
    - ``slow``: takes long, so it is also sent to a poll.
    - ``readable``: contains the true rows.
    - ``heavy``: keeps a processor busy, so it is sent alone.
    """

    name: str
    family: str
    send: Send
    early: bool = False
    made: bool = False
    waits: bool = False
    slow: bool = False
    heavy: bool = False
    refuses: bool = False

    def spelled(self) -> bytes:
        """Return nothing: only rows of `rows.py` refuse a write."""
        raise NotImplementedError


def head(*headers: str, status: int = 200) -> bytes:
    """Return the start of a response."""
    lines = [f"HTTP/1.1 {status} Odd", *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1")


def raw(data: bytes) -> Send:
    """Send these bytes, and close the connection."""

    async def send(exchange: Exchange) -> None:
        await exchange.send(data)

    return send


def headers(*lines: str, status: int | None = None, body: bytes | None = None) -> Send:
    """Send the true answer, or ``body``, with additional headers."""

    async def send(exchange: Exchange) -> None:
        said = exchange.true if body is None else body
        await exchange.answer(said, *lines, status=status or exchange.status)

    return send


def body(make: Callable[[Exchange], bytes], *lines: str, status: int = 200) -> Send:
    """Send a body that is computed from the true answer."""
    made: dict[bytes, bytes] = {}

    async def send(exchange: Exchange) -> None:
        said = made.get(exchange.true)
        if said is None:
            said = made[exchange.true] = make(exchange)
        await exchange.answer(said, *lines, status=status)

    return send


class Nobody:
    """A transport that discards data, so that a large body can be made before it is needed."""

    def write(self, data: bytes) -> None:
        """Discard the data."""

    async def drain(self) -> None:
        """Return at once."""


def each_row(change: Callable[[dict[str, Any]], Any]) -> Send:
    """Send the true rows, each changed."""
    return body(lambda exchange: exchange.with_rows(change(row) for row in exchange.rows()))


def more_rows(make: Callable[[dict[str, Any], int], Any], number: int = 1) -> Send:
    """Send the true rows, and further rows derived from the first one."""

    def made(exchange: Exchange) -> bytes:
        rows = exchange.rows()
        first = rows[0] if rows else {"id": "x", "UserTaskId": "x"}
        return exchange.with_rows([*rows, *(make(dict(first), n) for n in range(number))])

    return body(made)
