"""Platforms whose updates change more of an appointment than they are to, on some days.

At most one appointment of each account may ever be damaged so (docs/design.md#measured-facts),
until a person lets such writes go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from syncd.sandbox.damage import Damage
from syncd.sandbox.write_access import writes_forbidden
from syncd.simulate.acts import SYSTEMS, EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.sandbox.server import Sandbox
    from syncd.simulate.mass_edit import Change, Key, View
    from syncd.simulate.scenario import Scenario
    from syncd.simulate.world import World

_DAMAGES, _TWINNED = 0.05, 2


def with_damage(day: Scenario) -> Scenario:
    """Draw, for each platform, whether its updates damage appointments; some are moved there."""
    random = Random(f"first writes {day.seed}")  # noqa: S311 - chance that can be repeated
    damaging = tuple(system for system in SYSTEMS if random.random() < _DAMAGES)
    span = day.hours * 3600
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
    return replace(day, damaging=damaging, steps=tuple(sorted((*day.steps, *steps))))


def set_damage(sandbox: Sandbox, story: Scenario) -> None:
    """Let updates write a note into the record, on the platforms that the story names."""
    for name in story.damaging:
        platform = sandbox.systems[name]
        platform.update_damage = platform.status_damage = Damage.NOTED


def waits_to_follow(town: World, system: str, event: str) -> bool:
    """Return whether an appointment waits for a damage, while its meeting was moved elsewhere.

    Such a record stands for another time than the one that it shows.
    """
    seen = town.standing(system).get(event)
    if seen is None or seen.kind != "appointment" or not town.sandbox.systems[system].damaged:
        return False
    return any(True for _ in _moved_elsewhere(town, system, seen))


def may_not_follow(town: World, change: Change, system: str, event: str) -> bool:
    """Whether a twin stays where it was only as its system's key may not write.

    A person moved the same meeting elsewhere after the twin was entered: so the meeting is there,
    and its former time opens wherever that can be written, as where no other system has a twin.
    """
    twin = town.standing(system)[event]
    if twin.kind != "appointment" or not writes_forbidden(town.sandbox.systems[system]):
        return False
    person = town.person(system, twin)
    entered = min(c.at for c in town.changes if (c.system, c.event) == (system, event))
    return any(
        past.by_hand
        and past.system != system
        and entered < past.at <= change.at
        and past.before is not None
        and past.after is not None
        and past.after.busy
        and (past.before.kind, past.before.key) == ("appointment", twin.key)
        and past.after.key != twin.key
        and town.person(past.system, past.before) == person
        for past in town.changes
    )


def makes_room_for(town: World, system: str, seen: View) -> bool:
    """Return whether a block goes so that a record that waited can be moved to its time."""
    return any(
        past.after is not None and past.after.key == seen.key
        for event, own in town.standing(system).items()
        if waits_to_follow(town, system, event)
        for past in _moved_elsewhere(town, system, own)
    )


def waits_at(town: World, seen: View) -> bool:
    """Return whether a meeting of which a record waits for a damage is claimed at this time."""
    return any(
        own.key == seen.key
        or any(seen.key in _keys(past) for past in _moved_elsewhere(town, system, own))
        for system in SYSTEMS
        for event, own in town.standing(system).items()
        if own.provider == seen.provider and waits_to_follow(town, system, event)
    )


def _moved_elsewhere(town: World, system: str, seen: View) -> Iterator[Change]:
    """Yield what people did to the other records of a meeting that has come apart."""
    person = town.person(system, seen)
    for past in town.changes:
        before, after = past.before, past.after
        if (
            past.by_hand
            and past.system != system
            and before is not None
            and (before.kind, before.provider) == ("appointment", seen.provider)
            and town.person(past.system, before) == person
            and (after is None or not after.busy or after.key != seen.key)
        ):
            yield past


def _keys(change: Change) -> Iterator[Key]:
    yield from (seen.key for seen in (change.before, change.after) if seen is not None)


def judge_damage(town: World) -> Iterator[str]:
    """Say where more than one appointment was damaged, and heal the platforms.

    A lost state knows nothing of an earlier damage.
    """
    for name, platform in town.sandbox.systems.items():
        # Instances that a write to another one moved are put back by writes of their own.
        along = {c.event for c in town.moved_along if c.system == name}
        most = 1 + len(town.forgotten) + len(along)
        if len(platform.damaged) > most and name not in town.released:
            yield f"6: {len(platform.damaged)} appointments of {name} damaged by our writes"
        platform.update_damage = platform.status_damage = None
