"""Buffers of v2 calendars: read from the directory, remembered across restarts, told by `check`.

``preBuffer`` is kept free before a booking and ``slotBuffer`` after it, each with a unit of its own
("mins" where there is none). A booking closes its buffers in its own calendar only.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from syncd.model import NO_BUFFER, Buffer, Topic
from syncd.systems.leadconnector.directory import booked_on
from syncd.systems.lenient import read_json
from syncd.systems.port import CheckResult, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from syncd.systems.facts import FactStore
    from syncd.systems.leadconnector.account import CalendarMapping
    from syncd.systems.leadconnector.directory import Calendar

_FACT = "buffers"
_LIFETIME = timedelta(days=3660)
"""What is not known anew is kept: a block that becomes shorter frees time."""

_MINUTE = timedelta(minutes=1)


def stored_buffers(facts: FactStore) -> Mapping[str, Buffer]:
    """The buffers of calendars as last seen, perhaps by an earlier process."""
    stored = read_json(facts.get(_FACT, _LIFETIME).encode(), dict[str, tuple[float, float]])
    return {
        calendar: Buffer(before * _MINUTE, after * _MINUTE)
        for calendar, (before, after) in (stored or {}).items()
    }


def store_buffers(facts: FactStore, directory: Mapping[str, Calendar]) -> Mapping[str, Buffer]:
    """Note the buffers that the directory shows.

    A calendar that it does not list keeps its own, and so does one of which it tells nothing that
    is understood.
    """
    known = stored_buffers(facts)
    found = {id: buffer for id, buffer in known.items() if id not in directory}
    for calendar in directory.values():
        buffer = calendar.buffer
        if calendar.unreadable_buffer or not calendar.has_buffer_fields:
            buffer = buffer.widest(known.get(calendar.id, NO_BUFFER))
        if buffer:
            found[calendar.id] = buffer
    spelt = {
        id: (buffer.before / _MINUTE, buffer.after / _MINUTE)
        for id, buffer in sorted(found.items())
    }
    facts.put(_FACT, msgspec.json.encode(spelt).decode() if spelt else "")
    return found


def unreadable_buffers(
    system: str, mapped: Mapping[str, CalendarMapping], directory: Mapping[str, Calendar]
) -> Iterator[UnreadableError]:
    """Report the buffers of mapped calendars that cannot be read: blocks keep what was known."""
    for provider, calendar in _booked(mapped, directory):
        if calendar.unreadable_buffer:
            reason = (
                f"its buffer {calendar.unreadable_buffer} is not understood: blocks cover no more than "
                "what was understood of it before"
            )
            yield UnreadableError(
                system, f"calendar {calendar.id}", reason, Topic.ACCOUNT, provider
            )


def findings(
    system: str,
    mapped: Mapping[str, CalendarMapping],
    directory: Mapping[str, Calendar],
    *,
    close: bool,
) -> Iterator[CheckResult]:
    """Say which calendars have buffers, and what follows from them."""
    for provider, calendar in _booked(mapped, directory):
        subject, name = f"{system}: {provider}", calendar.name or calendar.id
        if calendar.unreadable_buffer:
            yield CheckResult(
                "warning",
                subject,
                f"the buffer {calendar.unreadable_buffer} of calendar {name!r} is not understood: "
                "blocks cover no more than what was understood of it before",
                "correct the buffer of the calendar in LeadConnector",
            )
        if calendar.buffer == NO_BUFFER:
            continue
        before, after = (f"{part / _MINUTE:g} min" for part in _parts(calendar.buffer))
        message = f"calendar {name!r} keeps {before} before and {after} after each booking free"
        if close:
            yield CheckResult(
                "ok", subject, f"{message}; blocks in the other systems cover that time"
            )
        else:
            yield CheckResult(
                "ok",
                subject,
                f"{message}, in this calendar only: the other systems offer that time",
                f'set buffers = "close" in [systems.{system}] to have blocks cover it',
            )


def _parts(buffer: Buffer) -> tuple[timedelta, timedelta]:
    return buffer.before, buffer.after


def _booked(
    mapped: Mapping[str, CalendarMapping], directory: Mapping[str, Calendar]
) -> Iterator[tuple[str, Calendar]]:
    for provider, of in sorted(mapped.items()):
        for id in booked_on(of, directory):
            if id in directory:
                yield provider, directory[id]
