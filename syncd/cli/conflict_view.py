"""`syncd conflicts show`: both values, what each choice would write, and when else it could be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import typer

from syncd.app import App, build
from syncd.cli import render, terminal
from syncd.cli.conflicts import ConflictArgument, conflict_json, the_conflict
from syncd.cli.inspect import open_state
from syncd.cli.options import ConfigOption, JsonOption, settings_of, zone_of
from syncd.cli.waiting_view import REASONS
from syncd.core.double_bookings import booking_pair
from syncd.core.free_intervals import busy_intervals, nearest_free
from syncd.core.reconcile import Decision
from syncd.core.resolution import InvalidResolutionError, Resolution, ResolutionKind
from syncd.core.workspace import Workspace
from syncd.engine.operation_json import operation_json
from syncd.engine.resolve import preview
from syncd.model import Booking, ConflictKind, HeldConflict, Operation, Value
from syncd.store import Store
from syncd.store.availability import availabilities

_MOST_TIMES = 6


@dataclass(frozen=True, slots=True)
class _Choice:
    """One way to decide; ``writes`` is None where only a fresh read can tell.

    ``left`` is what syncd cannot do after this choice, and stays for a person to do.
    """

    option: str
    writes: Sequence[Operation] | None
    left: Sequence[_Left] = ()


@dataclass(frozen=True, slots=True)
class _Left:
    """One thing that stays for a person: the event it is about, and why syncd cannot do it."""

    system: str
    event: str | None
    value: Value | None
    why: str

    def to_json(self) -> dict[str, Any]:
        """One entry of ``left`` in JSON: its keys are stable."""
        value = render.value_json(self.value)
        return {"system": self.system, "event": self.event, "value": value, "why": self.why}


def show(
    context: typer.Context,
    conflict: ConflictArgument,
    *,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one conflict: who says what since when, each choice with its writes, free times.

    Asks no system: what is shown is what would be written if nothing has changed since the last
    read. For a look at the platforms first: syncd conflicts resolve ID … --dry-run.
    """
    settings = settings_of(context, config, secrets=False)
    store = open_state(settings)
    made = build(settings, store=store)
    try:
        held = the_conflict(settings, store, conflict)
        now = made.engine.clock.now()
        choices = list(_choices(made, held))
        times = alternatives(made, held, now)
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
                        "left": [each.to_json() for each in choice.left],
                    }
                    for choice in choices
                ],
                "free": [render.value_json(value) for value in times],
            }
        )
        return
    _print(held, choices, times, agreed, zone_of(settings, held.conflict.provider))


def alternatives(made: App, held: HeldConflict, now: datetime) -> list[Value]:
    """The nearest times at which the meeting in question could be instead, by what is known."""
    provider = held.conflict.provider
    draft = Workspace(made.store.state(provider), "", now)
    booking = movable(draft, held)
    rules = made.engine.policy.rules.get(provider)
    if booking is None or rules is None:
        return []  # Who is not in the configuration has no working hours.
    asked = availabilities(made.store, provider).values()
    busy = busy_intervals(draft, frozenset({booking.id}))
    return nearest_free(busy, booking.agreed, rules.with_availability(asked).search, now)[
        :_MOST_TIMES
    ]


def movable(draft: Workspace, held: HeldConflict) -> Booking | None:
    """The booking that --at moves: of two that overlap, the one that was opened later."""
    if held.conflict.kind in {ConflictKind.GUARD, ConflictKind.AMBIGUOUS}:
        return None
    subject = held.conflict.subject
    if held.conflict.kind is ConflictKind.DOUBLE_BOOKED:
        subject = booking_pair(held.conflict)[1]
    return draft.bookings.get(subject)


def _choices(made: App, held: HeldConflict) -> Iterator[_Choice]:
    """Every answer that fits, but for --at, whose time is open."""
    claims = [c for c in held.conflict.claims if c.system in made.engine.systems]
    several = {c.system for c in claims if [d.system for d in claims].count(c.system) > 1}
    answers = [
        Resolution(ResolutionKind.TAKE, system, event)
        for system, event in dict.fromkeys(
            (c.system, (c.event or "") if c.system in several else "") for c in claims
        )
    ]
    mapped = made.engine.mapping.get(held.conflict.provider, ())
    others = [s for s in mapped if not _names(answers, s)]
    answers += [Resolution(ResolutionKind.TAKE, system) for system in others]
    for answer in (
        *answers,
        Resolution(ResolutionKind.KEEP_BOTH),
        Resolution(ResolutionKind.DISMISS),
    ):
        try:
            decision = preview(made.engine, held, answer)
        except InvalidResolutionError:
            continue
        if decision is None:
            yield _Choice(f"--{answer}", None)
        else:
            left = list(_left(held, answer, decision))
            yield _Choice(f"--{answer}", decision.operations, left)


def _left(held: HeldConflict, answer: Resolution, decision: Decision) -> Iterator[_Left]:
    """What a decision leaves of this conflict: what it cannot do, and what would have to wait."""
    if answer.kind is ResolutionKind.DISMISS:
        for claim in held.conflict.claims:
            if claim.event is not None:
                why = "stays as it is"
                yield _Left(claim.system, claim.event, claim.value, why)
        return
    about = {*held.conflict.subject.split("+")}
    for conflict in decision.conflicts:
        same = (conflict.kind, conflict.inputs) == (held.conflict.kind, held.conflict.inputs)
        if conflict.held and not same and about & {*conflict.subject.split("+")}:
            last = conflict.claims[-1]
            why = conflict.note or render.conflict(conflict.kind)
            yield _Left(last.system, last.event, last.value, why)
    for waiting in decision.waiting:
        operation = waiting.operation
        if about & {*operation.bookings}:
            why = f"the write has to wait: {REASONS[waiting.why]}"
            yield _Left(operation.system, operation.event, operation.before, why)


def _names(answers: Sequence[Resolution], system: str) -> bool:
    return any(answer.system == system for answer in answers)


def _agreed(store: Store, held: HeldConflict) -> list[Booking]:
    found = [store.find_bookings(name) for name in held.conflict.subject.split("+")]
    return [b for bookings in found for b in bookings if b.id in held.conflict.subject.split("+")]


def _print(
    held: HeldConflict,
    choices: Sequence[_Choice],
    times: Sequence[Value],
    agreed: Sequence[Booking],
    zone: Any,
) -> None:
    conflict = held.conflict
    state = "held" if conflict.held else "told only"
    if held.dismissed:
        state = f"told no more ({render.local_times(held.outcome, zone)})"
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
    terminal.table("who says what", ("", "event", "value", "seen"), rows)
    if conflict.kind is ConflictKind.GUARD:
        terminal.say(f"if these changes are right: syncd resync --accept {held.run}")
        return
    drawn = [
        (choice.option, _told(choice.writes, zone), _told_left(choice, zone)) for choice in choices
    ]
    columns = ("choice", "would be written", "left for you to do")
    terminal.table("what each choice would write, and what it leaves", columns, drawn)
    if times:
        terminal.say("free in all systems, as far as is known, for --at TIME:")
        for day in dict.fromkeys(value.start.astimezone(zone).date() for value in times):
            starts = [v.start.astimezone(zone) for v in times]
            clocks = ", ".join(f"{s:%H:%M}" for s in sorted(starts) if s.date() == day)
            terminal.say(f"  {day:%a %d %b} {clocks}")


def _told(writes: Sequence[Operation] | None, zone: tzinfo) -> str:
    if writes is None:
        return "only a fresh read can tell: add --dry-run"
    told = [f"{o.system}: {render.operation(o, zone)}" for o in writes]
    return "\n".join(told) or "nothing"


def _told_left(choice: _Choice, zone: tzinfo) -> str:
    told = [f"{left.system}: {render.value(left.value, zone)}: {left.why}" for left in choice.left]
    return "\n".join(told) or ("nothing" if choice.writes is not None else "")
