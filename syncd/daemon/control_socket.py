"""The Unix socket beside the database: where the daemon lets one-shot commands in.

One request a connection. Lines of JSON: ``{"command", "arguments"}`` comes in; any number of
``{"progress"}`` go out, then one ``{"result", "exit"}`` or ``{"error", "remedy"}``. Whoever closes
the connection, or only the way in, before that has left, and ends the request.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import structlog

from syncd.daemon.lock import lock_path

log = structlog.get_logger(__name__)

MAX_REQUEST = 64 * 1024
"""Bytes in one request."""

READ_TIMEOUT = 10.0
"""Seconds that a visitor may take to say what is wanted."""

Progress = Callable[[str], None]
Command = Callable[
    [Mapping[str, Any], Progress], Coroutine[Any, Any, tuple[Mapping[str, object], int]]
]


class RefusedError(Exception):
    """A request that makes no sense; carries the remedy."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Say what is wrong, and what to ask instead."""
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


@contextmanager
def short_path(state: Path) -> Iterator[str]:
    """The socket's path in a form that fits: an address holds 107 bytes, a path may hold more.

    Linux lets a directory be named by an open file of this process.
    """
    path = lock_path(state, ".sock")
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


@asynccontextmanager
async def control_socket(state: Path, commands: Mapping[str, Command]) -> AsyncIterator[None]:
    """Answer requests while inside. Only the holder of the state's lock may open it."""
    visits: set[asyncio.Task[None]] = set()

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            visits.add(task)
            task.add_done_callback(visits.discard)
        await _visit(reader, writer, commands)

    path = lock_path(state, ".sock")
    path.unlink(missing_ok=True)  # left by a killed daemon: the lock says that none is alive
    before = os.umask(0o177)
    try:
        with short_path(state) as short:
            server = await asyncio.start_unix_server(visit, short, limit=MAX_REQUEST)
    finally:
        os.umask(before)
    try:
        yield
    finally:
        server.close()
        # Who is being answered gets the answer.
        if visits:
            await asyncio.wait(visits, timeout=0.5)
        path.unlink(missing_ok=True)


async def _visit(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, commands: Mapping[str, Command]
) -> None:
    def say(data: Mapping[str, object]) -> None:
        if not writer.is_closing():
            writer.write(json.dumps(data).encode() + b"\n")

    try:
        command, arguments = _parse(await _hear(reader), commands)
        work = command(arguments, lambda text: say({"progress": text}))
        result, code = await _while_there(reader, work)
        say({"result": result, "exit": code})
    except RefusedError as refused:
        say({"error": refused.reason, "remedy": refused.remedy, "refused": True})
    except ConnectionError:
        return
    except Exception:
        log.exception("request failed")
        say({"error": "the daemon failed at it", "remedy": "Look at its log: journalctl -u syncd."})
    finally:
        with suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()


async def _while_there(
    reader: asyncio.StreamReader,
    work: Coroutine[Any, Any, tuple[Mapping[str, object], int]],
) -> tuple[Mapping[str, object], int]:
    """Carry out a command, which ends when its visitor leaves. Raises ConnectionError then.

    A write that is cut off is an open row of the journal: the next cycle looks what became of it.
    """
    task = asyncio.create_task(work)
    left = asyncio.create_task(client_left(reader))
    try:
        await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("a request whose client left failed", exc_info=fault)
        raise ConnectionResetError("the visitor has left")
    finally:
        left.cancel()


async def client_left(reader: asyncio.StreamReader) -> None:
    """Wait until the visitor closes the connection. What is said after the request is ignored."""
    with suppress(ConnectionError):
        while await reader.read(MAX_REQUEST):
            pass


async def _hear(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.readline(), READ_TIMEOUT)
    except ValueError:
        raise RefusedError(
            "the request is too long", f"Send at most {MAX_REQUEST} bytes."
        ) from None
    except TimeoutError:
        raise RefusedError("no request came", "Send one line of JSON with a command.") from None


def _parse(line: bytes, commands: Mapping[str, Command]) -> tuple[Command, Mapping[str, Any]]:
    try:
        request = json.loads(line)
        json.dumps(request, ensure_ascii=False).encode()  # halves of characters are no text
        command, arguments = request["command"], request.get("arguments") or {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise RefusedError("this is no request", "Send one line of JSON with a command.") from None
    if not isinstance(command, str) or not isinstance(arguments, dict):
        raise RefusedError("this is no request", "Name a command, and its arguments as an object.")
    if command not in commands:
        raise RefusedError(
            f"the daemon knows no command {command[:100]!r}",
            "It may be of another version than this program: restart it.",
        )
    return commands[command], arguments
