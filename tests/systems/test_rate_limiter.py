"""The rate limiter of an account."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.systems.rate_limiter import RateLimiter, http_date, retry_after
from tests.systems.virtual import EPOCH, VirtualClock


def most_in_any_window(instants: list[float], seconds: float) -> int:
    """Return the largest number of instants in one half-open window."""
    return max(sum(start <= at < start + seconds for at in instants) for start in instants)


async def make(budget: RateLimiter, *, write: bool = False, times: int = 1) -> None:
    for _ in range(times):
        assert await budget.acquire(write=write) == 0
        budget.release()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), calls=st.integers(1, 5))
def test_no_window_at_the_platform_ever_holds_more_than_the_limit(seed: int, calls: int) -> None:
    clock = VirtualClock()
    budget = RateLimiter(clock, (calls, 10.0))
    rng = random.Random(seed)
    arrivals: list[float] = []

    async def call() -> None:
        await clock.sleep(rng.uniform(0, 15))
        await budget.acquire(write=rng.random() < 0.5)
        await clock.sleep(
            rng.choice([0.0, 0.1, 6.0])
        )  # on its way: when it is counted, we cannot see
        arrivals.append(clock.monotonic())
        await clock.sleep(rng.choice([0.0, 0.1, 3.0]))
        budget.release()

    async def all_calls() -> None:
        await asyncio.gather(*(call() for _ in range(25)))

    asyncio.run(clock.drive(all_calls()))
    assert len(arrivals) == 25
    assert most_in_any_window(arrivals, 10.0) <= calls


async def test_a_full_window_of_calls_goes_out_at_once() -> None:
    clock = VirtualClock()
    await make(RateLimiter(clock, (10, 10.0)), write=True, times=10)
    assert clock.slept == []


async def test_reads_leave_a_fifth_of_the_window_to_writes() -> None:
    clock = VirtualClock()
    budget = RateLimiter(clock, (10, 10.0))
    await make(budget, times=8)
    assert await budget.acquire(write=False, patience=5.0) == pytest.approx(10.0)
    await make(budget, write=True, times=2)
    assert await budget.acquire(write=True, patience=5.0) == pytest.approx(10.0)


async def test_a_waiting_read_does_not_delay_a_write() -> None:
    clock = VirtualClock()
    budget = RateLimiter(clock, (5, 10.0))
    done: list[str] = []

    async def enter(name: str, *, write: bool) -> None:
        await budget.acquire(write=write)
        budget.release()
        done.append(name)

    async def everyone() -> None:
        await make(budget, times=4)
        await asyncio.gather(enter("read", write=False), enter("write", write=True))

    await clock.drive(everyone())
    assert done == ["write", "read"]


async def test_a_call_waits_while_all_allowed_calls_are_in_flight() -> None:
    clock = VirtualClock()
    budget = RateLimiter(clock, (1, 10.0))

    async def both() -> float:
        await budget.acquire(write=True)
        waiting = asyncio.create_task(budget.acquire(write=True))
        await clock.sleep(3)
        budget.release()
        await waiting
        return clock.monotonic()

    assert await clock.drive(both()) == pytest.approx(13.0)


async def test_a_cancelled_wait_takes_no_room() -> None:
    clock = VirtualClock()
    budget = RateLimiter(clock, (1, 10.0))
    await make(budget, write=True)
    waiting = asyncio.create_task(budget.acquire(write=True))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await clock.drive(make(budget, write=True))
    assert clock.monotonic() == pytest.approx(10.0)


async def test_the_headers_of_a_trial_account_lower_the_limit() -> None:
    budget = RateLimiter(VirtualClock(), (100, 10.0))
    headers = {"x-ratelimit-max": "25", "x-ratelimit-interval-milliseconds": "10000"}
    budget.learn({**headers, "x-ratelimit-limit-daily": "10000"})
    assert budget.limits == ((25, 10.0), (10_000, 86_400.0))


async def test_headers_may_state_more_than_was_assumed() -> None:
    budget = RateLimiter(VirtualClock(), (8, 5.0))
    budget.learn(
        httpx.Headers({"X-RateLimit-Max": "100", "X-RateLimit-Interval-Milliseconds": "10000"})
    )
    assert budget.limits == ((100, 10.0),)


@pytest.mark.parametrize("odd", ["", "many", "-1", "0", "nan", "inf"])
async def test_an_invalid_header_changes_no_limit(odd: str) -> None:
    budget = RateLimiter(VirtualClock(), (100, 10.0))
    budget.learn({"x-ratelimit-max": odd, "x-ratelimit-limit-daily": odd})
    assert budget.limits == ((100, 10.0),)


async def test_calls_of_other_programs_count() -> None:
    clock = VirtualClock()
    budget = RateLimiter(clock, (100, 10.0))
    budget.learn({"x-ratelimit-remaining": "22", "x-ratelimit-interval-milliseconds": "10000"})
    await make(budget, times=2)
    assert await budget.acquire(write=False, patience=1.0) == pytest.approx(10.0)
    await make(budget, write=True, times=20)
    assert await budget.acquire(write=True, patience=1.0) == pytest.approx(10.0)


async def test_calls_of_other_programs_count_for_one_window() -> None:
    clock = VirtualClock()
    budget = RateLimiter(clock, (100, 10.0))
    budget.learn({"ratelimit-remaining": "0", "ratelimit-reset": "4"})
    await clock.drive(make(budget))
    assert clock.monotonic() == pytest.approx(4.0)


async def test_a_spent_daily_quota_lasts_until_the_platform_resets_it() -> None:
    clock = VirtualClock()
    budget = RateLimiter(clock)
    budget.learn({"x-ratelimit-daily-remaining": "1", "x-ratelimit-daily-reset": "7200000"})
    assert budget.left_today == 1
    await make(budget, write=True)
    assert await budget.acquire(write=True, patience=60.0) == pytest.approx(7200.0)
    await clock.drive(clock.sleep(7200))
    await make(budget, write=True)
    assert budget.left_today is None


async def test_the_last_calls_of_a_day_are_for_writes() -> None:
    clock = VirtualClock()
    budget = RateLimiter(clock)
    day = {"x-ratelimit-limit-daily": "1000", "x-ratelimit-daily-reset": "7200000"}
    budget.learn({**day, "x-ratelimit-daily-remaining": "51"})
    assert budget.resets_in == pytest.approx(7200.0)
    await make(budget, write=False)
    assert await budget.acquire(write=False, patience=0.0) == pytest.approx(7200.0)
    await make(budget, write=True, times=50)
    assert budget.left_today == 0
    assert await budget.acquire(write=True, patience=0.0) == pytest.approx(7200.0)


async def test_a_write_does_not_wait_for_a_crowd_of_reads() -> None:
    clock = VirtualClock()
    budget = RateLimiter(clock, (25, 5.0))
    reads = [asyncio.create_task(make(budget, write=False)) for _ in range(200)]
    await asyncio.sleep(0)
    for _ in range(5):
        assert await budget.acquire(write=True, patience=0.0) == 0.0
        budget.release()
    for read in reads:
        read.cancel()
    await asyncio.gather(*reads, return_exceptions=True)


async def test_an_error_text_lowers_the_limit_and_holds_for_its_window() -> None:
    clock = VirtualClock()
    budget = RateLimiter(clock, (25, 5.0))
    text = "API calls exceeded the limit of 10 in 5 second(s)"
    assert budget.refused({}, text) == 5.0
    assert budget.limits == ((10, 5.0),)
    await clock.drive(make(budget))
    assert clock.monotonic() == pytest.approx(5.0)


@pytest.mark.parametrize("count", [20, 0])
async def test_an_error_text_never_raises_the_limit(count: int) -> None:
    budget = RateLimiter(VirtualClock(), (8, 5.0))
    budget.refused({}, f"API calls exceeded the limit of {count} in 5 second(s)")
    assert budget.limits == ((8, 5.0),)


async def test_a_refusal_holds_reads_and_writes_alike() -> None:
    budget = RateLimiter(VirtualClock(), (100, 10.0))
    assert budget.refused({}) == 10.0
    assert await budget.acquire(write=True, patience=0.0) == pytest.approx(10.0)
    assert await budget.acquire(write=False, patience=0.0) == pytest.approx(10.0)


async def test_a_refusal_for_the_daily_quota_holds_calls_until_its_reset() -> None:
    budget = RateLimiter(VirtualClock())
    budget.learn({"x-ratelimit-daily-remaining": "0", "x-ratelimit-daily-reset": "600000"})
    assert budget.refused({}) == pytest.approx(600.0)


async def test_retry_after_in_seconds_is_honoured() -> None:
    assert RateLimiter(VirtualClock()).refused({"retry-after": "42"}) == 42.0


def test_retry_after_as_a_date_is_measured_by_the_platforms_own_clock() -> None:
    headers = {
        "retry-after": "Wed, 01 Jul 2026 12:01:30 GMT",
        "date": "Wed, 01 Jul 2026 12:00:00 GMT",
    }
    assert retry_after(headers, EPOCH) == 90.0
    del headers["date"]
    assert retry_after(headers, datetime(2026, 7, 1, 12, 1, tzinfo=UTC)) == 30.0


@pytest.mark.parametrize("odd", ["", "soon", "-5", "1.5.2", "Wed, 99 Foo 2026"])
def test_an_invalid_retry_after_is_ignored(odd: str) -> None:
    assert retry_after({"retry-after": odd}, EPOCH) is None


def test_a_date_without_zone_is_no_date() -> None:
    assert http_date({"date": "Wed, 01 Jul 2026 12:00:00 -0000"}) is None


def test_waits_that_a_platform_asks_for_are_capped() -> None:
    assert RateLimiter(VirtualClock()).refused({"retry-after": "999999"}) == 3600.0
    daily = RateLimiter(VirtualClock())
    daily.learn({"x-ratelimit-daily-remaining": "0", "x-ratelimit-daily-reset": "999999999"})
    assert daily.refused({"retry-after": "999999"}) == 25 * 3600.0
    assert (
        RateLimiter(VirtualClock()).refused({}, "limit of 5 calls per day") == 25 * 3600.0 - 3600.0
    )


def test_a_wider_limit_in_headers_keeps_the_limit_of_refusals() -> None:
    budget = RateLimiter(VirtualClock(), (8, 5.0))
    budget.refused({}, "API calls exceeded the limit of 6 in 10 second(s)")
    budget.learn({"x-ratelimit-max": "100", "x-ratelimit-interval-milliseconds": "10000"})
    assert budget.limits == ((6, 10.0),)


async def test_a_long_learned_window_does_not_let_a_burst_through() -> None:
    clock = VirtualClock()
    budget = RateLimiter(clock, (5, 10.0))
    budget.refused({}, "limit of 20 requests per minute")
    await clock.drive(make(budget, write=True, times=6))
    assert clock.monotonic() == pytest.approx(70.0)  # the minute of the refusal, and a window
