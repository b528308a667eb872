"""Requests over a misbehaving network, with real sockets: our transport and httpx's own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from syncd.systems.client import open_client
from syncd.systems.errors import (
    RateLimitedError,
    RejectedError,
    RetryableError,
    UnknownOutcomeError,
)
from syncd.systems.rate_limiter import RateLimiter
from syncd.systems.transport import Transport
from tests.systems.platforms import LIMITS, WIRES, Line, fine, ours, platform
from tests.systems.test_transport import fault_of
from tests.systems.virtual import VirtualClock

Wire = Callable[..., httpx.AsyncBaseTransport]
Behaviour = Callable[[Line], Coroutine[Any, Any, None]]
BRIEF = httpx.Timeout(connect=0.2, read=0.2, write=0.2, pool=0.2)


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest) -> Wire:
    """Each transport in turn: both must behave alike."""
    made: Wire = WIRES[request.param]
    return made


@asynccontextmanager
async def account(
    wire: Wire, port: int, *, limits: httpx.Limits = LIMITS, host: str = "http://127.0.0.1"
) -> AsyncIterator[Transport]:
    """A transport to a platform, with a single attempt."""
    clock = VirtualClock()
    client = open_client(f"{host}:{port}", {}, transport=wire(httpx.create_ssl_context(), limits))
    client.timeout = BRIEF
    asking = Transport(
        "clinic", client, clock, RateLimiter(clock, (1000, 1.0)), fault_of, attempts=1
    )
    try:
        yield asking
    finally:
        await asking.aclose()


async def read(asking: Transport) -> bytes:
    return await asking.read("GET", "/events")


async def write(asking: Transport) -> bytes:
    return (await asking.write("POST", "/blocks", json={"title": "Busy"})).content


# --- what is told of a failure --------------------------------------------------------------------


async def closes(line: Line) -> None:
    await line.asked()


async def resets(line: Line) -> None:
    await line.asked()
    line.reset()


async def closes_amid_headers(line: Line) -> None:
    await line.asked()
    await line.say(b"HTTP/1.1 200 OK\r\nContent-")


async def closes_amid_the_body(line: Line) -> None:
    await line.asked()
    await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")


async def closes_amid_a_chunk(line: Line) -> None:
    await line.asked()
    await line.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{")


async def resets_amid_the_body(line: Line) -> None:
    await line.asked()
    await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
    await asyncio.sleep(0.05)
    line.reset()


async def says_nothing(line: Line) -> None:
    await line.asked()
    await asyncio.sleep(5)


async def stops_amid_the_body(line: Line) -> None:
    await line.asked()
    await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
    await asyncio.sleep(5)


async def speaks_otherwise(line: Line) -> None:
    await line.asked()
    await line.say(b"220 mail.example.com ESMTP\r\n\r\n")


LOST: dict[Behaviour, str] = {
    closes: "RemoteProtocolError",
    resets: "ReadError",
    closes_amid_headers: "RemoteProtocolError",
    closes_amid_the_body: "RemoteProtocolError",
    closes_amid_a_chunk: "RemoteProtocolError",
    resets_amid_the_body: "ReadError",
    says_nothing: "ReadTimeout",
    stops_amid_the_body: "ReadTimeout",
    speaks_otherwise: "RemoteProtocolError",
}


@pytest.mark.parametrize("behave", LOST, ids=lambda b: b.__name__)
async def test_a_write_whose_answer_is_lost_may_have_taken_effect_and_was_sent_once(
    wire: Wire, behave: Behaviour
) -> None:
    async with platform(behave) as there, account(wire, there.port) as asking:
        with pytest.raises(UnknownOutcomeError, match=LOST[behave]):
            await write(asking)
    assert there.seen == ["POST /blocks HTTP/1.1"]


@pytest.mark.parametrize("behave", LOST, ids=lambda b: b.__name__)
async def test_a_read_with_a_lost_answer_is_a_retryable_error(
    wire: Wire, behave: Behaviour
) -> None:
    async with platform(behave) as there, account(wire, there.port) as asking:
        with pytest.raises(RetryableError, match=LOST[behave]):
            await read(asking)
    assert there.seen == ["GET /events HTTP/1.1"]


async def unheard(wire: Wire, port: int, host: str, what: str) -> None:
    """Check that a write fails as not sent."""
    async with account(wire, port, host=host) as asking:
        with pytest.raises(RetryableError, match=what):
            await write(asking)


async def test_a_refused_connection_means_that_nothing_was_sent(wire: Wire) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        await unheard(wire, nobody.getsockname()[1], "http://127.0.0.1", "ConnectError")


async def test_a_host_without_address_means_that_nothing_was_sent(wire: Wire) -> None:
    await unheard(wire, 80, "http://no-such-host.invalid", "ConnectError")
    await unheard(wire, 80, f"http://{'a' * 64}.invalid", "ConnectError")


async def test_a_handshake_that_is_not_answered_means_that_nothing_was_sent(wire: Wire) -> None:
    async def silent(line: Line) -> None:
        await line.reader.read()

    async with platform(silent) as there:
        await unheard(wire, there.port, "https://127.0.0.1", "ConnectTimeout")


async def test_a_host_that_speaks_no_tls_means_that_nothing_was_sent(wire: Wire) -> None:
    async def mail(line: Line) -> None:
        await line.say(b"220 mail.example.com ESMTP\r\n")
        await line.reader.read()

    async with platform(mail) as there:
        await unheard(wire, there.port, "https://127.0.0.1", "ConnectError")


async def test_a_host_that_ends_the_handshake_means_that_nothing_was_sent(wire: Wire) -> None:
    async def shy(line: Line) -> None:
        await line.reader.read(1)

    async with platform(shy) as there:
        await unheard(wire, there.port, "https://127.0.0.1", "ConnectError")


async def test_no_free_connection_means_that_nothing_was_sent(wire: Wire) -> None:
    async def later(line: Line) -> None:
        await line.asked()
        await asyncio.sleep(0.15)
        await line.answer()
        await asyncio.sleep(0.15)

    one = httpx.Limits(max_connections=1)
    async with platform(later) as there, account(wire, there.port, limits=one) as asking:
        asking._client.timeout = httpx.Timeout(5.0, pool=0.05)
        first = asyncio.create_task(read(asking))
        await asyncio.sleep(0.05)
        with pytest.raises(RetryableError, match="PoolTimeout"):
            await write(asking)
        assert await first == b"{}"
    assert there.seen == ["GET /events HTTP/1.1"]


@pytest.mark.parametrize("header", ["a\nb", "a\r\nX: y", "a\x00b"])
async def test_a_secret_that_no_header_can_hold_is_rejected_unsent(wire: Wire, header: str) -> None:
    async with platform(fine) as there, account(wire, there.port) as asking:
        asking._client.headers["Authorization"] = header
        with pytest.raises(RejectedError, match="LocalProtocolError"):
            await write(asking)
    assert there.seen == []


async def test_a_base_url_that_is_not_http_is_rejected(wire: Wire) -> None:
    for host in ("ftp://127.0.0.1", "gopher://127.0.0.1"):
        async with account(wire, 80, host=host) as asking:
            with pytest.raises(RejectedError, match="UnsupportedProtocol"):
                await write(asking)


async def test_a_write_to_a_peer_that_does_not_read_has_an_unknown_outcome(wire: Wire) -> None:
    async def deaf(_line: Line) -> None:
        await asyncio.sleep(5)

    async with platform(deaf) as there, account(wire, there.port) as asking:
        with pytest.raises(UnknownOutcomeError, match=r"(Write|Read)Timeout"):
            await asking.write("POST", "/blocks", json="x" * 20_000_000)


# --- connections that are kept --------------------------------------------------------------------


async def test_a_connection_is_used_again(wire: Wire) -> None:
    async with platform(fine) as there, account(wire, there.port) as asking:
        for _ in range(5):
            await read(asking)
            await write(asking)
    assert (there.lines, len(there.seen)) == (1, 10)


async def test_at_most_ten_connections_serve_all_requests(wire: Wire) -> None:
    async with platform(fine) as there, account(wire, there.port) as asking:
        asking._client.timeout = httpx.Timeout(5.0)  # most of them wait for their turn
        await asyncio.gather(*(read(asking) for _ in range(60)))
        await asyncio.gather(*(read(asking) for _ in range(30)))
    assert (there.lines, len(there.seen)) == (10, 90)


async def test_a_connection_closed_meanwhile_is_not_used_and_nothing_is_in_doubt(
    wire: Wire,
) -> None:
    async def once(line: Line) -> None:
        await line.asked()
        await line.answer()

    async with platform(once) as there, account(wire, there.port) as asking:
        for _ in range(3):
            await read(asking)
            await asyncio.sleep(0.02)
            await write(asking)
            await asyncio.sleep(0.02)
    assert (there.lines, len(there.seen)) == (6, 6)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_a_kept_connection_that_breaks_under_a_write_gets_it_once(
    wire: Wire, method: str
) -> None:
    async def breaks(line: Line) -> None:
        await line.asked()
        await line.answer()
        await line.asked()  # and hang up: done or not, nobody knows

    async with platform(breaks) as there, account(wire, there.port) as asking:
        await read(asking)
        with pytest.raises(UnknownOutcomeError):
            await asking.write(method, "/blocks/7")
    assert there.seen == ["GET /events HTTP/1.1", f"{method} /blocks/7 HTTP/1.1"]


async def test_unrequested_data_on_a_free_connection_is_discarded(wire: Wire) -> None:
    async def talkative(line: Line) -> None:
        await line.asked()
        await line.answer(b"1")
        await asyncio.sleep(0.02)
        await line.answer(b"stray")
        await line.asked()
        await line.answer(b"2")

    async with platform(talkative) as there, account(wire, there.port) as asking:
        assert await read(asking) == b"1"
        await asyncio.sleep(0.05)
        assert await read(asking) == b"1"  # of a second connection
    assert there.lines == 2


async def test_unrequested_data_after_an_answer_is_not_the_next_answer() -> None:
    """For our own transport only: httpx takes the data for the next answer."""

    async def talkative(line: Line) -> None:
        await line.asked()
        stray = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"
        await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1" + stray)
        await line.asked()
        await line.answer(b"2")

    async with platform(talkative) as there, account(ours, there.port) as asking:
        assert [await read(asking) for _ in range(2)] == [b"1", b"1"]  # the second of a new one
    assert there.lines == 2


async def test_an_answer_before_an_early_close_is_read(wire: Wire) -> None:
    async def hasty(line: Line) -> None:
        await line.say(b"HTTP/1.1 429 Too Many\r\nContent-Length: 2\r\n\r\n{}")
        await line.reader.read(1)

    async with platform(hasty) as there, account(wire, there.port) as asking:
        with pytest.raises(RateLimitedError):
            await asking.write("POST", "/blocks", json="x" * 1_000_000)


async def test_interim_answers_are_skipped(wire: Wire) -> None:
    async def patient(line: Line) -> None:
        await line.asked()
        await line.say(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n")
        await line.answer(b"[]")

    async with platform(patient) as there, account(wire, there.port) as asking:
        assert await write(asking) == b"[]"


async def test_idle_connections_are_closed(wire: Wire) -> None:
    brief = httpx.Limits(max_connections=10, keepalive_expiry=0.05)
    async with platform(fine) as there, account(wire, there.port, limits=brief) as asking:
        await asyncio.gather(*(read(asking) for _ in range(5)))
        assert there.open == 5
        for _ in range(4):  # one goes on being used
            await asyncio.sleep(0.03)
            await read(asking)
        await asyncio.sleep(0.02)
        assert there.open == 1


async def test_a_connection_that_the_platform_closes_is_not_reused(wire: Wire) -> None:
    async def polite(line: Line) -> None:
        await line.asked()
        await line.answer(b"{}", "Connection: close")
        await asyncio.sleep(0.05)

    async with platform(polite) as there, account(wire, there.port) as asking:
        await read(asking)
        await write(asking)
    assert there.lines == 2


async def test_a_cancelled_read_of_an_answer_closes_its_connection(wire: Wire) -> None:
    async def slow(line: Line) -> None:
        await line.asked()
        await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
        hung_up.set_result(await line.reader.read())

    hung_up = asyncio.get_running_loop().create_future()
    one = httpx.Limits(max_connections=1)
    async with platform(slow) as there, account(wire, there.port, limits=one) as asking:
        task = asyncio.create_task(read(asking))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(1):
            assert await hung_up == b""
        hung_up = asyncio.get_running_loop().create_future()
        with pytest.raises(RetryableError, match="ReadTimeout"):  # and not PoolTimeout
            await read(asking)
    assert there.lines == 2


async def test_a_cancelled_wait_for_a_connection_takes_none(wire: Wire) -> None:
    one = httpx.Limits(max_connections=1)
    async with platform(says_nothing) as there, account(wire, there.port, limits=one) as asking:
        first, second = asyncio.create_task(read(asking)), asyncio.create_task(read(asking))
        await asyncio.sleep(0.05)
        for task in (second, first):
            task.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        with pytest.raises(RetryableError, match="ReadTimeout"):
            await read(asking)
    assert there.lines == 2


# --- what is read ---------------------------------------------------------------------------------


async def test_a_body_in_chunks_and_headers_that_repeat_arrive(wire: Wire) -> None:
    async def chunks(line: Line) -> None:
        await line.asked()
        await line.say(
            b"HTTP/1.1 200 OK\r\nX-Way: a\r\nX-Way: b\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for part in (b"5\r\n[1,2,", b"\r\n", b"3\r\n3]\n\r\n", b"0\r\n\r\n"):
            await line.say(part)
            await asyncio.sleep(0.01)

    async with platform(chunks) as there, account(wire, there.port) as asking:
        answer = await asking.write("POST", "/blocks")
    assert (answer.content, answer.headers["x-way"]) == (b"[1,2,3]\n", "a, b")


async def test_a_header_without_end_is_given_up(wire: Wire) -> None:
    async def vast(line: Line) -> None:
        await line.asked()
        await line.say(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 3_000_000)
        await asyncio.sleep(1)

    async with platform(vast) as there, account(wire, there.port) as asking:
        with pytest.raises(UnknownOutcomeError, match="RemoteProtocolError"):
            await write(asking)


async def test_localhost_can_be_connected_to(wire: Wire) -> None:
    async with (
        platform(fine) as there,
        account(wire, there.port, host="http://localhost") as asking,
    ):
        assert await read(asking) == b"{}"
