"""What is missing from a list: ask by id, and find out whether it is gone (promise 3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.core.observation import mark_deleted, may_be_older
from syncd.engine.absence_lookups import MAX_LOOKUPS
from syncd.engine.list_only_events import told_by_lists_only
from syncd.engine.lookup_answers import LookupAnswer, look_up, settle_missing
from syncd.engine.lookups import Lookups
from syncd.engine.observation import SystemRead
from syncd.engine.record_batches import records_in_batches
from syncd.engine.reported_items import ReportedItems
from syncd.engine.unlisted_events import (
    Place,
    due_in_list,
    never_looked_up,
    report_unshown,
    revoke_coverage,
    windows_of,
)
from syncd.model import (
    RENEWED,
    Action,
    IntentState,
    Kind,
    TrackedEvent,
    Value,
    Window,
    part_of,
    record_id,
)
from syncd.model.derived import USERS
from syncd.model.platform_facts import YES
from syncd.store.derived import derived_from
from syncd.store.last_settings import formers
from syncd.store.reported import reported_lists
from syncd.systems.list_caps import without_holes
from syncd.systems.port import Found, Gone, PlatformError


def let_go(read: SystemRead, remapped: AbstractSet[str]) -> set[str]:
    """Take what a newly mapped calendar does not show out of its provider's; it may still be.

    Blocks of syncd's own stay where they are known to be: in its provider's former calendar, if
    that was another one. That they are not there any more has to be proven.
    """
    before = formers(read.store, read.system.name) if remapped else {}
    listed = {row.id for row in read.snapshot.rows}
    complete = {
        p: spans for (p, kind), spans in windows_of(read).items() if kind is Kind.APPOINTMENT
    }
    blocks = {p: spans for (p, kind), spans in windows_of(read).items() if kind is Kind.BLOCK}
    if not read.system.capabilities.lists_blocks:
        blocks = {}
    gone: set[str] = set()
    for provider in sorted(remapped & complete.keys()):
        # Whose the events are follows from the new mapping now.
        read.owners.resolve_changes(provider)
        gaps = without_holes(read.window, complete[provider])
        for record in read.store.events_of(read.system.name, provider):
            value = record.observed
            if value is not None and any(gap.overlaps(value) for gap in gaps):
                continue  # it may stand where the list was cut
            if record.created_by_us and (provider not in before or not _is_covered(blocks, record)):
                continue
            if record.id not in listed and not began_before_window(read, record):
                former = before[provider] if record.created_by_us else ""
                read.changes.records.append(replace(record, provider=former, fingerprint=""))
                read.seen.add_changed(provider, record.id)
                gone.add(record.id)
    return gone


def put_into_formers(read: SystemRead) -> None:
    """Let blocks of ours that were found elsewhere by id be in their provider's former calendar."""
    before = formers(read.store, read.system.name)
    if not before:
        return
    lost = {r.id for r in read.changes.records if r.created_by_us and not r.provider}
    whose = {r.id: r.provider for r in read.store.records(read.system.name, sorted(lost))}
    read.changes.records = [
        replace(r, provider=before.get(whose.get(r.id, ""), "")) if r.id in lost else r
        for r in read.changes.records
    ]


def _is_covered(spans: Mapping[str, Sequence[Window]], record: TrackedEvent) -> bool:
    """Whether a list would show a block at its place."""
    value = record.observed
    return value is not None and any(s.contains(value) for s in spans.get(record.provider, ()))


def began_before_window(read: SystemRead, record: TrackedEvent) -> bool:
    """Whether an event touches the window, and began before anything that was listed."""
    value = record.observed
    return value is not None and value.start < read.span.start and read.window.overlaps(value)


async def ask_again(
    read: SystemRead, questions: Lookups, reports: ReportedItems, *, thorough: bool
) -> None:
    """Ask for events whose user is there again, and which their calendar does not show.

    And for those that were found at another owner just before a write to them: beyond the window
    no list shows them, and the write would be put off for ever.
    """
    # The other half is for what is missing from lists.
    again = {
        change.event for change in await read.owners.due(thorough=thorough, most=MAX_LOOKUPS // 2)
    }
    shown = {*read.snapshot.same, *(row.id for row in read.snapshot.rows)}
    again |= read.probes.elsewhere - shown
    read.probes.elsewhere.clear()
    await _ask_each(read, questions, reports, read.store.records(read.system.name, sorted(again)))


async def follow_up(
    read: SystemRead,
    questions: Lookups,
    reports: ReportedItems,
    unlisted: Sequence[str],
    *,
    full: bool,
) -> None:
    """Absence alone removes nothing (promise 3): ask by id, as often as the platform needs.

    Unreadable events are listed, in rows that cannot be understood. By id they may be.
    """
    probes = read.probes
    rows = {row.id for row in read.snapshot.rows}
    probes.listed({*read.snapshot.same, *rows})
    missing = await _sort(read, unlisted, reports.unreadable)
    reports.missing |= {record.id for record in (*missing.sure, *missing.unsure)} - rows
    windows = windows_of(read)
    # What hid events before, and still does, is void before anything is asked.
    hiding = set(await revoke_coverage(read, questions, _places(missing.sure, probes.hidden)))
    sure = [record for record in missing.sure if _place(record) not in hiding]
    # No question tells more of what only lists show.
    by_list = read.system.capabilities.gone_by_list
    asked_still = {place for place in hiding if place[1] not in by_list}
    unsure = [*missing.unsure, *(r for r in missing.sure if _place(r) in asked_still)]
    leaving = [*missing.leaving, *(r for r in missing.removed if _place(r) in asked_still)]
    answers = await _ask_all(read, questions, [*leaving, *sure], unsure, windows)
    removed = {record.id for record in leaving}
    provable = {record.id for record in sure}
    hidden = {answer.record.id for answer in answers if answer.hidden}
    hidden |= _still_hidden(read, sure, windows)
    moved = {answer.record.id for answer in answers if answer.moved} & provable
    probes.hidden |= hidden
    before = reported_lists(read.store, read.system.name) if sure else frozenset[str]()
    doubted = {p for p in never_looked_up(read, sure) if p[0] in before}
    bad = {*_places(sure, hidden), *doubted}
    elsewhere = _places(sure, moved)
    void_now = await revoke_coverage(read, questions, bad, elsewhere)
    hiding |= void_now - elsewhere
    still = hiding | void_now
    for record in missing.removed:
        if _place(record) not in still:
            _end_removed(read, record)
    # A list that is found to hide events, or to be another one by now, is read once more.
    again = [r for r in sure if r.id in hidden | moved and r.provider not in before]
    read.seen.suspect(read.asked_at, len(again))
    for answer in answers:
        if answer.record.id in removed and isinstance(answer.sighting, Gone):
            # No list is needed to prove what syncd did itself.
            _end_removed(read, answer.record)
            continue
        whole = answer.record.id in provable and _place(answer.record) not in still
        await settle_missing(read, questions, reports, answer, listed_whole=whole)
    ended = {record.id for record in read.changes.records if record.observed is None}
    for record in sure:
        if _place(record) not in still and record.id not in ended:
            read.seen.suspect(probes.opens(record.id, read.asked_at))
    read.seen.gone = len(probes.gone)
    unproven = [r for r in missing.sure if _place(r) in hiding and r.id not in probes.gone]
    unproven += told_by_lists_only(read, sure, answers)
    lacking = {record.id: record.provider for record in unproven}
    report_unshown(read, reports, lacking, {provider for provider, _ in hiding}, full=full)


def _still_hidden(
    read: SystemRead, missing: Iterable[TrackedEvent], windows: Mapping[Place, Sequence[Window]]
) -> set[str]:
    """Return what this resync has found by id before, and what lists have to show by now."""
    hidden: set[str] = set()
    for record in missing:
        found = read.probes.found_before(record.id)
        if found is None:
            continue
        # If its calendar was in other lists then, those have been read by now.
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
class _Missing:
    """The known events that the lists lack.

    The absence of ``sure`` ones counts once it is proven by id. Of ``unsure`` ones no list proves
    it. ``removed`` are blocks that were asked to go, ``leaving`` those of them of which no list
    proves that they are gone.
    """

    sure: list[TrackedEvent] = field(default_factory=list)
    unsure: list[TrackedEvent] = field(default_factory=list)
    removed: list[TrackedEvent] = field(default_factory=list)
    leaving: list[TrackedEvent] = field(default_factory=list)


def _place(record: TrackedEvent) -> Place:
    return (record.provider, record.kind)


def _places(records: Iterable[TrackedEvent], events: Collection[str]) -> set[Place]:
    return {_place(record) for record in records if record.id in events}


async def _sort(read: SystemRead, unlisted: Sequence[str], unreadable: Collection[str]) -> _Missing:
    """Sort the events that the lists lack by what their absence can prove."""
    coverage = windows_of(read)
    absent = _looked_for(read, await records_in_batches(read.store, read.system.name, unlisted))
    await read.owners.refused(
        read.snapshot,
        [r for r in absent if (r.provider, r.kind) not in coverage and not r.archived],
    )
    removing, cancelling = _ending(read, Action.REMOVE_BLOCK), _ending(read, Action.SET_STATUS)
    unproven = {(a.provider, kind) for a in read.snapshot.unproven for kind in a.kinds}
    missing, able = _Missing(), read.system.capabilities
    for record in absent:
        place, value = _place(record), record.observed
        if read.owners.change(record) is not None:
            # Whose it is has been asked already, and is asked again in a while.
            continue
        if record.archived or value is None or _is_off(read, record, value):
            continue
        windows = coverage.get(place, ())
        listed = record.id in unreadable
        if record.id in removing and not listed and any(value.start in w for w in windows):
            missing.removed.append(record)
        elif record.id in removing and not listed and place in unproven:
            missing.leaving.append(record)
        elif _may_be_older(read, record):
            if record.id in cancelling and not listed and windows and not able.lists_cancelled:
                # It may be off by now, and then its id tells, and no list.
                missing.unsure.append(record)
            else:
                _look_after_lag(read, record, value, windows)
        elif not listed and any(is_expected(record, value, w, read.asked_at) for w in windows):
            missing.sure.append(record)
        elif (listed or place in unproven) and is_expected(record, value, read.span, read.asked_at):
            missing.unsure.append(record)
        # Of any other nothing is proven: it lies outside of what was read.
    return missing


def _look_after_lag(
    read: SystemRead, record: TrackedEvent, value: Value, windows: Sequence[Window]
) -> None:
    """Have a run look again when lists must show what was written to an event that they lack."""
    written, lag = record.written_at, read.system.capabilities.lag
    if written is not None and any(value.start in window for window in windows):
        read.seen.suspect(written + lag)


def _is_off(read: SystemRead, record: TrackedEvent, value: Value) -> bool:
    """Whether a missing appointment is known to be off, where lists may leave such ones out.

    Nothing follows from its end.
    """
    decided = record.base == record.observed
    return decided and not value.busy and not read.system.capabilities.lists_cancelled


def _ending(read: SystemRead, action: Action) -> set[str | None]:
    """Return the targets of queued writes of an action, whose outcome is to be confirmed."""
    return {
        intent.operation.event
        for intent in read.intents
        if intent.state is IntentState.ACCEPTED
        and intent.operation.action is action
        and intent.operation.system == read.system.name
    }


def _end_removed(read: SystemRead, record: TrackedEvent) -> None:
    """Store that a block that was asked to go is gone."""
    tomb = replace(mark_deleted(record, read.asked_at), base=None, end_accepted=True, written=None)
    read.changes.records.append(tomb)
    read.changes.unlinked += read.store.links(read.system.name, record.id)
    read.seen.add_changed(record.provider, record.id)


def _may_be_older(read: SystemRead, record: TrackedEvent) -> bool:
    """Whether the list may be older than what syncd wrote."""
    return may_be_older(record, read.asked_at, read.system.capabilities.lag)


async def _ask_all(
    read: SystemRead,
    questions: Lookups,
    sure: Sequence[TrackedEvent],
    unsure: Sequence[TrackedEvent],
    windows: Mapping[Place, Sequence[Window]],
) -> list[LookupAnswer]:
    """Ask for missing events by id, as many as this cycle allows.

    Those that only lists show come last, and not at all once another list of their calendar hides
    something: then their lists prove nothing either.
    """
    answers: list[LookupAnswer] = []
    hiding: set[str] = set()
    provable = {record.id for record in sure}
    by_list = read.system.capabilities.gone_by_list
    chosen = read.probes.choose(sure, unsure, read.asked_at, max(0, read.lookups_left))
    for record in sorted(chosen, key=lambda r: r.kind in by_list):
        if questions.exhausted or read.lookups_left <= 0:
            break
        if record.kind in by_list and record.provider in hiding:
            continue
        read.lookups_left -= 1
        try:
            sighting, asked_at = await questions.look_up(record)
        except PlatformError as fault:
            read.seen.fail(fault)
            break
        by: datetime | None = None
        if record.id in provable and isinstance(sighting, Found):
            by = due_in_list(read, record, sighting, windows.get(_place(record), ()))
        hidden = by is not None and by <= read.asked_at
        if by is not None and not hidden:
            read.probes.note_later(record.id, by)
        if record.id in provable and isinstance(sighting, Found):
            await _doubt_lists(
                read,
                questions,
                record,
                sighting,
                hidden=hidden,
                hides_appointments=any(r.kind is Kind.APPOINTMENT for r in sure),
            )
        hiding |= {record.provider} if hidden else set()
        answers.append(LookupAnswer(record, sighting, asked_at, hidden))
    return answers


async def _doubt_lists(
    read: SystemRead,
    questions: Lookups,
    record: TrackedEvent,
    found: Found,
    *,
    hidden: bool,
    hides_appointments: bool,
) -> None:
    """Drop what was measured of the lists where they lack an event that is found by its id.

    A list that shows nothing at all, and should show appointments, says nothing of blocks.
    """
    if not found.event.value.busy:
        read.system.measured.contradict("lists_cancelled", YES)
    if hidden and record.kind is Kind.BLOCK and found.event.kind is Kind.BLOCK:
        listed = {each.kind for each in await questions.listed()}
        if listed == {Kind.APPOINTMENT} or not (listed or hides_appointments):
            read.system.measured.contradict("lists_blocks", YES)


def _looked_for(read: SystemRead, absent: Sequence[TrackedEvent]) -> list[TrackedEvent]:
    """Leave out the events of further hosts whose meeting is on a calendar that was not read.

    Their own lists may not show it. `follow_hosts` sees to them when the meeting itself is read.
    """
    records = {r.id: record_id(r.id) for r in absent if part_of(r.id).startswith(USERS)}
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


async def follow_hosts(
    read: SystemRead, questions: Lookups, reports: ReportedItems, differ: Sequence[str]
) -> None:
    """Ask whether the known further hosts of these meetings still are, where no row shows them."""
    shown = {row.id for row in read.snapshot.rows}
    probes = 0
    for record in derived_from(read.store, read.system.name, differ):
        absent = record.id not in shown and record.observed is not None and not record.archived
        asked = read.owners.change(record) is not None or not record.provider
        if not absent or asked or not part_of(record.id).startswith(USERS):
            continue
        if record.provider in {c.provider for c in read.snapshot.coverage} or probes >= MAX_LOOKUPS:
            continue  # A read of its own calendar follows it up like any event that is missing.
        if questions.exhausted:
            return
        probes += 1
        try:
            await look_up(read, questions, reports, record)
        except PlatformError as fault:
            read.seen.fail(fault)
            return


def is_expected(record: TrackedEvent, value: Value, window: Window, asked_at: datetime) -> bool:
    """Whether a complete list of the window shows an event, so that its absence means something.

    No window holds an open end, or the end of a block made for one: such an event is expected
    where it begins.
    """
    if record.open_ended or value.end - asked_at > RENEWED:
        return value.start in window
    return window.contains(value)


async def _ask_each(
    read: SystemRead, questions: Lookups, reports: ReportedItems, records: Iterable[TrackedEvent]
) -> None:
    """Ask for events of which the system's answer decides, and its list where that is refused."""
    windows = {} if read.probes.hidden else windows_of(read)
    for record in records:
        if questions.exhausted or read.lookups_left <= 0:
            return
        value, spans = record.observed, windows.get(_place(record), ())
        listed = value and any(is_expected(record, value, w, read.asked_at) for w in spans)
        try:
            read.lookups_left -= 1
            sighting, asked_at = await questions.look_up(record)
            answer = LookupAnswer(record, sighting, asked_at)
            await settle_missing(
                read, questions, reports, answer, listed_whole=True if listed else None
            )
        except PlatformError as fault:
            read.seen.fail(fault)
            return
