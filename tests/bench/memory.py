"""An httpx transport that answers from memory: what the platform said the first time."""

from __future__ import annotations

import httpx

from syncd.sandbox.server import Sandbox


class Memory(httpx.AsyncBaseTransport):
    """Asks the emulated platform once, and then repeats its answers; counts calls and bytes.

    Requests are told apart by method, path, query and body, so the clock must stand still. `forget`
    makes it ask anew; a request that writes is always passed on, and never kept.
    """

    def __init__(self, sandbox: Sandbox, system: str) -> None:
        """Know nothing yet."""
        self._way = httpx.ASGITransport(app=sandbox.apps[system])
        self._kept: dict[
            tuple[str, bytes, bytes], tuple[int, list[tuple[bytes, bytes]], bytes]
        ] = {}
        self.calls = 0
        self.bytes = 0

    def forget(self) -> None:
        """Ask anew from now on."""
        self._kept.clear()

    def bodies(self) -> list[bytes]:
        """All answers that are repeated."""
        return [body for _, _, body in self._kept.values()]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        self.calls += 1
        key = (request.method, request.url.raw_path, request.content)
        kept = self._kept.get(key)
        if kept is None:
            answer = await self._way.handle_async_request(request)
            body = await answer.aread()
            kept = (answer.status_code, answer.headers.raw, body)
            if request.method == "GET" or request.url.path.endswith("ByUserEmailAddress"):
                self._kept[key] = kept
        status, headers, body = kept
        self.bytes += len(body)
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))
