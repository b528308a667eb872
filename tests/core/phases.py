"""The invariants that `reconcile` states after its phases, checked on the outcome of a decision."""

from __future__ import annotations

from collections import Counter

from syncd.core.conflicts.resolution import conflict_identity
from syncd.core.decision import Decision, DecisionInput
from syncd.core.event_state.observation import has_pending_change
from syncd.model import Action, Claim, Operation, ProviderState, Role
from syncd.model.intervals import shows


def check_phases(state: ProviderState, inputs: DecisionInput, decision: Decision) -> None:
    """Check each invariant on ``state``, which has the changes of ``decision``, but no writes yet.

    All systems must be trusted and writable.
    """
    _check_matching(state, inputs, decision)
    _check_merging_and_propagation(state, inputs, decision)
    _check_blocks(state, decision)
    _check_permission(state, decision)
    _check_queue(state, inputs, decision)


def _check_matching(state: ProviderState, inputs: DecisionInput, decision: Decision) -> None:
    linked = {(r.system, r.event) for r in state.replicas}
    claimed = {claim.value.interval for claim in _claims(decision) if claim.value is not None}
    for record in state.records:
        value = record.observed
        if record.created_by_us or value is None or not value.busy or value.end <= inputs.now:
            continue
        is_linked = (record.system, record.id) in linked
        assert is_linked or value.interval in claimed, "a busy event without a booking"


def _check_merging_and_propagation(
    state: ProviderState, inputs: DecisionInput, decision: Decision
) -> None:
    records = {(r.system, r.id): r for r in state.records}
    excepted = _contradicted(decision) | _undone(state)
    agreed = {b.id: b.agreed for b in state.bookings if b.id not in excepted}
    claimed = {(claim.system, claim.event) for claim in _claims(decision)}
    written = {(o.system, o.event) for o in _wanted_writes(decision)}
    for replica in state.replicas:
        id_ = (replica.system, replica.event)
        if not replica.role.is_meeting or replica.booking not in agreed or id_ in claimed:
            continue
        record, value = records[id_], agreed[replica.booking]
        assert not has_pending_change(record), "a change that is not decided on"
        if record.observed is not None and value.end > inputs.now:
            is_shown = shows(record.observed, value)
            assert is_shown or id_ in written, "an appointment that is not updated"


def _check_blocks(state: ProviderState, decision: Decision) -> None:
    released = {r.booking for r in state.replicas if r.role is Role.RELEASED}
    excepted = released | _contradicted(decision) | _undone(state)
    for system, intervals in decision.wanted.items():
        blocked = {
            r.observed.interval
            for r in state.records
            if r.created_by_us and r.system == system and r.observed is not None
        }
        blocked |= {
            o.after.interval
            for o in _wanted_writes(decision)
            if o.system == system and o.after is not None
        }
        for interval, needed_by in intervals.items():
            assert interval in blocked or excepted.intersection(needed_by), "an open interval"


def _check_permission(state: ProviderState, decision: Decision) -> None:
    ours = {(r.system, r.id) for r in state.records if r.created_by_us}
    targets = [(o.system, o.event or "") for o in decision.operations if o.event is not None]
    assert len(targets) == len(set(targets)), "two writes to one event"
    for operation in decision.operations:
        if operation.action in {Action.MOVE_BLOCK, Action.REMOVE_BLOCK}:
            assert (operation.system, operation.event) in ours, "a write to a block of others"


def _check_queue(state: ProviderState, inputs: DecisionInput, decision: Decision) -> None:
    queue = Counter(conflict_identity(stored.conflict) for stored in state.conflicts)
    assert all(number == 1 for number in queue.values()), "one conflict twice"
    held = {conflict_identity(c) for c in decision.conflicts if c.held}
    assert held <= queue.keys(), "a conflict that nobody sees"
    past = [b for b in state.bookings if b.agreed.end <= inputs.horizon]
    assert {b.id for b in past} <= _contradicted(decision), "a booking of the past"


def _claims(decision: Decision) -> list[Claim]:
    return [claim for conflict in decision.conflicts for claim in conflict.claims]


def _contradicted(decision: Decision) -> set[str]:
    """Return the bookings that wait for the operator."""
    return {b for c in decision.conflicts if c.held for b in c.subject.split("+")}


def _undone(state: ProviderState) -> set[str]:
    return {suppression.booking for suppression in state.undo_suppressions}


def _wanted_writes(decision: Decision) -> list[Operation]:
    return [*decision.operations, *(waiting.operation for waiting in decision.waiting)]
