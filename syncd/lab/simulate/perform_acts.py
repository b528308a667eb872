"""Dispatch of acts to the modules that perform them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from syncd.lab.sandbox.scenario import PEOPLE
from syncd.lab.simulate import (
    broken,
    busy,
    cancelling,
    concealing,
    facts,
    far,
    gateways,
    hosted,
    leaves,
    merging,
    one_sided,
    rebooking,
    recurring,
    stopping,
    twinned,
    waits,
)
from syncd.lab.simulate.scenario import EventKind, SimEvent
from syncd.lab.simulate.spoilt import spoil_rows

if TYPE_CHECKING:
    from syncd.lab.simulate.world import World


def perform(world: World, step: SimEvent, start: datetime) -> str:
    """Perform a step; return what was done, '' if nothing was."""
    if step.kind in {EventKind.NULL_DATE, EventKind.CUT_TEXT}:
        return spoil_rows(world.sandbox.systems[step.system].faults, step)
    return (
        hosted.perform(world, step)
        or merging.perform(world, step)
        or twinned.perform(world, step, start)
        or leaves.perform(world, step)
        or recurring.perform(world, step, start)
        or busy.perform(world, step, PEOPLE[step.number % len(PEOPLE)])
        or broken.perform(world, step)
        or concealing.perform(world, step)
        or stopping.perform(world, step, start)
        or one_sided.perform(world, step)
        or rebooking.perform(world, step, start)
        or cancelling.perform(world, step)
        or gateways.perform(world, step)
        or waits.perform(world, step)
        or facts.perform(world, step, start)
        or far.perform(world, step, start)
    )
