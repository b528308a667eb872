"""A transport from an httpx client to an ASGI application in the same process, without a socket.

This transport replaces `httpx.ASGITransport`, which looks for the module trio with every request.
That lookup takes longer than most responses of the sandbox.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message


class AsgiTransport(httpx.AsyncBaseTransport):
    """A transport that calls one ASGI application and passes its exceptions on to the client."""

    def __init__(self, app: ASGIApp) -> None:
        """Create a transport for this application."""
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Call the application and collect its response."""
        url = request.url
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.partition(b"?")[0],
            "query_string": url.query,
            "server": (url.host, url.port),
            "client": ("127.0.0.1", 123),
            "root_path": "",
        }
        body = await request.aread()
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        start, *rest = sent
        content = b"".join(part.get("body", b"") for part in rest)
        return httpx.Response(
            start["status"], headers=start["headers"], stream=httpx.ByteStream(content)
        )
