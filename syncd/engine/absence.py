"""What is missing from a list: ask by id, and find out whether it is gone (promise 3)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime, timedelta

from syncd.core.diff import News, absorb, vanish
from syncd.engine.observation import Read
from syncd.engine.owners import Found as FoundElsewhere
from syncd.engine.probes import PROBES
from syncd.model import (
    RENEWED,
    Action,
    Event,
    IntentState,
    Kind,
    Record,
    UserState,
    Value,
    Window,
)
from syncd.systems.port import Found, Gone, SystemFault

DAILY = timedelta(days=1)


def take(read: Read, before: Record | None, after: Record, news: News) -> None:
    """Store what an event shows now, and note whose news that is."""
    read.changes.records.append(after)
    if news is News.SAME and before is not None and before.provider == after.provider:
        return
    seen = read.seen
    seen.touch(after.provider, after.id)
    if before is not None:
        seen.touch(before.provider, before.id)
    if news is not News.ECHO:
        seen.news += 1
        seen.lively[after.provider] += 1


def take_elsewhere(read: Read, found: FoundElsewhere) -> None:
    """Take an event that shows another owner: to whoever is mapped; else it stays where it was.

    A block of ours stays, too, until it is proven: for the other one it would only be in the way.
    """
    change = read.owners.change(found.before)
    proven = change is not None and change.proven
    if found.event.provider in read.system.providers and (proven or not found.before.mine):
        take(read, found.before, replace(found.after, retired=False), found.news)
    else:
        read.seen.touch(found.before.provider, found.before.id)
        read.seen.news += 1


def let_go(read: Read, remapped: AbstractSet[str]) -> set[str]:
    """Take what a newly mapped calendar does not show out of its provider's; it may still be.

    Blocks of syncd's own stay: that they are not there any more has to be proven.
    """
    listed = {row.id for row in read.snapshot.rows}
    complete = {c.provider for c in read.snapshot.coverage if Kind.APPOINTMENT in c.kinds}
    complete |= {a.provider for a in read.snapshot.unproven if Kind.APPOINTMENT in a.kinds}
    gone: set[str] = set()
    for provider in sorted(remapped & complete):
        # Whose the events are follows from the new mapping now.
        read.owners.settle_all(provider)
        for record in read.store.events_of(read.system.name, provider):
            if record.id not in listed and not record.mine:
                read.changes.records.append(replace(record, provider="", fingerprint=""))
                read.seen.touch(provider, record.id)
                gone.add(record.id)
    return gone


async def ask_again(read: Read, *, thorough: bool) -> None:
    """Ask for events whose user is there again, and which their calendar does not show."""
    # The other half is for what is missing from lists.
    again = {change.event for change in await read.owners.due(thorough=thorough, most=PROBES // 2)}
    read.left -= len(again)
    for record in read.store.records(read.system.name, sorted(again)):
        try:
            await _ask(read, record)
        except SystemFault as fault:
            read.seen.fail(fault)
            return


async def follow_up(read: Read, unlisted: Sequence[str], unreadable: Collection[str] = ()) -> None:
    """Absence alone removes nothing (promise 3): ask by id, as often as the platform needs.

    ``unreadable`` events are listed, in rows that cannot be understood. By id they may be.
    """
    system, store = read.system, read.store
    coverage = _covered(read)
    absent = store.records(system.name, unlisted)
    await read.owners.refused(
        read.snapshot,
        [r for r in absent if (r.provider, r.kind) not in coverage and not r.retired],
    )
    removing = _removing(read)
    unproven = {(a.provider, kind) for a in read.snapshot.unproven for kind in a.kinds}
    sure, unsure = [], []
    for record in absent:
        place, value = (record.provider, record.kind), record.observed
        if read.owners.change(record) is not None:
            # Whose it is has been asked already, and is asked again in a while.
            continue
        if record.retired or value is None:
            continue
        windows = coverage.get(place, ())
        listed = record.id in unreadable
        if record.id in removing and not listed and any(value.start in w for w in windows):
            _end_removed(read, record)
        elif _may_be_older(read, record):
            continue
        elif not listed and any(_is_missed(record, value, w, read.asked_at) for w in windows):
            sure.append(record)
        elif (listed or place in unproven) and _is_missed(
            record, value, read.window, read.asked_at
        ):
            unsure.append(record)
        # Of any other nothing is proven: it lies outside of what was read.
    await _probe(read, sure, unsure)


def _covered(read: Read) -> dict[tuple[str, Kind], list[Window]]:
    """Return where each calendar's events of a kind are proven to be listed."""
    found: dict[tuple[str, Kind], list[Window]] = {}
    for c in read.snapshot.coverage:
        for kind in c.kinds:
            found.setdefault((c.provider, kind), []).append(c.window)
    return found


def _removing(read: Read) -> set[str | None]:
    """Return the blocks that were asked to go, and whose end is to be confirmed by reading."""
    return {
        intent.operation.event
        for intent in read.intents
        if intent.state is IntentState.ACCEPTED
        and intent.operation.action is Action.REMOVE_BLOCK
        and intent.operation.system == read.system.name
    }


def _end_removed(read: Read, record: Record) -> None:
    """Store that a block that was asked to go is gone."""
    tomb = replace(vanish(record, read.asked_at), base=None, ended=True, written=None)
    read.changes.records.append(tomb)
    read.changes.unlinked += read.store.links(read.system.name, record.id)
    read.seen.touch(record.provider, record.id)


def _may_be_older(read: Read, record: Record) -> bool:
    """Whether the list may be older than what syncd wrote."""
    lag = read.system.capabilities.lag
    return record.written_at is not None and read.asked_at < record.written_at + lag


async def _probe(read: Read, sure: Sequence[Record], unsure: Sequence[Record]) -> None:
    """Ask for missing events by id, as many as this cycle allows."""
    seen, probes = read.seen, read.probes
    seen.suspected += len(sure)
    provable = {record.id for record in sure}
    for record in probes.choose(sure, unsure, read.asked_at, read.left):
        read.left -= 1
        try:
            if record.id in provable:
                seen.suspected -= await _ask(read, record)
            else:
                probes.found(record.id, gone=await _is_gone(read, record))
        except SystemFault as fault:
            seen.fail(fault)
            break
    seen.gone = len(probes.gone)


async def _is_gone(read: Read, record: Record) -> bool:
    """Look for an event whose absence no list proves; take what it shows if it is there."""
    asked_at = read.clock.now()
    match await read.system.read_one(record.ref, record.observed):
        case Found(event=event):
            _take_found(read, record, event, asked_at)
            return False
        case Gone():
            return True
        case _:
            return False


def _is_missed(record: Record, value: Value, window: Window, asked_at: datetime) -> bool:
    """Whether an event should have been listed, so that it is asked for by id.

    No window holds an open end, or the end of a block made for one: such an event is missed where
    it begins, and looked at once a day while it runs. So its fixed end is put off in time, too.
    """
    if record.open_ended or value.end - asked_at > RENEWED:
        return value.start in window or asked_at - record.observed_at >= DAILY
    return window.holds(value)


async def look_after_own(read: Read, unlisted: Sequence[str]) -> None:
    """Where the list is not known to show blocks, ask for syncd's own by id, in turn."""
    covered = {c.provider for c in read.snapshot.coverage if Kind.BLOCK in c.kinds}
    answered = {c.provider for c in read.snapshot.coverage}
    hidden = [
        record
        for record in read.store.records(read.system.name, unlisted)
        if record.mine
        and not record.retired
        and record.observed is not None
        and read.window.holds(record.observed)
        and record.provider in answered - covered
    ]
    for record in sorted(hidden, key=lambda r: (r.observed_at, r.id))[:PROBES]:
        try:
            await _ask(read, record)
        except SystemFault as fault:
            read.seen.fail(fault)
            return


async def _ask(read: Read, record: Record) -> bool:
    """Look for one unlisted event by id. True when the question is settled."""
    system, owners, changes = read.system, read.owners, read.changes
    asked_at = read.clock.now()
    match await system.read_one(record.ref, record.observed):
        case Found(event=event):
            _take_found(read, record, event, asked_at)
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
            take(read, record, vanish(record, asked_at), News.CHANGED)
            return True
        case _:
            return False


def _take_found(read: Read, record: Record, event: Event, asked_at: datetime) -> None:
    """Take what an event shows that was found by id, here or at another owner."""
    owners = read.owners
    after, news = absorb(record, event, "", asked_at, read.system.capabilities.lag)
    if news is News.STALE:
        return
    owners.still_held(record, event)
    if owners.concerns(record, event):
        owners.found(FoundElsewhere(record, after, event, news))
    else:
        owners.back(record)
        take(read, record, after, news)
