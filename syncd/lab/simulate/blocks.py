"""Acts on blocks: somebody closes time, changes a block, or copies a block of syncd."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.lab.simulate import hosted
from syncd.lab.simulate.mass_edit import EVER
from syncd.lab.simulate.scenario import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.lab.simulate.world import World


def close(world: World, step: SimEvent, start: datetime, end: datetime, provider: str) -> str:
    """Close a provider's time; with `FOR_EVER` without an end."""
    platform = world.sandbox.systems[step.system]
    event = platform.block(world.seeded.seed_users[step.system, provider].user, start, end, "Lunch")
    if step.kind is EventKind.FOR_EVER:
        platform.move_block(event, start, EVER)
    return f"{step.kind} {provider} {event} {start:%d %H:%M}"


def change(world: World, step: SimEvent, start: datetime, end: datetime) -> str:
    """Move or remove a block: one of syncd's, or one that somebody made."""
    platform = world.sandbox.systems[step.system]
    is_ours = step.kind in {EventKind.EDIT_OURS, EventKind.REMOVE_OURS}
    legacy = world.sandbox.legacy
    is_provable = legacy.lists_blocks or not legacy.refuses_deleted
    if step.kind is EventKind.REMOVE_OURS and step.system == "legacy" and not is_provable:
        return ""  # without a read by id, nothing would prove that the block is gone
    candidates = sorted(
        event
        for event, view in world.events(step.system).items()
        if view.kind == "block"
        and not hosted.is_share(event)
        and event not in world.fixed
        and ((step.system, event) in world.ours) is is_ours
        and view.end > world.clock.now()
    )
    if not candidates:
        return ""
    event = candidates[step.number % len(candidates)]
    if step.kind in {EventKind.REMOVE_BLOCK, EventKind.REMOVE_OURS}:
        platform.remove_block(event)
        return f"remove block {event}"
    platform.move_block(event, start, end)
    return f"move block {event} to {start:%d %H:%M}"


def copy_ours(world: World, step: SimEvent, start: datetime, end: datetime, provider: str) -> str:
    """Duplicate a block of syncd, as a block or as a meeting, or paste its text into a meeting.

    The result carries syncd's tag but belongs to the person.
    """
    system, platform = step.system, world.sandbox.systems[step.system]
    texts = {b.id: b.title for b in platform.blocks() if not b.deleted}
    ours = sorted(e for s, e in world.ours if s == system and e in texts)
    if not ours:
        return ""
    event = ours[step.number % len(ours)]
    if step.kind is EventKind.PASTE_TAG:
        standing = world.events(system).items()
        meetings = sorted(
            {hosted.platform_id(e) for e, view in standing if view.kind == "appointment"}
        )
        if not meetings:
            return ""
        meeting = meetings[step.number % len(meetings)]
        platform.add_text(meeting, texts[event])
        return f"paste the text of {event} into {meeting}"
    seat = world.seeded.seed_users[system, provider]
    named = {}
    if step.kind is EventKind.COPY_TO_MEETING:
        contact = world.contact(system, ("kim", "lee")[step.slot % 2])
        named = {"calendar": seat.calendar, "contact": contact}
    copied = platform.copy_block(event, seat.user, start, end, **named)
    return f"{step.kind} {event} as {copied} for {provider} {start:%d %H:%M}"


def endless_blocks(world: World) -> Iterator[str]:
    """Yield the blocks of syncd that end too late: an end "for ever" must be cut."""
    last = world.clock.now() + timedelta(days=366)
    for name, platform in world.sandbox.systems.items():
        for block in platform.blocks():
            if (name, block.id) in world.ours and not block.deleted and block.end > last:
                yield f"4: a block that ends on {block.end:%d %b %Y}: {name} {block.id}"
