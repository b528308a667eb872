"""Class capacity: read only if two customers share a time, whichever of them is new."""

from datetime import timedelta
from typing import Any

from syncd.model import Window
from syncd.systems.leadconnector_v1 import CalendarMapping
from tests.systems.scripted import NOW, Script

from .conftest import LIST, Build, appointment, block, listed

WINDOW = Window(NOW - timedelta(days=1), NOW + timedelta(days=2))
ALICE = {"alice": CalendarMapping(calendar="cal-a", user="user-a")}
SERVICES = "GET calendars/services"
CLASS = {
    "services": [
        {"id": "cal-a", "availability": {"appointmentInfo": {"perSlot": 3}}},
        {"id": "cal-b", "availability": {"appointmentInfo": {"perSlot": 1}}},
    ]
}
FIRST = appointment()
SECOND = appointment("a2", contactId="contact-2", contact={"id": "contact-2"})


def _asked(script: Script) -> int:
    return sum(r.url.path.endswith("/services") for r in script.requests)


async def _known(build: Build, script: Script, *rows: Any) -> dict[str, str]:
    """Return the stored fingerprints of these rows."""
    script.reply(LIST, listed(*rows))
    script.reply(SERVICES, CLASS)
    found = {row.id: row.fingerprint for row in (await build(ALICE).read(WINDOW)).rows}
    script.requests.clear()
    return found


async def test_seats_are_not_read_for_one_customer_at_a_time(build: Build, script: Script) -> None:
    later = {"startTime": "2026-03-02T18:00:00+05:30", "endTime": "2026-03-02T18:30:00+05:30"}
    rows = (
        FIRST,
        appointment("a2", contactId="contact-2", contact={"id": "contact-2"}, **later),
        block("b1"),
    )
    known = await _known(build, script, *rows)
    system = build(ALICE)
    for what in ({}, known):
        await system.read(WINDOW, None, what)
    assert (_asked(script), system.seats) == (0, {})


async def test_a_new_row_at_the_time_of_a_known_customer_reads_the_seats(
    build: Build, script: Script
) -> None:
    known = await _known(build, script, FIRST)
    script.reply(LIST, listed(FIRST, SECOND))
    system = build(ALICE)
    seen = await system.read(WINDOW, None, known)
    assert (set(seen.same), {row.id for row in seen.rows}) == ({"a1"}, {"a2"})
    assert system.seats == {"cal-a": 3}


async def test_seats_are_read_after_a_restart_although_nothing_changed(
    build: Build, script: Script
) -> None:
    known = await _known(build, script, FIRST, SECOND)
    system = build(ALICE)
    for _ in range(2):
        seen = await system.read(WINDOW, None, known)
    assert (set(seen.same), seen.rows) == ({"a1", "a2"}, ())
    assert (_asked(script), system.seats) == (1, {"cal-a": 3})
