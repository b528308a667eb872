"""Writes that wait on a simulated day: for a key that may not write, or for the host's clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.core.health.clock_check import MAX_ERROR
from syncd.lab.sandbox.write_access import allow_writes, forbid_writes
from syncd.lab.simulate import final_state, oracle
from syncd.lab.simulate.scenario import EventKind, Scenario, SimEvent

if TYPE_CHECKING:
    from syncd.lab.simulate.mass_edit import Change
    from syncd.lab.simulate.world import World
    from syncd.store import Store


FAR_OFF = 14_400.0
"""Seconds of error with which a clock may take a meeting of today for past."""


JUST_NOW = 600.0
"""Seconds after a jump in which a cycle may still use the error measured before it."""


def perform(world: World, step: SimEvent) -> str:
    """Perform a step; return what was done, '' if this module has no such act."""
    match step.kind:
        case EventKind.FORBID_WRITES:
            forbid_writes(world.sandbox.systems[step.system])
            return f"forbid writes by the key of {step.system}"
        case EventKind.ALLOW_WRITES:
            allow_writes(world.sandbox.systems[step.system])
            return f"allow writes by the key of {step.system}"
        case _:
            return ""


def judge_exit_code(
    code: int, world: World, store: Store, now: datetime, last: datetime
) -> Iterator[str]:
    """Yield open time although a resync just ended with 0 (promise 10)."""
    if code != 0:
        return
    lately = {
        (view.provider, view.interval)
        for change in world.changes
        if change.by_hand and change.at > now - oracle.UNREAD_FOR
        for view in (change.before, change.after)
        if view is not None
    }
    for each in final_state.open_disagreements(world, store, now, last):
        if (each.provider, each.interval) not in lately:
            yield f"10: a resync ended with 0, but {each}"


def judge_clock(
    scenario: Scenario, world: World, change: Change, offset: timedelta
) -> Iterator[str]:
    """Yield time that was freed while the host's clock was wrong.

    Judges only days on which all platforms answered and had the right time: otherwise the error
    cannot be known.
    """
    faults = any(step.kind is EventKind.FAULT for step in scenario.steps)
    concealed = bool(world.concealed)
    if faults or concealed or abs(offset) <= 2 * MAX_ERROR or world.answers:
        return
    since = (change.at - scenario.start).total_seconds()
    jumps = [step.at for step in scenario.steps if step.kind is EventKind.HOST_CLOCK]
    if any(at <= since < at + JUST_NOW for at in jumps):
        return
    before, after = change.before, change.after
    freed = before is not None and before.busy and (after is None or not after.busy)
    if freed:
        yield f"3: freed time while the clock was {offset} off: {change.system} {change.event}"


def ends_with_resync(scenario: Scenario) -> bool:
    """Return true if the operator runs a resync before faults end: writes wait on this day."""
    return any(
        step.kind is EventKind.FORBID_WRITES
        or (step.kind is EventKind.HOST_CLOCK and abs(step.seconds) >= FAR_OFF)
        for step in scenario.steps
    )
