"""Measured facts of an account: stored with a date, used, contradicted, forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.model import Fact
from syncd.model.platform_facts import PLATFORM_FACTS, PlatformKind, platform_facts
from syncd.systems.capability_cache import list_lag
from syncd.systems.facts import FactStore
from syncd.systems.measured import LIST_CAP, MeasuredFacts, Side
from tests.engine.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def measured(clock: FakeClock, platform: PlatformKind = PlatformKind.V2) -> MeasuredFacts:
    return MeasuredFacts(platform, FactStore("clinic", clock))


def stored_again(before: MeasuredFacts, clock: FakeClock) -> MeasuredFacts:
    after = measured(clock)
    after.facts.load(before.facts.unsaved())
    return after


def test_the_safe_side_counts_until_a_fact_is_measured(clock: FakeClock) -> None:
    known = measured(clock)
    assert (known.value("block_by_id"), known.side("block_by_id")) == ("no", Side.SAFE)
    known.note("block_by_id", "yes")
    assert (known.value("block_by_id"), known.side("block_by_id")) == ("yes", Side.MEASURED)
    clock.pass_(days=400)
    assert known.is_yes("block_by_id")


def test_a_contradicted_fact_is_on_its_safe_side_also_in_the_next_process(
    clock: FakeClock,
) -> None:
    known = measured(clock)
    known.note("block_by_id", "yes")
    clock.pass_(days=3)
    assert known.contradict("block_by_id")
    for each in (known, stored_again(known, clock)):
        assert (each.value("block_by_id"), each.side("block_by_id")) == ("no", Side.CONTRADICTED)
        assert each.at("block_by_id") == clock.now()


def test_ordinary_reads_do_not_measure_a_contradicted_fact_again_and_a_probe_does(
    clock: FakeClock,
) -> None:
    known = measured(clock)
    known.record_read("block_by_id", "yes")
    known.contradict("block_by_id")
    known.record_read("block_by_id", "yes")
    assert known.side("block_by_id") is Side.CONTRADICTED
    assert not known.contradict("block_by_id"), "it is said once"
    known.note("block_by_id", "yes")
    assert known.is_yes("block_by_id")


def test_only_a_measured_value_that_is_not_the_safe_side_is_contradicted(clock: FakeClock) -> None:
    known = measured(clock)
    assert not known.contradict("block_by_id")
    known.note("block_by_id", "no")
    known.note("list_lag", "0")
    assert not known.contradict("block_by_id")
    assert not known.contradict("list_lag", "5"), "another value was measured"
    assert not known.contradict("rows_carry_end"), "another platform has that fact"
    assert known.contradict("list_lag")
    with pytest.raises(KeyError):
        known.contradict("block_by_ids")


def test_forgetting_withdraws_what_was_measured_and_contradicted(clock: FakeClock) -> None:
    known = measured(clock)
    known.note("block_by_id", "yes")
    known.note("list_lag", "0")
    known.contradict("list_lag")
    known.facts.put("cap GET /calendars/events", "200")
    assert known.forget() == ["block_by_id", "list_lag"]
    for each in (known, stored_again(known, clock)):
        sides = {s.name: s.side for s in each.statuses() if s.side is not Side.SAFE}
        assert sides == {LIST_CAP: Side.MEASURED}
    known.record_read("block_by_id", "yes")
    assert known.is_yes("block_by_id")


@pytest.mark.parametrize("platform", PlatformKind)
def test_fact_statuses_are_in_the_order_of_the_table(
    clock: FakeClock, platform: PlatformKind
) -> None:
    found = measured(clock, platform).statuses()
    assert [each.row for each in found] == list(platform_facts(platform))
    assert {(each.value, each.side) for each in found} == {
        (row.safe, Side.SAFE) for row in platform_facts(platform)
    }


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("", 10), ("0", 5), ("2", 5), ("4", 8), ("20", 40), ("9000", 300), ("soon", 10), ("-3", 5)],
)
def test_the_lag_in_force_is_twice_what_was_measured_within_bounds(
    clock: FakeClock, told: str, seconds: int
) -> None:
    known = measured(clock)
    known.facts.put("list_lag", told)
    assert list_lag(known) == timedelta(seconds=seconds)
    known.contradict("list_lag")
    assert list_lag(known) == timedelta(seconds=10)


def test_each_row_names_sides_that_differ_from_its_safe_one() -> None:
    assert len({(row.platform, row.name) for row in PLATFORM_FACTS}) == len(PLATFORM_FACTS)
    for row in PLATFORM_FACTS:
        assert {*row.sides} - {row.safe}, row.name
        assert row.meaning
        assert row.how.endswith(".")
        assert row.depends.endswith(".")


def test_facts_with_a_date_in_the_future_are_ignored(clock: FakeClock) -> None:
    known = measured(clock)
    ahead = clock.now() + timedelta(days=30)
    known.facts.load([Fact("clinic", "block_by_id", "yes", ahead)])
    assert known.value("block_by_id") == "no"
