"""Platforms whose updates change more of an appointment than was sent, on some days.

At most one appointment of each account may ever be damaged so (docs/design.md#measured-facts),
until the operator allows such writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from syncd.lab.sandbox.damage import Damage
from syncd.lab.sandbox.write_access import writes_forbidden
from syncd.lab.simulate.acts import SYSTEMS, EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.lab.sandbox.server import Sandbox
    from syncd.lab.simulate.mass_edit import Change, EventView, Key
    from syncd.lab.simulate.scenario import Scenario
    from syncd.lab.simulate.world import World

_DAMAGES, _TWINNED = 0.05, 2


def with_damage(scenario: Scenario) -> Scenario:
    """Draw, for each platform, whether its updates damage appointments, and move some of these."""
    random = Random(f"first writes {scenario.seed}")  # noqa: S311 - chance that can be repeated
    damaging = tuple(system for system in SYSTEMS if random.random() < _DAMAGES)
    span = scenario.hours * 3600
    steps: list[SimEvent] = []
    for system in damaging:
        elsewhere = "clinic" if system != "clinic" else random.choice(("crm", "legacy"))
        for _ in range(_TWINNED):
            at, number = random.uniform(0.05, 0.4) * span, random.randrange(1000)
            moved = random.uniform(0.45, 0.8) * span
            slot = random.randrange(1000)
            steps += [
                SimEvent(round(at, 1), EventKind.BOOK, elsewhere, number, slot),
                SimEvent(round(at + 60, 1), EventKind.TWIN_AS, system, number, slot),
                SimEvent(round(moved, 1), EventKind.MOVE_TWINNED, elsewhere, number, slot),
            ]
    return replace(scenario, damaging=damaging, steps=tuple(sorted((*scenario.steps, *steps))))


def set_damage(sandbox: Sandbox, scenario: Scenario) -> None:
    """Let updates write a note into the record, on the platforms that the scenario names."""
    for name in scenario.damaging:
        platform = sandbox.systems[name]
        platform.update_damage = platform.status_damage = Damage.NOTED


def waits_to_follow(world: World, system: str, event: str) -> bool:
    """Return true if an appointment may not follow its meeting because updates there are stopped.

    Such a record counts at another time than the one that it shows.
    """
    view = world.events(system).get(event)
    if view is None or view.kind != "appointment" or not world.sandbox.systems[system].damaged:
        return False
    return any(True for _ in _moved_elsewhere(world, system, view))


def may_not_follow(world: World, change: Change, system: str, event: str) -> bool:
    """Return true if a twin stayed where it was only because its system's key may not write.

    Somebody moved the same meeting elsewhere after the twin was entered. So the meeting is there,
    and its former time opens wherever no other system has a twin and writes are allowed.
    """
    twin = world.events(system)[event]
    if twin.kind != "appointment" or not writes_forbidden(world.sandbox.systems[system]):
        return False
    customer = world.customer(system, twin)
    entered = min(c.at for c in world.changes if (c.system, c.event) == (system, event))
    return any(
        past.by_hand
        and past.system != system
        and entered < past.at <= change.at
        and past.before is not None
        and past.after is not None
        and past.after.busy
        and (past.before.kind, past.before.key) == ("appointment", twin.key)
        and past.after.key != twin.key
        and world.customer(past.system, past.before) == customer
        for past in world.changes
    )


def makes_room_for_waiting(world: World, system: str, view: EventView) -> bool:
    """Return true if a block goes so that a record that waited can move to its time."""
    return any(
        past.after is not None and past.after.key == view.key
        for event, own in world.events(system).items()
        if waits_to_follow(world, system, event)
        for past in _moved_elsewhere(world, system, own)
    )


def waits_at(world: World, view: EventView) -> bool:
    """Return true if a meeting with a record that cannot follow is claimed at this time."""
    return any(
        own.key == view.key
        or any(view.key in _keys(past) for past in _moved_elsewhere(world, system, own))
        for system in SYSTEMS
        for event, own in world.events(system).items()
        if own.provider == view.provider and waits_to_follow(world, system, event)
    )


def _moved_elsewhere(world: World, system: str, view: EventView) -> Iterator[Change]:
    """Yield what people did to the other records of a meeting whose records differ."""
    customer = world.customer(system, view)
    for past in world.changes:
        before, after = past.before, past.after
        if (
            past.by_hand
            and past.system != system
            and before is not None
            and (before.kind, before.provider) == ("appointment", view.provider)
            and world.customer(past.system, before) == customer
            and (after is None or not after.busy or after.key != view.key)
        ):
            yield past


def _keys(change: Change) -> Iterator[Key]:
    yield from (view.key for view in (change.before, change.after) if view is not None)


def judge_damage(world: World) -> Iterator[str]:
    """Yield accounts with more than one damaged appointment, and repair the platforms.

    A lost state knows nothing of earlier damage, so one more is allowed after each loss.
    """
    for name, platform in world.sandbox.systems.items():
        # Instances moved by a write to another instance are put back by separate writes.
        along = {c.event for c in world.moved_along if c.system == name}
        most = 1 + len(world.state_losses) + len(along)
        if len(platform.damaged) > most and name not in world.released:
            yield f"6: {len(platform.damaged)} appointments of {name} damaged by writes of syncd"
        platform.update_damage = platform.status_damage = None
