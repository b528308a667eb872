"""The heartbeat to a monitoring service."""

from __future__ import annotations

import asyncio

import httpx
from structlog.testing import capture_logs

from syncd.daemon.heartbeat import Heartbeat
from tests.daemon.kit import until

ADDRESS = "https://watch.example.com/0f-secret"


class Watcher(httpx.AsyncBaseTransport):
    """Answers with the next status; the last one stays. 0: nobody is there."""

    def __init__(self, *statuses: int, takes: float = 0.0) -> None:
        self._statuses = list(statuses)
        self._takes = takes
        self.heard: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(self._takes)
        self.heard.append(str(request.url))
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        if not status:
            raise httpx.ConnectError(f"nobody at {request.url}")
        return httpx.Response(status, headers={"location": "https://elsewhere.example.com"})


async def beat(heart: Heartbeat, watcher: Watcher, times: int = 1) -> None:
    for _ in range(times):
        before = len(watcher.heard)
        heart.beat()
        await until(lambda before=before: len(watcher.heard) > before)  # type: ignore[misc]
        await asyncio.sleep(0.01)


async def test_the_heartbeat_calls_its_address_and_follows_no_redirect() -> None:
    watcher = Watcher(302)
    heart = Heartbeat(ADDRESS, transport=watcher)
    await beat(heart, watcher)
    assert watcher.heard == [ADDRESS]
    await heart.aclose()


async def test_a_failed_heartbeat_is_logged_once_without_the_address() -> None:
    watcher = Watcher(200, 0, 0, 500, 200, 200)
    heart = Heartbeat(ADDRESS, transport=watcher)
    with capture_logs() as lines:
        await beat(heart, watcher, 6)
    assert [line["event"] for line in lines] == ["heartbeat failed", "heartbeat works again"]
    assert "secret" not in str(lines)


async def test_a_slow_heartbeat_delays_nothing_and_has_one_call_at_a_time() -> None:
    watcher = Watcher(200, takes=0.1)
    heart = Heartbeat(ADDRESS, transport=watcher)
    for _ in range(20):
        heart.beat()
    await until(lambda: watcher.heard)
    assert len(watcher.heard) == 1
    heart.beat()
    await heart.aclose()
    assert len(watcher.heard) == 1


async def test_without_an_address_nothing_is_called() -> None:
    heart = Heartbeat(None)
    heart.beat()
    await heart.aclose()
