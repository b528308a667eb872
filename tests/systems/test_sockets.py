"""Connections beneath HTTP, over real sockets."""

from __future__ import annotations

import asyncio
import socket

import httpcore
import pytest

from syncd.systems.sockets import Sockets
from tests.systems.platforms import Line, platform


async def test_a_peer_waits_while_nobody_reads() -> None:
    async def flood(line: Line) -> None:
        for _ in range(64):
            await line.say(b"x" * 1_000_000)
            sent.append(1)

    sent: list[int] = []
    async with platform(flood) as there:
        line = await Sockets().connect_tcp("127.0.0.1", there.port)
        await asyncio.sleep(0.2)
        first = len(sent)
        got = 0
        while part := await line.read(1):
            got += len(part)
        await line.aclose()
    assert first < 32
    assert got == 64_000_000


async def test_that_the_peer_hung_up_is_known_before_the_loop_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = await Sockets().connect_tcp("127.0.0.1", server.getsockname()[1])
        peer, _ = server.accept()
        assert not line.get_extra_info("is_readable")
        peer.close()
        assert line.get_extra_info("is_readable")
        await line.aclose()


async def test_nothing_is_written_to_a_connection_that_has_ended() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = await Sockets().connect_tcp("127.0.0.1", server.getsockname()[1])
        peer, _ = server.accept()
        peer.close()
        assert await line.read(1) == b""
        with pytest.raises(httpcore.WriteError, match="was closed"):
            await line.write(b"x")
        await line.aclose()
