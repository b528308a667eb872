"""A call returns or raises a fault of its system, whatever the socket sends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.lab.sandbox.clock import ManualClock
from syncd.model import MAX_DAILY_WAIT, MAX_WAIT
from syncd.systems import leadconnector, leadconnector_v1, leadsquared
from syncd.systems.client import HttpResponse, open_client
from syncd.systems.errors import PlatformError, UnknownOutcomeError
from syncd.systems.rate_limiter import RateLimiter
from syncd.systems.transport import Transport, network
from tests.hostile.front import Front, fronted
from tests.hostile.rows import ROWS, Row

HANGS = 20.0
"""Limit on real seconds: a call that takes longer hangs, since virtual waits take none."""

NOW = datetime(2027, 3, 1, 8, tzinfo=UTC)
PLATFORMS = {
    "crm": leadsquared.faults.fault_of,
    "clinic": leadconnector.faults.fault_of,
    "legacy": leadconnector_v1.faults.fault_of,
}


async def _app(scope: object, receive: object, send: object) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": b"{}"})  # type: ignore[operator]


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    async with fronted(_app) as found:
        yield found


@pytest.fixture(params=sorted(PLATFORMS))
async def wire(request: pytest.FixtureRequest, front: Front) -> AsyncIterator[Transport]:
    clock = ManualClock(NOW)
    client = open_client(front.url, {"Authorization": "Bearer x"}, transport=network(None))
    found = Transport(request.param, client, clock, RateLimiter(clock), PLATFORMS[request.param])
    yield found
    await found.aclose()


async def fault_in(asked: Awaitable[object]) -> PlatformError | None:
    """Wait for a call; return its fault, if any."""
    try:
        async with asyncio.timeout(HANGS):
            await asked
    except PlatformError as fault:
        return fault
    return None


async def read(wire: Transport) -> None:
    body = await wire.read("GET", "/events")
    wire.decode(body, dict[str, object], "GET /events")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_a_read_ends_with_an_answer_or_a_fault(
    wire: Transport, front: Front, row: Row
) -> None:
    front.respond_oddly(row)
    fault = await fault_in(read(wire))
    assert not isinstance(fault, UnknownOutcomeError)
    assert not (row.readable and fault)
    assert getattr(fault, "wait", 0.0) <= MAX_WAIT
    assert wire.traffic.skew is None or abs(wire.traffic.skew.days) < 40_000


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_a_write_without_a_clear_answer_stays_open(
    wire: Transport, front: Front, row: Row
) -> None:
    front.respond_oddly(row)
    fault = await fault_in(wire.write("POST", "/blocks"))
    if not row.refuses:  # it was done
        assert fault is None or isinstance(fault, UnknownOutcomeError)
    assert front.hits == 1


async def test_every_wait_that_was_asked_for_ends(wire: Transport, front: Front) -> None:
    for row in ROWS:
        front.respond_oddly(row)
        await fault_in(read(wire))
    front.respond_oddly(None)
    clock = wire._clock
    assert isinstance(clock, ManualClock)
    clock.advance(MAX_DAILY_WAIT)
    assert await wire.read("GET", "/events") == b"{}"


_ODD_NUMBER = st.one_of(
    st.sampled_from(
        ["", "nan", "inf", "-1", "1e308", "1e-308", "0", "9" * 400, "9" * 5000, "٣", "1_0"]
    ),
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(str),
    st.text(max_size=20),
)
_NAMES = (
    "retry-after",
    "date",
    "x-ratelimit-max",
    "x-ratelimit-remaining",
    "x-ratelimit-interval-milliseconds",
    "x-ratelimit-limit-daily",
    "x-ratelimit-daily-remaining",
    "x-ratelimit-daily-reset",
    "ratelimit-remaining",
    "ratelimit-reset",
)


@settings(max_examples=150, deadline=None)
@given(
    headers=st.dictionaries(st.sampled_from(_NAMES), _ODD_NUMBER, max_size=6),
    content=st.one_of(st.binary(max_size=200), _ODD_NUMBER.map(lambda n: _limit_text(n).encode())),
    status=st.integers(0, 999),
)
async def test_no_headers_or_words_raise_or_wait_for_ever(
    headers: dict[str, str], content: bytes, status: int
) -> None:
    clock = ManualClock(NOW)
    budget = RateLimiter(clock)
    answer = HttpResponse(status, headers, content)
    for fault_of in PLATFORMS.values():
        fault = fault_of(answer)
        assert fault is None or isinstance(fault, PlatformError)
    budget.learn(headers)
    daily = budget.left_today == 0
    assert 0 <= budget.refused(headers, answer.text) <= MAX_DAILY_WAIT
    if not daily and "in" not in answer.text:
        assert budget.refused(headers) <= MAX_WAIT
    calls, seconds = budget.limits[0]
    assert calls >= 1
    assert 0 < seconds <= MAX_DAILY_WAIT
    clock.advance(MAX_DAILY_WAIT)
    async with asyncio.timeout(HANGS):
        assert await budget.acquire(write=True, patience=0.0) == 0.0
    budget.release()
    assert budget.limits[0] == (100, 10.0)  # a day later nothing of it is left


def _limit_text(number: str) -> str:
    return f"API calls exceeded the limit of {number} in {number} second(s)"
