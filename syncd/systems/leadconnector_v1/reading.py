"""Read lists of a v1 location, and compute the rows and the coverage.

See docs/platforms/leadconnector-v1.md#listing-appointments.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from syncd.model import Coverage, Kind, Unproven, Window
from syncd.model.intervals import join_windows, uncovered
from syncd.systems.errors import RejectedError, UnreadableError
from syncd.systems.leadconnector_v1.events import unowned
from syncd.systems.leadconnector_v1.plan import MARGIN, covered_window
from syncd.systems.leadconnector_v1.wire import Appointment
from syncd.systems.lenient import text
from syncd.systems.port import Row, Snapshot
from syncd.systems.time_slices import in_slices

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
class ListResponse:
    """The rows of one list that must be parsed, and the result of reading it."""

    listed: ListResult
    items: Items = field(default_factory=list)

    @property
    def call(self) -> ListCall:
        """Return the list call."""
        return self.listed.call

    @property
    def is_regrouped(self) -> bool:
        """Return true if the list of a team is refused: the teams may have changed."""
        refused = any(isinstance(fault, RejectedError) for fault in self.listed.faults)
        return refused and self.call.selector == "teamId"


async def read_lists(
    calls: Api,
    lists: CappedLists,
    planned: Sequence[ListCall],
    keep_changed: Callable[[Items], Items],
    limit: ReadLimit,
) -> Sequence[ListResponse]:
    """Make the planned list calls at the same time.

    ``keep_changed`` returns those rows of a response that must be parsed. `ListResponse` keeps
    them.
    """
    return await asyncio.gather(
        *(_read_list(calls, lists, call, keep_changed, limit) for call in planned)
    )


def raise_if_all_failed(responses: Sequence[ListResponse]) -> None:
    """Raise the first fault if no list could be read."""
    faults = [fault for response in responses for fault in response.listed.faults]
    if faults and not any(response.listed.answered for response in responses):
        raise faults[0]


async def _read_list(
    calls: Api,
    lists: CappedLists,
    call: ListCall,
    keep_changed: Callable[[Items], Items],
    limit: ReadLimit,
) -> ListResponse:
    items: Items = []
    unnamed = 0

    async def read_piece(piece: ListCall) -> Items:
        nonlocal unnamed
        rows = (await calls.appointments(piece)).appointments
        items.extend(keep_changed(rows))
        unnamed = max(unnamed, sum(not _id_of(row) for row in rows))
        return rows

    listed = await lists.read(call, read_piece, _id_of, limit)
    listed.unnamed = unnamed
    return ListResponse(listed, items)


def _id_of(row: Appointment | LenientValue) -> str:
    return text(row.id) if isinstance(row, Appointment) else ""


async def read_snapshot(
    responses: Sequence[ListResponse],
    parser: Parser,
    window: Window,
    read_at: datetime,
    kinds: frozenset[Kind],
    same: Collection[str] = (),
) -> Snapshot:
    """Convert the lists to rows and coverage. ``kinds`` are the kinds of events that lists show.

    ``same`` are the ids of unchanged rows, which are not in the lists here.
    """
    rows: dict[str, Row] = {}
    malformed: list[UnreadableError] = []
    unowned_rows: dict[str, UnreadableError] = {}
    kept_window = Window(window.start - MARGIN, window.end)
    covered: dict[str, list[Window]] = defaultdict(list)
    unproven: list[Unproven] = []
    for response in responses:
        providers = tuple(response.call.providers)
        async for batch in in_slices(response.items):
            for item in batch:
                if isinstance(item, Appointment) and text(item.id):
                    malformed += _add_row(rows, item, providers, parser, kept_window)
            unowned_rows |= _unowned(batch, providers, parser)
        malformed += response.listed.items(parser.system)
        span = covered_window(response.call.span)
        unproven += [replace(u, kinds=kinds) for u in response.listed.unproven(span)]
        for provider in providers:
            covered[provider] += uncovered(span, response.listed.holes(span))
    coverage = [
        Coverage(parser.system, provider, kinds, span, read_at)
        for provider, pieces in covered.items()
        for span in join_windows(pieces)
    ]
    # If a user's list is rejected, the user may not exist any more.
    refused = {
        provider: fault
        for response in responses
        if response.call.selector == "userId"
        for fault in response.listed.faults
        if isinstance(fault, RejectedError)
        for provider in response.call.providers
    }
    faults = [
        fault
        for response in responses
        for fault in response.listed.faults
        if fault not in refused.values()
    ]
    malformed += filter(None, (parser.unknown_status(r.wire, r.provider) for r in rows.values()))
    return Snapshot(
        parser.system,
        tuple(rows.values()),
        coverage,
        faults,
        [*malformed, *unowned_rows.values()],
        same=same,
        refused=refused,
        unproven=unproven,
    )


def _add_row(
    rows: dict[str, Row],
    item: Appointment,
    requested: tuple[str, ...],
    parser: Parser,
    window: Window,
) -> list[UnreadableError]:
    """Add a row to ``rows`` if it has a provider; return the report if that is unreadable."""
    id = text(item.id)
    if _is_outside(parser, item, window):
        # Checked first: an unreadable owner of a past event does not matter.
        return []
    try:
        provider = parser.owners.owner(item, requested)
    except ValueError as error:
        return [UnreadableError(parser.system, id, str(error), providers=requested)]
    if provider is not None and not parser.is_free_block(item, provider):
        rows[id] = Row(id, provider, parser.fingerprint(item, provider), item)
    return []


def _unowned(
    items: Sequence[Appointment | LenientValue], requested: tuple[str, ...], parser: Parser
) -> dict[str, UnreadableError]:
    """Return the reports, by id, about busy meetings on mapped calendars without a provider."""
    reports: dict[str, UnreadableError] = {}
    for item in items:
        if not isinstance(item, Appointment) or parser.kind(item) is not Kind.APPOINTMENT:
            continue
        try:
            is_unowned = parser.owners.owner(item, requested) is None and parser.value(item).busy
        except ValueError:  # Reported as unreadable elsewhere.
            continue
        if is_unowned and (explanation := unowned(item, parser.owners)) is not None:
            topic, reason, provider = explanation
            id = text(item.id)
            reports[id] = UnreadableError(parser.system, id, reason, topic, provider)
    return reports


def _is_outside(parser: Parser, item: Appointment, kept_window: Window) -> bool:
    """Return true if a row certainly is outside; rows with unreadable times are kept."""
    try:
        return not kept_window.overlaps(parser.value(item))
    except ValueError:
        return False
