"""Decide on one provider: from its stored state and what may be trusted to changes and writes.

This is the algorithm of syncd, from top to bottom. `reconcile` runs its phases in order, and says
after each one what holds from there on; `tests/core/phases.py` checks that for random worlds. Every
phase works on one `Workspace`, which starts as the stored state and collects the changes.

Equal inputs give equal outputs: every collection is walked in a stated order, and new ids come from
the generator that is passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from syncd.core.blocks import edited_blocks
from syncd.core.blocks.planning import (
    BlockPlanningInput,
    blocks_under_doubt,
    pending_changes_of,
    plan_calendar,
    suppressed_bookings,
)
from syncd.core.conflicts import double_bookings
from syncd.core.conflicts.claims import (
    bookings_of,
    claims_of,
    conflict_values,
    shown,
    undecidable_conflicts,
)
from syncd.core.conflicts.queue import update_queue
from syncd.core.conflicts.resolution import (
    Resolution,
    accepted_double_bookings,
    conflict_identity,
    interpret,
    split_bookings,
)
from syncd.core.decision import Decision, DecisionInput
from syncd.core.event_state.open_ends import renew_open_ends
from syncd.core.mass_change.stops import close_stopped, stopped_records
from syncd.core.matching import revived_meetings
from syncd.core.matching.customers import (
    compare_customers,
    customers_to_compare,
)
from syncd.core.matching.match import candidates_to_look_up, match_events
from syncd.core.matching.moved_into_window import open_questions
from syncd.core.matching.rebooked import REBOOKED, follow_rebooking, rebookings
from syncd.core.matching.result import MatchResult
from syncd.core.merging.merge import ONE_CHANGE, ForcedValue, MergeResult, merge, restates
from syncd.core.ownership.blocks import (
    may_match,
    open_tag_doubts,
    orphans_of,
    resolve_ownership,
)
from syncd.core.ownership.events import reassign_events
from syncd.core.propagation import rejected_writes
from syncd.core.propagation.bookings import propagate_all
from syncd.core.propagation.write_waits import WriteWaits, with_pause_reason
from syncd.core.workspace import Workspace
from syncd.model import (
    Booking,
    Conflict,
    ProviderState,
    Replica,
    Role,
    TrackedEvent,
)
from syncd.model.intervals import Interval, shows


def customers_to_look_up(state: ProviderState, inputs: DecisionInput) -> tuple[TrackedEvent, ...]:
    """Return the appointments whose customer must be looked up before `reconcile` is called."""
    workspace = _workspace(state, inputs)
    linked = {booking: workspace.present(booking) for booking in workspace.bookings}
    candidates = candidates_to_look_up(
        _matchable(workspace, inputs), list(workspace.bookings.values()), linked
    )
    return (*candidates, *customers_to_compare(workspace))


def _workspace(state: ProviderState, inputs: DecisionInput) -> Workspace:
    return Workspace(state, inputs.run, inputs.now, stopped_records(state, inputs.calendars))


def reconcile(state: ProviderState, inputs: DecisionInput, new_id: Callable[[], str]) -> Decision:
    """Decide on one provider's state.

    ``new_id`` makes the ids of new bookings, conflicts and journal rows.
    """
    workspace = _workspace(state, inputs)
    conflicts: list[Conflict] = [*inputs.guards, *open_tag_doubts(workspace, inputs.ownership)]

    # Ownership. From here on, a block is ours if and only if its id proves it, and every linked
    # event belongs to this provider, except where a change of owner is not proven.
    adopted = resolve_ownership(workspace, inputs.ownership)
    reassign_events(workspace, inputs.calendars)

    # Links. From here on, open ends are renewed, appointments that the operator separated have
    # their own bookings, released blocks count as decided, and recreated events are linked again.
    renew_open_ends(workspace)
    split_bookings(workspace, inputs.directive, new_id)
    edited_blocks.release_edited(workspace, inputs.calendars, inputs.rules)
    revived_meetings.relink_recreated(workspace, _matchable(workspace, inputs))

    # Matching. From here on, every busy event that is trusted, not ours and not over has a booking,
    # or is in `matched`: undecided, and a conflict claims its time; or of an unknown customer.
    matched = _link(workspace, inputs, new_id)
    conflicts += matched.conflicts

    # Bookings that cannot be decided now. From here on, `claims` has every such booking with all
    # values that keep their time blocked: a vanished event with several possible successors is not
    # cancelled, and neither is the claim of a system that does not answer now.
    undecided = undecidable_conflicts(workspace, inputs.calendars)
    undecided |= {b: c for c in matched.conflicts for b in bookings_of(workspace, c)}
    claims = {
        booking: conflict_values(workspace, inputs.calendars, booking, conflict)
        for booking, conflict in undecided.items()
    }

    # Merging. From here on, no trusted appointment has a change that is not decided on, except
    # those of bookings in conflict, which keep their agreed value and have claims.
    trusted = [name for name, calendar in inputs.calendars.items() if calendar.trusted]
    revived_meetings.unlink_cancelled(workspace, trusted)
    merge_conflicts = _merge_all(workspace, inputs, skip=claims.keys())
    conflicts += merge_conflicts
    claims |= claims_of(workspace, inputs.calendars, merge_conflicts, matched.conflicts)
    for relink in matched.expected:
        current = shown(workspace, inputs.calendars, relink.replica.booking)
        values = claims.setdefault(relink.replica.booking, current)
        values.append(relink.new.observed or current[0])

    # Double bookings. From here on, `held` has the bookings that wait for the operator because two
    # meetings overlap.
    doubles = (
        []
        if inputs.may_overlap
        else double_bookings.double_bookings(
            workspace, inputs.calendars, inputs.rules, inputs.capacity
        )
    )
    conflicts += doubles
    accepted = accepted_double_bookings(workspace, inputs.directive)
    held = double_bookings.held_bookings(c for c in doubles if conflict_identity(c) not in accepted)

    # Propagation. From here on, every appointment shows its booking's agreed value, or has a write,
    # a conflict, a claim or a reason to wait. Stopped events claim their old and their new time.
    appointment_writes, failed, waiting = propagate_all(workspace, inputs.calendars, claims, held)
    conflicts += failed
    close_stopped(workspace, claims)
    edited_blocks.end_releases(workspace)
    compared, not_looked_up = compare_customers(workspace, inputs.customers)

    # Blocks. From here on, every busy interval has a block in each other calendar that needs one,
    # a write that creates the block, or counts as an exposure.
    untouchable = {c.event for conflict in merge_conflicts for c in conflict.claims if c.event}
    untouchable |= blocks_under_doubt(workspace, inputs.calendars)
    planning = BlockPlanningInput(
        inputs.calendars,
        claims,
        (*matched.undecided, *matched.unknown_customer),
        untouchable,
        inputs.capacity,
        orphans_of(workspace, inputs.ownership),
        inputs.ownership,
        new_id,
        pending_changes_of(workspace, appointment_writes),
    )
    exposures = 0
    wanted: dict[str, Mapping[Interval, AbstractSet[str]]] = {}
    operations = list(appointment_writes)
    for system in sorted(name for name, c in inputs.calendars.items() if c.can_hold_blocks):
        plan = plan_calendar(workspace, inputs.calendars[system], planning)
        operations += plan.operations
        exposures += plan.open
        wanted[system] = plan.intervals
        adopted += plan.adopted
        conflicts += plan.refused

    # Permission. From here on, `operations` has only writes that may be made now, at most one for
    # each event. Every other wanted write is in conflict or waiting.
    waits = WriteWaits(workspace, inputs.calendars, inputs.ownership, inputs.why_not_freed)
    retried = frozenset({inputs.directive.retry})
    operations, rejected, waiting_writes = rejected_writes.filter_allowed(
        workspace, inputs.calendars, operations, inputs.failures, retried, waits.why
    )
    conflicts += rejected
    waiting += waiting_writes

    # The queue. From here on, each open conflict is in the queue once, and no booking of the past
    # is active.
    update_queue(workspace, conflicts, inputs.calendars, new_id, inputs.directive)
    _archive_past(workspace, inputs)
    return Decision(
        workspace.final_changes(),
        tuple(operations),
        tuple(conflicts),
        exposures,
        wanted,
        len(matched.unknown_customer) + not_looked_up,
        tuple(adopted),
        with_pause_reason(waiting, inputs.calendars),
        tuple(compared),
    )


def reconcile_with_answer(
    state: ProviderState,
    inputs: DecisionInput,
    new_id: Callable[[], str],
    answers: Mapping[str, Resolution],
) -> tuple[Decision, frozenset[str]]:
    """Decide with resolutions by the operator, by conflict id; also return the used conflict ids.

    A resolution is used only if a decision without it would hold the same conflict again: otherwise
    an input has changed since the operator saw the conflict. At most one is used per call. Raises
    InvalidResolutionError if that resolution is not possible for its conflict.
    """
    unanswered = reconcile(state, inputs, new_id)
    current = {conflict_identity(conflict) for conflict in unanswered.conflicts}
    for held in state.conflicts:
        if held.id in answers and conflict_identity(held.conflict) in current:
            workspace = _workspace(state, inputs)
            directive = interpret(workspace, inputs.calendars, held, answers[held.id])
            answered = reconcile(state, replace(inputs, directive=directive), new_id)
            return answered, frozenset({held.id})
    return unanswered, frozenset()


def _matchable(
    workspace: Workspace, inputs: DecisionInput, *, past: bool = False
) -> list[TrackedEvent]:
    """Return the unlinked events that may be matched: trusted, not ours, not over.

    With ``past``, return instances of series that are over instead: each may be what a vanished
    instance became.
    """
    return [
        record
        for record in workspace.unlinked()
        if record.system in inputs.calendars
        and inputs.calendars[record.system].trusted
        and may_match(
            record,
            inputs.ownership,
            workspace.state.intents,
            tags=inputs.calendars[record.system].keeps_tags,
        )
        and record.observed is not None
        and (record.observed.end > inputs.now) is not past
        and (record.series or not past)
    ]


def _link(workspace: Workspace, inputs: DecisionInput, new_id: Callable[[], str]) -> MatchResult:
    """Match the unlinked events, and make the links and bookings that follow."""
    questions = open_questions(workspace)
    fresh = questions.without_candidates(_matchable(workspace, inputs))
    matched = match_events(
        workspace.state.provider,
        fresh,
        list(workspace.bookings.values()),
        {booking: workspace.present(booking) for booking in workspace.bookings},
        workspace.linked_ids(),
        inputs.customers,
        {name for name, calendar in inputs.calendars.items() if not calendar.trusted},
        _matchable(workspace, inputs, past=True),
        rebookings(workspace, inputs.calendars, fresh, inputs.customers, inputs.near),
        workspace.stopped.keys(),
    )
    matched = questions.answer(matched, workspace, inputs.directive)
    for relink in matched.relinked:
        if relink.rebooked:
            follow_rebooking(workspace, relink.replica, relink.new)
            continue
        workspace.unlink(relink.replica)
        workspace.delete(relink.old)
        workspace.upsert(replace(relink.new, base=relink.old.base))
        workspace.link(replace(relink.replica, event=relink.new.id))
    opened: dict[tuple[str, str], Booking] = {}
    for record in matched.opened:
        opened[record.system, record.id] = workspace.open_booking(record, new_id())
    for twin in matched.twins:
        if twin.booking is not None:
            booking = workspace.bookings[twin.booking]
        elif twin.first is not None:
            booking = opened[twin.first.system, twin.first.id]
        else:
            continue
        workspace.accept(twin.record)
        system, event, customer = twin.record.system, twin.record.id, twin.record.customer
        synced = questions.synced_revision(workspace, booking, twin.record)
        link = Replica(booking.id, system, event, Role.TWIN, synced, customer)
        workspace.link(link)
        workspace.log(booking, "seen", record=twin.record, rule="twin: same customer, same time")
    return matched


def _merge_all(
    workspace: Workspace, inputs: DecisionInput, *, skip: AbstractSet[str]
) -> list[Conflict]:
    """Merge the changes of every booking that is not skipped; return the conflicts."""
    forced_values = {
        **rejected_writes.fallback_times(workspace, inputs.calendars, inputs.rules),
        **inputs.directive.forced_values,
    }
    followed = edited_blocks.blocks_to_follow(workspace, inputs.calendars, inputs.rules)
    conflicts: list[Conflict] = []
    for booking_id in sorted(workspace.bookings.keys() - skip):
        blocks = followed.get(booking_id, ())
        merged = _merge(workspace, inputs, booking_id, blocks, forced_values.get(booking_id))
        if merged.conflict is not None:
            conflicts.append(merged.conflict)
    return conflicts


def _merge(
    workspace: Workspace,
    inputs: DecisionInput,
    booking_id: str,
    blocks: Sequence[TrackedEvent],
    forced: ForcedValue | None,
) -> MergeResult:
    """Merge the changes of one booking, and store the new agreed value."""
    before = workspace.bookings[booking_id]
    records = workspace.appointments(booking_id)
    suppressed = {c for c in inputs.calendars if booking_id in suppressed_bookings(workspace, c)}
    merged = merge(
        before,
        records,
        inputs.calendars,
        inputs.rules,
        blocks=blocks,
        forced=forced,
        suppressed=suppressed,
    )
    if booking_id in workspace.rebooked and merged.rule == ONE_CHANGE:
        merged = replace(merged, rule=REBOOKED)
    if merged.conflict is not None or not (merged.accepted or forced):
        return merged
    for record in merged.accepted:
        workspace.accept(workspace.records[record.system, record.id])
        workspace.log(before, "changed", record=record, rule=merged.rule)
    outvoted = [
        record
        for record in merged.accepted
        if record.observed is not None and not shows(record.observed, merged.agreed, rounded=False)
    ]
    if merged.agreed == before.agreed and not outvoted:
        return merged
    revision = before.revision + 1
    status_changed = merged.agreed.status is not before.agreed.status
    status_changed = status_changed and not revived_meetings.is_undoable(
        before, merged.agreed, merged.accepted
    )
    status_changed = status_changed or any(restates(record, merged.agreed) for record in outvoted)
    booking = replace(
        before,
        agreed=merged.agreed,
        revision=revision,
        rule=merged.rule,
        status_revision=revision if status_changed else before.status_revision,
    )
    workspace.put_booking(booking)
    workspace.log(booking, "agreed", before=before, rule=merged.rule)
    edited_blocks.transfer_release(workspace, before, booking)
    synced = {(r.system, r.id) for r in merged.accepted} - {(r.system, r.id) for r in outvoted}
    for replica, _ in workspace.pairs(booking_id):
        if (replica.system, replica.event) in synced:
            workspace.link(replace(replica, synced_revision=booking.revision))
    return merged


def _archive_past(workspace: Workspace, inputs: DecisionInput) -> None:
    """Archive the bookings that ended before the window."""
    for booking in workspace.bookings.values():
        ends = [booking.agreed.end]
        events = (*workspace.appointments(booking.id), *workspace.shown(booking.id))
        ends += [r.observed.end for r in events if r.observed is not None]
        if max(ends) <= inputs.horizon:
            workspace.changes.archived.append(booking.id)
