"""One attack: a name, and what is sent over the socket in place of the true answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

CHUNK = 64 * 1024


@dataclass
class Exchange:
    """One request, seen from the attacker, with the answer that would have been true."""

    writer: asyncio.StreamWriter | Nobody
    target: str
    number: int
    status: int
    true: bytes

    async def send(self, *parts: bytes) -> None:
        """Send bytes as they are, no faster than they are taken."""
        for part in parts:
            for at in range(0, len(part), CHUNK):
                self.writer.write(part[at : at + CHUNK])
                await self.writer.drain()

    async def answer(self, body: bytes, *headers: str, status: int = 200) -> None:
        """Send a whole answer with a true length."""
        await self.send(head(f"Content-Length: {len(body)}", *headers, status=status), body)

    async def trickle(self, data: bytes, seconds: float = 1.0) -> None:
        """Send one byte after the other."""
        for byte in data:
            await self.send(bytes([byte]))
            await asyncio.sleep(seconds)

    @property
    def tree(self) -> Any:
        """The true answer, decoded."""
        return json.loads(self.true)

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the true answer."""
        rows: list[dict[str, Any]] = self.tree[self.key]
        return rows

    @property
    def key(self) -> str:
        """The field in which this platform's list stands."""
        return next(k for k in ("List", "events", "appointments") if k in self.tree)

    def with_rows(self, rows: Iterable[Any], count: int | None = None) -> bytes:
        """Return the true answer with other rows; ``count`` is what it says of their number."""
        tree = self.tree
        tree[self.key] = list(rows)
        if "RecordCount" in tree:
            tree["RecordCount"] = len(tree[self.key]) if count is None else count
        return json.dumps(tree).encode()


Send = Callable[[Exchange], Awaitable[None]]


@dataclass(frozen=True)
class Attack:
    """One row of the table.

    ``early`` sends before any request has come. ``waits``: whoever believes it waits for an hour,
    so it is the last one that its system sends in a daemon's life. ``slow``: it takes its time, so
    it is also sent to a poll. ``readable``: the true rows are in it. ``heavy``: it keeps a
    processor busy, and is not sent beside others.
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
        """Only rows of `rows.py` refuse: an attack on a list has nothing to refuse."""
        raise NotImplementedError


def head(*headers: str, status: int = 200) -> bytes:
    """The beginning of an answer."""
    lines = [f"HTTP/1.1 {status} Odd", *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1")


def raw(data: bytes) -> Send:
    """Send these bytes, and hang up."""

    async def send(exchange: Exchange) -> None:
        await exchange.send(data)

    return send


def headers(*lines: str, status: int | None = None, body: bytes | None = None) -> Send:
    """Send the true answer, or a ``body``, with more headers."""

    async def send(exchange: Exchange) -> None:
        said = exchange.true if body is None else body
        await exchange.answer(said, *lines, status=status or exchange.status)

    return send


def body(make: Callable[[Exchange], bytes], *lines: str, status: int = 200) -> Send:
    """Send a body made of the true answer."""
    made: dict[bytes, bytes] = {}

    async def send(exchange: Exchange) -> None:
        said = made.get(exchange.true)
        if said is None:
            said = made[exchange.true] = make(exchange)
        await exchange.answer(said, *lines, status=status)

    return send


class Nobody:
    """Takes what is sent, so that a large body can be made before it is needed."""

    def write(self, data: bytes) -> None:
        """Drop it."""

    async def drain(self) -> None:
        """Be ready for more."""


def each_row(change: Callable[[dict[str, Any]], Any]) -> Send:
    """Send the true rows, each changed."""
    return body(lambda exchange: exchange.with_rows(change(row) for row in exchange.rows()))


def more_rows(make: Callable[[dict[str, Any], int], Any], number: int = 1) -> Send:
    """Send the true rows, and further ones made of the first."""

    def made(exchange: Exchange) -> bytes:
        rows = exchange.rows()
        first = rows[0] if rows else {"id": "x", "UserTaskId": "x"}
        return exchange.with_rows([*rows, *(make(dict(first), n) for n in range(number))])

    return body(made)
