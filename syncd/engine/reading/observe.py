"""Read one system, compare what it shows with the stored events, and prove absences.

What was read is stored in one transaction at the end, completely or not at all. No decision is made
here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import timedelta

from syncd.core.event_state.observation import (
    ObservationKind,
    apply_observation,
    as_last_known,
    diff_snapshot,
)
from syncd.engine.deciding.ownership import is_left_behind
from syncd.engine.probing.canaries import without_canaries
from syncd.engine.reading.absence import (
    check_further_hosts,
    check_unlisted,
    recheck_events,
)
from syncd.engine.reading.absence_lookups import AbsenceLookups
from syncd.engine.reading.completed_lookups import apply_lookup_result, apply_other_owner
from syncd.engine.reading.list_lag import look_again_at_further_hosts, recheck_lag
from syncd.engine.reading.lookups import Lookups
from syncd.engine.reading.moved_in_queue import mark_moved_in
from syncd.engine.reading.observation import Observation, SystemRead
from syncd.engine.reading.own_blocks import find_created_blocks, look_up_own_blocks
from syncd.engine.reading.owners import FoundElsewhere, OwnerTracker, announce
from syncd.engine.reading.remapped_calendars import assign_to_former_calendars, release_remapped
from syncd.engine.reading.running_events import RunningEvents, follow_running
from syncd.engine.reading.unlisted_events import ask_for_created
from syncd.engine.report.reported_items import ReportedItems, log_reported
from syncd.engine.tasks.supervise import supervised
from syncd.engine.writing.recovery import is_unsettled, unsettled_updates
from syncd.model import (
    Changes,
    Clock,
    Event,
    Intent,
    Topic,
    TrackedEvent,
    Value,
    Window,
)
from syncd.model.canary import Canary
from syncd.store.queries.canaries import canaries
from syncd.store.store import Store
from syncd.systems.errors import PlatformError, UnreadableError
from syncd.systems.port import NO_LOOK_BACK, NOTHING_KNOWN, Row, System
from syncd.systems.time_slices import in_slices, yield_after


async def observe(
    system: System,
    store: Store,
    clock: Clock,
    window: Window,
    providers: Sequence[str],
    intents: Sequence[Intent] = (),
    *,
    by_id: bool = False,
    remapped: AbstractSet[str] = frozenset(),
    unread: AbstractSet[str] = frozenset(),
    full: bool = True,
    look_back: timedelta = NO_LOOK_BACK,
    running: RunningEvents | None = None,
    probes: AbsenceLookups | None = None,
) -> Observation:
    """Read the calendars of these providers in one system, and store what is new.

    Nothing is stored if the read fails.

    - ``intents``: the open writes of the journal.
    - ``by_id``: if lists do not show blocks, look up each of syncd's own blocks.
    - ``remapped``: providers whose calendar was changed in the configuration. Events that the new
      calendar does not show are not gone; after a ``full`` read they no longer belong to the
      provider.
    - ``unread``: providers whose calendar was never read in full. An empty list of a missing user
      does not count as a read.
    - ``full``: ``window`` is the whole window.
    - ``look_back``: the lists start this long before the window.
    - ``running``: if set, look up known events that began before the lists start.
    - ``probes``: the lookups by id of earlier reads.

    Raises StateError and other errors of the state; any other error becomes the fault of the
    returned observation.
    """
    seen = Observation(system.name, asked_at=clock.now())
    owners = OwnerTracker.of(system, store, clock, remapped)
    asked, now = probes or AbsenceLookups(), clock.now()
    read = SystemRead(
        system,
        store,
        clock,
        window,
        intents,
        owners,
        seen,
        now,
        look_back,
        asked,
        first_read_pending=remapped | unread,
    )
    try:
        with supervised(system.name, "reading events"):
            await _observe(
                read,
                providers,
                by_id=by_id,
                remapped=remapped,
                unread=unread,
                full=full,
                running=running,
            )
    except PlatformError as fault:
        seen = Observation(system.name, asked_at=seen.asked_at, remarks=seen.remarks)
        seen.fail(fault)
    return seen


async def _observe(
    read: SystemRead,
    providers: Sequence[str],
    *,
    by_id: bool,
    remapped: AbstractSet[str],
    unread: AbstractSet[str],
    full: bool,
    running: RunningEvents | None,
) -> None:
    """Read, fill ``read.seen``, and store the changes at the end. Raises PlatformError."""
    system, store, seen, owners = read.system, read.store, read.seen, read.owners
    whole = set(system.providers) <= set(providers)
    # Providers that are not read are not listed, so their events must not count as missing.
    stored = store.fingerprints(system.name, read.window, None if whole else providers)
    # In a calendar that was changed in the configuration, unchanged rows are parsed too.
    reread_all = full and remapped
    known_rows = NOTHING_KNOWN if reread_all else stored
    await owners.read_users_first(unread & {*providers})
    snapshot = await system.read(read.window, providers, known_rows, look_back=read.look_back)
    probe_blocks = canaries(store)
    snapshot = without_canaries(snapshot, probe_blocks, system.event)
    if snapshot.faults:
        seen.fail(snapshot.faults[0])
    changes_before = list(owners.open.values())
    seen.without_user = await owners.providers_without_user(snapshot, unread)
    covered = [c for c in snapshot.coverage if c.provider not in seen.without_user]
    unproven = [u for u in snapshot.unproven if u.provider not in seen.without_user]
    snapshot = replace(snapshot, coverage=covered, unproven=unproven)
    read.snapshot = snapshot
    seen.coverage, seen.units, seen.unproven = snapshot.coverage, snapshot.units, unproven
    read.changes = Changes(coverage=list(snapshot.coverage))
    reports, lookups = ReportedItems(), Lookups(read)
    await _report_rows(reports, snapshot.malformed)
    await ask_for_created(read, lookups, reports, unread, _made_by(probe_blocks))
    await find_created_blocks(read, unread, _made_by(probe_blocks))
    rows = {row.id: row for row in snapshot.rows}
    delta = diff_snapshot(stored, {row.id: row.fingerprint for row in snapshot.rows}, snapshot.same)
    known = await _absorb_rows(read, reports, rows, delta.differ)
    owners.observe_owner(snapshot, store.records(system.name, owners.events), read.window.start)
    moved_out: set[str] = set()
    if reread_all:
        moved_out = await release_remapped(read, lookups, reports, remapped)
    unlisted = [event for event in delta.unlisted if event not in moved_out]
    differ = [event for event in delta.differ if event in known]
    await _ask_by_id(read, lookups, reports, unlisted, differ, running, by_id=by_id, full=full)
    for sighting in await owners.prove(read.changes):
        apply_other_owner(read, sighting)
    for change in owners.decidable:
        seen.add_changed(change.provider, change.event)
    owners.refresh(snapshot.users, read.changes)
    if owners.fault is not None:
        seen.fail(owners.fault)
    await yield_after(unlisted, snapshot.rows)
    same = {*snapshot.same, *(rows.keys() - {*delta.differ})}
    deepest = running is not None and read.look_back >= running.longest
    reported = await reports.save(read, providers, same, stored, full=full, deepest=deepest)
    if full:
        read.changes.coverage = [
            replace(c, whole=read.window.covered_by([c.window])) for c in read.changes.coverage
        ]
    await yield_after(unlisted, same)
    assign_to_former_calendars(read)
    store.apply(read.changes)
    log_reported(reported)
    announce(system.name, changes_before, owners.open.values())


def _made_by(probes: Sequence[Canary]) -> set[str]:
    """Return the ids of the blocks that probes created: these are not lost blocks of a booking."""
    return {canary.event for canary in probes if canary.event is not None}


async def _report_rows(reports: ReportedItems, malformed: Sequence[UnreadableError]) -> None:
    async for batch in in_slices(malformed):
        for broken in batch:
            reports.add(broken)


async def _ask_by_id(
    read: SystemRead,
    lookups: Lookups,
    reports: ReportedItems,
    unlisted: Sequence[str],
    differ: Sequence[str],
    running: RunningEvents | None,
    *,
    by_id: bool,
    full: bool,
) -> None:
    """Look up known events that the lists do not show (``unlisted``).

    ``differ`` are the known events whose rows have changed.
    """
    await recheck_events(read, lookups, reports, thorough=by_id)
    await check_unlisted(read, lookups, reports, unlisted, full=full)
    if running is not None:
        await follow_running(read, lookups, reports, running, unlisted, at_once=by_id)
    await check_further_hosts(read, lookups, reports, differ)
    await look_up_own_blocks(read, lookups, reports, unlisted, running, by_id=by_id)


async def _absorb_rows(
    read: SystemRead, reports: ReportedItems, rows: Mapping[str, Row], differ: Sequence[str]
) -> dict[str, TrackedEvent]:
    """Apply each changed row; return the former records, by id.

    Other asyncio tasks run between two batches of rows.
    """
    unsettled = unsettled_updates(read.system, read.intents)
    known: dict[str, TrackedEvent] = {}
    async for batch in in_slices(differ):
        known |= {r.id: r for r in read.store.records(read.system.name, batch)}
        for event_id in batch:
            _absorb_row(read, reports, rows[event_id], known.get(event_id), unsettled.get(event_id))
    look_again_at_further_hosts(read, known.values())
    return known


def _is_irrelevant(read: SystemRead, record: TrackedEvent | None, event: Event) -> bool:
    """Return true if a row ended before the window, or is our block of an unmapped calendar."""
    if event.value.end <= read.window.start and (record is None or record.archived):
        return True
    if record is None or event.provider in read.owners.remapped:
        return False
    return is_left_behind(read.store, record, event.provider)


def _absorb_row(
    read: SystemRead,
    reports: ReportedItems,
    row: Row,
    record: TrackedEvent | None,
    unsettled: Value | None = None,
) -> None:
    system, owners = read.system, read.owners
    try:
        event = system.event(row)
    except UnreadableError as broken:
        reports.add(broken, row.provider)
        return
    reports.read_well.add(row.id)
    if event.assumption:
        assumed = UnreadableError(event.system, event.id, event.assumption, Topic.ASSUMED)
        reports.add(assumed, row.provider)
    event = as_last_known(record, event)
    if _is_irrelevant(read, record, event):
        return
    if unsettled is not None and is_unsettled(system, unsettled, event.value):
        # The open write caused this value. `recovery` finds the outcome of the write.
        return
    recheck_lag(system, record, event, read.asked_at)
    after, news = apply_observation(
        record, event, row.fingerprint, read.asked_at, system.capabilities.lag
    )
    if news is ObservationKind.STALE:
        return
    after = owners.restored_base(record, replace(after, archived=False))
    if record is None:
        after = mark_moved_in(read, after)
    if record is not None and record == replace(after, observed_at=record.observed_at):
        # An event with an open end is parsed in each read, and usually unchanged.
        return
    if record is not None and owners.leaves_calendar(record, event):
        owners.note_elsewhere(FoundElsewhere(record, after, event, news))
        return
    apply_lookup_result(read, record, after, news)
