"""Buffers of v2 calendars: read from the directory, stored across restarts, shown by `check`.

``preBuffer`` is kept free before a booking and ``slotBuffer`` after it, each with its own unit
("mins" by default). A booking blocks its buffers in its own calendar only.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from syncd.model import NO_BUFFER, Buffer, Topic
from syncd.systems.errors import UnreadableError
from syncd.systems.leadconnector.directory import booked_on
from syncd.systems.lenient import read_json
from syncd.systems.port import CheckResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from syncd.systems.facts import FactStore
    from syncd.systems.leadconnector.account import CalendarMapping
    from syncd.systems.leadconnector.directory import Calendar

_FACT = "buffers"
_LIFETIME = timedelta(days=3660)
"""Ten years: a stored buffer must not expire, as a block that becomes shorter frees time."""

_MINUTE = timedelta(minutes=1)


def stored_buffers(facts: FactStore) -> Mapping[str, Buffer]:
    """Return the last known buffers by calendar, including those of an earlier process."""
    stored = read_json(facts.get(_FACT, _LIFETIME).encode(), dict[str, tuple[float, float]])
    return {
        calendar: Buffer(before * _MINUTE, after * _MINUTE)
        for calendar, (before, after) in (stored or {}).items()
    }


def store_buffers(facts: FactStore, directory: Mapping[str, Calendar]) -> Mapping[str, Buffer]:
    """Store the buffers of the directory and return them by calendar.

    A calendar keeps its stored buffer if the directory does not list it. If the directory's buffer
    is missing or unreadable, the wider of the two applies.
    """
    stored = stored_buffers(facts)
    buffers = {id: buffer for id, buffer in stored.items() if id not in directory}
    for calendar in directory.values():
        buffer = calendar.buffer
        if calendar.unreadable_buffer or not calendar.has_buffer_fields:
            buffer = buffer.widest(stored.get(calendar.id, NO_BUFFER))
        if buffer:
            buffers[calendar.id] = buffer
    minutes = {
        id: (buffer.before / _MINUTE, buffer.after / _MINUTE)
        for id, buffer in sorted(buffers.items())
    }
    facts.put(_FACT, msgspec.json.encode(minutes).decode() if minutes else "")
    return buffers


def unreadable_buffers(
    system: str, mapped: Mapping[str, CalendarMapping], directory: Mapping[str, Calendar]
) -> Iterator[UnreadableError]:
    """Report the unreadable buffers of mapped calendars; blocks use the stored ones."""
    for provider, calendar in _booked_calendars(mapped, directory):
        if calendar.unreadable_buffer:
            reason = (
                f"the buffer {calendar.unreadable_buffer} of the calendar is not readable: blocks "
                "cover only the last readable buffer"
            )
            yield UnreadableError(
                system, f"calendar {calendar.id}", reason, Topic.ACCOUNT, provider
            )


def buffer_findings(
    system: str,
    mapped: Mapping[str, CalendarMapping],
    directory: Mapping[str, Calendar],
    *,
    close: bool,
) -> Iterator[CheckResult]:
    """Report which calendars have buffers, and whether other systems block the buffers.

    ``close``: the configuration asks for that.
    """
    for provider, calendar in _booked_calendars(mapped, directory):
        subject, name = f"{system}: {provider}", calendar.name or calendar.id
        if calendar.unreadable_buffer:
            yield CheckResult(
                "warning",
                subject,
                f"the buffer {calendar.unreadable_buffer} of calendar {name!r} is not readable: "
                "blocks cover only the last readable buffer",
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
                f"{message}, in this calendar only: the other systems still offer that time",
                f'set buffers = "close" in [systems.{system}] to have blocks cover that time',
            )


def _parts(buffer: Buffer) -> tuple[timedelta, timedelta]:
    return buffer.before, buffer.after


def _booked_calendars(
    mapped: Mapping[str, CalendarMapping], directory: Mapping[str, Calendar]
) -> Iterator[tuple[str, Calendar]]:
    for provider, mapping in sorted(mapped.items()):
        for id in booked_on(mapping, directory):
            if id in directory:
                yield provider, directory[id]
