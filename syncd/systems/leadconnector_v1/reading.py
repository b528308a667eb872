"""One read of LeadConnector v1: its list calls put together, and what they prove (4.2)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model import Coverage, Kind, Window
from syncd.systems.leadconnector_v1.wire import Appointment
from syncd.systems.loose import text
from syncd.systems.port import Malformed, Row, Snapshot, SystemFault
from syncd.systems.spans import joined, slices

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from syncd.systems.leadconnector_v1.account import CalendarOf
    from syncd.systems.leadconnector_v1.calls import Calls
    from syncd.systems.leadconnector_v1.events import Reader
    from syncd.systems.loose import Odd

    Scope = tuple[str, str]

LONGEST = timedelta(days=90)
"""One call's window before it is widened; no limit is documented, and clients ask for a year."""

WIDER = timedelta(days=1)
"""Asked beyond the window on each side: whether the list goes by start or by overlap is unknown."""


def scopes(calendars: Mapping[str, CalendarOf]) -> dict[Scope, tuple[str, ...]]:
    """The fewest list filters that read these calendars, each with the providers that it serves."""
    grouped: dict[Scope, tuple[str, ...]] = {}
    for provider, calendar in calendars.items():
        grouped[calendar.scope] = (*grouped.get(calendar.scope, ()), provider)
    return grouped


@dataclass(slots=True)
class Answered:
    """What one scope's calls brought: its items, and the slices that arrived."""

    providers: tuple[str, ...]
    items: list[Appointment | Odd] = field(default_factory=list)
    arrived: list[Window] = field(default_factory=list)
    fault: SystemFault | None = None


Items = list["Appointment | Odd"]


async def ask(
    calls: Calls,
    calendars: Mapping[str, CalendarOf],
    window: Window,
    sift: Callable[[Items], Items],
) -> Sequence[Answered]:
    """Make the list calls for these calendars; ``sift`` leaves of each list what is to be kept.

    Raises the first fault when nothing arrived.
    """
    grouped = scopes(calendars)
    tasks = [_scope(calls, scope, who, window, sift) for scope, who in grouped.items()]
    answers = await asyncio.gather(*tasks)
    faults = [answer.fault for answer in answers if answer.fault is not None]
    if faults and not any(answer.arrived for answer in answers):
        raise faults[0]
    return answers


async def _scope(
    calls: Calls,
    scope: Scope,
    providers: tuple[str, ...],
    window: Window,
    sift: Callable[[Items], Items],
) -> Answered:
    """Read one scope slice by slice; a fault ends it, and the others go on."""
    answer = Answered(providers)
    try:
        for piece in slices(window, LONGEST):
            asked = Window(piece.start - WIDER, piece.end + WIDER)
            answer.items += sift((await calls.appointments(scope, asked)).appointments)
            answer.arrived.append(piece)
    except SystemFault as fault:
        answer.fault = fault
    return answer


def snapshot(
    answers: Sequence[Answered],
    reader: Reader,
    window: Window,
    read_at: datetime,
    kinds: frozenset[Kind],
    same: Collection[str] = (),
) -> Snapshot:
    """Reduce the answers to rows and proofs. ``kinds`` are those that the list is known to show."""
    rows: dict[str, Row] = {}
    malformed: list[Malformed] = []
    coverage: list[Coverage] = []
    kept = Window(window.start - WIDER, window.end)
    for answer in answers:
        odd = [
            fault
            for item in answer.items
            if (fault := _keep(rows, item, answer.providers, reader, kept)) is not None
        ]
        malformed += odd
        if odd:
            continue
        coverage += [
            Coverage(reader.system, provider, kinds, span, read_at)
            for span in joined(answer.arrived)
            for provider in answer.providers
        ]
    faults = [answer.fault for answer in answers if answer.fault is not None]
    return Snapshot(reader.system, tuple(rows.values()), coverage, faults, malformed, same=same)


def _keep(
    rows: dict[str, Row],
    item: Appointment | Odd,
    asked: tuple[str, ...],
    reader: Reader,
    kept: Window,
) -> Malformed | None:
    """Add an item to the rows if it is somebody's; what makes it unreadable, if anything does."""
    known = text(item.id) if isinstance(item, Appointment) else ""
    if not isinstance(item, Appointment) or not known:
        return Malformed(reader.system, "", "has no id")
    try:
        provider = reader.owners.owner(item, asked)
    except ValueError as error:
        return Malformed(reader.system, known, str(error))
    if provider is not None and not reader.is_free_block(item) and not _outside(reader, item, kept):
        rows[known] = Row(known, provider, reader.fingerprint(item, provider), item)
    return None


def _outside(reader: Reader, item: Appointment, kept: Window) -> bool:
    """Whether a row surely lies outside; one with an unreadable time is kept, to be reported."""
    try:
        return not kept.touches(reader.value(item))
    except (ValueError, OverflowError):
        return False
