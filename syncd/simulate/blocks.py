"""Acts on blocks: somebody closes time, changes a block, or copies one of syncd's."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from syncd.simulate import hosted
from syncd.simulate.mass_edit import EVER
from syncd.simulate.scenario import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.simulate.world import World


def close(town: World, step: SimEvent, start: datetime, end: datetime, who: str) -> str:
    """Close somebody's time, perhaps for ever."""
    platform = town.sandbox.systems[step.system]
    event = platform.block(town.world.seed_users[step.system, who].user, start, end, "Lunch")
    if step.kind is EventKind.FOR_EVER:
        platform.move_block(event, start, EVER)
    return f"{step.kind} {who} {event} {start:%d %H:%M}"


def change(town: World, step: SimEvent, start: datetime, end: datetime) -> str:
    """Move or remove a block: one of syncd's, or somebody's own."""
    platform = town.sandbox.systems[step.system]
    mine = step.kind in {EventKind.EDIT_OURS, EventKind.REMOVE_OURS}
    legacy = town.sandbox.legacy
    told = legacy.lists_blocks or not legacy.refuses_deleted
    if step.kind is EventKind.REMOVE_OURS and step.system == "legacy" and not told:
        return ""  # nothing there can say that it is gone
    found = sorted(
        event
        for event, seen in town.standing(step.system).items()
        if seen.kind == "block"
        and not hosted.is_share(event)
        and event not in town.fixed
        and ((step.system, event) in town.ours) is mine
        and seen.end > town.clock.now()
    )
    if not found:
        return ""
    event = found[step.number % len(found)]
    if step.kind in {EventKind.REMOVE_BLOCK, EventKind.REMOVE_OURS}:
        platform.remove_block(event)
        return f"remove block {event}"
    platform.move_block(event, start, end)
    return f"move block {event} to {start:%d %H:%M}"


def copy_ours(town: World, step: SimEvent, start: datetime, end: datetime, who: str) -> str:
    """Duplicate one of our blocks, as it is or as a meeting; or paste its text into a meeting.

    What comes of it is the person's own: it bears our tag, and is not ours.
    """
    system, platform = step.system, town.sandbox.systems[step.system]
    texts = {b.id: b.title for b in platform.blocks() if not b.deleted}
    ours = sorted(e for s, e in town.ours if s == system and e in texts)
    if not ours:
        return ""
    event = ours[step.number % len(ours)]
    if step.kind is EventKind.PASTE_TAG:
        standing = town.standing(system).items()
        meetings = sorted(
            {hosted.record_of(e) for e, seen in standing if seen.kind == "appointment"}
        )
        if not meetings:
            return ""
        meeting = meetings[step.number % len(meetings)]
        platform.add_text(meeting, texts[event])
        return f"paste the text of {event} into {meeting}"
    seat = town.world.seed_users[system, who]
    named = {}
    if step.kind is EventKind.COPY_TO_MEETING:
        contact = town.contact(system, ("kim", "lee")[step.slot % 2])
        named = {"calendar": seat.calendar, "contact": contact}
    copied = platform.copy_block(event, seat.user, start, end, **named)
    return f"{step.kind} {event} as {copied} for {who} {start:%d %H:%M}"
