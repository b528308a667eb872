"""Lists of groups that lack a calendar: compared once a day with the lists of the calendars."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from syncd.engine.report.run_report import RunExit
from syncd.systems.leadconnector.groups import GroupLists
from syncd.systems.measured import Side
from tests.end_to_end.conftest import Site

FACT = "group_lists_all"
DAY = timedelta(days=1)


def hide_the_last(site: Site) -> None:
    """Hide the calendar that was added last (Carol's) from lists by group."""
    site.world.sandbox.clinic.set_fact(FACT, "no")


def selectors(site: Site, since: int) -> Counter[str]:
    """Return how often the lists of v2 were called with each selector."""
    calls = site.world.sandbox.clinic.calls[since:]
    lists = ("/calendars/events", "/calendars/blocked-slots")
    return Counter(
        name
        for call in calls
        if call.path in lists
        for name in ("groupId", "calendarId", "userId")
        if name in call.query
    )


async def far(site: Site) -> None:
    """Run one far cycle, as the daemon does."""
    await site.app.engine.poll(near=False)


async def near(site: Site) -> Counter[str]:
    since = site.calls()["clinic"]
    await site.app.engine.poll(near=True)
    return selectors(site, since)


async def test_an_event_that_its_group_hides_is_carried_by_the_first_read(site: Site) -> None:
    hide_the_last(site)
    site.world.book("clinic", "carol", site.world.at(3, 17))
    report = await site.resync()
    assert report.exit is RunExit.DONE
    assert site.disagreements() == []


async def test_a_group_that_lacks_a_calendar_is_read_one_by_one_from_then_on(site: Site) -> None:
    hide_the_last(site)
    await site.resync()
    measured = site.app.systems["clinic"].measured
    assert (await near(site))["groupId"] == 0, "it is doubted, or known, by now"
    await site.clock.sleep(60)
    await far(site)
    assert (measured.side(FACT), measured.value(FACT)) == (Side.MEASURED, "no")
    await site.restart()
    site.world.book("clinic", "carol", site.world.at(1, 17))
    asked = await near(site)
    assert asked["groupId"] == 0
    assert asked["calendarId"] == 3
    assert site.disagreements() == []


async def test_a_list_that_lacks_calendars_later_is_found_within_a_day(site: Site) -> None:
    await site.resync()
    assert (await near(site))["groupId"] > 0
    hide_the_last(site)
    # Nothing that is known is hidden: its calendar holds only what nobody knows.
    clinic = site.world.sandbox.clinic
    carols = [m for m in clinic.appointments() if site.world.owners["clinic", m.user] == "carol"]
    for meeting in carols:
        clinic.delete(meeting.id)
    await site.resync()
    site.world.book("clinic", "carol", site.world.at(3, 17))
    await site.clock.sleep(DAY.total_seconds())
    await site.resync()
    assert site.disagreements() == []


async def test_groups_that_list_all_are_compared_once_a_day_and_no_more(site: Site) -> None:
    await site.resync()
    for _ in range(3):
        await site.clock.sleep(60)
        since = site.calls()["clinic"]
        await far(site)
        assert selectors(site, since)["calendarId"] == 0
    await site.restart()
    since = site.calls()["clinic"]
    await site.resync()
    assert selectors(site, since)["calendarId"] == 0, "compared before this process began"
    await site.clock.sleep(DAY.total_seconds())
    since = site.calls()["clinic"]
    await site.resync()
    assert selectors(site, since)["calendarId"] == 3
    measured = site.app.systems["clinic"].measured
    assert measured.side(FACT) is Side.SAFE, "agreement today is no proof for tomorrow"


async def test_a_measured_yes_is_not_compared(site: Site) -> None:
    site.app.systems["clinic"].measured.note(FACT, "yes")
    since = site.calls()["clinic"]
    await site.resync()
    assert selectors(site, since)["calendarId"] == 0


async def test_a_regrouped_calendar_is_compared_with_its_new_group(site: Site) -> None:
    await site.resync()
    clinic = site.world.sandbox.clinic
    other = clinic.add_group("Others")
    for calendar in list(clinic.calendars.values())[1:3]:
        clinic.regroup(calendar.id, other)
    await site.clock.sleep(1000)
    since = site.calls()["clinic"]
    await far(site)
    await far(site)
    assert selectors(site, since)["calendarId"] >= 2
    assert site.app.systems["clinic"].measured.side(FACT) is Side.SAFE
    assert site.disagreements() == []


async def test_a_single_list_that_lacks_an_event_proves_nothing_of_the_next(site: Site) -> None:
    hide_the_last(site)
    await site.resync()
    site.world.sandbox.clinic.set_fact(FACT, "yes")
    await site.clock.sleep(60)
    await far(site)
    measured = site.app.systems["clinic"].measured
    assert measured.side(FACT) is Side.SAFE
    assert (await near(site))["groupId"] > 0, "the group is believed again"


async def test_a_planted_comparison_that_is_never_made_is_seen(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GroupLists, "due", lambda *_given: [])
    hide_the_last(site)
    site.world.book("clinic", "carol", site.world.at(3, 17))
    await site.resync()
    assert site.disagreements() != []
