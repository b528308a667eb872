"""A name server that never answers delays neither other hosts nor the end of the process."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from threading import Event
from typing import Any

import httpx
import pytest

from syncd.systems.sockets import open_socket

HANGS = "hangs.example"
MANY = 40
"""More lookups than the event loop has threads."""

real = socket.getaddrinfo


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lookups of one host hang until the test is over; yields the hosts that were looked up."""
    over, hosts = Event(), list[str]()

    def look_up(host: str, *given: Any, **named: Any) -> Any:
        hosts.append(host)
        if host.endswith(HANGS):
            over.wait(30)
            raise socket.gaierror("no answer")
        return real(host, *given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield hosts
    over.set()


async def _serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def test_an_unresolvable_host_does_not_delay_other_hosts(
    asked: list[str],
) -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    tries = [asyncio.create_task(open_socket(f"{n}.{HANGS}", 443, 5)) for n in range(MANY)]
    await asyncio.sleep(0)
    made = await open_socket("127.0.0.1", port, 2)
    await made.aclose()
    for each in tries:
        each.cancel()
    ended = await asyncio.gather(*tries, return_exceptions=True)
    assert {type(each) for each in ended} == {asyncio.CancelledError}
    server.close()
    assert len(asked) == MANY + 1


async def test_concurrent_lookups_of_a_host_share_one_call(asked: list[str]) -> None:
    tries = [open_socket(HANGS, 443, 0.05 * n) for n in range(1, MANY // 10)]
    ended = await asyncio.gather(*tries, return_exceptions=True)
    assert {type(each) for each in ended} == {httpx.ConnectTimeout}
    assert asked == [HANGS]


async def test_a_failed_lookup_is_a_connect_error_and_is_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def nobody(host: str, *_given: Any, **_named: Any) -> Any:
        asked.append(host)
        raise socket.gaierror("unknown")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    for _ in range(2):
        with pytest.raises(httpx.ConnectError):
            await open_socket("nowhere.example", 443, 5)
    assert len(asked) == 2


def test_the_end_of_the_process_does_not_wait_for_a_name_server() -> None:
    code = f"""
import asyncio, socket, time
socket.getaddrinfo = lambda *given, **named: time.sleep(60)
from syncd.systems.sockets import open_socket
async def ask():
    try:
        await open_socket("{HANGS}", 443, 0.05)
    except Exception as error:
        print(type(error).__name__)
asyncio.run(ask())
"""
    began = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True
    )
    assert ran.stdout.split() == ["ConnectTimeout"]
    assert time.monotonic() - began < 30
