"""Large answers of one account are read one after the other, to save memory."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from syncd.lab.sandbox.clock import ManualClock
from syncd.systems import leadconnector
from syncd.systems.client import open_client
from syncd.systems.errors import PlatformError
from syncd.systems.exchange import LARGE, MAX_BYTES
from syncd.systems.rate_limiter import RateLimiter
from syncd.systems.transport import Transport

NOW = datetime(2027, 3, 1, 8, tzinfo=UTC)
PART = 64 * 1024
WAITS_FROM = 512 * 1024
AT_ONCE = 10


class Streams(httpx.AsyncBaseTransport):
    """Sends as many parts per answer as requested; counts the bytes in transit."""

    def __init__(self, size: int, *, packed: bool = False) -> None:
        self.size, self.packed = size, packed
        self.given: dict[int, int] = {}
        self.most = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        number = len(self.given)
        self.given[number] = 0
        headers = {"Content-Encoding": "gzip"} if self.packed else {}
        return httpx.Response(200, headers=headers, stream=_Stream(self, number), request=request)


class _Stream(httpx.AsyncByteStream):
    def __init__(self, whole: Streams, number: int) -> None:
        self.whole, self.number = whole, number

    async def __aiter__(self) -> AsyncIterator[bytes]:
        whole = self.whole
        body = b"x" * whole.size
        data = gzip.compress(body) if whole.packed else body
        for at in range(0, len(data), PART):
            await asyncio.sleep(0)
            yield data[at : at + PART]
            whole.given[self.number] = at + PART
            whole.most = max(whole.most, sum(whole.given.values()))

    async def aclose(self) -> None:
        self.whole.given[self.number] = 0


def transport(streams: Streams) -> Transport:
    clock = ManualClock(NOW)
    client = open_client("http://clinic.example", {}, transport=streams)
    return Transport("clinic", client, clock, RateLimiter(clock), leadconnector.faults.fault_of)


@pytest.mark.parametrize("size", [MAX_BYTES - PART, MAX_BYTES + 1])
async def test_of_ten_large_answers_one_is_in_memory_at_a_time(size: int) -> None:
    streams = Streams(size)
    wire = transport(streams)
    calls = [wire.read("GET", f"/events/{n}") for n in range(AT_ONCE)]
    found = await asyncio.gather(*calls, return_exceptions=True)
    kinds = {type(each) for each in found}
    assert (
        kinds == {bytes} if size <= MAX_BYTES else all(issubclass(k, PlatformError) for k in kinds)
    )
    assert streams.most <= MAX_BYTES + AT_ONCE * (WAITS_FROM + PART)


async def test_a_compressed_answer_waits_according_to_its_unpacked_size() -> None:
    streams = Streams(LARGE * 2, packed=True)
    wire = transport(streams)
    large = wire._client.large
    await large.acquire()
    asked = asyncio.create_task(wire.read("GET", "/events"))
    done, _ = await asyncio.wait({asked}, timeout=0.05)
    assert not done
    large.release()
    assert len(await asked) == LARGE * 2
    assert not large.locked()


async def test_small_answers_pass_a_large_one_that_never_ends() -> None:
    wire = transport(Streams(LARGE))
    await wire._client.large.acquire()
    async with asyncio.timeout(5):
        assert len(await wire.read("GET", "/events")) == LARGE
