"""The stop signal ends all waits; nothing is repeated, and only requests in flight are finished."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from syncd.systems import exchange
from syncd.systems.access import CheapRead
from syncd.systems.client import SENT, open_client
from syncd.systems.connections import Connections
from syncd.systems.errors import PlatformError, RetryableError, StoppingError, UnknownOutcomeError
from syncd.systems.rate_limiter import RateLimiter
from syncd.systems.stopping import IN_FLIGHT, Stopping
from syncd.systems.transport import Transport
from tests.systems.test_transport import DOWN, OK, fault_of
from tests.systems.virtual import VirtualClock

TOO_MANY = httpx.Response(429, text="slow down")
DENIED = httpx.Response(401, text="no")
CLOSED = httpx.ConnectError("no route")

Platform = Callable[[httpx.Request], Awaitable[httpx.Response]]


class Bench:
    """A transport whose clock never advances, so that every wait lasts until the signal."""

    def __init__(self, platform: Platform | httpx.Response | Exception) -> None:
        self.sent = 0
        self.stopping = Stopping()
        self.texts: list[tuple[str, str]] = []
        self.stopping.on_wait = lambda system, text: self.texts.append((system, text))
        self._platform = platform
        clock = VirtualClock()
        client = open_client(
            "https://api.example.com", {}, transport=httpx.MockTransport(self._handle)
        )
        self.budget = RateLimiter(clock, (100, 10.0))
        self.transport = Transport(
            "clinic",
            client,
            clock,
            self.budget,
            fault_of,
            cheap=CheapRead("cheap"),
            stopping=self.stopping,
        )

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        self.sent += 1
        match self._platform:
            case httpx.Response() as answer:
                return httpx.Response(answer.status_code, content=answer.content)
            case Exception() as error:
                raise error
            case platform:
                return await platform(request)

    async def ended(self, work: Awaitable[object]) -> BaseException | None:
        """Start the calls, let them wait, set the signal, and return the errors."""
        task = asyncio.ensure_future(work)
        await asyncio.sleep(0.01)
        assert not task.done()
        self.stopping.set()
        await asyncio.wait_for(asyncio.wait([task]), 2.0)
        assert task.done(), "it waits on"
        return task.exception()


@pytest.mark.parametrize(
    "answer", [TOO_MANY, DOWN, DENIED, CLOSED], ids=["429", "503", "401", "unreachable"]
)
async def test_the_signal_ends_the_wait_before_a_read_is_repeated(
    answer: httpx.Response | Exception,
) -> None:
    bench = Bench(answer)
    fault = await bench.ended(bench.transport.read("GET", "things"))
    assert (type(fault), bench.sent) == (StoppingError, 1)


async def test_the_signal_ends_the_wait_of_a_refused_write() -> None:
    bench = Bench(DENIED)
    fault = await bench.ended(bench.transport.write("POST", "things"))
    assert (type(fault), bench.sent) == (StoppingError, 1)


async def test_the_signal_ends_the_waits_of_all_calls_in_the_queue() -> None:
    bench = Bench(OK)
    bench.budget.pause(12.0)
    calls = [bench.transport.read("GET", f"things/{n}") for n in range(5)]
    calls.append(bench.transport.read("GET", "other"))

    async def writes() -> object:
        return await bench.transport.write("POST", "things")

    async def together() -> list[object]:
        return await asyncio.gather(*calls, writes(), return_exceptions=True)

    task = asyncio.create_task(together())
    await asyncio.sleep(0.01)
    bench.stopping.set()
    done = await asyncio.wait_for(task, 2.0)
    assert ([type(each) for each in done], bench.sent) == ([StoppingError] * 7, 0)
    assert bench.texts[0] == ("clinic", "allows no more calls for 12 s")
    assert bench.texts[-1] == ("clinic", "")


async def test_nothing_is_sent_after_the_signal() -> None:
    bench = Bench(OK)
    bench.stopping.set()
    with pytest.raises(StoppingError, match="syncd is stopping"):
        await bench.transport.read("GET", "things")
    with pytest.raises(StoppingError):
        await bench.transport.write("POST", "things")
    assert (bench.sent, bench.transport.traffic.writes) == (0, 0)


async def test_an_answer_after_the_signal_counts_and_nothing_is_repeated() -> None:
    answer: asyncio.Future[httpx.Response] = asyncio.get_running_loop().create_future()

    async def late(_: httpx.Request) -> httpx.Response:
        return await answer

    for given, expected in ((OK, None), (DOWN, RetryableError)):
        answer = asyncio.get_running_loop().create_future()
        bench = Bench(late)
        task = asyncio.create_task(bench.transport.read("GET", "things"))
        await asyncio.sleep(0.01)
        bench.stopping.set()
        await asyncio.sleep(0.01)
        assert not task.done()
        answer.set_result(httpx.Response(given.status_code, content=b"{}"))
        await asyncio.wait([task], timeout=2.0)
        fault = task.exception()
        assert (bench.sent, fault and type(fault)) == (1, expected)


@pytest.mark.parametrize("sent", [True, False])
async def test_after_the_signal_only_writes_in_flight_are_finished(
    monkeypatch: pytest.MonkeyPatch, *, sent: bool
) -> None:
    async def mute(request: httpx.Request) -> httpx.Response:
        request.extensions[SENT] = sent
        await asyncio.sleep(60)
        return OK

    assert IN_FLIGHT == 20.0
    monkeypatch.setattr(exchange, "IN_FLIGHT", 0.05)
    bench = Bench(mute)
    fault = await bench.ended(bench.transport.write("POST", "things"))
    assert isinstance(fault, PlatformError)
    assert type(fault) is (UnknownOutcomeError if sent else StoppingError)


async def test_a_pause_ends_with_the_signal_and_none_begins_after_it() -> None:
    stopping, clock = Stopping(), VirtualClock()
    pause = asyncio.create_task(stopping.pause(clock, 300.0))
    await asyncio.sleep(0)
    stopping.set()
    stopping.set()
    assert not await asyncio.wait_for(pause, 2.0)
    assert not await stopping.pause(clock, 300.0)
    assert clock.slept == [300.0]


async def test_only_a_request_that_has_a_connection_is_finished() -> None:
    held = asyncio.Event()
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        await held.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    stopping, clock = Stopping(), VirtualClock()
    way = Connections(httpx.create_ssl_context(), httpx.Limits(max_connections=1))
    client = open_client(f"http://127.0.0.1:{port}", {}, transport=way)
    transport = Transport("clinic", client, clock, RateLimiter(clock), fault_of, stopping=stopping)
    first = asyncio.create_task(transport.write("POST", "first"))
    while not asked:  # noqa: ASYNC110 - a stream has no event for it
        await asyncio.sleep(0.001)
    second = asyncio.create_task(transport.write("POST", "second"))
    await asyncio.sleep(0.01)
    stopping.set()
    await asyncio.wait([second], timeout=2.0)
    assert (type(second.exception()), first.done()) == (StoppingError, False)
    held.set()
    assert (await asyncio.wait_for(first, 2.0)).status_code == 200
    assert asked == [b"POST /first HTTP/1.1\r\n"]
    await transport.aclose()
    server.close()
    await server.wait_closed()
