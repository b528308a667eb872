"""Follow up events that lists lack: look them up by id and decide whether they are gone.

Absence from a list alone never removes an event.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.core.event_state.observation import mark_deleted, may_be_older
from syncd.engine.reading.absence_lookups import MAX_ABSENCE_LOOKUPS
from syncd.engine.reading.completed_lookups import CompletedLookup, look_up, resolve_unlisted
from syncd.engine.reading.list_only_events import list_only_events
from syncd.engine.reading.lookups import Lookups
from syncd.engine.reading.observation import SystemRead
from syncd.engine.reading.record_batches import records_in_batches
from syncd.engine.reading.unlisted_events import (
    ListKey,
    due_in_list,
    never_looked_up,
    report_unshown,
    revoke_coverage,
    windows_of,
)
from syncd.engine.report.reported_items import ReportedItems
from syncd.model import (
    RENEW_BEFORE,
    Action,
    IntentState,
    Kind,
    TrackedEvent,
    Value,
    Window,
    part_of,
    record_id,
)
from syncd.model.derived import USER_PREFIX
from syncd.model.platform_facts import YES
from syncd.store.queries.reported import reported_lists
from syncd.store.repository.derived import derived_from
from syncd.systems.errors import PlatformError
from syncd.systems.lookup_results import Found, Gone


async def recheck_events(
    read: SystemRead, lookups: Lookups, reports: ReportedItems, *, thorough: bool
) -> None:
    """Look up events whose owner was in doubt and whose user exists again.

    Also look up events that a read just before a write found at another owner. Outside of the
    window no list shows these events, so without a lookup the write would wait forever.
    ``thorough``: also check changes of owner that were checked a moment ago.
    """
    # Events that lists lack get the other half of the lookups.
    again = {
        change.event
        for change in await read.owners.due(thorough=thorough, limit=MAX_ABSENCE_LOOKUPS // 2)
    }
    shown = {*read.snapshot.same, *(row.id for row in read.snapshot.rows)}
    again |= read.probes.other_owner - shown
    read.probes.other_owner.clear()
    await _look_up_each(read, lookups, reports, read.store.records(read.system.name, sorted(again)))


async def check_unlisted(
    read: SystemRead,
    lookups: Lookups,
    reports: ReportedItems,
    unlisted: Sequence[str],
    *,
    full: bool,
) -> None:
    """Look up the known events that the lists of this read lack, and apply what is proven.

    Used after each read of a system. ``unlisted`` are the ids of the events. Absence from a list
    alone removes nothing: each event is looked up by id, as often as the platform requires.
    ``unlisted`` includes unreadable events, whose rows cannot be parsed; a lookup may read them.
    ``full``: the read was for the far window.
    """
    probes = read.probes
    rows = {row.id for row in read.snapshot.rows}
    probes.note_listed({*read.snapshot.same, *rows})
    unlisted_events = await _sort_unlisted(read, unlisted, reports.unreadable)
    reports.unlisted |= {
        record.id for record in (*unlisted_events.sure, *unlisted_events.unsure)
    } - rows
    windows = windows_of(read)
    # A list that hid events before and still does proves nothing; revoke it before any lookup.
    hiding = set(await revoke_coverage(read, lookups, _places(unlisted_events.sure, probes.hidden)))
    sure = [record for record in unlisted_events.sure if _place(record) not in hiding]
    # Where only lists show an event, a lookup adds nothing.
    by_list = read.system.capabilities.gone_by_list
    still_asked = {place for place in hiding if place[1] not in by_list}
    unsure = [
        *unlisted_events.unsure,
        *(r for r in unlisted_events.sure if _place(r) in still_asked),
    ]
    leaving = [
        *unlisted_events.leaving,
        *(r for r in unlisted_events.removed if _place(r) in still_asked),
    ]
    completed = await _look_up_unlisted(read, lookups, [*leaving, *sure], unsure, windows)
    removed = {record.id for record in leaving}
    provable = {record.id for record in sure}
    probes.hidden -= _listed_no_more(
        read, (r for r in unlisted_events.sure if _place(r) in hiding), completed
    )
    hidden = {lookup.record.id for lookup in completed if lookup.hidden}
    hidden |= _still_hidden(read, sure, windows)
    moved = {lookup.record.id for lookup in completed if lookup.moved} & provable
    probes.hidden |= hidden
    before = reported_lists(read.store, read.system.name) if sure else frozenset[str]()
    doubted = {p for p in never_looked_up(read, sure) if p[0] in before}
    unreliable = {*_places(sure, hidden), *doubted}
    elsewhere = _places(sure, moved)
    void_now = await revoke_coverage(read, lookups, unreliable, elsewhere)
    hiding |= void_now - elsewhere
    hiding_now = hiding | void_now
    for record in unlisted_events.removed:
        if _place(record) not in hiding_now:
            _end_removed(read, record)
    # Read a list again if it was found to hide events, or if another list replaced it.
    again = [r for r in sure if r.id in hidden | moved and r.provider not in before]
    read.seen.suspect(read.asked_at, len(again))
    for lookup in completed:
        if lookup.record.id in removed and isinstance(lookup.result, Gone):
            # syncd removed this block itself, so no list is needed as proof.
            _end_removed(read, lookup.record)
            continue
        whole = lookup.record.id in provable and _place(lookup.record) not in hiding_now
        await resolve_unlisted(read, lookups, reports, lookup, listed_whole=whole)
    ended = {record.id for record in read.changes.records if record.observed is None}
    for record in sure:
        if _place(record) not in hiding_now and record.id not in ended:
            read.seen.suspect(probes.next_check_at(record.id, read.asked_at))
    read.seen.gone = len(probes.gone)
    unproven = [r for r in unlisted_events.sure if _place(r) in hiding and r.id not in probes.gone]
    unproven += list_only_events(read, sure, completed)
    lacking = {record.id: record.provider for record in unproven}
    report_unshown(read, reports, lacking, {provider for provider, _ in hiding}, full=full)


def _listed_no_more(
    read: SystemRead, unlisted_events: Iterable[TrackedEvent], completed: Iterable[CompletedLookup]
) -> set[str]:
    """Return the events that no list must show any more, for example because they are cancelled.

    A list that hid such an event before may be complete now, and will never show the event again.
    """
    asked = {record.id for record in unlisted_events}
    return {
        lookup.record.id
        for lookup in completed
        if lookup.record.id in asked
        and isinstance(lookup.result, Found)
        and due_in_list(read, lookup.record, lookup.result, [read.window]) is None
    }


def _still_hidden(
    read: SystemRead,
    unlisted_events: Iterable[TrackedEvent],
    windows: Mapping[ListKey, Sequence[Window]],
) -> set[str]:
    """Return unlisted events that this resync found by id and that lists should show by now."""
    hidden: set[str] = set()
    for record in unlisted_events:
        found = read.probes.found_before(record.id)
        if found is None:
            continue
        # If other lists showed the event's calendar then, those lists have been read by now.
        found = replace(found, elsewhere=found.elsewhere and not found.outdated)
        by = due_in_list(read, record, found, windows.get(_place(record), ()))
        if by is None:
            continue
        if by <= read.asked_at:
            hidden.add(record.id)
        else:
            read.probes.note_later(record.id, by)
    return hidden


@dataclass(slots=True)
class _Unlisted:
    """The known events that the lists lack.

    - ``sure``: their absence counts once a lookup by id confirms it.
    - ``unsure``: no list proves their absence.
    - ``removed``: blocks whose removal was queued; the lists prove that they are gone.
    - ``leaving``: blocks whose removal was queued; no list proves that they are gone.
    """

    sure: list[TrackedEvent] = field(default_factory=list)
    unsure: list[TrackedEvent] = field(default_factory=list)
    removed: list[TrackedEvent] = field(default_factory=list)
    leaving: list[TrackedEvent] = field(default_factory=list)


def _place(record: TrackedEvent) -> ListKey:
    return (record.provider, record.kind)


def _places(records: Iterable[TrackedEvent], events: Collection[str]) -> set[ListKey]:
    return {_place(record) for record in records if record.id in events}


async def _sort_unlisted(
    read: SystemRead, unlisted: Sequence[str], unreadable: Collection[str]
) -> _Unlisted:
    """Sort the events that the lists lack by what their absence can prove."""
    coverage = windows_of(read)
    absent = _without_unread_hosts(
        read, await records_in_batches(read.store, read.system.name, unlisted)
    )
    await read.owners.check_refused(
        read.snapshot,
        [r for r in absent if (r.provider, r.kind) not in coverage and not r.archived],
    )
    removing, cancelling = (
        _queued_targets(read, Action.REMOVE_BLOCK),
        _queued_targets(read, Action.SET_STATUS),
    )
    unproven = {(a.provider, kind) for a in read.snapshot.unproven for kind in a.kinds}
    unlisted_events, able = _Unlisted(), read.system.capabilities
    for record in absent:
        place, value = _place(record), record.observed
        if read.owners.change(record) is not None:
            # Its owner is being checked separately.
            continue
        if record.archived or value is None or _is_known_cancelled(read, record, value):
            continue
        windows = coverage.get(place, ())
        listed = record.id in unreadable
        if record.id in removing and not listed and any(value.start in w for w in windows):
            unlisted_events.removed.append(record)
        elif record.id in removing and not listed and place in unproven:
            unlisted_events.leaving.append(record)
        elif _may_be_older(read, record):
            if record.id in cancelling and not listed and windows and not able.lists_cancelled:
                # It may be cancelled by now; then only a lookup by id shows it.
                unlisted_events.unsure.append(record)
            else:
                _recheck_after_lag(read, record, value, windows)
        elif not listed and any(is_expected(record, value, w, read.asked_at) for w in windows):
            unlisted_events.sure.append(record)
        elif (listed or place in unproven) and is_expected(record, value, read.span, read.asked_at):
            unlisted_events.unsure.append(record)
        # Any other event is outside of the windows that were read; its absence proves nothing.
    return unlisted_events


def _recheck_after_lag(
    read: SystemRead, record: TrackedEvent, value: Value, windows: Sequence[Window]
) -> None:
    """Schedule another read for when lists must show the last write to an unlisted event."""
    written, lag = record.written_at, read.system.capabilities.lag
    if written is not None and any(value.start in window for window in windows):
        read.seen.suspect(written + lag)


def _is_known_cancelled(read: SystemRead, record: TrackedEvent, value: Value) -> bool:
    """Return whether an unlisted appointment is known to be cancelled and lists may omit it.

    Such an appointment needs no lookup: if it is deleted, nothing else changes.
    """
    decided = record.base == record.observed
    return decided and not value.busy and not read.system.capabilities.lists_cancelled


def _queued_targets(read: SystemRead, action: Action) -> set[str | None]:
    """Return the target events of queued writes with this action that are not confirmed yet."""
    return {
        intent.operation.event
        for intent in read.intents
        if intent.state is IntentState.ACCEPTED
        and intent.operation.action is action
        and intent.operation.system == read.system.name
    }


def _end_removed(read: SystemRead, record: TrackedEvent) -> None:
    """Store that a block whose removal was queued is gone."""
    deleted = replace(
        mark_deleted(record, read.asked_at), base=None, end_accepted=True, written=None
    )
    read.changes.records.append(deleted)
    read.changes.unlinked += read.store.links(read.system.name, record.id)
    read.seen.add_changed(record.provider, record.id)


def _may_be_older(read: SystemRead, record: TrackedEvent) -> bool:
    """Return whether the list may be older than syncd's last write to the event."""
    return may_be_older(record, read.asked_at, read.system.capabilities.lag)


async def _look_up_unlisted(
    read: SystemRead,
    lookups: Lookups,
    sure: Sequence[TrackedEvent],
    unsure: Sequence[TrackedEvent],
    windows: Mapping[ListKey, Sequence[Window]],
) -> list[CompletedLookup]:
    """Look up unlisted events by id, as many as this cycle allows; return the results.

    The absence of ``sure`` events counts once a lookup confirms it; no list confirms the absence of
    ``unsure`` events. ``windows`` are the windows that each list proved complete. Events that only
    lists can show come last; they are skipped if another list of their calendar hides events,
    because then their own lists prove nothing either.
    """
    completed: list[CompletedLookup] = []
    hiding: set[str] = set()
    provable = {record.id for record in sure}
    by_list = read.system.capabilities.gone_by_list
    chosen = read.probes.choose(sure, unsure, read.asked_at, max(0, read.lookups_left))
    for record in sorted(chosen, key=lambda r: r.kind in by_list):
        if lookups.exhausted or read.lookups_left <= 0:
            break
        if record.kind in by_list and record.provider in hiding:
            continue
        read.lookups_left -= 1
        try:
            result, asked_at = await lookups.look_up(record)
        except PlatformError as fault:
            read.seen.fail(fault)
            break
        by: datetime | None = None
        if record.id in provable and isinstance(result, Found):
            by = due_in_list(read, record, result, windows.get(_place(record), ()))
        hidden = by is not None and by <= read.asked_at
        if by is not None and not hidden:
            read.probes.note_later(record.id, by)
        if record.id in provable and isinstance(result, Found):
            await _doubt_lists(
                read,
                lookups,
                record,
                result,
                hidden=hidden,
                hides_appointments=any(r.kind is Kind.APPOINTMENT for r in sure),
            )
        hiding |= {record.provider} if hidden else set()
        completed.append(CompletedLookup(record, result, asked_at, hidden))
    return completed


async def _doubt_lists(
    read: SystemRead,
    lookups: Lookups,
    record: TrackedEvent,
    found: Found,
    *,
    hidden: bool,
    hides_appointments: bool,
) -> None:
    """Withdraw a measured fact about lists if the lists lack an event that a lookup finds.

    ``hidden``: the lists should have shown the event by now. ``hides_appointments``: appointments
    are missing too. A list that shows nothing at all, although it should show appointments, says
    nothing about blocks.
    """
    if not found.event.value.busy:
        read.system.measured.contradict("lists_cancelled", YES)
    if hidden and record.kind is Kind.BLOCK and found.event.kind is Kind.BLOCK:
        listed = {each.kind for each in await lookups.listed()}
        if listed == {Kind.APPOINTMENT} or not (listed or hides_appointments):
            read.system.measured.contradict("lists_blocks", YES)


def _without_unread_hosts(read: SystemRead, absent: Sequence[TrackedEvent]) -> list[TrackedEvent]:
    """Leave out the events of further hosts whose meeting is in a calendar that was not read.

    The hosts' own lists may not show these events. `check_further_hosts` checks them when the
    meeting itself is read.
    """
    records = {r.id: record_id(r.id) for r in absent if part_of(r.id).startswith(USER_PREFIX)}
    covered = {c.provider for c in read.snapshot.coverage if Kind.APPOINTMENT in c.kinds}
    elsewhere = {
        first.id
        for first in read.store.records(read.system.name, sorted(set(records.values())))
        if first.observed is not None
        and not first.archived
        and first.provider in read.system.providers
        and first.provider not in covered
    }
    return [r for r in absent if records.get(r.id) not in elsewhere]


async def check_further_hosts(
    read: SystemRead, lookups: Lookups, reports: ReportedItems, differ: Sequence[str]
) -> None:
    """Look up the events of further hosts of these meetings if no row shows the events.

    Used after each read: a changed meeting may have lost a host. ``differ`` are the ids of the
    listed events whose rows changed.
    """
    shown = {row.id for row in read.snapshot.rows}
    covered = {c.provider for c in read.snapshot.coverage}
    for record in derived_from(read.store, read.system.name, differ):
        absent = record.id not in shown and record.observed is not None and not record.archived
        asked = read.owners.change(record) is not None or not record.provider
        if not absent or asked or not part_of(record.id).startswith(USER_PREFIX):
            continue
        if record.provider in covered:
            continue  # A read of the host's calendar checks the event like any unlisted event.
        if lookups.exhausted or read.lookups_left <= 0:
            return
        read.lookups_left -= 1
        try:
            await look_up(read, lookups, reports, record)
        except PlatformError as fault:
            read.seen.fail(fault)
            return


def is_expected(record: TrackedEvent, value: Value, window: Window, asked_at: datetime) -> bool:
    """Return whether a complete list of the window must show the event.

    An open-ended event, and a block made for one, ends outside of every window. It is expected in
    the window that contains its start.
    """
    if record.open_ended or value.end - asked_at > RENEW_BEFORE:
        return value.start in window
    return window.contains(value)


async def _look_up_each(
    read: SystemRead, lookups: Lookups, reports: ReportedItems, records: Iterable[TrackedEvent]
) -> None:
    """Look up events one by one; if a lookup is refused, a complete list decides."""
    windows = {} if read.probes.hidden else windows_of(read)
    for record in records:
        if lookups.exhausted or read.lookups_left <= 0:
            return
        value, spans = record.observed, windows.get(_place(record), ())
        listed = value and any(is_expected(record, value, w, read.asked_at) for w in spans)
        try:
            read.lookups_left -= 1
            result, asked_at = await lookups.look_up(record)
            lookup = CompletedLookup(record, result, asked_at)
            await resolve_unlisted(
                read, lookups, reports, lookup, listed_whole=True if listed else None
            )
        except PlatformError as fault:
            read.seen.fail(fault)
            return
