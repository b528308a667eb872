"""Both transports give the same result for any answer, byte by byte."""

from __future__ import annotations

import asyncio
from random import Random

import httpx
import pytest

from tests.systems.platforms import WIRES, Line, platform

TRUSTED = httpx.create_ssl_context()
BRIEF = {"connect": 10.0, "read": 0.1, "write": 10.0, "pool": 10.0}
STATUSES = (b"200 OK", b"200", b"204 No Content", b"304 Not Modified", b"302 Found", b"500 Oh")
EARLY = (b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
ODD = (b"no colon", b"X: \x00", b" folded: x", b"X: " + b"a" * 70_000, b"X: " + b"a" * 120_000)

Said = tuple[list[bytes], bool]
"""The pieces of an answer, and whether the platform closes the connection after them."""


def an_answer(chance: Random) -> Said:
    """Draw an answer that is often valid, and sometimes wrong in one or two ways."""
    body = bytes(chance.choices(b'ab{}"\r\n01', k=chance.choice((0, 1, 5, 100, 3000))))
    version = chance.choice((b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2"))
    head = [version + b" " + chance.choice(STATUSES)]
    framing = chance.choice(("length", "length", "chunks", "chunks", "end", "both", "wrong"))
    match framing:
        case "length" | "both":
            head.append(b"Content-Length: %d" % len(body))
        case "wrong":
            told = chance.choice((b"abc", b"-5", b"%d" % (len(body) + 7), b"%d" % (len(body) // 2)))
            head.append(b"Content-Length: " + told)
    if framing in {"chunks", "both"}:
        head.append(b"Transfer-Encoding: chunked")
        size = chance.choice((1, 7, 500))
        pieces = (body[at : at + size] for at in range(0, len(body), size))
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        body += chance.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nX: 1\r\n\r\n", b"", b"zz\r\n"))
    if chance.random() < 0.2:
        head.append(b"Connection: " + chance.choice((b"close", b"keep-alive", b"Upgrade")))
    if chance.random() < 0.1:
        head.append(chance.choice(ODD))
    newline = b"\n" if chance.random() < 0.1 else b"\r\n"
    early = chance.choice(EARLY) if chance.random() < 0.2 else b""
    whole = early + newline.join([*head, b"", b""]) + body
    step = chance.choice((1, 3, 50, 1000) if len(whole) < 400 else (200, 5000, 200_000))
    pieces_ = [whole[at : at + step] for at in range(0, len(whole), step)]
    return pieces_, framing == "end" or chance.random() < 0.2


async def told(name: str, said: Said, method: str) -> object:
    """Return the result of one transport: the answer or the error."""
    pieces, hangs_up = said

    async def behave(line: Line) -> None:
        await line.asked()
        for piece in pieces:
            await line.say(piece)
            await asyncio.sleep(0)
        if not hangs_up:
            await line.asked()

    async with platform(behave) as somebody:
        way = WIRES[name](TRUSTED, httpx.Limits(max_connections=1))
        request = httpx.Request(
            method,
            f"http://127.0.0.1:{somebody.port}/x",
            content=b"hi" if method == "POST" else None,
            extensions={"timeout": BRIEF},
        )
        try:
            response = await way.handle_async_request(request)
            try:
                body = b"".join([part async for part in response.aiter_raw()])
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            return type(error)
        else:
            headers = sorted((key.lower(), value) for key, value in response.headers.raw)
            return response.status_code, headers, body
        finally:
            await way.aclose()


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(8))
async def test_both_transports_give_the_same_result_for_any_answer(seed: int) -> None:
    chance = Random(seed)
    for _ in range(25):
        said, method = an_answer(chance), chance.choice(("GET", "POST"))
        assert await told("ours", said, method) == await told("theirs", said, method), said
