"""Dispatch of acts to the modules that perform them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from syncd.sandbox.scenario import PEOPLE
from syncd.simulate import (
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
from syncd.simulate.scenario import EventKind, SimEvent
from syncd.simulate.spoilt import spoil_rows

if TYPE_CHECKING:
    from syncd.simulate.world import World


def perform(town: World, step: SimEvent, start: datetime) -> str:
    """Perform a step; return what was done, '' if nothing was."""
    if step.kind in {EventKind.NULL_DATE, EventKind.CUT_TEXT}:
        return spoil_rows(town.sandbox.systems[step.system].faults, step)
    return (
        hosted.perform(town, step)
        or merging.perform(town, step)
        or twinned.perform(town, step, start)
        or leaves.perform(town, step)
        or recurring.perform(town, step, start)
        or busy.perform(town, step, PEOPLE[step.number % len(PEOPLE)])
        or broken.perform(town, step)
        or concealing.perform(town, step)
        or stopping.perform(town, step, start)
        or one_sided.perform(town, step)
        or rebooking.perform(town, step, start)
        or cancelling.perform(town, step)
        or gateways.perform(town, step)
        or waits.perform(town, step)
        or facts.perform(town, step, start)
        or far.perform(town, step, start)
    )
