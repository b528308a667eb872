"""The daemon's page for machines: /healthz, /readyz, /metrics, on this host only."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from syncd.config.listen import Address

log = structlog.get_logger(__name__)

HttpReply = Callable[[], tuple[bool, Mapping[str, object]]]
"""Whether all is well, and the facts."""


def application(alive: HttpReply, ready: HttpReply, numbers: Callable[[], bytes]) -> Starlette:
    """The ASGI application.

    A web page that a browser on this host shows could have its own name point here; that is why
    only this host's names are answered.
    """

    async def healthz(_request: Request) -> JSONResponse:
        return _json(alive())

    async def readyz(_request: Request) -> JSONResponse:
        return _json(ready())

    async def metrics(_request: Request) -> Response:
        return Response(numbers(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
        ],
        middleware=[
            Middleware(
                TrustedHostMiddleware,
                allowed_hosts=["127.0.0.1", "localhost"],
                www_redirect=False,
            )
        ],
    )


def _json(answer: tuple[bool, Mapping[str, object]]) -> JSONResponse:
    well, facts = answer
    return JSONResponse(facts, 200 if well else 503, headers={"Cache-Control": "no-store"})


@asynccontextmanager
async def served(app: Starlette, address: Address | None) -> AsyncIterator[None]:
    """Serve the page while inside. An address that is taken is told, and stops no syncing."""
    listener = None if address is None else _listen(address)
    if listener is None or address is None:
        yield
        return
    config = uvicorn.Config(
        app,
        ws="none",
        lifespan="off",
        loop="none",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=32,
        timeout_graceful_shutdown=1,
    )
    own = None if address.path is None else _identity(address.path)
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    log.info("page", address=str(address))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
        listener.close()
        if address.path is not None and own == _identity(address.path):
            address.path.unlink(missing_ok=True)


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to the service."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file is there; None for anything but a socket."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISSOCK(found.st_mode) else None


def remove_stale_socket(path: Path) -> None:
    """Remove a socket that a killed daemon left. Raises OSError for anything else that is there."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise FileExistsError(errno.EEXIST, "something that is no socket has that name")
    if found.st_uid != os.geteuid():
        raise PermissionError(errno.EACCES, "another user's socket has that name")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(1)
        try:
            caller.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(errno.EADDRINUSE, "another program listens there")


def _listen(address: Address) -> socket.socket | None:
    unix = address.path is not None
    listener = socket.socket(socket.AF_UNIX if unix else socket.AF_INET, socket.SOCK_STREAM)
    before = os.umask(0o117)
    try:
        if address.path is not None:
            remove_stale_socket(address.path)
            listener.bind(str(address.path))
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address.host, address.port))
        listener.listen()
    except OSError as error:
        listener.close()
        log.error(  # noqa: TRY400 - the reason says it all
            "no page",
            address=str(address),
            reason=error.strerror,
            remedy="Free that address, or write another one as listen in [syncd]; then restart.",
        )
        return None
    finally:
        os.umask(before)
    return listener
