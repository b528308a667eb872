"""Decide on every provider that may have something to do, and store the decisions.

Used in each cycle after the systems were read. If nothing was left to do for a provider before a
change arrived, only the events that the change affects are decided on (a partial decision), not all
events of the provider.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from syncd.core.decision import Decision, DecisionInput
from syncd.core.merging.rules import Rules
from syncd.core.propagation import write_order
from syncd.core.reconcile import customers_to_look_up, reconcile, reconcile_with_answer
from syncd.engine.context import Context
from syncd.engine.deciding import guard
from syncd.engine.deciding.decision_input import build_input
from syncd.engine.deciding.guard import GuardState
from syncd.engine.deciding.guard_stops import accept_stops as accept_run
from syncd.engine.deciding.guard_stops import log_stops
from syncd.engine.deciding.moved_into_window import search_beyond_window
from syncd.engine.deciding.other_customers import end_customers, follow_customers
from syncd.engine.deciding.ownership import bearing_providers
from syncd.engine.reading.observation import Observation
from syncd.engine.report.reported_items import log_reported
from syncd.engine.report.run_report import Report
from syncd.model import Action, ProviderState, Waiting, WaitReason
from syncd.store.repository.partial_load import load_parts
from syncd.systems.time_slices import SlicedWork

Decisions = dict[str, Decision]
"""The decisions of a cycle, by provider."""


async def decide_due(
    ctx: Context,
    chosen: Sequence[str],
    observed: Mapping[str, Observation],
    report: Report,
    accept: str | None,
    dropped: Collection[str] = (),
) -> Decisions:
    """Decide on the providers that are due, and store the decisions; return them by provider.

    ``chosen`` are the providers of this cycle; of these, only dirty providers are due. ``observed``
    are the reads of this cycle by system. ``accept`` names a run whose guard stops the operator
    accepts. ``dropped`` are providers of whom a calendar is no longer mapped: this decision frees
    no time of these providers.
    """
    for observation in observed.values():
        news = observation.changed_ids.items()
        ctx.dirty.mark({p: events for p, events in news if p in ctx.mapping})
        ctx.answered_calendars |= {(c.provider, c.system) for c in observation.coverage}
        ctx.answered_calendars |= {(a.provider, observation.system) for a in observation.unproven}
        ctx.recent.note_read(observation.coverage, ctx.clock.now())
        ctx.recent.history.note(observation, ctx.clock.now())
    for name, system in ctx.systems.items():
        if ctx.dirty.has_other_buffers(name, system.buffers):
            ctx.dirty.mark_whole(p for p, mapped in ctx.mapping.items() if name in mapped)
    await search_beyond_window(ctx, chosen, observed, report)
    with ctx.tasks.gate.closed():
        return await _decide(ctx, chosen, observed, report, accept, dropped)


async def _decide(
    ctx: Context,
    chosen: Sequence[str],
    observed: Mapping[str, Observation],
    report: Report,
    accept: str | None,
    dropped: Collection[str],
) -> Decisions:
    due = [provider for provider in chosen if ctx.dirty.due(provider)]
    local = load_parts(ctx.store, ctx.dirty.partial(p for p in due if _is_local(ctx, p)))
    guard_state = guard.evaluate(ctx, due, local, observed)
    if accept is not None and (passed := _accept(ctx, guard_state, accept)):
        report.accepted += passed
        guard_state = guard.evaluate(ctx, due, local, observed, guard_state)
    decisions: Decisions = {}
    pending: list[_PendingDecision] = []
    turns = SlicedWork()
    for provider in due:
        # A guard stop has to list all stopped changes, so decide on the whole state.
        part = None if guard_state.guards[provider] else local.get(provider)
        if part is None:
            # A whole decision must see the results of the decisions before it.
            _store(ctx, pending)
        state = part or ctx.store.state(provider)
        why_not_freed = WaitReason.NOT_READ if provider in dropped else None
        given = build_input(
            ctx, provider, state, observed, guard_state, report.run, why_not_freed=why_not_freed
        )
        wanted = customers_to_look_up(state, given)
        customers = await ctx.customers.look_up(wanted, ctx.systems, ctx.tasks) if wanted else {}
        given = replace(given, customers=customers)
        decision, used = reconcile_with_answer(state, given, ctx.ids.row, ctx.answers)
        if guard_state.stopped.get(provider):
            decision = _with_guarded_writes(state, given, decision)
        changes = decision.changes
        changes.history = [replace(n, place=ctx.policy.place_of(n.rule)) for n in changes.history]
        decisions[provider] = decision
        pending.append(_PendingDecision(state, part, given, decision, used))
        if part is None:
            _store(ctx, pending)
        await turns.after(state.records, state.bookings)
    _store(ctx, pending)
    log_stops(ctx.store, report, ctx.mapping)
    return decisions


def _accept(ctx: Context, guard_state: GuardState, run: str) -> int:
    found = [conflict for each in guard_state.guards.values() for conflict in each]
    return accept_run(ctx.store, run, found, ctx.clock.now(), ctx.ids.row)


def _with_guarded_writes(
    state: ProviderState, given: DecisionInput, decision: Decision
) -> Decision:
    """Add the writes that the guard withholds to the decision, as waiting writes."""
    free = {name: replace(c, stopped=frozenset()) for name, c in given.calendars.items()}
    numbers = count()
    without = reconcile(
        state, replace(given, calendars=free, guards=()), lambda: f"withheld-{next(numbers)}"
    )
    made = {write_order.operation_key(o) for o in decision.operations}
    made |= {write_order.operation_key(each.operation) for each in decision.waiting}
    guarded = tuple(
        Waiting(o, WaitReason.GUARD)
        for o in without.operations
        if o.action is not Action.CREATE_BLOCK and write_order.operation_key(o) not in made
    )
    return replace(decision, waiting=(*decision.waiting, *guarded))


@dataclass(frozen=True, slots=True)
class _PendingDecision:
    """A decision that is to be stored, its input, and the conflicts whose resolution it used.

    ``part`` is the part of the provider's state that was decided on; None for the whole state.
    """

    state: ProviderState
    part: ProviderState | None
    given: DecisionInput
    decision: Decision
    used: Collection[str]


def _store(ctx: Context, pending: list[_PendingDecision]) -> None:
    """Store decisions in one transaction, and only then update what is left to do.

    Partial decisions are stored together: all parts were loaded before the first decision, so no
    decision sees the result of another. A crash before they are stored loses nothing: the changes
    are stored, every provider is due after a start, and nothing is written to a system before this
    returns.
    """
    if not pending:
        return
    store, now = ctx.store, ctx.clock.now()
    for each in pending:
        customers = follow_customers(store, each.state.provider, each.decision.compared, now)
        each.decision.changes.reported += [*customers.begun, *customers.ended]
        log_reported(customers)
    store.apply(*(each.decision.changes for each in pending))
    for each in pending:
        ctx.recent.note_carried(each.decision.changes.history)
        provider, part, decision = each.state.provider, each.part, each.decision
        log_reported(end_customers(store, provider, now))
        for conflict in each.used:
            del ctx.answers[conflict]
        ctx.exposure_tracker.update(provider, decision.wanted, part)
        if _finished(decision, each.given, each.state):
            ctx.dirty.clear(provider, unmatched=decision.unmatched > 0)
        elif part is not None:
            # The decision may have unlinked an event from its booking. Mark the whole part, or
            # the booking's remaining blocks would not be found.
            ctx.dirty.mark({provider: [(r.system, r.id) for r in part.records]})
        else:
            # After a whole decision, the remaining work may be anywhere.
            ctx.dirty.mark_whole([provider])
    # These blocks are ours now, so other events with their tags are copies: decide on them again.
    adopted = [record for each in pending for record in each.decision.adopted]
    ctx.dirty.mark_whole(bearing_providers(ctx.store, adopted) & ctx.mapping.keys())
    pending.clear()


def _is_local(ctx: Context, provider: str) -> bool:
    """Return whether a decision on a meeting depends only on events at the same time.

    A search for free time looks further, and so does the count of several pieces of equipment.
    """
    policy = ctx.policy
    return (
        not policy.rules.get(provider, Rules()).looks_for_free_time
        and policy.capacity.get(provider, 1) == 1
        and provider not in policy.resources
        and all(system in ctx.systems for system in ctx.mapping[provider])
    )


def _finished(decision: Decision, given: DecisionInput, state: ProviderState) -> bool:
    """Return whether this provider needs no further decision until its events change.

    If this decision opened a conflict, for example because a write failed too often, the provider
    is not finished: the next decision handles the conflict.
    """
    return (
        not decision.operations
        and not decision.waiting
        and not decision.exposures
        and not given.ownership.doubtful
        and not state.intents
        and not any(c.stopped for c in given.calendars.values())
        and not decision.changes.opened
        and all(calendar.settled for calendar in given.calendars.values())
    )
