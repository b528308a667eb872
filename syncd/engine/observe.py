"""Read one system, lay what it shows over what is stored, and prove what is absent.

One transaction at the end: an observation is stored whole or not at all, and never a decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from syncd.core.diff import News, absorb, compare, is_reset, vanish
from syncd.engine.observation import Observation
from syncd.engine.owners import Found as FoundElsewhere
from syncd.engine.owners import Owners, announce
from syncd.engine.recover import unsettled_updates
from syncd.engine.report import Health
from syncd.engine.supervise import supervised
from syncd.model import (
    RENEWED,
    Action,
    Changes,
    Clock,
    Intent,
    IntentState,
    Kind,
    Record,
    UserState,
    Value,
    Window,
)
from syncd.store.store import Store
from syncd.systems.port import (
    NOTHING_KNOWN,
    AuthLost,
    Found,
    Gone,
    Malformed,
    Row,
    Snapshot,
    System,
    SystemFault,
)

log = structlog.get_logger(__name__)

PROBES = 40
"""At most so many absences are followed up by id in one cycle and system; the rest wait."""


DAILY = timedelta(days=1)


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
) -> Observation:
    """Read these providers of one system and store what is new, or nothing if that fails.

    Where lists do not show blocks, ``by_id`` has syncd's own looked up one by one. The calendars of
    ``remapped`` providers are others than before: what they do not show was never said to be gone,
    and once they were read in ``full``, it is no longer theirs. The calendars of ``unread``
    providers were never read whole: what is listed for a user who is not there counts as no read.

    Raises nothing but what the state raises: all else is a fault of this system, and is returned.
    """
    seen = Observation(system.name, asked_at=clock.now())
    try:
        with supervised(system.name, "reading events"):
            await _observe(
                system,
                store,
                clock,
                window,
                providers,
                intents,
                seen,
                by_id=by_id,
                remapped=remapped,
                unread=unread,
                full=full,
            )
    except SystemFault as fault:
        seen = Observation(system.name, asked_at=seen.asked_at, remarks=seen.remarks)
        _fail(seen, fault)
    return seen


async def _observe(
    system: System,
    store: Store,
    clock: Clock,
    window: Window,
    providers: Sequence[str],
    intents: Sequence[Intent],
    seen: Observation,
    *,
    by_id: bool,
    remapped: AbstractSet[str],
    unread: AbstractSet[str],
    full: bool,
) -> None:
    """Read, and fill in what is seen; it is stored at the end, all at once. Raises SystemFault."""
    whole = set(system.providers) <= set(providers)
    # What is not asked for is not listed, and not missed.
    stored = store.fingerprints(system.name, window, None if whole else providers)
    # What another calendar shows is looked at in full.
    anew = full and remapped
    snapshot = await system.read(window, providers, NOTHING_KNOWN if anew else stored)
    if snapshot.faults:
        _fail(seen, snapshot.faults[0])
    owners = Owners.of(system, store, clock, remapped)
    doubted = list(owners.open.values())
    seen.without_user = await owners.missing_of(snapshot, unread)
    read = [c for c in snapshot.coverage if c.provider not in seen.without_user]
    snapshot = replace(snapshot, coverage=read)
    seen.coverage, seen.units = snapshot.coverage, snapshot.units
    changes = Changes(coverage=list(snapshot.coverage))
    for broken in snapshot.malformed:
        _report(store, clock, broken, seen)
    asked_at = seen.asked_at or clock.now()
    unsettled = unsettled_updates(system, intents)
    rows = {row.id: row for row in snapshot.rows}
    delta = compare(stored, {row.id: row.fingerprint for row in snapshot.rows}, snapshot.same)
    known = {r.id: r for r in store.records(system.name, delta.differ)}
    for event_id in delta.differ:
        row, record, update = rows[event_id], known.get(event_id), unsettled.get(event_id)
        _absorb_row(
            system, row, record, asked_at, window, store, clock, owners, seen, changes, update
        )
    owners.see(snapshot, store.records(system.name, owners.events), window.start)
    moved_out: set[str] = set()
    if anew:
        moved_out = _let_go(system, store, snapshot, remapped, owners, seen, changes)
    unlisted = [event for event in delta.unlisted if event not in moved_out]
    await _ask_again(system, store, clock, owners, seen, changes, thorough=by_id)
    await _follow_up(
        system, store, clock, snapshot, unlisted, asked_at, intents, owners, seen, changes
    )
    if by_id:
        await _look_after_own(
            system, store, clock, snapshot, unlisted, window, owners, seen, changes
        )
    for each in await owners.prove(changes):
        _take_elsewhere(system, each, owners, seen, changes)
    for change in owners.freed:
        seen.touch(change.provider, change.event)
    owners.learn(snapshot.users, changes)
    if owners.fault is not None:
        _fail(seen, owners.fault)
    store.apply(changes)
    announce(system.name, doubted, owners.open.values())


def _fail(seen: Observation, fault: SystemFault) -> None:
    seen.fault = fault
    seen.state = Health.UNAUTHORISED if isinstance(fault, AuthLost) else Health.DOWN
    seen.cause = str(fault)


def _report(store: Store, clock: Clock, broken: Malformed, seen: Observation) -> None:
    """Tell of a malformed record, once."""
    if store.note_odd(broken.system, broken.event, broken.reason, clock.now()):
        log.warning(
            "record skipped", system=broken.system, event_id=broken.event, reason=broken.reason
        )
        seen.remarks.append(f"skipped: {broken}")


def _absorb_row(
    system: System,
    row: Row,
    record: Record | None,
    asked_at: datetime,
    window: Window,
    store: Store,
    clock: Clock,
    owners: Owners,
    seen: Observation,
    changes: Changes,
    unsettled: Value | None = None,
) -> None:
    try:
        event = system.event(row)
    except Malformed as broken:
        _report(store, clock, broken, seen)
        return
    if event.odd and store.note_odd(event.system, event.id, event.odd, clock.now()):
        log.warning("time resolved", system=event.system, event_id=event.id, reason=event.odd)
        seen.remarks.append(f"{event.system} {event.id}: {event.odd}")
    event = event.with_status_of(record.observed if record is not None else None)
    if event.value.end <= window.start and (record is None or record.retired):
        # History: it was over before the window began.
        return
    if unsettled is not None and is_reset(unsettled, event.value):
        # The update reset the status; `recover` finds that out, and nobody says so elsewhere.
        return
    after, news = absorb(record, event, row.fingerprint, asked_at, system.capabilities.lag)
    if news is News.STALE:
        return
    after = replace(after, retired=False)
    if record is not None and record == replace(after, observed_at=record.observed_at):
        # An open end is looked at in each read, and is mostly as it was.
        return
    if record is not None and owners.concerns(record, event):
        owners.found(FoundElsewhere(record, after, event, news))
        return
    _take(seen, changes, record, after, news)


def _take_elsewhere(
    system: System, found: FoundElsewhere, owners: Owners, seen: Observation, changes: Changes
) -> None:
    """Take an event that shows another owner: to whoever is mapped; else it stays where it was.

    A block of ours stays, too, until it is proven: for the other one it would only be in the way.
    """
    change = owners.change(found.before)
    proven = change is not None and change.proven
    if found.event.provider in system.providers and (proven or not found.before.mine):
        _take(seen, changes, found.before, replace(found.after, retired=False), found.news)
    else:
        seen.touch(found.before.provider, found.before.id)
        seen.news += 1


def _take(
    seen: Observation, changes: Changes, before: Record | None, after: Record, news: News
) -> None:
    changes.records.append(after)
    if news is News.SAME and before is not None and before.provider == after.provider:
        return
    seen.touch(after.provider, after.id)
    if before is not None:
        seen.touch(before.provider, before.id)
    if news is not News.ECHO:
        seen.news += 1
        seen.lively[after.provider] += 1


def _let_go(
    system: System,
    store: Store,
    snapshot: Snapshot,
    remapped: AbstractSet[str],
    owners: Owners,
    seen: Observation,
    changes: Changes,
) -> set[str]:
    """Take what a newly mapped calendar does not show out of its provider's; it may still be.

    Blocks of syncd's own stay: that they are not there any more has to be proven.
    """
    listed = {row.id for row in snapshot.rows}
    complete = {c.provider for c in snapshot.coverage if Kind.APPOINTMENT in c.kinds}
    gone: set[str] = set()
    for provider in sorted(remapped & complete):
        # Whose the events are follows from the new mapping now.
        owners.settle_all(provider)
        for record in store.events_of(system.name, provider):
            if record.id not in listed and not record.mine:
                changes.records.append(replace(record, provider="", fingerprint=""))
                seen.touch(provider, record.id)
                gone.add(record.id)
    return gone


async def _ask_again(
    system: System,
    store: Store,
    clock: Clock,
    owners: Owners,
    seen: Observation,
    changes: Changes,
    *,
    thorough: bool,
) -> None:
    """Ask for events whose user is there again, and which their calendar does not show."""
    again = {change.event for change in await owners.due(thorough=thorough)}
    for record in store.records(system.name, sorted(again)[:PROBES]):
        try:
            await _ask(system, record, clock, owners, seen, changes)
        except SystemFault as fault:
            _fail(seen, fault)
            return


async def _follow_up(
    system: System,
    store: Store,
    clock: Clock,
    snapshot: Snapshot,
    unlisted: Sequence[str],
    asked_at: datetime,
    intents: Sequence[Intent],
    owners: Owners,
    seen: Observation,
    changes: Changes,
) -> None:
    """Absence alone removes nothing (promise 3): ask by id, as often as the platform needs."""
    coverage = {(c.provider, kind): c for c in snapshot.coverage for kind in c.kinds}
    removing = {
        intent.operation.event
        for intent in intents
        if intent.state is IntentState.ACCEPTED
        and intent.operation.action is Action.REMOVE_BLOCK
        and intent.operation.system == system.name
    }
    probes = 0
    absent = store.records(system.name, unlisted)
    await owners.refused(
        snapshot, [r for r in absent if (r.provider, r.kind) not in coverage and not r.retired]
    )
    for record in absent:
        covered = coverage.get((record.provider, record.kind))
        value = record.observed
        if owners.change(record) is not None:
            # Whose it is has been asked already, and is asked again in a while.
            continue
        if record.retired or value is None or covered is None:
            continue
        if record.id in removing and value.start in covered.window:
            # It was asked to go, and it is gone.
            tomb = replace(vanish(record, asked_at), base=None, ended=True, written=None)
            changes.records.append(tomb)
            changes.unlinked += store.links(system.name, record.id)
            seen.touch(record.provider, record.id)
            continue
        if not _is_missed(record, value, covered.window, asked_at):
            # Nothing is proven about it: it lies outside of what was read in full.
            continue
        lag = system.capabilities.lag
        if record.written_at is not None and asked_at < record.written_at + lag:
            # The list may be older than what syncd wrote.
            continue
        seen.suspected += 1
        if probes >= PROBES:
            continue
        probes += 1
        try:
            proven = await _ask(system, record, clock, owners, seen, changes)
        except SystemFault as fault:
            _fail(seen, fault)
            return
        seen.suspected -= proven


def _is_missed(record: Record, value: Value, window: Window, asked_at: datetime) -> bool:
    """Whether an event should have been listed, so that it is asked for by id.

    No window holds an open end, or the end of a block made for one: such an event is missed where
    it begins, and looked at once a day while it runs. So its fixed end is put off in time, too.
    """
    if record.open_ended or value.end - asked_at > RENEWED:
        return value.start in window or asked_at - record.observed_at >= DAILY
    return window.holds(value)


async def _look_after_own(
    system: System,
    store: Store,
    clock: Clock,
    snapshot: Snapshot,
    unlisted: Sequence[str],
    window: Window,
    owners: Owners,
    seen: Observation,
    changes: Changes,
) -> None:
    """Where the list is not known to show blocks, ask for syncd's own by id, in turn."""
    covered = {c.provider for c in snapshot.coverage if Kind.BLOCK in c.kinds}
    answered = {c.provider for c in snapshot.coverage}
    hidden = [
        record
        for record in store.records(system.name, unlisted)
        if record.mine
        and not record.retired
        and record.observed is not None
        and window.holds(record.observed)
        and record.provider in answered - covered
    ]
    for record in sorted(hidden, key=lambda r: (r.observed_at, r.id))[:PROBES]:
        try:
            await _ask(system, record, clock, owners, seen, changes)
        except SystemFault as fault:
            _fail(seen, fault)
            return


async def _ask(
    system: System,
    record: Record,
    clock: Clock,
    owners: Owners,
    seen: Observation,
    changes: Changes,
) -> bool:
    """Look for one unlisted event by id. True when the question is settled."""
    asked_at = clock.now()
    match await system.read_one(record.ref, record.observed):
        case Found(event=event):
            after, news = absorb(record, event, "", asked_at, system.capabilities.lag)
            if news is News.STALE:
                return True
            owners.still_held(record, event)
            if owners.concerns(record, event):
                owners.found(FoundElsewhere(record, after, event, news))
            else:
                owners.back(record)
                _take(seen, changes, record, after, news)
            return True
        case Gone(own_list=own_list):
            if record.kind in system.capabilities.gone_by_list:
                user = await owners.user_of(record.provider)
                if user is UserState.MISSING or (user is UserState.UNKNOWN and not own_list):
                    owners.missing(record)
                    return True
            owners.back(record)
            needed = system.capabilities.gone_proofs.get(record.kind, 1)
            if record.missing + 1 < needed:
                # Without its fingerprint the row is looked at again as soon as it is listed again.
                fingerprint = record.fingerprint if record.open_ended else ""
                suspect = replace(record, missing=record.missing + 1, fingerprint=fingerprint)
                changes.records.append(suspect)
                return False
            _take(seen, changes, record, vanish(record, asked_at), News.CHANGED)
            return True
        case _:
            return False
