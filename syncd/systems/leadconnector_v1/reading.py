"""One read of LeadConnector v1: its list calls put together, and what they prove (4.2)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.model import Coverage, Kind, Unproven, Window
from syncd.systems.leadconnector_v1.events import unowned
from syncd.systems.leadconnector_v1.plan import WIDER, proven
from syncd.systems.leadconnector_v1.wire import Appointment
from syncd.systems.loose import text
from syncd.systems.port import (
    Malformed,
    Rejected,
    Row,
    Snapshot,
    SystemFault,
)
from syncd.systems.reported import nameless
from syncd.systems.spans import joined

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from syncd.systems.leadconnector_v1.calls import Calls
    from syncd.systems.leadconnector_v1.events import Reader
    from syncd.systems.loose import Odd
    from syncd.systems.port import ListCall

Items = list["Appointment | Odd"]


@dataclass(slots=True)
class Answered:
    """What one call brought: its items, or why there are none."""

    call: ListCall
    items: Items = field(default_factory=list)
    fault: SystemFault | None = None


async def ask(
    calls: Calls, planned: Sequence[ListCall], sift: Callable[[Items], Items]
) -> Sequence[Answered]:
    """Make these list calls; ``sift`` leaves of each list what is to be kept.

    Raises the first fault when nothing arrived.
    """
    answers = await asyncio.gather(*(_one(calls, call, sift) for call in planned))
    faults = [answer.fault for answer in answers if answer.fault is not None]
    if faults and len(faults) == len(answers):
        raise faults[0]
    return answers


async def _one(calls: Calls, call: ListCall, sift: Callable[[Items], Items]) -> Answered:
    try:
        return Answered(call, sift((await calls.appointments(call)).appointments))
    except SystemFault as fault:
        return Answered(call, fault=fault)


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
    nobodys: dict[str, Malformed] = {}
    kept = Window(window.start - WIDER, window.end)
    whole: dict[str, list[Window]] = defaultdict(list)
    unproven: list[Unproven] = []
    for answer in answers:
        providers, span = tuple(answer.call.providers), proven(answer.call.span)
        unnamed = 0
        for item in answer.items:
            if isinstance(item, Appointment) and text(item.id):
                malformed += _keep(rows, item, providers, reader, kept)
            else:
                unnamed += 1
        nobodys |= _unowned(answer.items, providers, reader)
        if unnamed:
            malformed.append(nameless(reader.system, answer.call, unnamed))
            unproven += [Unproven(provider, kinds, span) for provider in providers]
        for provider in providers if answer.fault is None and not unnamed else ():
            whole[provider].append(span)
    coverage = [
        Coverage(reader.system, provider, kinds, span, read_at)
        for provider, pieces in whole.items()
        for span in joined(pieces)
    ]
    # A user's own list that is refused for good says that the user may be gone.
    refused = {
        provider: answer.fault
        for answer in answers
        if isinstance(answer.fault, Rejected) and answer.call.selector == "userId"
        for provider in answer.call.providers
    }
    faults = [
        answer.fault
        for answer in answers
        if answer.fault is not None and answer.fault not in refused.values()
    ]
    return Snapshot(
        reader.system,
        tuple(rows.values()),
        coverage,
        faults,
        [*malformed, *nobodys.values()],
        same=same,
        refused=refused,
        unproven=unproven,
    )


def _keep(
    rows: dict[str, Row],
    item: Appointment,
    asked: tuple[str, ...],
    reader: Reader,
    kept: Window,
) -> list[Malformed]:
    """Add an item to the rows if it is somebody's; report what makes it unreadable, if any."""
    known = text(item.id)
    if _outside(reader, item, kept):
        # First of all: an odd owner of what is over is no fault of the list.
        return []
    try:
        provider = reader.owners.owner(item, asked)
    except ValueError as error:
        return [Malformed(reader.system, known, str(error), providers=asked)]
    if provider is not None and not reader.is_free_block(item):
        rows[known] = Row(known, provider, reader.fingerprint(item, provider), item)
    return []


def _unowned(items: Items, asked: tuple[str, ...], reader: Reader) -> dict[str, Malformed]:
    """Report the meetings on mapped calendars that take place, and that are nobody's."""
    found: dict[str, Malformed] = {}
    for item in items:
        if not isinstance(item, Appointment) or reader.kind(item) is not Kind.APPOINTMENT:
            continue
        try:
            nobodys = reader.owners.owner(item, asked) is None and reader.value(item).busy
        except ValueError:  # It is reported as unreadable.
            continue
        if nobodys and (why := unowned(item, reader.owners)) is not None:
            topic, reason, provider = why
            known = text(item.id)
            found[known] = Malformed(reader.system, known, reason, topic, provider)
    return found


def _outside(reader: Reader, item: Appointment, kept: Window) -> bool:
    """Whether a row surely lies outside; one with an unreadable time is kept, to be reported."""
    try:
        return not kept.touches(reader.value(item))
    except ValueError:
        return False
