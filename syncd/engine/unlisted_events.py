"""Lists that hide events which the platform shows by id: what they lack proves nothing.

Such a list may look complete, and be empty. Its rows count, and its calendars can be written to;
but its coverage is void, in this cycle's decision and in what is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from syncd.core.absence import ShownElsewhere, listed_by
from syncd.engine.list_lag import is_late_in_list
from syncd.engine.lookups import Lookups
from syncd.engine.observation import SystemRead
from syncd.engine.reported_items import ReportedItems
from syncd.model import Coverage, EventRef, Kind, TrackedEvent, Unproven, Window, part_of
from syncd.store.derived import derived_from
from syncd.systems.port import Found, ListCall, PlatformError
from syncd.systems.reported_lists import not_shown

Place = tuple[str, Kind]
"""(provider, kind): what one calendar's lists show of one kind."""


def due_in_list(
    read: SystemRead, record: TrackedEvent, found: Found, windows: Collection[Window]
) -> datetime | None:
    """From when on the list that proved complete in these windows has to show this event.

    A list asked for later that lacks it hides it. None: no list has to show it.

    A meeting of several hosts may be in the list of any of them, and what was derived from it, as
    its further host's, is in no list of its own.
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
    by = listed_by(shown, windows, read.system.capabilities.lag)
    if (
        by is not None
        and by <= read.asked_at
        and is_late_in_list(read.system, record, read.asked_at)
    ):
        return listed_by(shown, windows, read.system.capabilities.lag)
    return by


async def ask_for_created(
    read: SystemRead,
    questions: Lookups,
    reports: ReportedItems,
    unread: Collection[str],
    apart: Collection[str],
) -> None:
    """Look whether lists hide blocks that syncd made, after its state was lost.

    No record tells what they should show; the file of created ids does. The newest blocks that a
    list lacks are asked for by id, whatever else it shows. ``unread`` are the providers whose
    calendar was not read whole since; ``apart`` are the blocks of probes, which no read shows.
    """
    created, system = read.store.created, read.system
    if created is None or not unread or Kind.BLOCK in system.capabilities.gone_by_list:
        return
    windows = windows_of(read)
    places = {provider for provider, kind in windows if kind is Kind.BLOCK and provider in unread}
    shown = {*read.snapshot.same, *(row.id for row in read.snapshot.rows), *apart}
    lacking: dict[str, str] = {}
    faults = 0
    for line in (
        created.newest_lines(system.name, places, _MOST_CREATED, but=shown) if places else ()
    ):
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
        if place[0] in places and any(window.contains(value) for window in windows.get(place, ())):
            lacking[line.event] = place[0]
    if lacking:
        still = await revoke_coverage(
            read, questions, [(provider, _OURS) for provider in lacking.values()]
        )
        reports.add(not_shown(system.name, lacking, {provider for provider, _ in still}))


_OURS, _MOST_CREATED, _MOST_FAULTS = Kind.BLOCK, 10, 3


async def revoke_coverage(
    read: SystemRead,
    questions: Lookups,
    places: Iterable[Place],
    moved: Iterable[Place] = (),
) -> frozenset[Place]:
    """Take the coverage of these lists back; return all that is not proven.

    A list that shows two kinds is void for both. One that shows no row at all is void for all the
    calendars that it was to show. Calendars that ``moved`` are in other lists by now: nothing is
    proven of them in this read, and no list is at fault.
    """
    wanted = frozenset(places)
    gone = frozenset(moved)
    _take_back(read, gone)
    if not wanted:
        return gone
    rows = {row.id: row.provider for row in read.snapshot.rows}
    listed = await questions.listed()
    known = {record.id for record in listed}
    shown = {(record.provider, record.kind) for record in listed}
    shown |= {(p, kind) for id_, p in rows.items() if id_ not in known for kind in Kind}
    voided = set(wanted)
    for call in read.system.plan(read.window, sorted({c.provider for c in read.snapshot.coverage})):
        providers = _providers(call, wanted, shown)
        if providers:
            voided |= {(provider, kind) for provider in providers for kind in call.kinds}
    # What only lists show is not asked for by id: nothing would show that they hide it.
    by_list = read.system.capabilities.gone_by_list
    voided |= {(provider, kind) for provider, _ in set(voided) for kind in by_list}
    _take_back(read, voided)
    return frozenset(voided | gone)


def _providers(
    call: ListCall, wanted: Collection[Place], shown: Collection[Place]
) -> frozenset[str]:
    """Return the providers of whom a list proves nothing."""
    hidden = frozenset(p for p in call.providers for kind in call.kinds if (p, kind) in wanted)
    empty = not any((p, kind) in shown for p in call.providers for kind in call.kinds)
    return call.providers if hidden and empty else hidden


def _take_back(read: SystemRead, places: Collection[Place]) -> None:
    """Turn what was claimed of these places into what was told and is not proven."""
    if not places:
        return
    snapshot = read.snapshot
    coverage: list[Coverage] = []
    unproven = [*snapshot.unproven]
    for c in snapshot.coverage:
        gone = frozenset(kind for kind in c.kinds if (c.provider, kind) in places)
        if gone:
            unproven.append(Unproven(c.provider, gone, c.window, incomplete=True))
        if c.kinds - gone:
            coverage.append(replace(c, kinds=c.kinds - gone))
    read.snapshot = replace(snapshot, coverage=coverage, unproven=unproven)
    read.seen.coverage, read.seen.unproven = coverage, unproven
    read.changes.coverage = list(coverage)


def never_looked_up(read: SystemRead, missing: Iterable[TrackedEvent]) -> frozenset[Place]:
    """The calendars of which some missing events were not asked for since they are missing."""
    left = (record for record in missing if not read.probes.was_asked(record.id))
    return frozenset((record.provider, record.kind) for record in left)


def windows_of(read: SystemRead) -> Mapping[Place, list[Window]]:
    """Return where each calendar's events of a kind are proven to be listed."""
    found: dict[Place, list[Window]] = {}
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
    """Report how many known events the lists of this system lack, with those of earlier reads.

    ``lacking`` are those of this read, with their providers; ``providers`` are all whose lists
    prove nothing. ``full``: it was of the whole window.
    """
    asked = {each.provider for each in read.snapshot.coverage}
    asked |= {each.provider for each in read.snapshot.unproven}
    read.probes.note_unshown(lacking, reports.missing, asked if full else ())
    read.seen.unshown = read.probes.unshown
    if lacking:
        reports.add(not_shown(read.system.name, read.probes.unshown, providers))
