"""Look up syncd's own blocks by id, on platforms whose lists may omit blocks.

On such a platform only a lookup by id shows that somebody on the platform moved or removed a block.
A resync looks up every block of ours that no list shows; a far read looks up a part of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

from syncd.core.event_state.observation import apply_observation
from syncd.engine.reading import completed_lookups
from syncd.engine.reading.lookups import Lookups
from syncd.engine.reading.moved_in_queue import mark_moved_in
from syncd.engine.reading.observation import SystemRead
from syncd.engine.reading.record_batches import records_in_batches
from syncd.engine.reading.running_events import RunningEvents
from syncd.engine.report.reported_items import ReportedItems
from syncd.model import EventRef, Kind, TrackedEvent
from syncd.systems.errors import PlatformError, RejectedError
from syncd.systems.lookup_results import Found

MAX_CREATED = 400
"""Maximum lookups of created blocks after the state was lost; the newest blocks come first."""

MAX_LOOKUP_TIME = timedelta(minutes=1)
"""The longest time for lookups in one cycle of a resync; the next cycle continues."""


async def look_up_own_blocks(
    read: SystemRead,
    lookups: Lookups,
    reports: ReportedItems,
    unlisted: Sequence[str],
    running: RunningEvents | None,
    *,
    by_id: bool,
) -> None:
    """Look up the own blocks that are in no list, and apply what the lookups show.

    - ``unlisted``: the known events that the lists of this read do not show.
    - ``by_id``: set in the first read of a resync: every such block is looked up. The later reads
      of the same resync look up only the blocks that were not looked up yet.
    - ``running``: set in far reads and resyncs; a far read looks up the blocks whose last lookup is
      the oldest, within the limit of `running_events`. None: a near read.

    In every read, a started proof that a block is gone continues. A fault is recorded in
    ``read.seen``.
    """
    probes = read.probes
    resync = by_id or probes.in_run
    if not resync and running is None and not probes.any_open:
        return
    unshown = await _unshown(read, unlisted)
    reports.unlisted |= {record.id for record in unshown}
    proving = [r for r in unshown if probes.is_open(r.id) and probes.is_due(r.id, read.asked_at)]
    others = [record for record in unshown if not probes.is_open(record.id)]
    if resync:
        due = [r for r in others if by_id or not probes.was_asked(r.id)]
    elif running is not None:
        due = running.due(others, read.asked_at, probes, at_once=False)
    else:
        due = []
    until = read.clock.now() + MAX_LOOKUP_TIME
    for count, record in enumerate(chosen := [*proving, *due]):
        late = read.clock.now() > until
        if lookups.exhausted or late:
            read.seen.suspect(read.asked_at, len(chosen) - count if resync else 0)
            break
        try:
            await completed_lookups.look_up(read, lookups, reports, record)
        except PlatformError as fault:
            read.seen.fail(fault)
            break
    for record in unshown:
        if probes.is_open(record.id):
            read.seen.suspect(probes.next_check_at(record.id, read.asked_at))


async def find_created_blocks(
    read: SystemRead, unread: Collection[str], probe_blocks: Collection[str]
) -> None:
    """Look up blocks that syncd created before the state was lost, if lists do not show blocks.

    Their ids come from the file of created ids. Without this lookup, each block would be created a
    second time (promise 4, docs/design.md#promises). ``unread`` are the providers whose calendar
    was not read in full since the loss; ``probe_blocks`` are the ids of canaries, which are left
    out. A fault is recorded in ``read.seen``.
    """
    created, system = read.store.created, read.system
    if created is None or system.capabilities.lists_blocks:
        return
    answered = {c.provider for c in read.snapshot.coverage} & {*unread}
    lines = (
        created.newest_lines(system.name, answered, MAX_CREATED, but=probe_blocks)
        if answered
        else ()
    )
    known = {record.id for record in read.store.records(system.name, [x.event for x in lines])}
    until = read.clock.now() + MAX_LOOKUP_TIME
    for line in lines:
        if line.event in known or read.clock.now() > until:
            continue
        try:
            sighting = await system.read_one(
                EventRef(system.name, line.provider, line.event, Kind.BLOCK)
            )
        except RejectedError:
            continue
        except PlatformError as fault:
            read.seen.fail(fault)
            return
        if isinstance(sighting, Found) and sighting.event.value.end > read.asked_at:
            event, lag = sighting.event, system.capabilities.lag
            after, news = apply_observation(None, event, "", read.asked_at, lag)
            completed_lookups.apply_lookup_result(read, None, mark_moved_in(read, after), news)


async def _unshown(read: SystemRead, unlisted: Sequence[str]) -> list[TrackedEvent]:
    """Return the own blocks in the window that no list shows, the least recently observed first.

    Only calendars without a block list count. If a block list exists but is incomplete,
    `absence.check_unlisted` looks up the unlisted blocks.
    """
    covered = {c.provider for c in read.snapshot.coverage if Kind.BLOCK in c.kinds}
    covered |= {u.provider for u in read.snapshot.unproven if Kind.BLOCK in u.kinds}
    answered = {c.provider for c in read.snapshot.coverage}
    answered |= {u.provider for u in read.snapshot.unproven}
    found = [
        record
        for record in await records_in_batches(read.store, read.system.name, unlisted)
        if record.created_by_us
        and not record.archived
        and record.observed is not None
        and read.span.contains(record.observed)
        and record.provider in answered - covered
    ]
    return sorted(found, key=lambda r: (r.observed_at, r.id))
