"""Serve ASGI applications on loopback sockets, with connections that can break."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from syncd.lab.sandbox.platform import LostResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send


class BreakableProtocol(H11Protocol):
    """An HTTP protocol that closes the connection if the application raises `LostResponse`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Wrap the application."""
        super().__init__(*args, **kwargs)
        inner = self.app

        async def breaking(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await inner(scope, receive, send)
            except LostResponse:
                self.transport.close()
                # uvicorn sends its own 500 unless it has noticed that the client disconnected.
                while not self.cycle.disconnected:  # noqa: ASYNC110 - uvicorn has no event for it
                    await asyncio.sleep(0)

        self.app = breaking


class _Server(uvicorn.Server):
    """A server that ignores the process's signals and stops at once when `stop` is set."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.stop = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        self.ready.set()
        await self.stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop without uvicorn's pause of 0.1 s, which every test would pay for."""
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=1.0)
        await asyncio.sleep(0)


@asynccontextmanager
async def serving(
    apps: Sequence[ASGIApp], host: str = "127.0.0.1", ports: Sequence[int] = ()
) -> AsyncIterator[list[str]]:
    """Serve each application on its port (0 or none: any free port); yield the ``http://`` URLs.

    Leaves signal handlers and logging alone. Raises OSError if a port is in use.
    """
    all_ports = [*ports, *([0] * (len(apps) - len(ports)))]
    sockets: list[socket.socket] = []
    try:
        sockets.extend(_listen(host, port) for port in all_ports[: len(apps)])
    except OSError:
        for listener in sockets:
            listener.close()
        raise
    servers = [_server(app) for app in apps]
    tasks = [
        asyncio.create_task(server.serve(sockets=[listener]))
        for server, listener in zip(servers, sockets, strict=True)
    ]
    try:
        await asyncio.gather(*(server.ready.wait() for server in servers))
        yield [f"http://{host}:{listener.getsockname()[1]}" for listener in sockets]
    finally:
        for server in servers:
            server.stop.set()
        await asyncio.gather(*tasks)


def _listen(host: str, port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only if the protocol is named; without it packets wait 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def _server(app: ASGIApp) -> _Server:
    config = uvicorn.Config(
        app,
        http=BreakableProtocol,
        ws="none",
        lifespan="off",
        loop="none",
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    return _Server(config)
