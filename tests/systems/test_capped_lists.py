"""Lists that are cut silently at a cap: they are read in halves, and the cap is remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.lab.sandbox.clock import ManualClock
from syncd.model import Kind, Topic, Window
from syncd.model.intervals import uncovered
from syncd.systems import capped_lists
from syncd.systems.capped_lists import CappedLists, ListResult, ReadLimit
from syncd.systems.errors import RetryableError
from syncd.systems.facts import FactStore
from syncd.systems.list_caps import MAX_EXTRA
from syncd.systems.port import ListCall
from tests.lab.sandbox.kit import NOW, at

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WINDOW = Window(at(0), at(0) + 60 * DAY)
CALL = ListCall("GET list", frozenset({Kind.BLOCK}), "userId", ("u1",), frozenset({"ann"}), WINDOW)

Row = tuple[str, datetime, datetime]
Keep = Callable[[list[Row], int], list[Row]]


def first(rows: list[Row], cap: int) -> list[Row]:
    return sorted(rows, key=lambda row: row[1])[:cap]


def last(rows: list[Row], cap: int) -> list[Row]:
    return sorted(rows, key=lambda row: row[1])[-cap:]


def anything(rows: list[Row], cap: int) -> list[Row]:
    return Random(7).sample(rows, cap)


@dataclass
class Platform:
    """A list that shows no more than ``cap`` rows, by start or by overlap."""

    rows: list[Row]
    cap: int = 10_000
    keep: Keep = first
    overlap: bool = False
    asked: list[Window] = field(default_factory=list)
    before: Callable[[int], None] = lambda _number: None
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))
    lists: CappedLists = field(init=False)

    def __post_init__(self) -> None:
        """Start without reads."""
        self.restart(FactStore("web", self.clock))

    def restart(self, facts: FactStore) -> None:
        self.lists = CappedLists("web", self.clock, facts)

    async def ask(self, call: ListCall) -> Sequence[Row]:
        self.asked.append(call.span)
        self.before(len(self.asked))
        span = call.span
        found = [
            row
            for row in self.rows
            if (row[1] <= span.end and span.start <= (row[2] if self.overlap else row[1]))
        ]
        return found if len(found) <= self.cap else self.keep(found, self.cap)

    async def read(self, call: ListCall = CALL) -> tuple[ListResult, set[str], int]:
        """Read once; return the result, the shown ids and the number of calls."""
        shown: set[str] = set()

        async def ask(part: ListCall) -> Sequence[Row]:
            rows = await self.ask(part)
            shown.update(row[0] for row in rows)
            return rows

        before = len(self.asked)
        listed = await self.lists.read(call, ask, lambda row: row[0], ReadLimit("web", self.clock))
        return listed, shown, len(self.asked) - before


def spread(count: int, span: Window = WINDOW, length: timedelta = HOUR) -> list[Row]:
    """Return rows spread evenly over a span."""
    step = (span.end - span.start) / (count + 1)
    return [
        (f"e{n}", span.start + (n + 1) * step, span.start + (n + 1) * step + length)
        for n in range(count)
    ]


async def test_a_list_of_ordinary_length_takes_one_call() -> None:
    for count in (0, 1, 99, 101, 299):
        listed, shown, calls = await Platform(spread(count)).read()
        assert (len(shown), calls, listed.cut) == (count, 1, [])


@pytest.mark.parametrize("keep", [first, last, anything])
@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("cap", [100, 150, 200, 250])
async def test_a_capped_list_is_read_whole_in_halves(
    cap: int, keep: Keep, *, overlap: bool
) -> None:
    web = Platform(spread(cap + 60), cap, keep, overlap)
    listed, shown, _ = await web.read()
    assert len(shown) == cap + 60
    assert not listed.cut
    assert web.lists.known("GET list").cap == cap


async def test_a_learned_cap_is_planned_for_so_that_nothing_is_asked_twice() -> None:
    web = Platform(spread(300), 200)
    await web.read()
    planned = web.lists.plan([CALL])
    _, shown, calls = await web.read()
    assert calls == len(planned) == 4
    assert len(shown) == 300


async def test_a_cap_survives_a_restart_and_expires_after_a_month() -> None:
    web = Platform(spread(300), 200)
    await web.read()
    stored = list(web.lists._facts.unsaved())
    facts = FactStore("web", web.clock)
    facts.load(stored)
    web.restart(facts)
    assert web.lists.known("GET list").cap == 200
    assert web.lists.known("GET other").cap is None
    web.clock.advance(31 * 86_400)
    assert web.lists.known("GET list").cap is None


async def test_the_same_rows_in_both_halves_cost_one_call_more_until_the_length_changes() -> None:
    web = Platform(spread(200))
    assert (await web.read())[2] == 3
    assert (await web.read())[2] == 2
    web.rows.pop()
    assert (await web.read())[2] == 2
    assert (await web.read())[2] == 1


async def test_a_longer_answer_proves_that_a_length_is_no_cap() -> None:
    web = Platform(spread(200))
    await web.read()
    web.rows += spread(1, Window(at(1), at(2)))[:0] or [("more", at(30), at(30) + HOUR)]
    await web.read()
    assert (await web.read())[2] == 1
    assert web.lists.known("GET list").clear == 200
    web.rows.pop()
    assert [(await web.read())[2] for _ in range(3)] == [1, 1, 1]


@pytest.mark.parametrize("keep", [first, last, anything])
async def test_a_list_that_grows_past_its_cap_loses_no_rows(keep: Keep) -> None:
    """Rows are added one by one; at exactly 100 rows, nothing shows the cap."""
    every = spread(112)
    web = Platform([], 100, keep)
    for count in range(96, 113):
        web.rows = every[:count] if keep is not last else every[-count:]
        listed, shown, _ = await web.read()
        assert len(shown) == count
        assert not listed.cut


async def test_a_booking_made_between_two_calls_is_not_taken_for_a_cap() -> None:
    web = Platform(spread(100))

    def book(number: int) -> None:
        if number == 2:
            web.rows.append(("new", at(10), at(10) + HOUR))

    web.before = book
    listed, shown, _ = await web.read()
    assert len(shown) == 101
    assert not listed.cut
    assert web.lists.known("GET list").cap is None


async def test_more_rows_than_a_quarter_of_an_hour_can_show_are_reported_and_not_covered() -> None:
    crowd = [(f"c{n}", at(20), at(20) + HOUR) for n in range(130)]
    web = Platform([*spread(60), *crowd], 100)
    for _ in range(6):
        listed, _, _ = await web.read()
    (cut,) = listed.cut
    assert cut.start <= at(20) <= cut.end
    assert cut.end - cut.start <= timedelta(minutes=30)
    (item,) = listed.items("web")
    assert (item.topic, item.provider) == (Topic.LIST, "ann")
    assert item.event.endswith(" of ann")
    left = uncovered(WINDOW, listed.holes(WINDOW))
    assert all(not (w.start <= at(20) < w.end) for w in left)
    assert sum((w.end - w.start for w in left), timedelta()) > 57 * DAY


async def test_splitting_adds_at_most_eight_calls_a_cycle_and_ends_after_a_few() -> None:
    web = Platform(spread(2000), 100)
    counts, cut = [], True
    for _ in range(5):
        planned = len(web.lists.plan([CALL]))
        listed, _, calls = await web.read()
        assert calls - planned <= MAX_EXTRA
        counts.append(calls)
        cut = bool(listed.cut)
    assert not cut
    assert counts[-1] < 60


async def test_halves_that_show_fewer_rows_prove_nothing_and_teach_nothing() -> None:
    web = Platform(spread(100))

    def lose(number: int) -> None:
        if number == 2:
            web.rows = web.rows[:40]

    web.before = lose
    listed, _, _ = await web.read()
    assert listed.cut == [WINDOW]
    assert (web.lists.known("GET list").cap, web.lists.known("GET list").clear) == (None, 0)


async def test_a_failed_half_leaves_only_that_half_unproven() -> None:
    web = Platform(spread(150), 100)

    def fail(number: int) -> None:
        if number == 3:
            raise RetryableError("web", "GET list")

    web.before = fail
    listed, _, _ = await web.read()
    assert len(listed.faults) == 1
    (failed,) = listed.failed
    assert failed.end == WINDOW.end
    assert uncovered(WINDOW, listed.holes(WINDOW)) == [Window(WINDOW.start, failed.start)]


async def test_a_list_that_lacks_a_known_event_is_checked_whatever_its_length() -> None:
    web = Platform(spread(140), 120)
    _, shown, calls = await web.read()
    assert (len(shown), calls) == (120, 1)
    web.lists.doubt("GET list", "ann", web.rows[130][1])
    await web.read()
    _, shown, _ = await web.read()
    assert len(shown) == 140
    assert web.lists.known("GET list").cap == 120
    _, shown, _ = await web.read()
    assert len(shown) == 140


async def test_a_doubt_waits_for_a_read_of_the_time_that_it_is_about() -> None:
    web = Platform(spread(140), 120)
    await web.read()
    web.lists.doubt("GET list", "ann", web.rows[130][1])
    near = replace(CALL, span=Window(WINDOW.start, web.rows[10][1]))
    await web.read(near)
    await web.read()
    assert web.lists.known("GET list").cap == 120


async def test_a_complete_list_of_a_shorter_span_does_not_clear_a_doubt() -> None:
    """Near reads happen before the next far read, and are rarely as long as a cap."""
    web = Platform(spread(140), 120, last)
    near = replace(CALL, span=Window(WINDOW.start, web.rows[10][1]))
    await web.read(near)
    await web.read()
    web.lists.doubt("GET list", "ann", web.rows[5][1])
    await web.read(near)
    assert web.lists.known("GET list").cap is None
    await web.read()
    assert web.lists.known("GET list").cap == 120


async def test_a_doubted_list_is_checked_at_most_every_five_minutes() -> None:
    web = Platform(spread(20))
    await web.read()
    counts = []
    for _ in range(4):
        web.lists.doubt("GET list", "ann", at(20))
        counts.append((await web.read())[2])
        web.clock.advance(100)
    assert counts == [2, 1, 1, 2]


async def test_no_cap_is_learned_from_a_short_list() -> None:
    """Otherwise a list that lags, or was cut once, would be read in dozens of parts."""
    web = Platform(spread(60), 30)
    web.lists.doubt("GET list", "ann", web.rows[50][1])
    await web.read()
    assert web.lists.known("GET list").cap is None


async def test_a_slow_list_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capped_lists, "LIST_SECONDS", 0.05)
    web = Platform([])

    async def slow(_call: ListCall) -> Sequence[Row]:
        await asyncio.sleep(5)
        return []

    limit = ReadLimit("web", web.clock)
    listed = await web.lists.read(CALL, slow, lambda row: row[0], limit)
    assert isinstance(listed.faults[0], RetryableError)
    assert not listed.answered
    assert uncovered(WINDOW, listed.holes(WINDOW)) == []


async def test_a_hole_is_widened_by_the_margins_of_the_call() -> None:
    """The list is requested with a margin of a day on each side."""
    wide = replace(CALL, span=Window(WINDOW.start - DAY, WINDOW.end + DAY))
    listed = ListResult(wide, cut=[Window(at(10), at(11))])
    assert listed.holes(WINDOW) == [Window(at(10) - DAY, at(11) + DAY)]


rows_at = st.lists(st.integers(0, 60 * 24 * 4 - 1), min_size=0, max_size=400)


@settings(max_examples=60)
@given(
    rows_at,
    st.sampled_from((100, 150, 200)),
    st.sampled_from((first, last, anything)),
    st.booleans(),
)
def test_no_row_is_missed_where_a_list_counts_as_complete(
    quarters: list[int], cap: int, keep: Keep, overlap: bool
) -> None:
    quarter = timedelta(minutes=15)
    rows = [
        (f"e{n}", WINDOW.start + at_ * quarter, WINDOW.start + at_ * quarter + HOUR)
        for n, at_ in enumerate(quarters)
    ]
    web = Platform(rows, cap, keep, overlap)

    async def read_thrice() -> None:
        for _ in range(3):
            listed, shown, _ = await web.read()
            for span in uncovered(WINDOW, listed.holes(WINDOW)):
                inside = {r[0] for r in rows if span.start <= r[1] < span.end}
                assert inside <= shown

    asyncio.run(read_thrice())
