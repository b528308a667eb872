"""An event that no list showed: whether the cached directory is outdated."""

from __future__ import annotations

from syncd.model import EventRef, Kind
from syncd.systems.leadconnector import CalendarMapping, LeadConnector
from syncd.systems.lookup_results import Found
from tests.lab.sandbox.kit import at
from tests.systems.leadconnector.conftest import EVENTS, WINDOW, Clinic, hour


async def _look_up(system: LeadConnector, event: str, provider: str) -> Found:
    await system.read(WINDOW, (provider,) if provider == "bob" else None)
    ref = EventRef("clinic", provider, event, Kind.APPOINTMENT)
    result = await system.read_one(ref, hour(at(9)))
    assert isinstance(result, Found)
    return result


async def test_an_appointment_on_another_provider_s_calendar_does_not_outdate_the_lists(
    clinic: Clinic,
) -> None:
    """The meeting is now bob's, but on alice's calendar, which a read of bob does not list."""
    meeting, system = clinic.book(at(9)), clinic.build(clinic.both)
    clinic.platform.set_hosts(meeting, clinic.bob, [])
    for _ in range(3):
        found = await _look_up(system, meeting, "bob")
        assert (found.elsewhere, found.outdated) == (True, False)
        clinic.clock.advance(600)


async def test_a_group_list_that_still_lacks_an_event_is_outdated_only_once(
    clinic: Clinic,
) -> None:
    meeting, system = clinic.book(at(9)), clinic.build(clinic.both)
    clinic.proxy.rewrite(EVENTS, lambda answer: {**answer, "events": []})
    outdated = []
    for _ in range(3):
        outdated.append((await _look_up(system, meeting, "alice")).outdated)
        clinic.clock.advance(600)
    assert outdated == [True, False, False]


async def test_a_calendar_list_that_lacks_an_event_may_be_capped(clinic: Clinic) -> None:
    meeting = clinic.book(at(9))
    system = clinic.build({"alice": CalendarMapping(clinic.alice, (clinic.calendar,))})
    clinic.proxy.rewrite(EVENTS, lambda answer: {**answer, "events": []})
    found = await _look_up(system, meeting, "alice")
    assert (found.elsewhere, found.outdated) == (False, False)
