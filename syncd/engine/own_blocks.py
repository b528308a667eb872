"""Follow the blocks of syncd's own that no list shows, by their ids.

Where a platform's lists leave out blocks, or are not known to show them, nothing else tells that
somebody moved or removed one. A resync asks for each of them, a far read for a share of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

from syncd.core.observation import apply_observation
from syncd.engine import lookup_answers
from syncd.engine.lookups import Lookups
from syncd.engine.moved_into_window import marked
from syncd.engine.observation import SystemRead
from syncd.engine.record_batches import records_in_batches
from syncd.engine.reported_items import ReportedItems
from syncd.engine.running_events import RunningEvents
from syncd.model import EventRef, Kind, TrackedEvent
from syncd.systems.port import Found, PlatformError, RejectedError

MAX_CREATED = 400
"""At most so many blocks are asked for after the state was lost, the newest first."""

MAX_LOOKUP_TIME = timedelta(minutes=1)
"""A resync asks for no longer than this in one cycle: what is left is asked for in the next."""


async def follow_own(
    read: SystemRead,
    questions: Lookups,
    reports: ReportedItems,
    unlisted: Sequence[str],
    running: RunningEvents | None,
    *,
    by_id: bool,
) -> None:
    """Ask for own blocks that the lists are not known to show.

    In a resync, which ``by_id`` begins, each is asked for once. With ``running``, a far read asks
    for those that were not asked for longest, within the bound of `running`. A proof that a block
    is gone goes on in any read.
    """
    probes = read.probes
    resync = by_id or probes.in_run
    if not resync and running is None and not probes.any_open:
        return
    unshown = await _unshown(read, unlisted)
    reports.missing |= {record.id for record in unshown}
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
        if questions.exhausted or late:
            read.seen.suspect(read.asked_at, len(chosen) - count if resync else 0)
            break
        try:
            await lookup_answers.look_up(read, questions, reports, record)
        except PlatformError as fault:
            read.seen.fail(fault)
            break
    for record in unshown:
        if probes.is_open(record.id):
            read.seen.suspect(probes.opens(record.id, read.asked_at))


async def find_created(read: SystemRead, unread: Collection[str], apart: Collection[str]) -> None:
    """Look for blocks that syncd made before its state was lost, where no list shows them.

    The file of created ids names them. Without this, each of them would be made again (promise 4).
    ``unread`` are the providers whose calendar was not read whole since; ``apart`` are the blocks
    of probes, which no booking wants.
    """
    created, system = read.store.created, read.system
    if created is None or system.capabilities.lists_blocks:
        return
    answered = {c.provider for c in read.snapshot.coverage} & {*unread}
    lines = created.newest_lines(system.name, answered, MAX_CREATED, but=apart) if answered else ()
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
            lookup_answers.apply_answer(read, None, marked(read, after), news)


async def _unshown(read: SystemRead, unlisted: Sequence[str]) -> list[TrackedEvent]:
    """The own blocks in the time that was read of which no list says anything.

    Those that were not asked for longest come first. Where lists that show blocks were not whole,
    `absence.follow_up` asks for what they lack.
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
