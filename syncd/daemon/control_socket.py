"""The control socket: a Unix socket beside the database, for commands to the running daemon.

One request per connection, as lines of JSON: the client sends ``{"command", "arguments"}``; the
daemon sends any number of ``{"progress"}``, then one ``{"result", "exit"}`` or one
``{"error", "remedy"}``. A client that closes the connection, or its sending side, before that
cancels the request.
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
from syncd.engine.report.progress import Progress

log = structlog.get_logger(__name__)

MAX_REQUEST = 64 * 1024
"""The maximum size of a request (bytes)."""

READ_TIMEOUT = 10.0
"""Seconds that a client may take to send its request."""

Command = Callable[
    [Mapping[str, Any], Progress], Coroutine[Any, Any, tuple[Mapping[str, object], int]]
]


class RequestRejectedError(Exception):
    """The request is invalid, or cannot be carried out now; carries the remedy."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Create the error from a reason and a remedy."""
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


@contextmanager
def short_path(state: Path) -> Iterator[str]:
    """Yield a short path of the control socket of a state.

    A socket path may have at most 107 bytes, and the real path may be longer. Linux can name a
    directory by an open file descriptor of this process.
    """
    path = lock_path(state, ".sock")
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


@asynccontextmanager
async def control_socket(state: Path, commands: Mapping[str, Command]) -> AsyncIterator[None]:
    """Serve requests while the context is open. The caller must hold the state's lock."""
    requests: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            requests.add(task)
            task.add_done_callback(requests.discard)
        await _serve(reader, writer, commands)

    path = lock_path(state, ".sock")
    path.unlink(missing_ok=True)  # left by a killed daemon: the lock proves that none is alive
    umask = os.umask(0o177)
    try:
        with short_path(state) as short:
            server = await asyncio.start_unix_server(serve, short, limit=MAX_REQUEST)
    finally:
        os.umask(umask)
    try:
        yield
    finally:
        server.close()
        # Requests that are almost done still get their reply.
        if requests:
            await asyncio.wait(requests, timeout=0.5)
        path.unlink(missing_ok=True)


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, commands: Mapping[str, Command]
) -> None:
    def send(data: Mapping[str, object]) -> None:
        if not writer.is_closing():
            writer.write(json.dumps(data).encode() + b"\n")

    try:
        command, arguments = _parse(await _read_line(reader), commands)
        work = command(arguments, lambda text: send({"progress": text}))
        result, code = await _while_connected(reader, work)
        send({"result": result, "exit": code})
    except RequestRejectedError as refused:
        send({"error": refused.reason, "remedy": refused.remedy, "refused": True})
    except ConnectionError:
        return
    except Exception:
        log.exception("request failed")
        remedy = "See the daemon's log: journalctl -u syncd."
        send({"error": "the command failed in the daemon", "remedy": remedy})
    finally:
        with suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()


async def _while_connected(
    reader: asyncio.StreamReader,
    work: Coroutine[Any, Any, tuple[Mapping[str, object], int]],
) -> tuple[Mapping[str, object], int]:
    """Run a command; cancel it and raise ConnectionError if the client disconnects.

    A write that is cut off stays open in the journal: the next cycle looks up its outcome.
    """
    task = asyncio.create_task(work)
    left = asyncio.create_task(client_left(reader))
    try:
        await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("request failed after its client disconnected", exc_info=error)
        raise ConnectionResetError("the client has disconnected")
    finally:
        left.cancel()


async def client_left(reader: asyncio.StreamReader) -> None:
    """Wait until the client closes the connection. Ignore everything after the request."""
    with suppress(ConnectionError):
        while await reader.read(MAX_REQUEST):
            pass


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.readline(), READ_TIMEOUT)
    except ValueError:
        raise RequestRejectedError(
            "the request is too long", f"Send at most {MAX_REQUEST} bytes."
        ) from None
    except TimeoutError:
        raise RequestRejectedError(
            "no request arrived", "Send one line of JSON with a command."
        ) from None


def _parse(line: bytes, commands: Mapping[str, Command]) -> tuple[Command, Mapping[str, Any]]:
    try:
        request = json.loads(line)
        json.dumps(request, ensure_ascii=False).encode()  # refuse lone surrogates
        command, arguments = request["command"], request.get("arguments") or {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise RequestRejectedError(
            "the request is not valid", "Send one line of JSON with a command."
        ) from None
    if not isinstance(command, str) or not isinstance(arguments, dict):
        raise RequestRejectedError(
            "the request is not valid", "Name a command, and send its arguments as an object."
        )
    if command not in commands:
        raise RequestRejectedError(
            f"the daemon has no command {command[:100]!r}",
            "Restart the daemon: its version may differ from this program's.",
        )
    return commands[command], arguments
