"""What waits on a simulated day: for a key that may not write, or for this machine's clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.core.clock_check import MAX_ERROR
from syncd.sandbox.write_access import allow_writes, forbid_writes
from syncd.simulate import final_state, oracle
from syncd.simulate.scenario import EventKind, Scenario, SimEvent

if TYPE_CHECKING:
    from syncd.simulate.mass_edit import Change
    from syncd.simulate.world import World
    from syncd.store import Store


FAR_OFF = 14_400.0
"""Seconds by which a clock is so wrong that a meeting of today may seem to be over."""


JUST_NOW = 600.0
"""Seconds in which a cycle may still go by what it measured before a jump."""


def perform(town: World, step: SimEvent) -> str:
    """Do what a step says; return what was done, '' if it is nothing of this module."""
    match step.kind:
        case EventKind.FORBID_WRITES:
            forbid_writes(town.sandbox.systems[step.system])
            return f"the key of {step.system} may not write"
        case EventKind.ALLOW_WRITES:
            allow_writes(town.sandbox.systems[step.system])
            return f"the key of {step.system} may write again"
        case _:
            return ""


def judge_said(
    code: int, town: World, store: Store, now: datetime, last: datetime
) -> Iterator[str]:
    """Say where time is open although a resync just ended with 0 (promise 10)."""
    if code != 0:
        return
    lately = {
        (seen.provider, seen.interval)
        for change in town.changes
        if change.by_hand and change.at > now - oracle.FRESH
        for seen in (change.before, change.after)
        if seen is not None
    }
    for line, provider, interval in final_state.apart(town, store, now, last):
        if (provider, interval) not in lately:
            yield f"10: said that everything agrees, but {line}"


def judge_clock(story: Scenario, town: World, change: Change, offset: timedelta) -> Iterator[str]:
    """Say what was freed while this machine's clock was wrong.

    Only on days on which all platforms answered and had the right time themselves: else nobody can
    know.
    """
    faults = any(step.kind is EventKind.FAULT for step in story.steps)
    concealed = bool(town.concealed)
    if faults or concealed or abs(offset) <= 2 * MAX_ERROR or town.answers:
        return
    since = (change.at - story.start).total_seconds()
    jumps = [step.at for step in story.steps if step.kind is EventKind.HOST_CLOCK]
    if any(at <= since < at + JUST_NOW for at in jumps):
        return
    before, after = change.before, change.after
    freed = before is not None and before.busy and (after is None or not after.busy)
    if freed:
        yield f"3: freed time with a clock that is {offset} off: {change.system} {change.event}"


def ends_with_resync(story: Scenario) -> bool:
    """Whether somebody runs a resync at the end of the day, before all is put right."""
    return any(
        step.kind is EventKind.FORBID_WRITES
        or (step.kind is EventKind.HOST_CLOCK and abs(step.seconds) >= FAR_OFF)
        for step in story.steps
    )
