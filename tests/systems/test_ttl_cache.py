"""How long answers are cached, and how often they are requested."""

from __future__ import annotations

import asyncio

import pytest

from syncd.systems import ttl_cache
from syncd.systems.errors import RetryableError
from syncd.systems.ttl_cache import ONE_HOUR, TtlCache
from tests.systems.scripted import FakeClock


class Oracle:
    """Answers with increasing numbers, or raises the given faults."""

    def __init__(self) -> None:
        self.asked = 0
        self.fault: Exception | None = None

    async def __call__(self) -> int:
        self.asked += 1
        answer = self.asked
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        return answer


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def oracle() -> Oracle:
    return Oracle()


async def test_an_answer_is_cached_for_an_hour(clock: FakeClock, oracle: Oracle) -> None:
    kept: TtlCache[int] = TtlCache(clock)
    assert [await kept.get("a", oracle), await kept.get("a", oracle)] == [1, 1]
    await clock.sleep(ONE_HOUR - 1)
    assert await kept.get("a", oracle) == 1
    await clock.sleep(1)
    assert await kept.get("a", oracle) == 2
    assert await kept.get("b", oracle) == 3


async def test_none_is_cached_like_any_answer(clock: FakeClock) -> None:
    asked = []

    async def nobody() -> int | None:
        asked.append(1)
        return None

    kept: TtlCache[int | None] = TtlCache(clock)
    assert await kept.get("a", nobody) is None
    assert await kept.get("a", nobody) is None
    assert len(asked) == 1


async def test_concurrent_callers_share_one_answer(clock: FakeClock, oracle: Oracle) -> None:
    kept: TtlCache[int] = TtlCache(clock)
    answers = await asyncio.gather(*(kept.get(key, oracle) for key in "aabaa"))
    assert answers == [1, 1, 2, 1, 1]


async def test_a_waiting_caller_repeats_a_call_that_was_cancelled(
    clock: FakeClock, oracle: Oracle
) -> None:
    kept: TtlCache[int] = TtlCache(clock)
    first = asyncio.create_task(kept.get("a", oracle))
    second = asyncio.create_task(kept.get("a", oracle))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 2
    assert first.cancelled()


async def test_a_fault_is_raised_and_not_cached(clock: FakeClock, oracle: Oracle) -> None:
    kept: TtlCache[int] = TtlCache(clock, 60)
    await kept.get("a", oracle)
    await clock.sleep(60)
    oracle.fault = RetryableError("crm")
    for _ in range(2):
        with pytest.raises(RetryableError):
            await kept.get("a", oracle)
    oracle.fault = None
    assert await kept.get("a", oracle) == 4


async def test_an_expired_answer_replaces_a_fault_for_a_minute(
    clock: FakeClock, oracle: Oracle
) -> None:
    kept: TtlCache[int] = TtlCache(clock, better_than_none=True)
    oracle.fault = RetryableError("crm")
    with pytest.raises(RetryableError):
        await kept.get("a", oracle)
    oracle.fault = None
    assert await kept.get("a", oracle) == 2
    await clock.sleep(ONE_HOUR)
    oracle.fault = RetryableError("crm")
    assert [await kept.get("a", oracle), await kept.get("a", oracle)] == [2, 2]
    assert oracle.asked == 3
    await clock.sleep(60)
    oracle.fault = None
    assert await kept.get("a", oracle) == 4


async def test_the_last_answer_is_there_however_old_until_it_is_forgotten(
    clock: FakeClock, oracle: Oracle
) -> None:
    kept: TtlCache[int] = TtlCache(clock)
    assert kept.last("a") is None
    await kept.get("a", oracle)
    await clock.sleep(10 * ONE_HOUR)
    assert kept.last("a") == 1
    kept.forget("a")
    assert kept.last("a") is None


async def test_the_oldest_answer_is_removed_from_a_full_cache(
    clock: FakeClock, oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ttl_cache, "MAX_ENTRIES", 2)
    kept: TtlCache[int] = TtlCache(clock)
    for key in "abc":
        await kept.get(key, oracle)
    assert [kept.last(key) for key in "abc"] == [None, 2, 3]
