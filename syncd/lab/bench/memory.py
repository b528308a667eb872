"""An httpx transport that repeats a platform's first answers from memory."""

from __future__ import annotations

import httpx

from syncd.lab.sandbox.server import Sandbox


class Memory(httpx.AsyncBaseTransport):
    """Calls the emulated platform once, and then repeats its answers; counts calls and bytes.

    Requests are distinguished by method, path, query and body, so the clock must stand still.
    `forget` drops the answers. Requests that write are always passed on, and never cached.
    """

    def __init__(self, sandbox: Sandbox, system: str) -> None:
        """Start without answers."""
        self._way = httpx.ASGITransport(app=sandbox.apps[system])
        self._kept: dict[
            tuple[str, bytes, bytes], tuple[int, list[tuple[bytes, bytes]], bytes]
        ] = {}
        self.calls = 0
        self.bytes = 0

    def forget(self) -> None:
        """Drop all answers."""
        self._kept.clear()

    def bodies(self) -> list[bytes]:
        """Return all cached answers."""
        return [body for _, _, body in self._kept.values()]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the cached answer, or call the platform."""
        self.calls += 1
        key = (request.method, request.url.raw_path, request.content)
        cached = self._kept.get(key)
        if cached is None:
            answer = await self._way.handle_async_request(request)
            body = await answer.aread()
            cached = (answer.status_code, answer.headers.raw, body)
            if request.method == "GET" or request.url.path.endswith("ByUserEmailAddress"):
                self._kept[key] = cached
        status, headers, body = cached
        self.bytes += len(body)
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))
