"""Headers and trailers of an answer are bounded, however they arrive."""

from __future__ import annotations

from typing import cast

import httpx
import pytest

from syncd.systems import connections
from syncd.systems.client import open_client
from syncd.systems.connections import _Connection
from syncd.systems.sockets import Socket

MIB = 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"
FIELDS = b"X: y\r\n" * (MIB // 6)
TIMEOUTS = {"read": 1.0, "write": 1.0}


class OnePiece:
    """A socket that returns everything in one read, as on a busy event loop."""

    def __init__(self, answer: bytes) -> None:
        self.parts = [answer]

    async def write(self, data: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        pass

    async def read(self, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        del timeout
        return self.parts.pop(0) if self.parts else b""


async def answered(answer: bytes) -> bytes:
    """Return the body of an answer that arrives in one piece."""
    connection = _Connection(("http", "h", 80), cast("Socket", OnePiece(answer)))
    request = open_client("http://h", {}).request("GET", "/")
    await connection.send(request, TIMEOUTS)
    body = connections._Body(connection, 1.0, _nothing)
    return b"".join([part async for part in body])


async def _nothing() -> None:
    pass


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(OK + FIELDS + b"\r\n{}", id="a MB of headers"),
        pytest.param(OK + b"X: y\r\n" + b" y\r\n" * (MIB // 4) + b"\r\n{}", id="a folded header"),
        pytest.param(b"HTTP/1.1 200 " + b"O" * MIB + b"\r\n\r\n{}", id="a MB of reason"),
        pytest.param(b"\r\n" * MIB + OK + b"\r\n{}", id="a MB of empty lines"),
        pytest.param(CHUNKED + b"0\r\n" + FIELDS + b"\r\n", id="a MB of trailers"),
        pytest.param(CHUNKED + b"2;x=" + b"y" * MIB + b"\r\n{}\r\n0\r\n\r\n", id="an extension"),
    ],
)
async def test_a_head_or_trailer_of_a_mb_in_one_piece_is_not_parsed(answer: bytes) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await answered(answer)


async def test_a_large_body_in_one_piece_arrives_whole() -> None:
    body = bytes(range(256)) * 16 * 1024
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    assert await answered(OK + length + body) == body
