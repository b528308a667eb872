"""Read one system, lay what it shows over what is stored, and prove what is absent.

One transaction at the end: an observation is stored whole or not at all, and never a decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import timedelta

from syncd.core.observation import ObservationKind, apply_observation, as_last_known, diff_snapshot
from syncd.engine.absence import ask_again, follow_hosts, follow_up, let_go, put_into_formers
from syncd.engine.absence_lookups import AbsenceLookups
from syncd.engine.canaries import without_canaries
from syncd.engine.list_lag import doubt_lag, look_again_at_further_hosts
from syncd.engine.lookup_answers import apply_answer, apply_other_owner
from syncd.engine.lookups import Lookups
from syncd.engine.moved_into_window import marked
from syncd.engine.observation import Observation, SystemRead
from syncd.engine.own_blocks import find_created, follow_own
from syncd.engine.owners import Found as FoundElsewhere
from syncd.engine.owners import OwnerTracker, announce
from syncd.engine.ownership import is_left_behind
from syncd.engine.recovery import is_unsettled, unsettled_updates
from syncd.engine.reported_items import ReportedItems, log_reported
from syncd.engine.running_events import RunningEvents, follow_running
from syncd.engine.supervise import supervised
from syncd.engine.unlisted_events import ask_for_created
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
from syncd.store.canaries import canaries
from syncd.store.store import Store
from syncd.systems.port import (
    NO_LOOK_BACK,
    NOTHING_KNOWN,
    PlatformError,
    Row,
    System,
    UnreadableError,
)
from syncd.systems.time_slices import in_turns, turn_after


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
    """Read these providers of one system and store what is new, or nothing if that fails.

    Where lists do not show blocks, ``by_id`` has syncd's own looked up one by one. The calendars of
    ``remapped`` providers are others than before: what they do not show was never said to be gone,
    and once they were read in ``full``, it is no longer theirs. The calendars of ``unread``
    providers were never read whole: what is listed for a user who is not there counts as no read.
    The lists start ``look_back`` before the window; with ``running``, known events that they need
    not show are followed by id. ``probes`` tells which were asked for by id in earlier reads.

    Raises nothing but what the state raises: all else is a fault of this system, and is returned.
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
        unsure=remapped | unread,
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
    """Read, and fill in what is seen; it is stored at the end, all at once.

    Raises PlatformError.
    """
    system, store, seen, owners = read.system, read.store, read.seen, read.owners
    whole = set(system.providers) <= set(providers)
    # What is not asked for is not listed, and not missed.
    stored = store.fingerprints(system.name, read.window, None if whole else providers)
    # What another calendar shows is looked at in full.
    anew = full and remapped
    known_rows = NOTHING_KNOWN if anew else stored
    await owners.look_ahead(unread & {*providers})
    snapshot = await system.read(read.window, providers, known_rows, look_back=read.look_back)
    probed = canaries(store)
    snapshot = without_canaries(snapshot, probed, system.event)
    if snapshot.faults:
        seen.fail(snapshot.faults[0])
    doubted = list(owners.open.values())
    seen.without_user = await owners.missing_of(snapshot, unread)
    covered = [c for c in snapshot.coverage if c.provider not in seen.without_user]
    unproven = [u for u in snapshot.unproven if u.provider not in seen.without_user]
    snapshot = replace(snapshot, coverage=covered, unproven=unproven)
    read.snapshot = snapshot
    seen.coverage, seen.units, seen.unproven = snapshot.coverage, snapshot.units, unproven
    read.changes = Changes(coverage=list(snapshot.coverage))
    reports, questions = ReportedItems(), Lookups(read)
    await _report_rows(reports, snapshot.malformed)
    await ask_for_created(read, questions, reports, unread, _made_by(probed))
    await find_created(read, unread, _made_by(probed))
    rows = {row.id: row for row in snapshot.rows}
    delta = diff_snapshot(stored, {row.id: row.fingerprint for row in snapshot.rows}, snapshot.same)
    known = await _absorb_rows(read, reports, rows, delta.differ)
    owners.observe_owner(snapshot, store.records(system.name, owners.events), read.window.start)
    moved_out: set[str] = set()
    if anew:
        moved_out = let_go(read, remapped)
    unlisted = [event for event in delta.unlisted if event not in moved_out]
    differ = [event for event in delta.differ if event in known]
    await _ask_by_id(read, questions, reports, unlisted, differ, running, by_id=by_id, full=full)
    for each in await owners.prove(read.changes):
        apply_other_owner(read, each)
    for change in owners.freed:
        seen.add_changed(change.provider, change.event)
    owners.refresh(snapshot.users, read.changes)
    if owners.fault is not None:
        seen.fail(owners.fault)
    await turn_after(unlisted, snapshot.rows)
    same = {*snapshot.same, *(rows.keys() - {*delta.differ})}
    deepest = running is not None and read.look_back >= running.longest
    reported = reports.save(read, providers, same, stored, full=full, deepest=deepest)
    if full:
        read.changes.coverage = [
            replace(c, whole=read.window.covered_by([c.window])) for c in read.changes.coverage
        ]
    await turn_after(unlisted, same)
    put_into_formers(read)
    store.apply(read.changes)
    log_reported(reported)
    announce(system.name, doubted, owners.open.values())


def _made_by(probes: Sequence[Canary]) -> set[str]:
    """Return the ids of what probes made, which is nobody's lost block."""
    return {canary.event for canary in probes if canary.event is not None}


async def _report_rows(reports: ReportedItems, malformed: Sequence[UnreadableError]) -> None:
    async for batch in in_turns(malformed):
        for broken in batch:
            reports.add(broken)


async def _ask_by_id(
    read: SystemRead,
    questions: Lookups,
    reports: ReportedItems,
    unlisted: Sequence[str],
    differ: Sequence[str],
    running: RunningEvents | None,
    *,
    by_id: bool,
    full: bool,
) -> None:
    """Ask for known events that the lists do not show. ``differ`` are those that show news."""
    await ask_again(read, questions, reports, thorough=by_id)
    await follow_up(read, questions, reports, unlisted, full=full)
    if running is not None:
        await follow_running(read, questions, reports, running, unlisted, at_once=by_id)
    await follow_hosts(read, questions, reports, differ)
    await follow_own(read, questions, reports, unlisted, running, by_id=by_id)


async def _absorb_rows(
    read: SystemRead, reports: ReportedItems, rows: Mapping[str, Row], differ: Sequence[str]
) -> dict[str, TrackedEvent]:
    """Look at each row with news; return what was known of them. Other tasks have a turn."""
    unsettled = unsettled_updates(read.system, read.intents)
    known: dict[str, TrackedEvent] = {}
    async for batch in in_turns(differ):
        known |= {r.id: r for r in read.store.records(read.system.name, batch)}
        for event_id in batch:
            _absorb_row(read, reports, rows[event_id], known.get(event_id), unsettled.get(event_id))
    look_again_at_further_hosts(read, known.values())
    return known


def _is_no_business(read: SystemRead, record: TrackedEvent | None, event: Event) -> bool:
    """Whether a row is history, over before the window began, or of whom nobody keeps in sync."""
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
    if event.unknown_status:
        assumed = UnreadableError(event.system, event.id, event.unknown_status, Topic.ASSUMED)
        reports.add(assumed, row.provider)
    event = as_last_known(record, event)
    if _is_no_business(read, record, event):
        return
    if unsettled is not None and is_unsettled(system, unsettled, event.value):
        # The update did that; `recovery` finds that out, and nobody says so elsewhere.
        return
    doubt_lag(system, record, event, read.asked_at)
    after, news = apply_observation(
        record, event, row.fingerprint, read.asked_at, system.capabilities.lag
    )
    if news is ObservationKind.STALE:
        return
    after = owners.given_back(record, replace(after, archived=False))
    if record is None:
        after = marked(read, after)
    if record is not None and record == replace(after, observed_at=record.observed_at):
        # An open end is looked at in each read, and is mostly as it was.
        return
    if record is not None and owners.concerns(record, event):
        owners.found(FoundElsewhere(record, after, event, news))
        return
    apply_answer(read, record, after, news)
