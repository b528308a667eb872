"""Connections beneath HTTP, over real sockets."""

from __future__ import annotations

import asyncio
import gc
import socket
import warnings

import httpx
import pytest

from syncd.systems import sockets
from syncd.systems.sockets import open_socket
from tests.systems.platforms import Line, platform


async def test_a_peer_waits_while_nobody_reads() -> None:
    async def flood(line: Line) -> None:
        for _ in range(64):
            await line.say(b"x" * 1_000_000)
            sent.append(1)

    sent: list[int] = []
    async with platform(flood) as there:
        line = await open_socket("127.0.0.1", there.port)
        await asyncio.sleep(0.2)
        first = len(sent)
        got = 0
        while part := await line.read():
            got += len(part)
        await line.aclose()
    assert first < 32
    assert got == 64_000_000


async def test_a_closed_peer_is_detected_before_the_event_loop_reports_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = await open_socket("127.0.0.1", server.getsockname()[1])
        peer, _ = server.accept()
        assert not line.has_input
        peer.close()
        assert line.has_input
        await line.aclose()


async def test_nothing_is_written_to_a_connection_that_has_ended() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = await open_socket("127.0.0.1", server.getsockname()[1])
        peer, _ = server.accept()
        peer.close()
        assert await line.read() == b""
        with pytest.raises(httpx.WriteError, match="is closed"):
            await line.write(b"x")
        await line.aclose()


@pytest.mark.parametrize("moments", range(24))
async def test_a_cancelled_connect_leaves_no_socket_open(
    moments: int,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        task = asyncio.create_task(open_socket("127.0.0.1", port, 1.0))
        for _ in range(moments):
            await asyncio.sleep(0)
        if task.cancel():
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            await task.result().aclose()
        await asyncio.sleep(0)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            gc.collect()
        assert [str(w.message) for w in told if "unclosed" in str(w.message)] == []


@pytest.mark.parametrize("bad", ["refused", "silent"])
async def test_the_next_address_is_tried_if_one_fails(
    monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    async def connect(raw: socket.socket, address: tuple[str, int]) -> None:
        if address[0] == "127.0.0.1":
            return await real(raw, address)
        if bad == "refused":
            raise ConnectionRefusedError
        await asyncio.Event().wait()
        raise AssertionError

    async def found(*_: object, **__: object) -> list[tuple[object, ...]]:
        here = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
        return [(*here, ("192.0.2.1", port)), (*here, ("127.0.0.1", port))]

    loop = asyncio.get_running_loop()
    real = loop.sock_connect
    monkeypatch.setattr(loop, "sock_connect", connect)
    monkeypatch.setattr(sockets, "resolve_host", found)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        line = await open_socket("platform.example.com", port, 1.0)
        await line.aclose()


async def test_the_error_of_the_first_address_is_raised_if_all_fail() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(httpx.ConnectError, match=r"refused|failed"):
        await open_socket("localhost", port, 1.0)
