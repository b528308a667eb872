"""Judge each change that syncd makes, by what people did before it.

The oracle does not ask syncd's state: it knows only what it observed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.simulate import one_sided, paused
from syncd.lab.simulate.causes import find_sources, oldest_cause, times_of, unchanged_since
from syncd.lab.simulate.clocks import without_wrong_clock
from syncd.lab.simulate.completed import is_of_assumed_length
from syncd.lab.simulate.facts import is_kept_short
from syncd.lab.simulate.far import makes_room_for_far
from syncd.lab.simulate.first_writes import (
    makes_room_for_waiting,
    may_not_follow,
    waits_at,
    waits_to_follow,
)
from syncd.lab.simulate.freed import judge_soon
from syncd.lab.simulate.hosted import (
    blocks_moved_to,
    changed_for_first_host,
    has_shares,
    is_lost_by_update,
    is_share,
)
from syncd.lab.simulate.mass_edit import (
    MAX_DELAY,
    Change,
    EventView,
    TimeSpan,
    accepted_intervals,
    format_interval,
    is_covered_by_meeting,
)
from syncd.lab.simulate.rebooking import makes_room_for_rebooking
from syncd.lab.simulate.recurring import awaits_answer, is_read_only_instance
from syncd.lab.simulate.siblings import reverts_platform_change
from syncd.lab.simulate.twinned import not_twins_of_block, was_one_of_several
from syncd.lab.simulate.unproven import keeps_closed
from syncd.lab.simulate.untouched import changed_other_fields, status_changed

if TYPE_CHECKING:
    from syncd.lab.simulate.world import World

UNREAD_FOR = timedelta(minutes=45)
"""A source that is newer than this may not have been read yet."""

NEVER_EXPIRES = timedelta(days=2)  # longer than any scenario: such an event never expires


def judge_change(world: World, change: Change) -> Iterator[str]:
    """Yield the promises that a change by syncd breaks, each with its number."""
    if world.cleaned.removes(change):
        yield from _judge_forbidden(world, change)
        return
    yield from paused.judge_change(world, change)
    if is_lost_by_update(world, change):
        return
    before, after = change.before, change.after
    where = f"{change.system} {change.event}"
    yield from _judge_forbidden(world, change)
    if _was_just_answered(world, change):
        return
    for mass_edit in world.mass_edits:
        going_on = mass_edit.stops and not mass_edit.over and mass_edit.follows(change)
        ended = _has_ended_elsewhere(world, change, mass_edit.system) or is_covered_by_meeting(
            change, world.events(change.system)
        )
        if going_on and not ended:
            yield f"7: propagated {len(mass_edit.news)} changes of {mass_edit.system}: {where}"
    yield from one_sided.judge_change(world, change)
    match before, after:
        case None, EventView():
            yield from _judge_created(world, change, after)
        case EventView(), EventView() if before.kind == "appointment" and not is_share(
            change.event
        ):
            yield from _judge_changed_appointment(world, change, before, after)
        case EventView(), None:
            _judge_freed(world, change, before)
        case EventView(), EventView() if before.start <= after.start and after.end < before.end:
            # The block was shortened: the rest is free.
            _judge_freed(world, change, before)
        case _:
            pass


def _judge_forbidden(world: World, change: Change) -> Iterator[str]:
    """Yield writes that are forbidden in every case (promise 6)."""
    where = f"{change.system} {change.event}"
    match change.before, change.after:
        case None, EventView(kind="appointment"):
            yield f"6: created an appointment: {where}"
        case EventView(kind="appointment"), None:
            yield f"6: removed an appointment: {where}"
        case EventView(kind="appointment"), EventView() if is_read_only_instance(
            world, change.system, change.event
        ):
            yield f"6: wrote to an instance of a series: {where}"
        case EventView(kind="appointment"), EventView() if changed_other_fields(world, change):
            yield f"6: changed more than time and status: {where}"
        case EventView(kind="block"), _ if (change.system, change.event) not in world.ours:
            yield f"6: changed a block that syncd did not create: {where}"
        case _:
            pass


def _has_ended_elsewhere(world: World, change: Change, system: str) -> bool:
    """Return true if the event was cancelled or moved in a system other than that of the mass edit.

    It may be a twin of the meeting, or a leave that syncd's blocks cover in the others.
    """
    key = change.before.key if change.before else None
    return any(
        past.by_hand
        and past.system != system
        and past.before is not None
        and (past.system, past.event) not in world.ours
        and past.before.key == key
        and (past.after is None or not past.after.busy or past.after.key != key)
        for past in world.changes
    )


def _was_just_answered(world: World, change: Change) -> bool:
    """Return true if the change may follow from a recent answer or undo by the operator."""
    return _was_answered_since(world, change, change.at - MAX_DELAY)


def _was_answered_since(world: World, change: Change, since: datetime) -> bool:
    view = change.after or change.before
    concerned = {"", view.provider if view else ""}
    return any(provider in concerned and at > since for at, provider in world.answers)


def _judge_created(world: World, change: Change, after: EventView) -> Iterator[str]:
    where = f"{change.system} {format_interval(after.interval)} of {after.provider}"
    same = [
        event
        for event, view in world.events(change.system).items()
        if (change.system, event) in world.ours and (view.key, view.wide) == (after.key, after.wide)
    ]
    if len(same) > 1:
        yield f"4: {len(same)} blocks for {where}"
    sources = set(find_sources(world, change, after, since=change.at))
    customers = {world.customer(system, world.events(system)[event]) for system, event in sources}
    not_twins = not_twins_of_block(world, change, after, sources)
    customers_here = {
        world.customer(change.system, view)
        for view in world.events(change.system).values()
        if view.kind == "appointment" and view.busy and view.key == after.key
    }
    is_twin = customers <= customers_here and (not sources or sources > not_twins)
    # Another customer's meeting at that time is a double booking, and no reason against a block.
    covered = [
        event
        for event, view in world.events(change.system).items()
        if (change.system, event) not in world.ours
        and view.busy
        and view.key == after.key
        # Somebody's block of a meeting's time alone does not cover its buffer.
        and (after.wide is None if view.kind == "block" else is_twin)
        and unchanged_since(world, change.system, event) < change.at - UNREAD_FOR
        and not _is_cancelled_elsewhere(world, change, change.system, event, NEVER_EXPIRES)
        and not _is_moved_elsewhere(world, change, event)
        # The guard had stopped it, so syncd took it for another time when that meeting came.
        and not any(event in mass_edit.news for mass_edit in world.mass_edits)
        and not _was_left_by_accepted_edit(world, change.system, view)
        and not _was_always_broken(world, change.system, event)
        and not waits_to_follow(world, change.system, event)
        and not (not sources and was_one_of_several(world, change, view))
        # A block of the whole time closes its rest (`update_keeps_end`).
        and not is_kept_short(world, change.system, view)
    ]
    injected = world.sandbox.systems[change.system].faults.injected
    short = injected[FaultKind.EMPTY] or injected[FaultKind.SHORT_PAGE]
    if covered and not (short or change.system in world.concealed):
        yield f"4: a block on top of {covered[0]} in {where}"
    has_cause = after.interval in _times_by_rule(world, change, change.at - MAX_DELAY) or any(
        find_sources(world, change, after, since=change.at - MAX_DELAY)
    )
    # What the operator decided during a stop is written when the guard releases it.
    has_cause = has_cause or _was_answered_since(
        world, change, oldest_cause(world, change.at - MAX_DELAY)
    )
    # A meeting with a record that cannot follow is closed at all of its times.
    has_cause = has_cause or waits_at(world, after) or awaits_answer(world, after)
    has_cause = has_cause or is_of_assumed_length(world, after)
    has_cause = has_cause or keeps_closed(world, change.system, after)
    has_cause = has_cause or any(edit.leaves(change.system, after) for edit in world.mass_edits)
    has_cause = has_cause or _follows_accepted_move(world, after, change.at - MAX_DELAY)
    if not injected[FaultKind.ROUNDING] and not has_cause:
        yield f"2: a block without a cause: {where}"


def _follows_accepted_move(world: World, block: EventView, since: datetime) -> bool:
    """Return true if a meeting is blocked where a mass edit moved a block of syncd.

    The guard stopped that move. Once the operator accepts it, the rule moves the meeting there,
    hours later (docs/conflicts.md).
    """
    return "reschedule" in world.choices and any(
        name in mass_edit.ours and after is not None and after.key == block.key
        for mass_edit in world.mass_edits
        if mass_edit.accepted_at is not None and mass_edit.accepted_at > since
        for name, (_, after) in mass_edit.news.items()
    )


def _was_always_broken(world: World, system: str, event: str) -> bool:
    """Return true if the row of an event was broken before it can have been read."""
    since = world.broken.get((system, event))
    return since is not None and since < unchanged_since(world, system, event) + UNREAD_FOR


def _was_left_by_accepted_edit(world: World, system: str, view: EventView) -> bool:
    """Return true if the same meeting was here, and an accepted mass edit moved it away elsewhere.

    Until the operator decides, the meeting is held at both times. An event entered meanwhile at the
    former time is another meeting, for which the first one has no block
    (docs/design.md#blocks).
    """
    customer = world.customer(system, view)
    return any(
        after is not None
        and before.key == view.key
        and world.customer(mass_edit.system, before) == customer
        for mass_edit in world.mass_edits
        if mass_edit.over
        for before, after in mass_edit.news.values()
    )


def _judge_changed_appointment(
    world: World, change: Change, before: EventView, after: EventView
) -> Iterator[str]:
    where = f"{change.system} {change.event}"
    yield from status_changed(world, change, before, after)
    elsewhere = [
        other
        for other in world.changes
        if other.system != change.system
        and other.by_hand
        and other.at > change.at - timedelta(hours=26)
        and _customer_of(world, other) == world.customer(change.system, before)
    ]
    causes = (*elsewhere, *blocks_moved_to(world, change))
    if causes and has_shares(world, change) and not changed_for_first_host(world, change, causes):
        yield f"6: changed a meeting for a host who is not its first: {where}"
    # A manual move of this record is overruled only by a change elsewhere after it, or so shortly
    # before it that the order is unknown. A mass edit that was stopped and reverted by hand does
    # not count, nor does a change of status alone: a record that waited follows an earlier move.
    own_changes = [
        c.at for c in world.changes if c.by_hand and c.event == change.event and not c.keeps_time
    ]
    back = [a.at for a in world.mass_edits if a.stops and a.put_back(change.event, before)]
    since = min([max(own_changes), *back]) - MAX_DELAY
    wanted = {other.after.interval for other in elsewhere if other.after and other.at > since}
    wanted |= accepted_intervals(world.mass_edits, since)
    wanted |= _times_by_rule(world, change, since)
    if world.choices & {"prefer", "move"} and paused.may_be_late(world, change, max(own_changes)):
        # The record could not follow at once; by these rules the earlier move wins over what a
        # person did to it later, however late it is written.
        wanted |= {other.after.interval for other in elsewhere if other.after}
    rounds = world.sandbox.systems[change.system].faults.injected[FaultKind.ROUNDING]
    anywhere = rounds or "next-free" in world.choices
    anywhere = anywhere or reverts_platform_change(world, change)
    # A record that could not be written to for hours follows an answer late.
    anywhere = anywhere or (after.provider, after.start) in world.chosen_times
    if after.interval != before.interval and after.interval not in wanted and not anywhere:
        yield f"5: moved an appointment to a time that nobody chose: {where}"
    ended = any(other.after is None or not other.after.busy for other in elsewhere)
    if before.busy and not after.busy and not ended:
        yield f"5: cancelled a meeting that nobody cancelled: {where}"


def _times_by_rule(world: World, change: Change, since: datetime) -> set[TimeSpan]:
    """Return where a rule takes a meeting: to a moved block of syncd, or back to where it was."""
    times: set[TimeSpan] = set()
    for other in world.changes:
        ours = (other.system, other.event) in world.ours
        if "reschedule" in world.choices and other.by_hand and ours and other.at > since:
            times |= {other.after.interval} if other.after else set()
        if "revert" in world.choices and not ours and other.before and change.before:
            same = other.before.contact == change.before.contact
            times |= {other.before.interval} if same else set()
    return times


def _customer_of(world: World, change: Change) -> str:
    return world.customer(change.system, view) if (view := change.after or change.before) else ""


def _judge_freed(world: World, change: Change, before: EventView) -> None:
    """Check that no source of the block's time remains, unless the calendar has a meeting there."""
    here = world.events(change.system)
    if any(view.key == before.key and view.busy for view in here.values()):
        return
    if makes_room_for_waiting(world, change.system, before):
        return
    old = [
        (system, event)
        for system, event in find_sources(world, change, before, since=change.at)
        if unchanged_since(world, system, event) < change.at - UNREAD_FOR
        # LeadSquared has no cancelling: a cancelled meeting stays there until it is deleted.
        and not _is_cancelled_elsewhere(
            world, change, system, event, NEVER_EXPIRES if system == "crm" else MAX_DELAY
        )
        and not _makes_room_for_twin(world, change, event)
        and not _follows_our_block(world, change, system, event)
        and not _is_released(world, change, system, event)
        and not makes_room_for_rebooking(world, change, system, event)
        and not makes_room_for_far(world, change, system, event)
        and not waits_to_follow(world, system, event)
        and not _was_moved_into_past(world, change, system, event)
        and not may_not_follow(world, change, system, event)
        and not world.unmapped.is_absent(system, before.provider, change.at)
    ]
    for system, event in old:
        judge_soon(world, change, before, system, event)


def _makes_room_for_twin(world: World, change: Change, event: str) -> bool:
    """Return true if the block makes room for the calendar's twin, moved by an accepted edit."""
    former = {a.news[event][0].key for a in world.mass_edits if a.over and event in a.news}
    return any(
        view.kind == "appointment" and view.busy and view.key in former
        for view in world.events(change.system).values()
    )


def _is_released(world: World, change: Change, system: str, event: str) -> bool:
    """Return true if a rule released this block, which somebody moved or removed in this calendar.

    The guard stopped that, and the time was closed again meanwhile. Now the operator has accepted
    it, so the time stays open there until its source changes (docs/conflicts.md).
    """
    accepted = {a.at for a in world.mass_edits if a.accepted_at and a.system == change.system}
    source = world.events(system)[event]
    return "release" in world.choices and any(
        past.by_hand
        and past.at in accepted
        and (past.system, past.event) in world.ours
        and past.system == change.system
        and past.before is not None
        and past.before.key == source.key
        and unchanged_since(world, system, event) < past.at
        for past in world.changes
    )


def _follows_our_block(world: World, change: Change, system: str, event: str) -> bool:
    """Return true if a meeting is about to follow a block of syncd that somebody moved here.

    The guard stopped that, and the operator accepted it: so the meeting is at the time of that
    block, which closes it here. A block that was made meanwhile goes before the meeting itself can
    be written, as when its user is missing, or this calendar's key could not write for hours.
    """
    source, here = world.events(system)[event], world.events(change.system)
    return "reschedule" in world.choices and any(
        name in mass_edit.ours
        and before.key == source.key
        and after is not None
        and name in here
        and here[name].key == after.key
        for mass_edit in world.mass_edits
        if mass_edit.accepted_at is not None and mass_edit.system == change.system
        for name, (before, after) in mass_edit.news.items()
    )


def _is_cancelled_elsewhere(
    world: World, change: Change, system: str, event: str, within: timedelta = MAX_DELAY
) -> bool:
    """Return true if the meeting was cancelled elsewhere, so that this twin is about to end."""
    twin = world.events(system)[event]
    customer = world.customer(system, twin)
    ended = {
        (past.system, past.event)
        for past in world.changes
        if past.by_hand
        and past.at >= oldest_cause(world, without_wrong_clock(world, change.at - within))
        and past.before is not None
        and past.before.kind == twin.kind == "appointment"
        and world.customer(past.system, past.before) == customer
        and (past.after is None or not past.after.busy or past.after.provider != twin.provider)
    }
    # The records were at one time once, though they may have moved apart and be held since. A
    # meeting booked instead of another counts as that one.
    old = {
        (rebooking.system, rebooking.old)
        for rebooking in world.rebookings
        if event in rebooking.new
    }
    return not times_of(world, ended).isdisjoint(times_of(world, {(system, event), *old}))


def _is_moved_elsewhere(world: World, change: Change, event: str) -> bool:
    """Return true if the same meeting was moved elsewhere, so that this twin is about to move.

    If a rule holds that move, the twin stays there until the operator decides.
    """
    twin = world.events(change.system)[event]
    customer = world.customer(change.system, twin)
    return any(
        past.by_hand
        and past.system != change.system
        and (past.at >= change.at - MAX_DELAY or ("hold" in world.choices and not past.keeps_time))
        and past.before is not None
        and past.before.kind == twin.kind == "appointment"
        and past.before.key == twin.key
        and world.customer(past.system, past.before) == customer
        for past in world.changes
    )


def _was_moved_into_past(world: World, change: Change, system: str, event: str) -> bool:
    """Return true if the same meeting was moved elsewhere to a time that is over by now.

    Then its blocks go before this twin follows, as past time is not blocked.
    """
    twin = world.events(system)[event]
    customer = world.customer(system, twin)
    return any(
        past.by_hand
        and past.system != system
        and past.at >= oldest_cause(world, change.at - MAX_DELAY)
        and past.before is not None
        and past.after is not None
        and past.after.end <= change.at
        and past.before.key == twin.key
        and world.customer(past.system, past.before) == customer
        for past in world.changes
    )
