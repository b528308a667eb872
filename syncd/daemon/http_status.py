"""The daemon's HTTP status endpoints: /healthz, /readyz and /metrics, on this host only."""

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

from syncd.config.listen import ListenAddress

log = structlog.get_logger(__name__)

HttpReply = Callable[[], tuple[bool, Mapping[str, object]]]
"""Returns whether the check passed (200, else 503), and the JSON body."""


def application(alive: HttpReply, ready: HttpReply, metrics_text: Callable[[], bytes]) -> Starlette:
    """Make the ASGI application.

    Only requests for this host's own names are answered: otherwise a web page in a browser on this
    host could read the metrics by DNS rebinding.
    """

    async def healthz(_request: Request) -> JSONResponse:
        return _json(alive())

    async def readyz(_request: Request) -> JSONResponse:
        return _json(ready())

    async def metrics(_request: Request) -> Response:
        return Response(metrics_text(), media_type=CONTENT_TYPE_LATEST)

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


def _json(reply: tuple[bool, Mapping[str, object]]) -> JSONResponse:
    passed, body = reply
    return JSONResponse(body, 200 if passed else 503, headers={"Cache-Control": "no-store"})


@asynccontextmanager
async def serve_status(app: Starlette, address: ListenAddress | None) -> AsyncIterator[None]:
    """Serve the application at the address while the context is open (None: serve nothing).

    If the address cannot be used, the reason is logged and nothing is served: syncing goes on.
    """
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
    ours = None if address.path is None else _socket_identity(address.path)
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    log.info("status page ready", address=str(address))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
        listener.close()
        if address.path is not None and ours == _socket_identity(address.path):
            address.path.unlink(missing_ok=True)


class _Server(uvicorn.Server):
    """A uvicorn server that installs no signal handlers: the service has its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _socket_identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode of a socket; None if there is none at that path."""
    try:
        entry = path.lstat()
    except OSError:
        return None
    return (entry.st_dev, entry.st_ino) if stat.S_ISSOCK(entry.st_mode) else None


def remove_stale_socket(path: Path) -> None:
    """Remove a socket that a killed daemon left behind.

    Raises OSError if something else is at the path, if the socket belongs to another user, or if a
    running process listens on the socket.
    """
    try:
        entry = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(entry.st_mode):
        raise FileExistsError(errno.EEXIST, "the path exists and is not a socket")
    if entry.st_uid != os.geteuid():
        raise PermissionError(errno.EACCES, "the socket belongs to another user")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(1)
        try:
            caller.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(errno.EADDRINUSE, "another program listens on this socket")


def _listen(address: ListenAddress) -> socket.socket | None:
    unix = address.path is not None
    listener = socket.socket(socket.AF_UNIX if unix else socket.AF_INET, socket.SOCK_STREAM)
    umask = os.umask(0o117)
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
        log.error(  # noqa: TRY400 - the reason is enough
            "status page not available",
            address=str(address),
            reason=error.strerror,
            remedy="Free the address, or set another address as listen in [syncd]; then restart "
            "the daemon.",
        )
        return None
    finally:
        os.umask(umask)
    return listener
