"""`syncd conflicts show`: a conflict's values, its choices with their writes, and free times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import typer

from syncd.app import App, build
from syncd.cli import render, terminal
from syncd.cli.conflicts import ConflictArgument, conflict_json, find_conflict
from syncd.cli.inspect import open_state
from syncd.cli.options import ConfigOption, JsonOption, settings_of, zone_of
from syncd.cli.waiting_view import REASONS
from syncd.core.availability.free import busy_intervals, nearest_free
from syncd.core.conflicts.double_bookings import booking_pair
from syncd.core.conflicts.resolution import InvalidResolutionError, Resolution, ResolutionKind
from syncd.core.decision import Decision
from syncd.core.workspace import Workspace
from syncd.engine.operator.resolve import preview
from syncd.engine.writing.operation_json import operation_json
from syncd.model import Booking, ConflictKind, Operation, StoredConflict, Value
from syncd.store import Store
from syncd.store.queries.availability import availabilities

_MAX_TIMES = 6


@dataclass(frozen=True, slots=True)
class _Choice:
    """One way to resolve the conflict.

    ``writes`` is None if only a fresh read can determine the writes. ``remaining`` lists what syncd
    cannot do after this choice; the operator must do it by hand.
    """

    option: str
    writes: Sequence[Operation] | None
    remaining: Sequence[ManualStep] = ()


@dataclass(frozen=True, slots=True)
class ManualStep:
    """One change that the operator must make by hand: the event, and why syncd cannot change it."""

    system: str
    event: str | None
    value: Value | None
    why: str

    def to_json(self) -> dict[str, Any]:
        """Return one entry of ``left`` in JSON; its keys are stable."""
        value = render.value_json(self.value)
        return {"system": self.system, "event": self.event, "value": value, "why": self.why}


def show(
    context: typer.Context,
    conflict: ConflictArgument,
    *,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one conflict with its values, choices and free times.

    Makes no calls: the writes are those that follow if nothing has changed since the last read. To
    read the systems first, run syncd conflicts resolve ID … --dry-run.
    """
    settings = settings_of(context, config, secrets=False)
    store = open_state(settings)
    app = build(settings, store=store)
    try:
        held = find_conflict(settings, store, conflict)
        now = app.engine.clock.now()
        choices = list(_choices(app, held))
        times = _alternative_times(app, held, now)
        agreed = _agreed(store, held)
    finally:
        store.close()
    if as_json:
        terminal.print_json(
            {
                **conflict_json(held),
                "agreed": [render.value_json(b.agreed) for b in agreed],
                "choices": [
                    {
                        "option": choice.option,
                        "writes": None
                        if choice.writes is None
                        else [operation_json(o) for o in choice.writes],
                        "left": [each.to_json() for each in choice.remaining],
                    }
                    for choice in choices
                ],
                "free": [render.value_json(value) for value in times],
            }
        )
        return
    _print(held, choices, times, agreed, zone_of(settings, held.conflict.provider))


def _alternative_times(app: App, held: StoredConflict, now: datetime) -> list[Value]:
    """Return the free times nearest to the meeting, as far as the stored state shows."""
    provider = held.conflict.provider
    workspace = Workspace(app.store.state(provider), "", now)
    booking = booking_to_move(workspace, held)
    rules = app.engine.policy.rules.get(provider)
    if booking is None or rules is None:
        return []  # A provider outside the configuration has no working hours.
    offered = availabilities(app.store, provider).values()
    busy = busy_intervals(workspace, frozenset({booking.id}))
    return nearest_free(busy, booking.agreed, rules.with_availability(offered).search, now)[
        :_MAX_TIMES
    ]


def booking_to_move(workspace: Workspace, held: StoredConflict) -> Booking | None:
    """Return the booking that --at moves; of a double booking, the one that was opened later.

    Return None if the conflict is about no single booking.
    """
    if held.conflict.kind in {ConflictKind.GUARD, ConflictKind.AMBIGUOUS}:
        return None
    subject = held.conflict.subject
    if held.conflict.kind is ConflictKind.DOUBLE_BOOKED:
        subject = booking_pair(held.conflict)[1]
    return workspace.bookings.get(subject)


def _choices(app: App, held: StoredConflict) -> Iterator[_Choice]:
    """Yield every valid choice except --at, which needs a time."""
    claims = [c for c in held.conflict.claims if c.system in app.engine.systems]
    several = {c.system for c in claims if [d.system for d in claims].count(c.system) > 1}
    answers = [
        Resolution(ResolutionKind.TAKE, system, event)
        for system, event in dict.fromkeys(
            (c.system, (c.event or "") if c.system in several else "") for c in claims
        )
    ]
    mapped = app.engine.mapping.get(held.conflict.provider, ())
    others = [s for s in mapped if not _names(answers, s)]
    answers += [Resolution(ResolutionKind.TAKE, system) for system in others]
    for answer in (
        *answers,
        Resolution(ResolutionKind.KEEP_BOTH),
        Resolution(ResolutionKind.DISMISS),
    ):
        try:
            decision = preview(app.engine, held, answer)
        except InvalidResolutionError:
            continue
        if decision is None:
            yield _Choice(f"--{answer}", None)
        else:
            remaining = list(manual_steps(held, answer, decision))
            yield _Choice(f"--{answer}", decision.operations, remaining)


def manual_steps(
    held: StoredConflict, answer: Resolution, decision: Decision
) -> Iterator[ManualStep]:
    """Yield what a decision cannot do about this conflict, and the writes that must wait."""
    if answer.kind is ResolutionKind.DISMISS:
        for claim in held.conflict.claims:
            if claim.event is not None:
                why = "syncd does not change this event"
                yield ManualStep(claim.system, claim.event, claim.value, why)
        return
    bookings = {*held.conflict.subject.split("+")}
    for conflict in decision.conflicts:
        same = (conflict.kind, conflict.inputs) == (held.conflict.kind, held.conflict.inputs)
        if conflict.held and not same and bookings & {*conflict.subject.split("+")}:
            last = conflict.claims[-1]
            why = conflict.note or render.conflict(conflict.kind)
            yield ManualStep(last.system, last.event, last.value, why)
    for waiting in decision.waiting:
        operation = waiting.operation
        if bookings & {*operation.bookings}:
            why = f"the write must wait: {REASONS[waiting.why]}"
            yield ManualStep(operation.system, operation.event, operation.before, why)


def _names(answers: Sequence[Resolution], system: str) -> bool:
    return any(answer.system == system for answer in answers)


def _agreed(store: Store, held: StoredConflict) -> list[Booking]:
    ids = held.conflict.subject.split("+")
    return [b for start in ids for b in store.find_bookings(start) if b.id in ids]


def _print(
    held: StoredConflict,
    choices: Sequence[_Choice],
    times: Sequence[Value],
    agreed: Sequence[Booking],
    zone: Any,
) -> None:
    conflict = held.conflict
    state = "held" if conflict.held else "reported only"
    if held.dismissed:
        state = f"dismissed ({render.local_times(held.outcome, zone)})"
    terminal.say(
        f"conflict {held.id}: {render.conflict(conflict.kind)} of {conflict.provider}, {state}"
    )
    terminal.say(f"since {render.moment(held.opened_at, zone)} {zone.key}, run {held.run}")
    for line in (conflict.note, f"rule: {conflict.rule}" if conflict.rule else ""):
        if line:
            terminal.say(line)
    rows = [(f"booking {b.id}", "agreed", render.value(b.agreed, zone), "") for b in agreed]
    rows += [
        (
            c.system,
            c.event or "",
            render.value(c.value, zone),
            render.moment(c.seen_at, zone) if c.seen_at else "",
        )
        for c in conflict.claims
    ]
    terminal.table("values", ("where", "event", "value", "seen"), rows)
    if conflict.kind is ConflictKind.GUARD:
        terminal.say(f"if these changes are correct: syncd resync --accept {held.run}")
        return
    choice_rows = [
        (choice.option, _writes_cell(choice.writes, zone), _remaining_cell(choice, zone))
        for choice in choices
    ]
    terminal.table("choices", ("choice", "writes", "left for you to do"), choice_rows)
    if times:
        terminal.say("times for --at TIME that are free in all systems as of the last read:")
        for day in dict.fromkeys(value.start.astimezone(zone).date() for value in times):
            starts = [v.start.astimezone(zone) for v in times]
            clocks = ", ".join(f"{s:%H:%M}" for s in sorted(starts) if s.date() == day)
            terminal.say(f"  {day:%a %d %b} {clocks}")


def _writes_cell(writes: Sequence[Operation] | None, zone: tzinfo) -> str:
    if writes is None:
        return "unknown: run `syncd conflicts resolve` with this choice and --dry-run"
    lines = [f"{o.system}: {render.operation(o, zone)}" for o in writes]
    return "\n".join(lines) or "nothing"


def _remaining_cell(choice: _Choice, zone: tzinfo) -> str:
    lines = [f"{t.system}: {render.value(t.value, zone)}: {t.why}" for t in choice.remaining]
    return "\n".join(lines) or ("nothing" if choice.writes is not None else "")
