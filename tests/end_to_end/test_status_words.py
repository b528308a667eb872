"""Status words and all-day events as platforms spell them, over real sockets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncd.engine.report import RunExit
from syncd.model import Topic
from syncd.sandbox import Fault, FaultKind
from syncd.sandbox.consistency import event_summaries
from syncd.sandbox.scenario import SYSTEM_NAMES
from tests.end_to_end.conftest import Shop


def respell(shop: Shop, spelling: str = "") -> None:
    """Let all platforms spell statuses otherwise."""
    for platform in shop.world.sandbox.systems.values():
        platform.faults.add(Fault(FaultKind.ODD_STATUS, spelling=spelling))


def closed(shop: Shop, start: datetime) -> dict[str, datetime]:
    """In which systems a block of syncd's begins at this time, and until when it lasts."""
    seen = event_summaries(shop.world.sandbox.systems, shop.world.owners)
    return {s.system: s.end for s in seen if s.ours and s.start == start}


async def configure(shop: Shop, new: str, old: str = "[syncd]\n") -> None:
    """Start again with a configuration in which something else is written."""
    text = shop.path.read_text()
    assert old in text
    shop.path.write_text(text.replace(old, new, 1))
    await shop.reload()


@pytest.mark.parametrize("spelling", ["", "unknown"])
async def test_statuses_in_other_words_change_nothing_that_stands(
    shop: Shop, spelling: str
) -> None:
    await shop.resync()
    respell(shop, spelling)
    first = await shop.resync()
    assert (first.operations.total(), shop.wrong()) == (0, [])


async def test_what_is_cancelled_in_other_words_frees_its_time(shop: Shop) -> None:
    starts = {name: shop.world.at(4, 17 + n) for n, name in enumerate(SYSTEM_NAMES)}
    made = {name: shop.world.book(name, "bob", start) for name, start in starts.items()}
    await shop.resync()
    respell(shop)
    for name, event in made.items():
        shop.world.sandbox.systems[name].cancel(event)
    await shop.resync()
    assert shop.wrong() == []
    assert [closed(shop, start) for start in starts.values()] == [{}, {}, {}]


async def test_a_meeting_first_seen_in_an_unknown_word_closes_its_time(shop: Shop) -> None:
    respell(shop, "unknown")
    starts = {name: shop.world.at(4, 17 + n) for n, name in enumerate(SYSTEM_NAMES)}
    for name, start in starts.items():
        shop.world.book(name, "bob", start)
    report = await shop.resync()
    for name, start in starts.items():
        assert set(closed(shop, start)) == set(SYSTEM_NAMES) - {name}
    found = {(i.system, i.topic) for i in report.items}
    assert {(name, Topic.UNKNOWN_STATUS) for name in starts} <= found
    assert report.exit is RunExit.DONE


async def test_a_word_that_the_configuration_maps_frees_the_time_after_a_restart(
    shop: Shop,
) -> None:
    await shop.resync()
    respell(shop, "unknown")
    start = shop.world.at(4, 17)
    shop.world.book("clinic", "bob", start)
    await shop.resync()
    assert len(closed(shop, start)) == 2
    await configure(shop, '[systems.clinic.statuses]\n"in review" = "invalid"\n[syncd]\n')
    # These are all meetings of the location, which the guard stops.
    stopped = await shop.resync()
    await shop.resync(accept=stopped.run)
    assert closed(shop, start) == {}


async def test_a_whole_day_that_somebody_closes_is_closed_elsewhere_on_the_locations_clock(
    shop: Shop,
) -> None:
    clinic = shop.world.sandbox.clinic
    day = datetime.now(clinic.zone).date() + timedelta(days=5)
    start = datetime(day.year, day.month, day.day, tzinfo=clinic.zone).astimezone(UTC)
    event = clinic.close_day(shop.world.seed_users["clinic", "alice"].user, day, "Birthday")
    (made,) = (b for b in clinic.blocks() if b.id == event)
    await shop.resync()
    assert closed(shop, start) == dict.fromkeys({"crm", "legacy"}, made.end)
    assert (await shop.resync()).operations.total() == 0
    await configure(shop, '[syncd]\nall_day = "ignore"\n')
    await shop.resync()
    await shop.resync()
    assert closed(shop, start) == {}
    again = await shop.resync()
    assert (again.operations.total(), again.exit) == (0, RunExit.DONE)
