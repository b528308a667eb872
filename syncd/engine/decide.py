"""Decide on every provider that may have something to do, and store the decisions.

A provider that was settled when news came is decided on in part: the events that the news has to do
with, and not the hundreds beside them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

from syncd.core import write_order
from syncd.core.reconcile import (
    Decision,
    DecisionInput,
    persons_to_look_up,
    reconcile,
    reconcile_with_answer,
)
from syncd.core.rules import Rules
from syncd.engine import guard
from syncd.engine.decision_input import build_input
from syncd.engine.guard import GuardState
from syncd.engine.guard_stops import accept_stops as accept_run
from syncd.engine.guard_stops import log_stops
from syncd.engine.moved_into_window import search_beyond_window
from syncd.engine.observation import Observation
from syncd.engine.other_persons import end_persons, follow_persons
from syncd.engine.ownership import bearing_providers
from syncd.engine.report import Report
from syncd.engine.reported_items import log_reported
from syncd.model import Action, ProviderState, Waiting, WaitReason
from syncd.store.partial_load import load_parts
from syncd.systems.time_slices import SlicedWork

if TYPE_CHECKING:
    from syncd.engine.cycle import Engine


async def decide_due(
    engine: Engine,
    chosen: Sequence[str],
    observed: Mapping[str, Observation],
    report: Report,
    accept: str | None,
    dropped: Collection[str] = (),
) -> dict[str, Decision]:
    """Decide, and store it. ``dropped`` are providers that lost a calendar: nothing is freed."""
    for observation in observed.values():
        news = observation.changed_ids.items()
        engine.dirty.mark({p: events for p, events in news if p in engine.mapping})
        engine.answered |= {(c.provider, c.system) for c in observation.coverage}
        engine.answered |= {(a.provider, observation.system) for a in observation.unproven}
        engine.recent.note_read(observation.coverage, engine.clock.now())
        engine.recent.history.note(observation, engine.clock.now())
    for name, system in engine.systems.items():
        if engine.dirty.has_other_buffers(name, system.buffers):
            engine.dirty.mark_whole(p for p, mapped in engine.mapping.items() if name in mapped)
    await search_beyond_window(engine, chosen, observed, report)
    with engine.tasks.gate.closed():
        return await _decide(engine, chosen, observed, report, accept, dropped)


async def _decide(
    engine: Engine,
    chosen: Sequence[str],
    observed: Mapping[str, Observation],
    report: Report,
    accept: str | None,
    dropped: Collection[str],
) -> dict[str, Decision]:
    due = [provider for provider in chosen if engine.dirty.due(provider)]
    local = load_parts(engine.store, engine.dirty.partial(p for p in due if _is_local(engine, p)))
    held = guard.evaluate(engine, due, local, observed)
    if accept is not None and (passed := _accept(engine, held, accept)):
        report.accepted += passed
        held = guard.evaluate(engine, due, local, observed, held)
    decisions: dict[str, Decision] = {}
    made: list[_Made] = []
    turns = SlicedWork()
    for provider in due:
        # What the guard stops is told whole.
        part = None if held.guards[provider] else local.get(provider)
        if part is None:
            _keep(engine, made)  # A whole is as what was decided on others left it.
        state = part or engine.store.state(provider)
        withhold = WaitReason.NOT_READ if provider in dropped else None
        case = build_input(engine, provider, state, observed, held, report.run, withhold=withhold)
        wanted = persons_to_look_up(state, case)
        who = await engine.persons.look_up(wanted, engine.systems, engine.tasks) if wanted else {}
        case = replace(case, persons=who)
        decision, counted = reconcile_with_answer(state, case, engine.ids.row, engine.answers)
        if held.stopped.get(provider):
            decision = _with_withheld(state, case, decision)
        changes = decision.changes
        changes.history = [
            replace(n, place=engine.policy.place_of(n.rule)) for n in changes.history
        ]
        decisions[provider] = decision
        made.append(_Made(state, part, case, decision, counted))
        if part is None:
            _keep(engine, made)
        await turns.after(state.records, state.bookings)
    _keep(engine, made)
    log_stops(engine.store, report, engine.mapping)
    return decisions


def _accept(engine: Engine, held: GuardState, run: str) -> int:
    found = [conflict for each in held.guards.values() for conflict in each]
    return accept_run(engine.store, run, found, engine.clock.now(), engine.ids.row)


def _with_withheld(state: ProviderState, case: DecisionInput, decision: Decision) -> Decision:
    """Add what would be written if the guard had stopped nothing, as writes that wait for it."""
    free = {name: replace(c, stopped=frozenset()) for name, c in case.calendars.items()}
    numbers = count()
    without = reconcile(
        state, replace(case, calendars=free, guards=()), lambda: f"withheld-{next(numbers)}"
    )
    made = {write_order.operation_key(o) for o in decision.operations}
    made |= {write_order.operation_key(each.operation) for each in decision.waiting}
    withheld = tuple(
        Waiting(o, WaitReason.GUARD)
        for o in without.operations
        if o.action is not Action.CREATE_BLOCK and write_order.operation_key(o) not in made
    )
    return replace(decision, waiting=(*decision.waiting, *withheld))


@dataclass(frozen=True, slots=True)
class _Made:
    """A decision that is to be stored, what it was made on, and which answers counted."""

    state: ProviderState
    part: ProviderState | None
    case: DecisionInput
    decision: Decision
    counted: Collection[str]


def _keep(engine: Engine, made: list[_Made]) -> None:
    """Store decisions, all of them or none, and only then take note of what is left to do.

    Parts wait for each other: all were loaded before the first was decided on, so none of them
    sees what is decided on another. A crash while they wait is one before they were decided on:
    their news is stored, everything is due after a start, and nothing is written to a system before
    this returns.
    """
    if not made:
        return
    store, now = engine.store, engine.clock.now()
    for each in made:
        named = follow_persons(store, each.state.provider, each.decision.compared, now)
        each.decision.changes.reported += [*named.begun, *named.ended]
        log_reported(named)
    store.apply(*(each.decision.changes for each in made))
    for each in made:
        engine.recent.note_carried(each.decision.changes.history)
        provider, part, decision = each.state.provider, each.part, each.decision
        log_reported(end_persons(store, provider, now))
        for conflict in each.counted:
            del engine.answers[conflict]
        engine.exposure_tracker.update(provider, decision.wanted, part)
        if _finished(decision, each.case, each.state):
            engine.dirty.clear(provider, unmatched=decision.unmatched > 0)
        elif part is not None:
            # A decision may have taken the news out of what is left to do: an event that is no
            # longer the booking's leads nobody to the blocks that still stand.
            engine.dirty.mark({provider: [(r.system, r.id) for r in part.records]})
        else:
            # The same holds for a decision on the whole: what it left to do may be anywhere.
            engine.dirty.mark_whole([provider])
    # Now that these are ours, whatever else bears their tags is a copy, and is decided on anew.
    adopted = [record for each in made for record in each.decision.adopted]
    engine.dirty.mark_whole(bearing_providers(engine.store, adopted) & engine.mapping.keys())
    made.clear()


def _is_local(engine: Engine, provider: str) -> bool:
    """Whether what is decided on a meeting depends only on what takes place at its time.

    A search for free time looks further, and so does the count of several pieces of equipment.
    """
    policy = engine.policy
    return (
        not policy.rules.get(provider, Rules()).looks_for_free_time
        and policy.capacity.get(provider, 1) == 1
        and provider not in policy.resources
        and all(system in engine.systems for system in engine.mapping[provider])
    )


def _finished(decision: Decision, case: DecisionInput, state: ProviderState) -> bool:
    """Whether this provider needs no further decision until there is news of it.

    What is held since this decision, such as a write that failed too often, is closed by the next.
    """
    return (
        not decision.operations
        and not decision.waiting
        and not decision.exposures
        and not case.ownership.doubtful
        and not state.intents
        and not any(c.stopped for c in case.calendars.values())
        and not decision.changes.opened
        and all(
            c.trusted and (c.writable or c.read_only or c.held_back)
            for c in case.calendars.values()
        )
    )
