"""Revoke the coverage of lists that hide events which a lookup by id still finds.

Such a list may look complete and be empty, so an event that the list lacks is not proven
gone. The rows of the list still count, and its calendars can be written to, but its coverage is
void, both for the decision of this cycle and in the store.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from syncd.core.event_state.absence import ShownElsewhere, listed_by
from syncd.engine.reading.list_lag import is_late_in_list
from syncd.engine.reading.lookups import Lookups
from syncd.engine.reading.observation import SystemRead
from syncd.engine.report.reported_items import ReportedItems
from syncd.model import Coverage, EventRef, Kind, TrackedEvent, Unproven, Window, part_of
from syncd.store.repository.derived import derived_from
from syncd.systems.errors import PlatformError
from syncd.systems.lookup_results import Found
from syncd.systems.port import ListCall
from syncd.systems.reported_lists import not_shown

ListKey = tuple[str, Kind]
"""(provider, kind): the lists of one calendar for one kind of event."""


def due_in_list(
    read: SystemRead, record: TrackedEvent, found: Found, windows: Collection[Window]
) -> datetime | None:
    """Return the time from which a list that is complete in these windows must show this event.

    ``found`` is the result of a lookup. If the list was read later than that time and lacks the
    event, the list hides the event. None: no list has to show the event. A meeting of several hosts
    may be in the list of any host, and the events that syncd derives from the meeting for its other
    hosts are in no list.
    """
    if part_of(record.id) or derived_from(read.store, read.system.name, [record.id]):
        return None
    event, skew = found.event, read.system.traffic.skew or timedelta(0)
    changed = record.observed_at if event.updated_at is None else event.updated_at - skew
    written = record.written_at
    same_place = (event.provider, event.kind) == (record.provider, record.kind) and (
        record.service is None or event.service is None or event.service == record.service
    )
    shown = ShownElsewhere(
        event.value,
        same_place,
        changed if written is None else max(changed, written),
        found.elsewhere,
    )
    due_at = listed_by(shown, windows, read.system.capabilities.lag)
    if (
        due_at is not None
        and due_at <= read.asked_at
        and is_late_in_list(read.system, record, read.asked_at)
    ):
        return listed_by(shown, windows, read.system.capabilities.lag)
    return due_at


async def ask_for_created(
    read: SystemRead,
    lookups: Lookups,
    reports: ReportedItems,
    unread: Collection[str],
    probe_blocks: Collection[str],
) -> None:
    """Check whether lists hide blocks that syncd created before its state was lost.

    The expected blocks come from the file of created ids. The newest blocks that a list lacks are
    looked up by id, whatever else the list shows. ``unread`` are the providers whose calendar was
    not read in full since the loss; ``probe_blocks`` are ids of canaries, which are left out. If a
    block is found that its list should show, the coverage of the list is revoked and the list is
    reported.
    """
    created, system = read.store.created, read.system
    if created is None or not unread or Kind.BLOCK in system.capabilities.gone_by_list:
        return
    windows = windows_of(read)
    lists = {provider for provider, kind in windows if kind is Kind.BLOCK and provider in unread}
    shown = {*read.snapshot.same, *(row.id for row in read.snapshot.rows), *probe_blocks}
    lacking: dict[str, str] = {}
    faults = 0
    for line in created.newest_lines(system.name, lists, _MOST_CREATED, but=shown) if lists else ():
        if line.provider in lacking.values():
            continue
        read.lookups_left -= 1
        try:
            sighting = await system.read_one(
                EventRef(system.name, line.provider, line.event, _OURS)
            )
        except PlatformError:
            faults += 1
            if faults == _MOST_FAULTS:
                break
            continue
        if not isinstance(sighting, Found):
            continue
        place, value = (sighting.event.provider, _OURS), sighting.event.value
        if place[0] in lists and any(window.contains(value) for window in windows.get(place, ())):
            lacking[line.event] = place[0]
    if lacking:
        unproven = await revoke_coverage(
            read, lookups, [(provider, _OURS) for provider in lacking.values()]
        )
        reports.add(not_shown(system.name, lacking, {provider for provider, _ in unproven}))


_OURS, _MOST_CREATED, _MOST_FAULTS = Kind.BLOCK, 10, 3


async def revoke_coverage(
    read: SystemRead,
    lookups: Lookups,
    lists: Iterable[ListKey],
    moved: Iterable[ListKey] = (),
) -> frozenset[ListKey]:
    """Revoke the coverage of these lists in ``read``; return all lists that prove nothing.

    A list call for two kinds of events is void for both. A list call without any row is void for
    all of its calendars. ``moved`` are calendars that other list calls show now: nothing is proven
    about them in this read, but no list is at fault.
    """
    wanted = frozenset(lists)
    moved_lists = frozenset(moved)
    _take_back(read, moved_lists)
    if not wanted:
        return moved_lists
    rows = {row.id: row.provider for row in read.snapshot.rows}
    listed = await lookups.listed()
    known = {record.id for record in listed}
    shown = {(record.provider, record.kind) for record in listed}
    shown |= {(p, kind) for id_, p in rows.items() if id_ not in known for kind in Kind}
    voided = set(wanted)
    for call in read.system.plan(read.window, sorted({c.provider for c in read.snapshot.coverage})):
        providers = _providers(call, wanted, shown)
        if providers:
            voided |= {(provider, kind) for provider in providers for kind in call.kinds}
    # Kinds that are proven gone only by lists are void too: no lookup shows that lists hide them.
    by_list = read.system.capabilities.gone_by_list
    voided |= {(provider, kind) for provider, _ in set(voided) for kind in by_list}
    _take_back(read, voided)
    return frozenset(voided | moved_lists)


def _providers(
    call: ListCall, wanted: Collection[ListKey], shown: Collection[ListKey]
) -> frozenset[str]:
    """Return the providers about whom a list call proves nothing."""
    hidden = frozenset(p for p in call.providers for kind in call.kinds if (p, kind) in wanted)
    empty = not any((p, kind) in shown for p in call.providers for kind in call.kinds)
    return call.providers if hidden and empty else hidden


def _take_back(read: SystemRead, lists: Collection[ListKey]) -> None:
    """Turn the coverage of these lists into unproven windows."""
    if not lists:
        return
    snapshot = read.snapshot
    coverage: list[Coverage] = []
    unproven = [*snapshot.unproven]
    for c in snapshot.coverage:
        void_kinds = frozenset(kind for kind in c.kinds if (c.provider, kind) in lists)
        if void_kinds:
            unproven.append(Unproven(c.provider, void_kinds, c.window, incomplete=True))
        if c.kinds - void_kinds:
            coverage.append(replace(c, kinds=c.kinds - void_kinds))
    read.snapshot = replace(snapshot, coverage=coverage, unproven=unproven)
    read.seen.coverage, read.seen.unproven = coverage, unproven
    read.changes.coverage = list(coverage)


def never_looked_up(read: SystemRead, unlisted: Iterable[TrackedEvent]) -> frozenset[ListKey]:
    """Return the lists that lack events which were not looked up since the lists lack them."""
    not_asked = (record for record in unlisted if not read.probes.was_asked(record.id))
    return frozenset((record.provider, record.kind) for record in not_asked)


def windows_of(read: SystemRead) -> Mapping[ListKey, list[Window]]:
    """Return the windows in which each list is proven complete."""
    found: dict[ListKey, list[Window]] = {}
    for c in read.snapshot.coverage:
        for kind in c.kinds:
            found.setdefault((c.provider, kind), []).append(c.window)
    return found


def report_unshown(
    read: SystemRead,
    reports: ReportedItems,
    lacking: Mapping[str, str],
    providers: Collection[str],
    *,
    full: bool,
) -> None:
    """Report how many known events the lists of this system lack, counting earlier reads too.

    ``lacking`` are the events that this read found to be lacking, with their providers;
    ``providers`` are the providers whose lists prove nothing. ``full``: the whole window was read.
    """
    asked = {each.provider for each in read.snapshot.coverage}
    asked |= {each.provider for each in read.snapshot.unproven}
    read.probes.note_unshown(lacking, reports.unlisted, asked if full else ())
    read.seen.unshown = read.probes.unshown
    if lacking:
        reports.add(not_shown(read.system.name, read.probes.unshown, providers))
