"""Platforms' spellings of statuses and all-day events, over real sockets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncd.engine.report.run_report import RunExit
from syncd.lab.sandbox import Fault, FaultKind
from syncd.lab.sandbox.consistency import event_summaries
from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from syncd.model import Topic
from tests.end_to_end.conftest import Site


def respell(site: Site, spelling: str = "") -> None:
    """Let all platforms spell statuses differently."""
    for platform in site.world.sandbox.systems.values():
        platform.faults.add(Fault(FaultKind.ODD_STATUS, spelling=spelling))


def closed(site: Site, start: datetime) -> dict[str, datetime]:
    """Return the systems with a syncd block that begins at this time, and the block's end."""
    seen = event_summaries(site.world.sandbox.systems, site.world.owners)
    return {s.system: s.end for s in seen if s.ours and s.start == start}


async def configure(site: Site, new: str, old: str = "[syncd]\n") -> None:
    """Restart with a changed configuration."""
    text = site.path.read_text()
    assert old in text
    site.path.write_text(text.replace(old, new, 1))
    await site.reload()


@pytest.mark.parametrize("spelling", ["", "unknown"])
async def test_statuses_in_other_words_change_no_existing_event(site: Site, spelling: str) -> None:
    await site.resync()
    respell(site, spelling)
    first = await site.resync()
    assert (first.operations.total(), site.disagreements()) == (0, [])


async def test_a_cancellation_in_other_words_frees_its_time(site: Site) -> None:
    starts = {name: site.world.at(4, 17 + n) for n, name in enumerate(SYSTEM_NAMES)}
    made = {name: site.world.book(name, "bob", start) for name, start in starts.items()}
    await site.resync()
    respell(site)
    for name, event in made.items():
        site.world.sandbox.systems[name].cancel(event)
    await site.resync()
    assert site.disagreements() == []
    assert [closed(site, start) for start in starts.values()] == [{}, {}, {}]


async def test_a_meeting_first_seen_in_an_unknown_word_closes_its_time(site: Site) -> None:
    respell(site, "unknown")
    starts = {name: site.world.at(4, 17 + n) for n, name in enumerate(SYSTEM_NAMES)}
    for name, start in starts.items():
        site.world.book(name, "bob", start)
    report = await site.resync()
    for name, start in starts.items():
        assert set(closed(site, start)) == set(SYSTEM_NAMES) - {name}
    found = {(i.system, i.topic) for i in report.items}
    assert {(name, Topic.UNKNOWN_STATUS) for name in starts} <= found
    assert report.exit is RunExit.DONE


async def test_a_word_that_the_configuration_maps_frees_the_time_after_a_restart(
    site: Site,
) -> None:
    await site.resync()
    respell(site, "unknown")
    start = site.world.at(4, 17)
    site.world.book("clinic", "bob", start)
    await site.resync()
    assert len(closed(site, start)) == 2
    await configure(site, '[systems.clinic.statuses]\n"in review" = "invalid"\n[syncd]\n')
    # These are all meetings of the location, which the guard stops.
    stopped = await site.resync()
    await site.resync(accept=stopped.run)
    assert closed(site, start) == {}


async def test_a_whole_day_that_somebody_closes_is_closed_elsewhere_on_the_locations_clock(
    site: Site,
) -> None:
    clinic = site.world.sandbox.clinic
    day = datetime.now(clinic.zone).date() + timedelta(days=5)
    start = datetime(day.year, day.month, day.day, tzinfo=clinic.zone).astimezone(UTC)
    event = clinic.close_day(site.world.seed_users["clinic", "alice"].user, day, "Birthday")
    (made,) = (b for b in clinic.blocks() if b.id == event)
    await site.resync()
    assert closed(site, start) == dict.fromkeys({"crm", "legacy"}, made.end)
    assert (await site.resync()).operations.total() == 0
    await configure(site, '[syncd]\nall_day = "ignore"\n')
    await site.resync()
    await site.resync()
    assert closed(site, start) == {}
    again = await site.resync()
    assert (again.operations.total(), again.exit) == (0, RunExit.DONE)
