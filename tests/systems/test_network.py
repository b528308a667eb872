"""The choice of the transport, proxies, and what is logged."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import certifi
import pytest

from syncd.systems.client import open_client
from syncd.systems.connections import Connections
from syncd.systems.errors import RetryableError
from syncd.systems.rate_limiter import RateLimiter
from syncd.systems.transport import Transport, network
from tests.systems.platforms import Line, fine, platform
from tests.systems.test_transport import fault_of
from tests.systems.virtual import VirtualClock

PROXIES = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"]


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    yield
    logging.getLogger("httpcore").setLevel(logging.NOTSET)


async def ask(base_url: str, ca_file: str | None = None) -> bytes:
    clock = VirtualClock()
    client = open_client(base_url, {}, transport=network(ca_file))
    asking = Transport(
        "clinic", client, clock, RateLimiter(clock, (1000, 1.0)), fault_of, attempts=1
    )
    try:
        return await asking.read("GET", "/events")
    finally:
        await asking.aclose()


def test_without_a_proxy_the_connections_are_our_own() -> None:
    assert isinstance(network(None), Connections)


async def test_a_proxy_of_the_environment_is_asked_instead_of_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with platform(fine) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        assert await ask("http://api.example.com") == b"{}"
    assert proxy.seen == ["GET http://api.example.com/events HTTP/1.1"]


async def test_a_redirect_is_not_followed_through_a_proxy_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def sends_on(line: Line) -> None:
        while True:
            await line.asked()
            moved = b"HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\n"
            await line.say(moved + b"Location: http://elsewhere.example.com/\r\n\r\n")

    async with platform(sends_on) as proxy:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        way = open_client("http://api.example.com", {}, transport=network(None))
        answer = await way.transport.handle_async_request(way.request("POST", "/events", json={}))
        await answer.aclose()
        await way.aclose()
    assert answer.status_code == 307
    assert proxy.seen == ["POST http://api.example.com/events HTTP/1.1"]


async def test_a_proxy_is_asked_for_a_tunnel_to_a_host_behind_tls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuses(line: Line) -> None:
        await line.asked()
        await line.say(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

    async with platform(refuses) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(RetryableError, match="ProxyError: 407"):
            await ask("https://api.example.com")
    assert proxy.seen == ["CONNECT api.example.com:443 HTTP/1.1"]


async def test_a_host_in_no_proxy_is_called_directly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with platform(fine) as proxy, platform(fine) as there:
        monkeypatch.setenv("all_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert await ask(f"http://127.0.0.1:{there.port}") == b"{}"
    assert (proxy.seen, there.seen) == ([], ["GET /events HTTP/1.1"])


def test_a_private_authority_is_for_hosts_that_are_asked_without_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    assert network(None) is None
    assert isinstance(network(certifi.where()), Connections)


async def test_no_url_of_a_real_request_reaches_a_log(caplog: pytest.LogCaptureFixture) -> None:
    async with platform(fine) as there:
        with caplog.at_level(logging.DEBUG):
            await ask(f"http://127.0.0.1:{there.port}")
    assert "127.0.0.1" not in caplog.text
