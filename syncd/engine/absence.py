"""What is missing from a list: ask by id, and find out whether it is gone (promise 3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from syncd.core.absence import Verdict
from syncd.core.diff import News, absorb, vanish
from syncd.engine.evidence import weigh
from syncd.engine.hidden import Place, hides, unasked, void, windows_of
from syncd.engine.observation import Read
from syncd.engine.owners import Found as FoundElsewhere
from syncd.engine.probes import PROBES
from syncd.engine.questions import Questions
from syncd.engine.reports import Reports
from syncd.model import (
    RENEWED,
    Action,
    Event,
    IntentState,
    Kind,
    Record,
    Value,
    Window,
)
from syncd.store.reported import reported_lists
from syncd.systems.port import Found, Gone, Malformed, Sighting, SystemFault, Unknown

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


async def ask_again(read: Read, questions: Questions, reports: Reports, *, thorough: bool) -> None:
    """Ask for events whose user is there again, and which their calendar does not show."""
    # The other half is for what is missing from lists.
    again = {change.event for change in await read.owners.due(thorough=thorough, most=PROBES // 2)}
    await _ask_each(read, questions, reports, read.store.records(read.system.name, sorted(again)))


async def follow_up(
    read: Read, questions: Questions, reports: Reports, unlisted: Sequence[str]
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
    still = await void(read, questions, reports, _places(missing.sure, probes.hidden))
    sure = [record for record in missing.sure if _place(record) not in still]
    # No question tells more of what only lists show.
    by_list = read.system.capabilities.gone_by_list
    asked_still = {place for place in still if place[1] not in by_list}
    unsure = [*missing.unsure, *(r for r in missing.sure if _place(r) in asked_still)]
    answers = await _ask_all(read, questions, sure, unsure, windows)
    provable = {record.id for record in sure}
    hidden = {answer.record.id for answer in answers if answer.hidden}
    moved = {answer.record.id for answer in answers if answer.moved} & provable
    probes.hidden |= hidden
    before = reported_lists(read.store, read.system.name) if sure else frozenset[str]()
    doubted = {p for p in unasked(read, sure) if p[0] in before}
    bad = {*_places(sure, hidden), *doubted}
    still |= await void(read, questions, reports, bad, _places(sure, moved))
    for record in missing.removed:
        if _place(record) not in still:
            _end_removed(read, record)
    read.seen.suspected += sum(_place(record) not in still for record in sure)
    # A list that is found to hide events, or to be another one by now, is read once more.
    again = [r for r in sure if r.id in hidden | moved and r.provider not in before]
    read.seen.suspected += len(again)
    for answer in answers:
        whole = answer.record.id in provable and _place(answer.record) not in still
        settled = await _settle(read, questions, reports, answer, listed_whole=whole)
        read.seen.suspected -= whole and settled
    read.seen.gone = len(probes.gone)


@dataclass(slots=True)
class _Missing:
    """The known events that the lists lack.

    The absence of ``sure`` ones counts once it is proven by id. Of ``unsure`` ones no list proves
    it. ``removed`` are blocks that were asked to go.
    """

    sure: list[Record] = field(default_factory=list)
    unsure: list[Record] = field(default_factory=list)
    removed: list[Record] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What was said of a missing event. ``hidden``: its list should have shown it."""

    record: Record
    sighting: Sighting
    asked_at: datetime
    hidden: bool = False

    @property
    def moved(self) -> bool:
        """Whether other lists show it by now."""
        return isinstance(self.sighting, Found) and self.sighting.elsewhere


def _place(record: Record) -> Place:
    return (record.provider, record.kind)


def _places(records: Iterable[Record], events: Collection[str]) -> set[Place]:
    return {_place(record) for record in records if record.id in events}


async def _sort(read: Read, unlisted: Sequence[str], unreadable: Collection[str]) -> _Missing:
    """Sort the events that the lists lack by what their absence can prove."""
    coverage = windows_of(read)
    absent = read.store.records(read.system.name, unlisted)
    await read.owners.refused(
        read.snapshot,
        [r for r in absent if (r.provider, r.kind) not in coverage and not r.retired],
    )
    removing = _removing(read)
    unproven = {(a.provider, kind) for a in read.snapshot.unproven for kind in a.kinds}
    missing = _Missing()
    for record in absent:
        place, value = _place(record), record.observed
        if read.owners.change(record) is not None:
            # Whose it is has been asked already, and is asked again in a while.
            continue
        if record.retired or value is None:
            continue
        windows = coverage.get(place, ())
        listed = record.id in unreadable
        if record.id in removing and not listed and any(value.start in w for w in windows):
            missing.removed.append(record)
        elif _may_be_older(read, record):
            continue
        elif not listed and any(_is_missed(record, value, w, read.asked_at) for w in windows):
            missing.sure.append(record)
        elif (listed or place in unproven) and _is_missed(
            record, value, read.window, read.asked_at
        ):
            missing.unsure.append(record)
        # Of any other nothing is proven: it lies outside of what was read.
    return missing


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


async def _ask_all(
    read: Read,
    questions: Questions,
    sure: Sequence[Record],
    unsure: Sequence[Record],
    windows: Mapping[Place, Sequence[Window]],
) -> list[_Answer]:
    """Ask for missing events by id, as many as this cycle allows.

    Those that only lists show come last, and not at all once another list of their calendar hides
    something: then their lists prove nothing either.
    """
    answers: list[_Answer] = []
    hiding: set[str] = set()
    provable = {record.id for record in sure}
    by_list = read.system.capabilities.gone_by_list
    chosen = read.probes.choose(sure, unsure, read.asked_at, max(0, read.left))
    for record in sorted(chosen, key=lambda r: r.kind in by_list):
        if questions.over or read.left <= 0:
            break
        if record.kind in by_list and record.provider in hiding:
            continue
        read.probes.note_asked(record.id, read.asked_at)
        try:
            sighting, asked_at = await questions.ask(record)
        except SystemFault as fault:
            read.seen.fail(fault)
            break
        hidden = (
            record.id in provable
            and isinstance(sighting, Found)
            and hides(read, record, sighting, windows.get(_place(record), ()))
        )
        hiding |= {record.provider} if hidden else set()
        answers.append(_Answer(record, sighting, asked_at, hidden))
    return answers


def _is_missed(record: Record, value: Value, window: Window, asked_at: datetime) -> bool:
    """Whether an event should have been listed, so that it is asked for by id.

    No window holds an open end, or the end of a block made for one: such an event is missed where
    it begins, and looked at once a day while it runs. So its fixed end is put off in time, too.
    """
    if record.open_ended or value.end - asked_at > RENEWED:
        return value.start in window or asked_at - record.observed_at >= DAILY
    return window.holds(value)


async def look_after_own(
    read: Read, questions: Questions, reports: Reports, unlisted: Sequence[str]
) -> None:
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
    hidden.sort(key=lambda r: (r.observed_at, r.id))
    reports.missing |= {record.id for record in hidden}
    await _ask_each(read, questions, reports, hidden)


async def _ask_each(
    read: Read, questions: Questions, reports: Reports, records: Iterable[Record]
) -> None:
    """Ask for events of which the system's answer alone decides."""
    for record in records:
        if questions.over or read.left <= 0:
            return
        try:
            sighting, asked_at = await questions.ask(record)
            answer = _Answer(record, sighting, asked_at)
            await _settle(read, questions, reports, answer, listed_whole=True)
        except SystemFault as fault:
            read.seen.fail(fault)
            return


async def _settle(
    read: Read, questions: Questions, reports: Reports, answer: _Answer, *, listed_whole: bool
) -> bool:
    """Take what the system said of one missing event. True when the question is settled.

    ``listed_whole``: its list proved whole without it.
    """
    record, probes, known = answer.record, read.probes, not isinstance(answer.sighting, Unknown)
    probes.found(record.id, gone=isinstance(answer.sighting, Gone) and not listed_whole)
    if known:
        reports.answered.add(record.id)
        probes.note_silence(record.id, silent=False)
    if isinstance(answer.sighting, Found):
        _take_found(read, record, answer.sighting.event, answer.asked_at)
        return True
    if known and not listed_whole:
        probes.hidden.discard(record.id)
        return False
    verdict = await weigh(read, questions, record, answer.sighting, listed_whole=listed_whole)
    match verdict:
        case Verdict.PROVEN:
            reports.answered.add(record.id)
            read.owners.back(record)
            take(read, record, vanish(record, answer.asked_at), News.CHANGED)
        case Verdict.OWNER_IN_DOUBT:
            reports.answered.add(record.id)
            read.owners.missing(record)
        case Verdict.COUNTED:
            read.owners.back(record)
            read.changes.records.append(_counted(read, record))
        case Verdict.WAITING:
            pass
        case _:
            return _cannot_tell(read, reports, record, answer.sighting)
    return verdict in {Verdict.PROVEN, Verdict.OWNER_IN_DOUBT}


def _counted(read: Read, record: Record) -> Record:
    """Return a missing event with one more proof that it is gone."""
    since = record.missing_since if record.missing else None
    return replace(
        record,
        missing=record.missing + 1,
        missing_since=since or read.asked_at,
        # Without its fingerprint the row is looked at again as soon as it is listed again.
        fingerprint=record.fingerprint if record.open_ended else "",
    )


def _cannot_tell(read: Read, reports: Reports, record: Record, sighting: Sighting) -> bool:
    """Report an event that cannot be read by id: it stays as it was. True once it is reported.

    One question that fails may be an accident; a refusal is none.
    """
    if not isinstance(sighting, Unknown):
        return False
    before = read.probes.note_silence(record.id, silent=True)
    by_list = record.kind in read.system.capabilities.gone_by_list
    if not sighting.refused and (by_list or not before):
        return False
    if record.id not in reports.unreadable:
        reason = f"its list lacks it, and it cannot be read by its id: {sighting.why}"
        reports.add(Malformed(read.system.name, record.id, reason, provider=record.provider))
    return True


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
