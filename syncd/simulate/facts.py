"""What happens on a day to the uncertain facts of the platforms, and what was measured of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.model.platform_facts import platform_fact
from syncd.sandbox.scenario import PEOPLE
from syncd.simulate.acts import EventKind, SimEvent
from syncd.systems.measured import Side

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from syncd.engine.breaker import BreakerSystem
    from syncd.sandbox.knobs import Knobs
    from syncd.sandbox.records import Appointment
    from syncd.sandbox.server import Sandbox
    from syncd.simulate.buffered import Claimed
    from syncd.simulate.mass_edit import Change, View
    from syncd.simulate.scenario import Scenario
    from syncd.simulate.world import World

MOST_TRIES = 2
"""So many updates of one block of syncd's may not bring about the end that they are sent.

The first trusts what was measured before the platform changed. Its block then shows its former end,
like one that a person put back, and is put right once more. As the fact is contradicted by then,
that update is read afterwards, and the block is replaced: there is no third.
"""

HALF_HOUR = timedelta(minutes=30)


def perform(town: World, step: SimEvent, start: datetime) -> str:
    """Do what a step says; return what was done, '' if it is nothing of this module."""
    if step.kind is EventKind.CHANGE_FACT:
        return _change(town.sandbox.systems[step.system], step)
    if step.kind is not EventKind.BOOK_SERVICE:
        return ""
    seat = town.world.seats["clinic", PEOPLE[step.number % len(PEOPLE)]]
    contact = town.contact("clinic", ("kim", "lee")[step.slot % 2])
    end = start + HALF_HOUR
    event = town.sandbox.clinic.book_service(seat.calendar, seat.user, start, end, contact)
    return f"a service is booked: {event} {start:%d %H:%M}"


def _change(platform: Knobs, step: SimEvent) -> str:
    row = platform_fact(platform.kind, step.spelling)
    before = platform.fact(row.name)
    others = [side for side in row.sides if side != before]
    side = others[step.number % len(others)]
    platform.set_fact(row.name, side)
    return f"{row.name} is {side} from now on, not {before}"


def note_measured(systems: Mapping[str, BreakerSystem], sandbox: Sandbox, story: Scenario) -> None:
    """Let a probe find what the accounts are like now, where the state does not know it yet.

    What an answer contradicted since stays so: a person probes again only after the state was lost.
    A system that is left out of the configuration is not probed.
    """
    for system, name in story.measured:
        if system not in systems:
            continue  # a person took it out of the configuration
        measured = systems[system].measured
        if measured.side(name) is Side.SAFE:
            measured.note(name, sandbox.systems[system].fact(name))


def closes_calendars(town: World, system: str) -> bool:
    """Return whether a user's block closes that user's calendars."""
    return system != "clinic" or town.sandbox.clinic.block_closes_calendars


def is_unlisted(town: World, system: str, block: str, *, by_hand: bool) -> bool:
    """Return whether people made a block of v1 that no list shows: nobody can know of it.

    Those of syncd's are read by their ids.
    """
    if system != "legacy" or town.sandbox.legacy.lists_blocks:
        return False
    if by_hand and (system, block) not in town.ours:
        town.unlisted.add(block)
    return block in town.unlisted


def note_unnamed(town: World, system: str, changes: Iterable[Change], answer: bytes) -> None:
    """Note blocks of syncd's whose create did not answer their ids, where no list shows blocks.

    Nobody can know of them: the create is not repeated, and a person is asked to look there. What
    that person does not remove is left, also when everything of syncd's is cleaned up.
    """
    if system != "legacy" or town.sandbox.legacy.lists_blocks:
        return
    for change in changes:
        made = change.before is None and (system, change.event) in town.ours
        if made and change.event.encode() not in answer:
            town.unnamed.add((system, change.event))


def cannot_lengthen(town: World, system: str, method: str, path: str) -> bool:
    """Note an update of a block of syncd's that had no effect, as v1 keeps the end of any event.

    Return whether it is one of the `MOST_TRIES` that it takes to find that out.
    """
    event = path.rpartition("/")[2]
    if (system, method) != ("legacy", "PUT") or (system, event) not in town.ours:
        return False
    if town.sandbox.legacy.update_keeps_end:
        return False
    town.kept_short[event] += 1
    return town.kept_short[event] <= MOST_TRIES


def end_of(town: World, system: str, meeting: Appointment) -> datetime:
    """Return the end that a meeting is judged by.

    Where updates of v1 keep no end, syncd cannot give one to a customer's meeting: it counts as
    ended where syncd sent it, as long as it stands as that update left it.
    """
    shown = (meeting.start, meeting.end)
    left = town.sandbox.legacy.lost_ends.get(meeting.id) if system == "legacy" else None
    return left[2] if left is not None and left[:2] == shown else meeting.end


def is_kept_short(town: World, system: str, seen: View) -> bool:
    """Return whether a meeting of this time is shown with another end, as v1 kept none."""
    return any(True for _ in _kept_short(town, system, seen))


def judge_ends(town: World, now: datetime, claimed: Collection[Claimed]) -> Iterator[str]:
    """Say where the rest of a meeting is open that v1 made shorter: a block is to close its time.

    What is ``claimed`` waits for a person.
    """
    for event, seen in sorted(town.standing("legacy").items()):
        if not seen.busy or seen.end <= now or (seen.provider, seen.interval) in claimed:
            continue
        if any(m.id == event and m.end < seen.end for m in _kept_short(town, "legacy", seen)) and (
            not any(
                other.key == seen.key and ("legacy", block) in town.ours
                for block, other in town.standing("legacy").items()
            )
        ):
            yield f"1: the rest of a meeting is open: legacy {event} {seen.start:%d %H:%M}"


def _kept_short(town: World, system: str, seen: View) -> Iterator[Appointment]:
    for meeting in town.sandbox.legacy.appointments() if system == "legacy" else ():
        meant = end_of(town, system, meeting)
        here = town.standing(system).get(meeting.id)
        if here is not None and here.key == seen.key and meant != meeting.end:
            yield meeting
