"""One read of LeadConnector v1: its list calls put together, and what they prove.

See docs/platforms/leadconnector-v1.md#listing-appointments.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from syncd.model import Coverage, Kind, Unproven, Window
from syncd.systems.leadconnector_v1.events import unowned
from syncd.systems.leadconnector_v1.plan import MARGIN, covered_window
from syncd.systems.leadconnector_v1.wire import Appointment
from syncd.systems.lenient import text
from syncd.systems.list_caps import uncovered
from syncd.systems.port import RejectedError, Row, Snapshot, UnreadableError
from syncd.systems.time_slices import in_slices
from syncd.systems.windows import join_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from syncd.systems.capped_lists import CappedLists, ListResult, ReadLimit
    from syncd.systems.leadconnector_v1.calls import Api
    from syncd.systems.leadconnector_v1.events import Parser
    from syncd.systems.lenient import LenientValue
    from syncd.systems.port import ListCall

Items = list["Appointment | LenientValue"]


@dataclass(slots=True)
class ListAnswer:
    """What one list brought: its items, and how it was read."""

    listed: ListResult
    items: Items = field(default_factory=list)

    @property
    def call(self) -> ListCall:
        """The list."""
        return self.listed.call

    @property
    def is_regrouped(self) -> bool:
        """Whether the list of a team is refused: the teams may be others by now."""
        refused = any(isinstance(fault, RejectedError) for fault in self.listed.faults)
        return refused and self.call.selector == "teamId"


async def read_lists(
    calls: Api,
    lists: CappedLists,
    planned: Sequence[ListCall],
    keep_changed: Callable[[Items], Items],
    limit: ReadLimit,
) -> Sequence[ListAnswer]:
    """Read these lists; ``sift`` leaves of each answer what is to be kept."""
    return await asyncio.gather(
        *(_one(calls, lists, call, keep_changed, limit) for call in planned)
    )


def raise_if_all_failed(answers: Sequence[ListAnswer]) -> None:
    """Raise the first fault when nothing arrived."""
    faults = [fault for answer in answers for fault in answer.listed.faults]
    if faults and not any(answer.listed.answered for answer in answers):
        raise faults[0]


async def _one(
    calls: Api,
    lists: CappedLists,
    call: ListCall,
    keep_changed: Callable[[Items], Items],
    limit: ReadLimit,
) -> ListAnswer:
    items: Items = []
    unnamed = 0

    async def part(piece: ListCall) -> Items:
        nonlocal unnamed
        rows = (await calls.appointments(piece)).appointments
        items.extend(keep_changed(rows))
        unnamed = max(unnamed, sum(not _id_of(row) for row in rows))
        return rows

    listed = await lists.read(call, part, _id_of, limit)
    listed.unnamed = unnamed
    return ListAnswer(listed, items)


def _id_of(row: Appointment | LenientValue) -> str:
    return text(row.id) if isinstance(row, Appointment) else ""


async def read_snapshot(
    answers: Sequence[ListAnswer],
    parser: Parser,
    window: Window,
    read_at: datetime,
    kinds: frozenset[Kind],
    same: Collection[str] = (),
) -> Snapshot:
    """Reduce the answers to rows and proofs. ``kinds`` are those that the list is known to show."""
    rows: dict[str, Row] = {}
    malformed: list[UnreadableError] = []
    nobodys: dict[str, UnreadableError] = {}
    kept = Window(window.start - MARGIN, window.end)
    whole: dict[str, list[Window]] = defaultdict(list)
    unproven: list[Unproven] = []
    for answer in answers:
        providers = tuple(answer.call.providers)
        async for batch in in_slices(answer.items):
            for item in batch:
                if isinstance(item, Appointment) and text(item.id):
                    malformed += _keep(rows, item, providers, parser, kept)
            nobodys |= _unowned(batch, providers, parser)
        malformed += answer.listed.items(parser.system)
        span = covered_window(answer.call.span)
        unproven += [replace(u, kinds=kinds) for u in answer.listed.unproven(span)]
        for provider in providers:
            whole[provider] += uncovered(span, answer.listed.holes(span))
    coverage = [
        Coverage(parser.system, provider, kinds, span, read_at)
        for provider, pieces in whole.items()
        for span in join_windows(pieces)
    ]
    # A user's own list that is refused for good says that the user may be gone.
    refused = {
        provider: fault
        for answer in answers
        if answer.call.selector == "userId"
        for fault in answer.listed.faults
        if isinstance(fault, RejectedError)
        for provider in answer.call.providers
    }
    faults = [
        fault
        for answer in answers
        for fault in answer.listed.faults
        if fault not in refused.values()
    ]
    malformed += filter(None, (parser.unknown_status(r.wire, r.provider) for r in rows.values()))
    return Snapshot(
        parser.system,
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
    parser: Parser,
    kept: Window,
) -> list[UnreadableError]:
    """Add an item to the rows if it is somebody's; report what makes it unreadable, if any."""
    known = text(item.id)
    if _outside(parser, item, kept):
        # First of all: an odd owner of what is over is no fault of the list.
        return []
    try:
        provider = parser.owners.owner(item, asked)
    except ValueError as error:
        return [UnreadableError(parser.system, known, str(error), providers=asked)]
    if provider is not None and not parser.is_free_block(item, provider):
        rows[known] = Row(known, provider, parser.fingerprint(item, provider), item)
    return []


def _unowned(
    items: Sequence[Appointment | LenientValue], asked: tuple[str, ...], parser: Parser
) -> dict[str, UnreadableError]:
    """Report the meetings on mapped calendars that take place, and that are nobody's."""
    found: dict[str, UnreadableError] = {}
    for item in items:
        if not isinstance(item, Appointment) or parser.kind(item) is not Kind.APPOINTMENT:
            continue
        try:
            nobodys = parser.owners.owner(item, asked) is None and parser.value(item).busy
        except ValueError:  # It is reported as unreadable.
            continue
        if nobodys and (why := unowned(item, parser.owners)) is not None:
            topic, reason, provider = why
            known = text(item.id)
            found[known] = UnreadableError(parser.system, known, reason, topic, provider)
    return found


def _outside(parser: Parser, item: Appointment, kept: Window) -> bool:
    """Whether a row surely lies outside; one with an unreadable time is kept, to be reported."""
    try:
        return not kept.overlaps(parser.value(item))
    except ValueError:
        return False
