"""What an event that no list showed says of the lists: whether the directory is out of date."""

from __future__ import annotations

from syncd.model import EventRef, Kind
from syncd.systems.leadconnector import CalendarMapping, LeadConnector
from syncd.systems.port import Found
from tests.sandbox.kit import at
from tests.systems.leadconnector.conftest import EVENTS, WINDOW, Clinic, hour


async def _found(system: LeadConnector, event: str, provider: str) -> Found:
    await system.read(WINDOW, (provider,) if provider == "bob" else None)
    ref = EventRef("clinic", provider, event, Kind.APPOINTMENT)
    result = await system.read_one(ref, hour(at(9)))
    assert isinstance(result, Found)
    return result


async def test_an_appointment_on_another_provider_s_calendar_leaves_the_lists_proven(
    clinic: Clinic,
) -> None:
    """Handed over to bob, it stays on alice's calendar, which a read of bob alone does not list."""
    meeting, system = clinic.book(at(9)), clinic.build(clinic.both)
    clinic.platform.set_hosts(meeting, clinic.bob, [])
    for _ in range(3):
        found = await _found(system, meeting, "bob")
        assert (found.elsewhere, found.outdated) == (True, False)
        clinic.clock.advance(600)


async def test_a_group_s_list_that_goes_on_lacking_an_event_is_not_outdated_again(
    clinic: Clinic,
) -> None:
    meeting, system = clinic.book(at(9)), clinic.build(clinic.both)
    clinic.door.spoil(EVENTS, lambda answer: {**answer, "events": []})
    told = []
    for _ in range(3):
        told.append((await _found(system, meeting, "alice")).outdated)
        clinic.clock.advance(600)
    assert told == [True, False, False]


async def test_the_list_of_one_calendar_that_lacks_an_event_hides_it(clinic: Clinic) -> None:
    meeting = clinic.book(at(9))
    system = clinic.build({"alice": CalendarMapping(clinic.alice, (clinic.calendar,))})
    clinic.door.spoil(EVENTS, lambda answer: {**answer, "events": []})
    found = await _found(system, meeting, "alice")
    assert (found.elsewhere, found.outdated) == (False, False)
