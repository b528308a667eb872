"""The poll schedule: stretched intervals, new providers and clock jumps."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.polling.slices import ROUNDS
from syncd.daemon.poll_scheduler import PollScheduler
from syncd.engine.report.run_report import Report
from syncd.model import Window
from syncd.systems.call_stats import CallStats
from tests.daemon.watched import SPANS
from tests.engine.fakes import FakeClock


@dataclass
class Lists:
    """A system that reads each of its providers with a call, or all of them with one."""

    providers: tuple[str, ...]
    bulk: bool = False
    limits: tuple[tuple[int, float], ...] = ()
    windows: list[Window] = field(default_factory=list)

    @property
    def traffic(self) -> CallStats:
        return CallStats(limits=self.limits)

    def calls_per_read(self, window: Window, providers: Collection[str] | None = None) -> int:
        self.windows.append(window)
        wanted = set(self.providers) & set(self.providers if providers is None else providers)
        return min(1, len(wanted)) if self.bulk else len(wanted)


def alone(providers: Collection[str]) -> Collection[str]:
    return providers


NAMES = tuple(f"p{number:02}" for number in range(20))


@dataclass
class Watch:
    """A daemon's far reads, without the daemon."""

    clock: FakeClock = field(default_factory=FakeClock)
    systems: dict[str, Lists] = field(
        default_factory=lambda: {"crm": Lists(NAMES, bulk=True), "legacy": Lists(NAMES)}
    )
    scheduler: PollScheduler = field(init=False)

    def __post_init__(self) -> None:
        """Everything was read just now."""
        self.scheduler = PollScheduler(self.systems, SPANS, self.clock)
        self.scheduler.record_report(Report("r0", job="resync"))

    def turn(self, *providers: str) -> list[str]:
        """The next one, when its time has come."""
        self.clock.time += self.scheduler.tick
        return self.scheduler.providers_due(providers or NAMES, alone)


def test_a_round_reads_everybody_once_a_few_at_a_time() -> None:
    watch = Watch()
    assert watch.scheduler.tick == timedelta(minutes=3)
    seen = [watch.turn() for _ in range(5)]
    assert [len(each) for each in seen] == [4] * 5
    assert sorted(p for each in seen for p in each) == list(NAMES)
    assert watch.turn() == seen[0]


def test_near_a_limit_far_polls_are_rarer_and_the_slices_stay() -> None:
    watch = Watch()
    slices = watch.scheduler.slices
    watch.scheduler.far = timedelta(hours=1)
    assert watch.scheduler.tick == timedelta(minutes=12)
    watch.turn()
    assert watch.scheduler.slices == slices


def test_a_need_counts_what_slices_cost() -> None:
    needs = {need.system: need for need in Watch().scheduler.needs()}
    assert (needs["crm"].near, needs["crm"].far) == (1, 5)
    assert (needs["legacy"].near, needs["legacy"].far) == (20, 20)


def test_a_new_provider_is_due_next_and_a_removed_one_never() -> None:
    watch = Watch()
    watch.turn()
    seen = watch.turn(*NAMES[1:], "new")
    assert "new" in seen
    assert not any("p00" in watch.turn(*NAMES[1:], "new") for _ in range(12))


def test_the_calls_of_a_rooms_calendars_count_in_its_system() -> None:
    watch = Watch()

    def beside(providers: Collection[str]) -> Collection[str]:
        return {*providers, "p19"} if set(providers) & {"p00", "p01", "p02"} else providers

    watch.scheduler.providers_due(NAMES, beside)
    slices = watch.scheduler.slices
    (together,) = [each for each in slices if "p19" in each]
    assert set(together) & {"p00", "p01", "p02"}


def test_after_a_reload_the_new_calendars_are_scheduled() -> None:
    watch = Watch()
    watch.turn()
    watch.scheduler.reconfigure({"legacy": Lists(("a", "b", "c"))}, SPANS)
    watch.scheduler.record_report(Report("r0", job="resync"))
    seen = [watch.turn("a", "b", "c") for _ in range(3)]
    assert sorted(seen) == [["a"], ["b"], ["c"]]


def test_a_clock_jump_delays_no_provider() -> None:
    watch = Watch()
    watch.turn()
    watch.clock.time += timedelta(days=-400)
    assert {p for _ in range(5) for p in watch.turn()} == set(NAMES)
    watch.clock.time += timedelta(days=400)
    assert set(watch.turn()) == set(NAMES)


@pytest.mark.prove
@dataclass
class Day:
    """Providers come and go, and the round is stretched and shrinks again."""

    watch: Watch = field(default_factory=Watch)
    there: set[str] = field(default_factory=lambda: set(NAMES[:12]))
    longest: timedelta = SPANS.far

    def __post_init__(self) -> None:
        """Everybody counts from now."""
        self.read = dict.fromkeys(NAMES, self.watch.clock.now())

    def turns(self, count: int) -> None:
        """So many turns, after each of which nobody may have waited for too long."""
        for _ in range(count):
            self.longest = max(self.longest, self.watch.scheduler.far)
            now = self.watch.turn(*sorted(self.there))
            self.read.update(dict.fromkeys(now, self.watch.clock.now()))
            for provider in self.there:
                waited = self.watch.clock.now() - self.read[provider]
                assert waited <= ROUNDS * self.longest + self.watch.scheduler.tick, provider

    def stretch(self, number: int) -> None:
        self.watch.scheduler.far = SPANS.far * (1, 2, 4)[number % 3]

    def join(self, number: int) -> None:
        """It is read at the next turn, and counts from there."""
        self.there.add(NAMES[number])
        self.read[NAMES[number]] = self.watch.clock.now()

    def leave(self, number: int) -> None:
        if len(self.there) > 1:
            self.there.discard(NAMES[number])


@pytest.mark.prove
@given(
    st.lists(
        st.tuples(
            st.sampled_from([Day.turns, Day.stretch, Day.join, Day.leave]),
            st.integers(0, 19),
        ),
        max_size=12,
    )
)
def test_no_provider_waits_longer_than_two_rounds(
    steps: list[tuple[Callable[[Day, int], None], int]],
) -> None:
    day = Day()
    for step, number in steps:
        step(day, number)
    day.turns(11)
