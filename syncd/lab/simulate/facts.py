"""Changes of uncertain platform facts during a day, and what was measured of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.lab.sandbox.scenario import PEOPLE
from syncd.lab.simulate.acts import EventKind, SimEvent
from syncd.model.platform_facts import platform_fact
from syncd.systems.measured import Side

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from syncd.engine.tasks.breaker import BreakerSystem
    from syncd.lab.sandbox.knobs import FactKnobs
    from syncd.lab.sandbox.records import PlatformAppointment
    from syncd.lab.sandbox.server import Sandbox
    from syncd.lab.simulate.buffered import Claimed
    from syncd.lab.simulate.mass_edit import Change, EventView
    from syncd.lab.simulate.scenario import Scenario
    from syncd.lab.simulate.world import World

MAX_FUTILE_UPDATES = 2
"""How many updates of one block may fail to set its end.

The first trusts what was measured before the platform changed. Its block then shows its former end,
like one that somebody changed back, and is corrected once more. That update is read back, as the
fact is contradicted by then, and the block is replaced: there is no third update.
"""

HALF_HOUR = timedelta(minutes=30)


def perform(world: World, step: SimEvent, start: datetime) -> str:
    """Perform a step; return what was done, '' if this module has no such act."""
    if step.kind is EventKind.CHANGE_FACT:
        return _change(world.sandbox.systems[step.system], step)
    if step.kind is not EventKind.BOOK_SERVICE:
        return ""
    seat = world.seeded.seed_users["clinic", PEOPLE[step.number % len(PEOPLE)]]
    contact = world.contact("clinic", ("kim", "lee")[step.slot % 2])
    end = start + HALF_HOUR
    event = world.sandbox.clinic.book_service(seat.calendar, seat.user, start, end, contact)
    return f"book a service: {event} {start:%d %H:%M}"


def _change(platform: FactKnobs, step: SimEvent) -> str:
    row = platform_fact(platform.kind, step.spelling)
    before = platform.fact(row.name)
    others = [side for side in row.sides if side != before]
    side = others[step.number % len(others)]
    platform.set_fact(row.name, side)
    return f"change fact {row.name} from {before} to {side}"


def note_measured(
    systems: Mapping[str, BreakerSystem], sandbox: Sandbox, scenario: Scenario
) -> None:
    """Note what a probe would find, for facts that the state does not know yet.

    A fact that an answer contradicted stays so: the operator probes again only after the state was
    lost. A system that is left out of the configuration is not probed.
    """
    for system, name in scenario.measured:
        if system not in systems:
            continue  # the operator left it out of the configuration
        measured = systems[system].measured
        if measured.side(name) is Side.SAFE:
            measured.note(name, sandbox.systems[system].fact(name))


def closes_calendars(world: World, system: str) -> bool:
    """Return true if a user's block closes that user's calendars."""
    return system != "clinic" or world.sandbox.clinic.block_closes_calendars


def is_unlisted(world: World, system: str, block: str, *, by_hand: bool) -> bool:
    """Return true for a manual block on v1 that no list shows: no program can know of it.

    Blocks of syncd are read by their ids.
    """
    if system != "legacy" or world.sandbox.legacy.lists_blocks:
        return False
    if by_hand and (system, block) not in world.ours:
        world.unlisted.add(block)
    return block in world.unlisted


def note_unnamed(world: World, system: str, changes: Iterable[Change], answer: bytes) -> None:
    """Record blocks of syncd whose create did not return an id, where no list shows blocks.

    No program can find them: syncd does not repeat the create and asks the operator to check. A
    block that the operator does not remove stays, also after a cleanup.
    """
    if system != "legacy" or world.sandbox.legacy.lists_blocks:
        return
    for change in changes:
        made = change.before is None and (system, change.event) in world.ours
        if made and change.event.encode() not in answer:
            world.unnamed.add((system, change.event))


def cannot_lengthen(world: World, system: str, method: str, path: str) -> bool:
    """Return true if an update of a block had no effect because v1 keeps the end of any event.

    Counts such updates, and returns true for the first `MOST_TRIES` of a block only: so many are
    needed to find that out.
    """
    event = path.rpartition("/")[2]
    if (system, method) != ("legacy", "PUT") or (system, event) not in world.ours:
        return False
    if world.sandbox.legacy.update_keeps_end:
        return False
    world.kept_short[event] += 1
    return world.kept_short[event] <= MAX_FUTILE_UPDATES


def end_of(world: World, system: str, meeting: PlatformAppointment) -> datetime:
    """Return the end by which a meeting is judged.

    Where v1 ignores the end in updates, syncd cannot set the end of a customer's meeting. The
    meeting counts with the end that syncd sent, as long as it stays as that update left it.
    """
    shown = (meeting.start, meeting.end)
    replaced_end = (
        world.sandbox.legacy.replaced_ends.get(meeting.id) if system == "legacy" else None
    )
    return (
        replaced_end[2] if replaced_end is not None and replaced_end[:2] == shown else meeting.end
    )


def is_kept_short(world: World, system: str, view: EventView) -> bool:
    """Return true if a meeting of this time is shown with another end because v1 ignored it."""
    return any(True for _ in _kept_short(world, system, view))


def judge_ends(world: World, now: datetime, claimed: Collection[Claimed]) -> Iterator[str]:
    """Yield meetings that v1 shortened and the rest of whose time is open: a block must close it.

    Times in ``claimed`` wait for the operator and are skipped.
    """
    for event, view in sorted(world.events("legacy").items()):
        if not view.busy or view.end <= now or (view.provider, view.interval) in claimed:
            continue
        if any(m.id == event and m.end < view.end for m in _kept_short(world, "legacy", view)) and (
            not any(
                other.key == view.key and ("legacy", block) in world.ours
                for block, other in world.events("legacy").items()
            )
        ):
            yield f"1: the end of a meeting is not blocked: legacy {event} {view.start:%d %H:%M}"


def _kept_short(world: World, system: str, view: EventView) -> Iterator[PlatformAppointment]:
    for meeting in world.sandbox.legacy.appointments() if system == "legacy" else ():
        meant = end_of(world, system, meeting)
        here = world.events(system).get(meeting.id)
        if here is not None and here.key == view.key and meant != meeting.end:
            yield meeting
