"""One provider, one decision: from what is stored and what may be believed to changes and writes.

Equal inputs give equal outputs: every collection is taken in a stated order, and new ids come from
the generator that is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.core import double, edits, refusals, revival
from syncd.core.answer import (
    NO_VERDICT,
    Answer,
    Verdict,
    kept_both,
    key,
    meaning,
    split,
)
from syncd.core.blocks import Interval
from syncd.core.bookings import carry_all
from syncd.core.claims import bookings_of, claims_of, shown, standing_of
from syncd.core.closing import Closing, changes_of, close, under_doubt, waived
from syncd.core.diff import is_news
from syncd.core.draft import Draft
from syncd.core.exposure import Wanted
from syncd.core.facts import Calendar
from syncd.core.holding import Holding, held_back_first
from syncd.core.match import Matched, Who, match, wanted_persons
from syncd.core.merge import ONE_CHANGE, Merged, Word, merge, restates, shows_agreed
from syncd.core.moved_in import open_questions
from syncd.core.ownership import (
    NO_OWNERSHIP,
    Ownership,
    may_match,
    orphans_of,
    settle_ownership,
    standing_doubts,
)
from syncd.core.persons import Compared, compare_persons, persons_to_compare
from syncd.core.queue import heard, settle_conflicts
from syncd.core.rebooked import REBOOKED, NearCycle, follow, rebookings
from syncd.core.rules import Rules
from syncd.core.standstill import close_stopped, note_handed_over, stopped_records
from syncd.model import (
    Booking,
    Changes,
    Conflict,
    ConflictKind,
    Id,
    Operation,
    OwnerChange,
    ProviderState,
    Record,
    Replica,
    Role,
    Waiting,
    WaitReason,
    same_record,
)


@dataclass(frozen=True, slots=True)
class Case:
    """What one decision is told. ``failures`` counts permanent failures by `plan.name`.

    ``horizon`` is the start of the full window: bookings that ended before it are retired.
    ``near`` is how often the near window is read (None: it is not known).
    ``ownership`` tells whose the tagged blocks are. ``capacity`` is how many meetings the provider
    may have at one time (equipment: its pieces less those that are broken). ``verdict`` is a
    person's answer.
    """

    calendars: Mapping[str, Calendar]
    rules: Rules
    now: datetime
    horizon: datetime
    run: str
    who: Who = field(default_factory=dict)
    guards: Sequence[Conflict] = ()
    failures: Mapping[str, int] = field(default_factory=dict)
    ownership: Ownership = NO_OWNERSHIP
    capacity: int = 1
    verdict: Verdict = NO_VERDICT
    near: NearCycle | None = None
    may_overlap: bool = False
    """Its meetings may take place at one time: it is a calendar that only rooms close."""
    withhold: WaitReason | None = None
    """Why nothing that frees time is written, whatever the calendars allow."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome: rows to store, writes to make (unordered), intervals still open somewhere.

    ``waiting`` are writes that are wanted and are not among the operations.
    ``wanted`` is what each calendar should close, by system; ``unmatched`` counts the appointments
    whose person could not be looked up; ``adopted`` are the events that became ours; ``compared``
    are the meetings whose persons were compared anew.
    """

    changes: Changes
    operations: tuple[Operation, ...]
    conflicts: tuple[Conflict, ...]
    exposures: int
    wanted: Wanted = field(default_factory=dict)
    unmatched: int = 0
    adopted: tuple[Record, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    compared: tuple[Compared, ...] = ()


def persons_for(state: ProviderState, case: Case) -> tuple[Record, ...]:
    """The appointments whose person has to be looked up before this state can be decided on."""
    draft = _draft(state, case)
    linked = {booking: draft.present(booking) for booking in draft.bookings}
    candidates = wanted_persons(_fresh(draft, case), list(draft.bookings.values()), linked)
    return (*candidates, *persons_to_compare(draft))


def _draft(state: ProviderState, case: Case) -> Draft:
    return Draft(state, case.run, case.now, stopped_records(state, case.calendars))


def decide(state: ProviderState, case: Case, new_id: Callable[[], str]) -> Decision:
    """Decide on one provider's state."""
    draft = _draft(state, case)
    conflicts: list[Conflict] = [*case.guards, *standing_doubts(draft, case.ownership)]
    became_ours = settle_ownership(draft, case.ownership)
    _reassign(draft, case)
    _renew(draft)
    split(draft, case.verdict, new_id)
    edits.release(draft, case.calendars, case.rules)
    revival.relink_recreated(draft, _fresh(draft, case))
    matched = _link(draft, case, new_id)
    conflicts += matched.conflicts
    held = _unheard(draft, case)
    held |= {b: c for c in matched.conflicts for b in bookings_of(draft, c)}
    # What came back under a new id, nobody can say which, is not off: all of it stands. And so does
    # what is held and cannot be looked at now, with what else is claimed since.
    claims = {b: standing_of(draft, case.calendars, b, conflict) for b, conflict in held.items()}
    revival.leave_cancelled(draft, [s for s, c in case.calendars.items() if c.believed])
    merged = _merge_all(draft, case, skip=claims.keys())
    conflicts += merged
    claims |= claims_of(draft, case.calendars, merged, matched.conflicts)
    for each in matched.expected:
        standing = shown(draft, case.calendars, each.replica.booking)
        claims.setdefault(each.replica.booking, standing).append(each.new.observed or standing[0])
    doubles = (
        []
        if case.may_overlap
        else double.double_bookings(draft, case.calendars, case.rules, case.capacity)
    )
    conflicts += doubles
    kept = kept_both(draft, case.verdict)
    frozen = double.frozen(c for c in doubles if key(c) not in kept)
    told, cannot, waiting = carry_all(draft, case.calendars, claims, frozen)
    conflicts += cannot
    close_stopped(draft, claims)
    edits.take_back(draft)
    compared, unknown = compare_persons(draft, case.who)
    unmatched = (*matched.held, *matched.waiting)
    left = {claim.event for conflict in merged for claim in conflict.claims if claim.event}
    left |= under_doubt(draft, case.calendars)
    orphans = orphans_of(draft, case.ownership)
    closing = Closing(
        case.calendars,
        claims,
        unmatched,
        left,
        case.capacity,
        orphans,
        case.ownership,
        new_id,
        changes_of(draft, told),
    )
    exposures = 0
    wanted: dict[str, Mapping[Interval, AbstractSet[str]]] = {}
    operations = list(told)
    for system in sorted(name for name, c in case.calendars.items() if c.blockable):
        blocks = close(draft, case.calendars[system], closing)
        operations += blocks.operations
        exposures += blocks.open
        wanted[system] = blocks.intervals
        became_ours += blocks.adopted
        conflicts += blocks.refused
    holding = Holding(draft, case.calendars, case.ownership, case.withhold)
    retried = frozenset({case.verdict.retry})
    operations, refused, held_back = refusals.permitted(
        draft, case.calendars, operations, case.failures, retried, holding.why
    )
    conflicts += refused
    waiting += held_back
    settle_conflicts(draft, conflicts, case.calendars, new_id, case.verdict)
    _retire(draft, case)
    return Decision(
        draft.finish(),
        tuple(operations),
        tuple(conflicts),
        exposures,
        wanted,
        len(matched.waiting) + unknown,
        tuple(became_ours),
        held_back_first(waiting, case.calendars),
        tuple(compared),
    )


_CONTRADICTIONS = {
    ConflictKind.MOVED_APART,
    ConflictKind.MOVED_AND_CANCELLED,
    ConflictKind.TWIN_DELETED,
    ConflictKind.AMBIGUOUS,
}


def _unheard(draft: Draft, case: Case) -> dict[str, Conflict]:
    """Contradictions that are held and cannot be judged anew: not everybody in them is heard.

    They stay as they are. A system that is silent has not taken back what it claimed.
    """
    return {
        booking: held.conflict
        for held in draft.state.conflicts
        for booking in {held.conflict.subject, *bookings_of(draft, held.conflict)}
        if held.conflict.kind in _CONTRADICTIONS
        and all(claim.event is not None for claim in held.conflict.claims)
        and not all(heard(claim, case.calendars) for claim in held.conflict.claims)
    }


def decide_answered(
    state: ProviderState, case: Case, new_id: Callable[[], str], answers: Mapping[str, Answer]
) -> tuple[Decision, frozenset[str]]:
    """Decide with what persons answered, by conflict id; also return which answers counted.

    An answer counts only if a decision without it would hold that very conflict once more: else an
    input has changed since the person looked. One answer is taken at a time. Raises Unfit.
    """
    plain = decide(state, case, new_id)
    standing = {key(conflict) for conflict in plain.conflicts}
    for held in state.conflicts:
        if held.id in answers and key(held.conflict) in standing:
            draft = _draft(state, case)
            verdict = meaning(draft, case.calendars, held, answers[held.id])
            answered = decide(state, replace(case, verdict=verdict), new_id)
            return answered, frozenset({held.id})
    return plain, frozenset()


def _fresh(draft: Draft, case: Case, *, past: bool = False) -> list[Record]:
    """Unlinked events that may be matched: believed, somebody else's, not over.

    Of what is over only instances of a series matter: they stand for those that vanished with it.
    """
    return [
        record
        for record in draft.unlinked()
        if record.system in case.calendars
        and case.calendars[record.system].believed
        and may_match(
            record,
            case.ownership,
            draft.state.intents,
            tags=case.calendars[record.system].keeps_tags,
        )
        and record.observed is not None
        and (record.observed.end > case.now) is not past
        and (record.series or not past)
    ]


def _reassign(draft: Draft, case: Case) -> None:
    """Unlink events that are proven to be another provider's now.

    Where it is not proven, not believed or stopped by the guard, the time stays taken.
    """
    kept: set[Id] = set()
    for change in draft.state.owner_changes:
        calendar = case.calendars.get(change.system)
        waits = calendar is not None and (not calendar.believed or change.event in calendar.stopped)
        if not change.proven or waits:
            kept.add((change.system, change.event))
            continue
        if not _follow_record(draft, change):
            note_handed_over(draft, change)
        draft.give_away((change.system, change.event))
        draft.changes.owners_settled.append(change)
    for replica in draft.state.replicas:
        id_ = (replica.system, replica.event)
        if id_ not in draft.records and id_ not in kept:
            draft.leave(replica, "no longer in this calendar")


def _follow_record(draft: Draft, change: OwnerChange) -> bool:
    """Let a booking follow its record, where the provider is still one of the hosts.

    The first host of a meeting changed: the record is another provider's event now, and there is a
    derived event for the former one.
    """
    known = draft.linked_ids()
    for replica in draft.state.replicas:
        if (replica.system, replica.event) != (change.system, change.event):
            continue
        for record in draft.unlinked() if replica.role.meets else ():
            same = record.system == change.system and same_record(record.id, change.event)
            if same and (record.system, record.id) not in known:
                draft.put(replace(record, base=change.value))
                draft.link(replace(replica, event=record.id))
                return True
    return False


def _renew(draft: Draft) -> None:
    """Let bookings follow the fixed end of an open-ended event that was put off."""
    for booking in list(draft.bookings.values()):
        for replica, record in draft.pairs(booking.id):
            shown = record.observed
            if (
                not record.open_ended
                or shown is None
                or is_news(record)
                or replica.settled != booking.revision
                or shown.start != booking.agreed.start
                or shown.end <= booking.agreed.end
            ):
                continue
            agreed, rule = replace(booking.agreed, end=shown.end), "open end"
            after = replace(booking, agreed=agreed, revision=booking.revision + 1, rule=rule)
            draft.book(after)
            draft.link(replace(replica, settled=after.revision))
            draft.note(after, "agreed", before=booking, rule=rule)
            edits.extend_release(draft, booking, after)
            break


def _link(draft: Draft, case: Case, new_id: Callable[[], str]) -> Matched:
    """Match unlinked events, and make the links that follow."""
    asked = open_questions(draft)
    fresh = asked.rest(_fresh(draft, case))
    matched = match(
        draft.state.provider,
        fresh,
        list(draft.bookings.values()),
        {booking: draft.present(booking) for booking in draft.bookings},
        draft.linked_ids(),
        case.who,
        {name for name, calendar in case.calendars.items() if not calendar.believed},
        _fresh(draft, case, past=True),
        rebookings(draft, case.calendars, fresh, case.who, case.near),
        draft.stopped.keys(),
    )
    matched = asked.answer(matched, draft, case.verdict)
    for relink in matched.relinked:
        if relink.rule == REBOOKED:
            follow(draft, relink.replica, relink.new)
            continue
        draft.unlink(relink.replica)
        draft.forget(relink.old)
        draft.put(replace(relink.new, base=relink.old.base))
        draft.link(replace(relink.replica, event=relink.new.id))
    opened: dict[tuple[str, str], Booking] = {}
    for record in matched.opened:
        opened[record.system, record.id] = draft.open(record, new_id())
    for twin in matched.twins:
        if twin.booking is not None:
            booking = draft.bookings[twin.booking]
        elif twin.first is not None:
            booking = opened[twin.first.system, twin.first.id]
        else:
            continue
        draft.accept(twin.record)
        system, event, person = twin.record.system, twin.record.id, twin.record.person
        settled = asked.settled(draft, booking, twin.record)
        link = Replica(booking.id, system, event, Role.TWIN, settled, person)
        draft.link(link)
        draft.note(booking, "seen", record=twin.record, rule="twin: same person, same time")
    return matched


def _merge_all(draft: Draft, case: Case, *, skip: AbstractSet[str]) -> list[Conflict]:
    """Merge every booking's news; what must be held comes back."""
    words = {**refusals.words(draft, case.calendars, case.rules), **case.verdict.words}
    followed = edits.followed(draft, case.calendars, case.rules)
    held: list[Conflict] = []
    for booking_id in sorted(draft.bookings.keys() - skip):
        blocks = followed.get(booking_id, ())
        merged = _merge(draft, case, booking_id, blocks, words.get(booking_id))
        if merged.conflict is not None:
            held.append(merged.conflict)
    return held


def _merge(
    draft: Draft, case: Case, booking_id: str, blocks: Sequence[Record], word: Word | None
) -> Merged:
    """Merge one booking's news, and take over what it decides."""
    before = draft.bookings[booking_id]
    records = draft.appointments(booking_id)
    put_back = {c for c in case.calendars if booking_id in waived(draft, c)}
    merged = merge(
        before, records, case.calendars, case.rules, blocks=blocks, word=word, waived=put_back
    )
    if booking_id in draft.rebooked and merged.rule == ONE_CHANGE:
        merged = replace(merged, rule=REBOOKED)
    if merged.conflict is not None or not (merged.accepted or word):
        return merged
    for record in merged.accepted:
        draft.accept(draft.records[record.system, record.id])
        draft.note(before, "changed", record=record, rule=merged.rule)
    lost = [
        record
        for record in merged.accepted
        if record.observed is not None and not shows_agreed(record.observed, merged.agreed)
    ]
    if merged.agreed == before.agreed and not lost:
        return merged
    revision = before.revision + 1
    restated = merged.agreed.status is not before.agreed.status
    restated = restated and not revival.is_undoable(before, merged.agreed, merged.accepted)
    restated = restated or any(restates(record, merged.agreed) for record in lost)
    booking = replace(
        before,
        agreed=merged.agreed,
        revision=revision,
        rule=merged.rule,
        status_revision=revision if restated else before.status_revision,
    )
    draft.book(booking)
    draft.note(booking, "agreed", before=before, rule=merged.rule)
    edits.carry_release(draft, before, booking)
    told = {(r.system, r.id) for r in merged.accepted} - {(r.system, r.id) for r in lost}
    for replica, _ in draft.pairs(booking_id):
        if (replica.system, replica.event) in told:
            draft.link(replace(replica, settled=booking.revision))
    return merged


def _retire(draft: Draft, case: Case) -> None:
    """Bookings that ended before the window are never looked at again."""
    for booking in draft.bookings.values():
        ends = [booking.agreed.end]
        events = (*draft.appointments(booking.id), *draft.shown(booking.id))
        ends += [r.observed.end for r in events if r.observed is not None]
        if max(ends) <= case.horizon:
            draft.changes.retired.append(booking.id)
