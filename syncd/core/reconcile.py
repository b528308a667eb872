"""One provider, one decision: from what is stored and what may be believed to changes and writes.

Equal inputs give equal outputs: every collection is taken in a stated order, and new ids come from
the generator that is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.core import double_bookings, edited_blocks, rejected_writes, revived_meetings
from syncd.core.block_planning import (
    BlockPlanningInput,
    blocks_under_doubt,
    pending_changes_of,
    plan_calendar,
    suppressed_bookings,
)
from syncd.core.blocks import Interval
from syncd.core.booking_propagation import propagate_all
from syncd.core.claims import bookings_of, claims_of, conflict_values, shown
from syncd.core.conflict_queue import is_trusted, update_queue
from syncd.core.exposure import RequiredBlocks
from syncd.core.guard_stops import close_stopped, note_handed_over, stopped_records
from syncd.core.inputs import CalendarState
from syncd.core.matching import MatchResult, PersonIndex, candidates_to_look_up, match_events
from syncd.core.merging import ONE_CHANGE, ForcedValue, MergeResult, merge, restates, shows_agreed
from syncd.core.moved_into_window import open_questions
from syncd.core.open_ends import renew_open_ends
from syncd.core.ownership import (
    NO_OWNERSHIP,
    Ownership,
    may_match,
    orphans_of,
    resolve_ownership,
    standing_doubts,
)
from syncd.core.persons import PersonComparison, compare_persons, persons_to_compare
from syncd.core.rebooked import REBOOKED, NearCycle, follow_rebooking, rebookings
from syncd.core.resolution import (
    NO_DIRECTIVE,
    Directive,
    Resolution,
    accepted_double_bookings,
    conflict_identity,
    interpret,
    split_bookings,
)
from syncd.core.rules import Rules
from syncd.core.workspace import Workspace
from syncd.core.write_holds import WriteHolds, with_pause_reason
from syncd.model import (
    Booking,
    Changes,
    Conflict,
    ConflictKind,
    Id,
    Operation,
    OwnerChange,
    ProviderState,
    Replica,
    Role,
    TrackedEvent,
    Waiting,
    WaitReason,
    same_record,
)


@dataclass(frozen=True, slots=True)
class DecisionInput:
    """What one decision is told. ``failures`` counts permanent failures by operation key.

    ``horizon`` is the start of the full window: bookings that ended before it are retired.
    ``near`` is how often the near window is read (None: it is not known).
    ``ownership`` tells whose the tagged blocks are. ``capacity`` is how many meetings the provider
    may have at one time (equipment: its pieces less those that are broken). ``directive`` is a
    person's answer.
    """

    calendars: Mapping[str, CalendarState]
    rules: Rules
    now: datetime
    horizon: datetime
    run: str
    persons: PersonIndex = field(default_factory=dict)
    guards: Sequence[Conflict] = ()
    failures: Mapping[str, int] = field(default_factory=dict)
    ownership: Ownership = NO_OWNERSHIP
    capacity: int = 1
    directive: Directive = NO_DIRECTIVE
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
    wanted: RequiredBlocks = field(default_factory=dict)
    unmatched: int = 0
    adopted: tuple[TrackedEvent, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    compared: tuple[PersonComparison, ...] = ()


def persons_to_look_up(state: ProviderState, case: DecisionInput) -> tuple[TrackedEvent, ...]:
    """The appointments whose person has to be looked up before this state can be decided on."""
    draft = _draft(state, case)
    linked = {booking: draft.present(booking) for booking in draft.bookings}
    candidates = candidates_to_look_up(_fresh(draft, case), list(draft.bookings.values()), linked)
    return (*candidates, *persons_to_compare(draft))


def _draft(state: ProviderState, case: DecisionInput) -> Workspace:
    return Workspace(state, case.run, case.now, stopped_records(state, case.calendars))


def reconcile(state: ProviderState, case: DecisionInput, new_id: Callable[[], str]) -> Decision:
    """Decide on one provider's state."""
    draft = _draft(state, case)
    conflicts: list[Conflict] = [*case.guards, *standing_doubts(draft, case.ownership)]
    became_ours = resolve_ownership(draft, case.ownership)
    reassign_events(draft, case)
    renew_open_ends(draft)
    split_bookings(draft, case.directive, new_id)
    edited_blocks.release_edited(draft, case.calendars, case.rules)
    revived_meetings.relink_recreated(draft, _fresh(draft, case))
    matched = _link(draft, case, new_id)
    conflicts += matched.conflicts
    held = _unheard(draft, case)
    held |= {b: c for c in matched.conflicts for b in bookings_of(draft, c)}
    # What came back under a new id, nobody can say which, is not off: all of it stands. And so does
    # what is held and cannot be looked at now, with what else is claimed since.
    claims = {
        b: conflict_values(draft, case.calendars, b, conflict) for b, conflict in held.items()
    }
    revived_meetings.leave_cancelled(draft, [s for s, c in case.calendars.items() if c.trusted])
    merged = _merge_all(draft, case, skip=claims.keys())
    conflicts += merged
    claims |= claims_of(draft, case.calendars, merged, matched.conflicts)
    for each in matched.expected:
        standing = shown(draft, case.calendars, each.replica.booking)
        claims.setdefault(each.replica.booking, standing).append(each.new.observed or standing[0])
    doubles = (
        []
        if case.may_overlap
        else double_bookings.double_bookings(draft, case.calendars, case.rules, case.capacity)
    )
    conflicts += doubles
    kept = accepted_double_bookings(draft, case.directive)
    frozen = double_bookings.on_hold(c for c in doubles if conflict_identity(c) not in kept)
    told, cannot, waiting = propagate_all(draft, case.calendars, claims, frozen)
    conflicts += cannot
    close_stopped(draft, claims)
    edited_blocks.end_releases(draft)
    compared, unknown = compare_persons(draft, case.persons)
    unmatched = (*matched.undecided, *matched.unknown_person)
    left = {claim.event for conflict in merged for claim in conflict.claims if claim.event}
    left |= blocks_under_doubt(draft, case.calendars)
    orphans = orphans_of(draft, case.ownership)
    closing = BlockPlanningInput(
        case.calendars,
        claims,
        unmatched,
        left,
        case.capacity,
        orphans,
        case.ownership,
        new_id,
        pending_changes_of(draft, told),
    )
    exposures = 0
    wanted: dict[str, Mapping[Interval, AbstractSet[str]]] = {}
    operations = list(told)
    for system in sorted(name for name, c in case.calendars.items() if c.can_hold_blocks):
        blocks = plan_calendar(draft, case.calendars[system], closing)
        operations += blocks.operations
        exposures += blocks.open
        wanted[system] = blocks.intervals
        became_ours += blocks.adopted
        conflicts += blocks.refused
    holding = WriteHolds(draft, case.calendars, case.ownership, case.withhold)
    retried = frozenset({case.directive.retry})
    operations, refused, held_back = rejected_writes.filter_allowed(
        draft, case.calendars, operations, case.failures, retried, holding.why
    )
    conflicts += refused
    waiting += held_back
    update_queue(draft, conflicts, case.calendars, new_id, case.directive)
    _retire(draft, case)
    return Decision(
        draft.final_changes(),
        tuple(operations),
        tuple(conflicts),
        exposures,
        wanted,
        len(matched.unknown_person) + unknown,
        tuple(became_ours),
        with_pause_reason(waiting, case.calendars),
        tuple(compared),
    )


_CONTRADICTIONS = {
    ConflictKind.MOVED_APART,
    ConflictKind.MOVED_AND_CANCELLED,
    ConflictKind.TWIN_DELETED,
    ConflictKind.AMBIGUOUS,
}


def _unheard(draft: Workspace, case: DecisionInput) -> dict[str, Conflict]:
    """Contradictions that are held and cannot be judged anew: not everybody in them is heard.

    They stay as they are. A system that is silent has not taken back what it claimed.
    """
    return {
        booking: held.conflict
        for held in draft.state.conflicts
        for booking in {held.conflict.subject, *bookings_of(draft, held.conflict)}
        if held.conflict.kind in _CONTRADICTIONS
        and all(claim.event is not None for claim in held.conflict.claims)
        and not all(is_trusted(claim, case.calendars) for claim in held.conflict.claims)
    }


def reconcile_with_answer(
    state: ProviderState,
    case: DecisionInput,
    new_id: Callable[[], str],
    answers: Mapping[str, Resolution],
) -> tuple[Decision, frozenset[str]]:
    """Decide with what persons answered, by conflict id; also return which answers counted.

    An answer counts only if a decision without it would hold that very conflict once more: else an
    input has changed since the person looked. One answer is taken at a time. Raises
    InvalidResolutionError.
    """
    plain = reconcile(state, case, new_id)
    standing = {conflict_identity(conflict) for conflict in plain.conflicts}
    for held in state.conflicts:
        if held.id in answers and conflict_identity(held.conflict) in standing:
            draft = _draft(state, case)
            verdict = interpret(draft, case.calendars, held, answers[held.id])
            answered = reconcile(state, replace(case, directive=verdict), new_id)
            return answered, frozenset({held.id})
    return plain, frozenset()


def _fresh(draft: Workspace, case: DecisionInput, *, past: bool = False) -> list[TrackedEvent]:
    """Unlinked events that may be matched: believed, somebody else's, not over.

    Of what is over only instances of a series matter: they stand for those that vanished with it.
    """
    return [
        record
        for record in draft.unlinked()
        if record.system in case.calendars
        and case.calendars[record.system].trusted
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


def reassign_events(draft: Workspace, case: DecisionInput) -> None:
    """Unlink events that are proven to be another provider's now.

    Where it is not proven, not believed or stopped by the guard, the time stays taken.
    """
    kept: set[Id] = set()
    for change in draft.state.owner_changes:
        calendar = case.calendars.get(change.system)
        waits = calendar is not None and (not calendar.trusted or change.event in calendar.stopped)
        if not change.proven or waits:
            kept.add((change.system, change.event))
            continue
        if not _follow_record(draft, change):
            note_handed_over(draft, change)
        draft.hand_over((change.system, change.event))
        draft.changes.owners_resolved.append(change)
    for replica in draft.state.replicas:
        id_ = (replica.system, replica.event)
        if id_ not in draft.records and id_ not in kept:
            draft.unlink_ended(replica, "no longer in this calendar")


def _follow_record(draft: Workspace, change: OwnerChange) -> bool:
    """Let a booking follow its record, where the provider is still one of the hosts.

    The first host of a meeting changed: the record is another provider's event now, and there is a
    derived event for the former one.
    """
    known = draft.linked_ids()
    for replica in draft.state.replicas:
        if (replica.system, replica.event) != (change.system, change.event):
            continue
        for record in draft.unlinked() if replica.role.is_meeting else ():
            same = record.system == change.system and same_record(record.id, change.event)
            if same and (record.system, record.id) not in known:
                draft.upsert(replace(record, base=change.value))
                draft.link(replace(replica, event=record.id))
                return True
    return False


def _link(draft: Workspace, case: DecisionInput, new_id: Callable[[], str]) -> MatchResult:
    """Match unlinked events, and make the links that follow."""
    asked = open_questions(draft)
    fresh = asked.rest(_fresh(draft, case))
    matched = match_events(
        draft.state.provider,
        fresh,
        list(draft.bookings.values()),
        {booking: draft.present(booking) for booking in draft.bookings},
        draft.linked_ids(),
        case.persons,
        {name for name, calendar in case.calendars.items() if not calendar.trusted},
        _fresh(draft, case, past=True),
        rebookings(draft, case.calendars, fresh, case.persons, case.near),
        draft.stopped.keys(),
    )
    matched = asked.answer(matched, draft, case.directive)
    for relink in matched.relinked:
        if relink.rule == REBOOKED:
            follow_rebooking(draft, relink.replica, relink.new)
            continue
        draft.unlink(relink.replica)
        draft.delete(relink.old)
        draft.upsert(replace(relink.new, base=relink.old.base))
        draft.link(replace(relink.replica, event=relink.new.id))
    opened: dict[tuple[str, str], Booking] = {}
    for record in matched.opened:
        opened[record.system, record.id] = draft.open_booking(record, new_id())
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
        draft.log(booking, "seen", record=twin.record, rule="twin: same person, same time")
    return matched


def _merge_all(draft: Workspace, case: DecisionInput, *, skip: AbstractSet[str]) -> list[Conflict]:
    """Merge every booking's news; what must be held comes back."""
    words = {
        **rejected_writes.fallback_times(draft, case.calendars, case.rules),
        **case.directive.forced_values,
    }
    followed = edited_blocks.blocks_to_follow(draft, case.calendars, case.rules)
    held: list[Conflict] = []
    for booking_id in sorted(draft.bookings.keys() - skip):
        blocks = followed.get(booking_id, ())
        merged = _merge(draft, case, booking_id, blocks, words.get(booking_id))
        if merged.conflict is not None:
            held.append(merged.conflict)
    return held


def _merge(
    draft: Workspace,
    case: DecisionInput,
    booking_id: str,
    blocks: Sequence[TrackedEvent],
    word: ForcedValue | None,
) -> MergeResult:
    """Merge one booking's news, and take over what it decides."""
    before = draft.bookings[booking_id]
    records = draft.appointments(booking_id)
    put_back = {c for c in case.calendars if booking_id in suppressed_bookings(draft, c)}
    merged = merge(
        before, records, case.calendars, case.rules, blocks=blocks, word=word, waived=put_back
    )
    if booking_id in draft.rebooked and merged.rule == ONE_CHANGE:
        merged = replace(merged, rule=REBOOKED)
    if merged.conflict is not None or not (merged.accepted or word):
        return merged
    for record in merged.accepted:
        draft.accept(draft.records[record.system, record.id])
        draft.log(before, "changed", record=record, rule=merged.rule)
    lost = [
        record
        for record in merged.accepted
        if record.observed is not None and not shows_agreed(record.observed, merged.agreed)
    ]
    if merged.agreed == before.agreed and not lost:
        return merged
    revision = before.revision + 1
    restated = merged.agreed.status is not before.agreed.status
    restated = restated and not revived_meetings.is_undoable(before, merged.agreed, merged.accepted)
    restated = restated or any(restates(record, merged.agreed) for record in lost)
    booking = replace(
        before,
        agreed=merged.agreed,
        revision=revision,
        rule=merged.rule,
        status_revision=revision if restated else before.status_revision,
    )
    draft.put_booking(booking)
    draft.log(booking, "agreed", before=before, rule=merged.rule)
    edited_blocks.transfer_release(draft, before, booking)
    told = {(r.system, r.id) for r in merged.accepted} - {(r.system, r.id) for r in lost}
    for replica, _ in draft.pairs(booking_id):
        if (replica.system, replica.event) in told:
            draft.link(replace(replica, synced_revision=booking.revision))
    return merged


def _retire(draft: Workspace, case: DecisionInput) -> None:
    """Bookings that ended before the window are never looked at again."""
    for booking in draft.bookings.values():
        ends = [booking.agreed.end]
        events = (*draft.appointments(booking.id), *draft.shown(booking.id))
        ends += [r.observed.end for r in events if r.observed is not None]
        if max(ends) <= case.horizon:
            draft.changes.archived.append(booking.id)
