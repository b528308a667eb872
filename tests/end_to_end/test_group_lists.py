"""Lists of groups that lack a calendar: compared once a day with those of the calendars."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from syncd.engine.report import RunExit
from syncd.systems.leadconnector.groups import GroupLists
from syncd.systems.measured import Side
from tests.end_to_end.conftest import Shop

FACT = "group_lists_all"
DAY = timedelta(days=1)


def hide_the_last(shop: Shop) -> None:
    """Let lists by group lack the calendar that was added last: carol's."""
    shop.world.sandbox.clinic.set_fact(FACT, "no")


def selectors(shop: Shop, since: int) -> Counter[str]:
    """How often the lists of v2 were asked for by each selector."""
    calls = shop.world.sandbox.clinic.calls[since:]
    lists = ("/calendars/events", "/calendars/blocked-slots")
    return Counter(
        name
        for call in calls
        if call.path in lists
        for name in ("groupId", "calendarId", "userId")
        if name in call.query
    )


async def far(shop: Shop) -> None:
    """One ordinary cycle of the far window, as the daemon makes it."""
    await shop.app.engine.poll(near=False)


async def near(shop: Shop) -> Counter[str]:
    since = shop.calls()["clinic"]
    await shop.app.engine.poll(near=True)
    return selectors(shop, since)


async def test_an_event_that_its_group_hides_is_carried_by_the_first_read(shop: Shop) -> None:
    hide_the_last(shop)
    shop.world.book("clinic", "carol", shop.world.at(3, 17))
    report = await shop.resync()
    assert report.exit is RunExit.DONE
    assert shop.wrong() == []


async def test_a_group_that_lacks_a_calendar_is_read_one_by_one_from_then_on(shop: Shop) -> None:
    hide_the_last(shop)
    await shop.resync()
    measured = shop.app.systems["clinic"].measured
    assert (await near(shop))["groupId"] == 0, "it is doubted, or known, by now"
    await shop.clock.sleep(60)
    await far(shop)
    assert (measured.side(FACT), measured.value(FACT)) == (Side.MEASURED, "no")
    await shop.restart()
    shop.world.book("clinic", "carol", shop.world.at(1, 17))
    asked = await near(shop)
    assert asked["groupId"] == 0
    assert asked["calendarId"] == 3
    assert shop.wrong() == []


async def test_a_list_that_lacks_calendars_later_is_found_within_a_day(shop: Shop) -> None:
    await shop.resync()
    assert (await near(shop))["groupId"] > 0
    hide_the_last(shop)
    # Nothing that is known is hidden: its calendar holds only what nobody knows.
    clinic = shop.world.sandbox.clinic
    carols = [m for m in clinic.appointments() if shop.world.owners["clinic", m.user] == "carol"]
    for meeting in carols:
        clinic.delete(meeting.id)
    await shop.resync()
    shop.world.book("clinic", "carol", shop.world.at(3, 17))
    await shop.clock.sleep(DAY.total_seconds())
    await shop.resync()
    assert shop.wrong() == []


async def test_groups_that_list_all_are_compared_once_a_day_and_no_more(shop: Shop) -> None:
    await shop.resync()
    for _ in range(3):
        await shop.clock.sleep(60)
        since = shop.calls()["clinic"]
        await far(shop)
        assert selectors(shop, since)["calendarId"] == 0
    await shop.restart()
    since = shop.calls()["clinic"]
    await shop.resync()
    assert selectors(shop, since)["calendarId"] == 0, "compared before this process began"
    await shop.clock.sleep(DAY.total_seconds())
    since = shop.calls()["clinic"]
    await shop.resync()
    assert selectors(shop, since)["calendarId"] == 3
    measured = shop.app.systems["clinic"].measured
    assert measured.side(FACT) is Side.SAFE, "agreement today is no proof for tomorrow"


async def test_a_measured_yes_is_not_compared(shop: Shop) -> None:
    shop.app.systems["clinic"].measured.note(FACT, "yes")
    since = shop.calls()["clinic"]
    await shop.resync()
    assert selectors(shop, since)["calendarId"] == 0


async def test_a_regrouped_calendar_is_compared_with_its_new_group(shop: Shop) -> None:
    await shop.resync()
    clinic = shop.world.sandbox.clinic
    other = clinic.add_group("Others")
    for calendar in list(clinic.calendars.values())[1:3]:
        clinic.regroup(calendar.id, other)
    await shop.clock.sleep(1000)
    since = shop.calls()["clinic"]
    await far(shop)
    await far(shop)
    assert selectors(shop, since)["calendarId"] >= 2
    assert shop.app.systems["clinic"].measured.side(FACT) is Side.SAFE
    assert shop.wrong() == []


async def test_a_single_list_that_lacks_an_event_proves_nothing_of_the_next(shop: Shop) -> None:
    hide_the_last(shop)
    await shop.resync()
    shop.world.sandbox.clinic.set_fact(FACT, "yes")
    await shop.clock.sleep(60)
    await far(shop)
    measured = shop.app.systems["clinic"].measured
    assert measured.side(FACT) is Side.SAFE
    assert (await near(shop))["groupId"] > 0, "the group is believed again"


async def test_a_planted_comparison_that_is_never_made_is_seen(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GroupLists, "due", lambda *_given: [])
    hide_the_last(shop)
    shop.world.book("clinic", "carol", shop.world.at(3, 17))
    await shop.resync()
    assert shop.wrong() != []
