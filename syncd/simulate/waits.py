"""What waits on a simulated day: for a key that may not write, or for this machine's clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.core.clock import BOUND
from syncd.sandbox.keys import allow_writes, forbid_writes
from syncd.simulate import ending, oracle
from syncd.simulate.story import Step, Story, What

if TYPE_CHECKING:
    from syncd.simulate.accident import Change
    from syncd.simulate.town import Town
    from syncd.store import Store


FAR_OFF = 14_400.0
"""Seconds by which a clock is so wrong that a meeting of today may seem to be over."""


JUST_NOW = 600.0
"""Seconds in which a cycle may still go by what it measured before a jump."""


def perform(town: Town, step: Step) -> str:
    """Do what a step says; return what was done, '' if it is nothing of this module."""
    match step.what:
        case What.FORBID_WRITES:
            forbid_writes(town.sandbox.systems[step.system])
            return f"the key of {step.system} may not write"
        case What.ALLOW_WRITES:
            allow_writes(town.sandbox.systems[step.system])
            return f"the key of {step.system} may write again"
        case _:
            return ""


def judge_said(code: int, town: Town, store: Store, now: datetime, last: datetime) -> Iterator[str]:
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
    for line, provider, interval in ending.apart(town, store, now, last):
        if (provider, interval) not in lately:
            yield f"10: said that everything agrees, but {line}"


def judge_clock(story: Story, town: Town, change: Change, offset: timedelta) -> Iterator[str]:
    """Say what was freed while this machine's clock was wrong.

    Only on days on which all platforms answered and had the right time themselves: else nobody can
    know.
    """
    faults = any(step.what is What.FAULT for step in story.steps)
    concealed = bool(town.concealed)
    if faults or concealed or abs(offset) <= 2 * BOUND or town.answers:
        return
    since = (change.at - story.start).total_seconds()
    jumps = [step.at for step in story.steps if step.what is What.HOST_CLOCK]
    if any(at <= since < at + JUST_NOW for at in jumps):
        return
    before, after = change.before, change.after
    freed = before is not None and before.busy and (after is None or not after.busy)
    if freed:
        yield f"3: freed time with a clock that is {offset} off: {change.system} {change.event}"


def ends_with_resync(story: Story) -> bool:
    """Whether somebody runs a resync at the end of the day, before all is put right."""
    return any(
        step.what is What.FORBID_WRITES
        or (step.what is What.HOST_CLOCK and abs(step.seconds) >= FAR_OFF)
        for step in story.steps
    )
