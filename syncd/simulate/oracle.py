"""What must hold of each change that syncd makes, judged by what people did before it.

It asks the state nothing: all that it knows, it knows from having watched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.sandbox.faults import FaultKind
from syncd.sandbox.scenario import SYSTEMS
from syncd.simulate import one_sided, paused
from syncd.simulate.clocks import without_wrong_clock
from syncd.simulate.completed import is_of_assumed_length
from syncd.simulate.facts import is_kept_short
from syncd.simulate.far import makes_room
from syncd.simulate.first_writes import makes_room_for, may_not_follow, waits_at, waits_to_follow
from syncd.simulate.freed import judge_soon
from syncd.simulate.hosted import (
    blocks_moved_to,
    has_shares,
    is_lost_by_update,
    is_share,
    told_by_first,
)
from syncd.simulate.mass_edit import LATE, Change, Interval, Key, View, is_closed, let_pass, span
from syncd.simulate.rebooking import comes_instead
from syncd.simulate.recurring import in_question, is_held
from syncd.simulate.siblings import puts_back_carried
from syncd.simulate.twinned import set_apart, was_one_of_several
from syncd.simulate.unproven import keeps_closed, waits_for_night
from syncd.simulate.untouched import changed_more, status_changed

if TYPE_CHECKING:
    from syncd.simulate.world import World

FRESH = timedelta(minutes=45)
"""A source that has stood for less may not have been seen yet."""

DAYS = timedelta(days=2)  # for what nothing ends within a story


def judge_change(town: World, change: Change) -> Iterator[str]:
    """What is wrong with something that syncd did, by the number of the promise."""
    if town.cleaned.removes(change):
        yield from _never(town, change)
        return
    yield from paused.judge_change(town, change)
    if is_lost_by_update(town, change):
        return
    before, after = change.before, change.after
    where = f"{change.system} {change.event}"
    yield from _never(town, change)
    if _decided(town, change):
        return
    for accident in town.accidents:
        going_on = accident.stops and not accident.over and accident.follows(change)
        ended = _ended_elsewhere(town, change, accident.system) or is_closed(
            change, town.standing(change.system)
        )
        if going_on and not ended:
            yield f"7: went on after {len(accident.news)} at once in {accident.system}: {where}"
    yield from one_sided.judge_change(town, change)
    match before, after:
        case None, View():
            yield from _made(town, change, after)
        case View(), View() if before.kind == "appointment" and not is_share(change.event):
            yield from _touched(town, change, before, after)
        case View(), None:
            _removed(town, change, before)
        case View(), View() if before.start <= after.start and after.end < before.end:
            # Cut short: the rest is free.
            _removed(town, change, before)
        case _:
            pass


def _never(town: World, change: Change) -> Iterator[str]:
    """What syncd may do in no case, whoever asks for it (promise 6)."""
    where = f"{change.system} {change.event}"
    match change.before, change.after:
        case None, View(kind="appointment"):
            yield f"6: made an appointment: {where}"
        case View(kind="appointment"), None:
            yield f"6: removed an appointment: {where}"
        case View(kind="appointment"), View() if is_held(town, change.system, change.event):
            yield f"6: wrote to an instance of a series: {where}"
        case View(kind="appointment"), View() if changed_more(town, change):
            yield f"6: changed more than time and status: {where}"
        case View(kind="block"), _ if (change.system, change.event) not in town.ours:
            yield f"6: changed a block that somebody else made: {where}"
        case _:
            pass


def _ended_elsewhere(town: World, change: Change, system: str) -> bool:
    """Whether what stood there was called off, or moved, in a system that had no accident.

    That may be a twin of the meeting, or a leave of which syncd's blocks stand in the others.
    """
    key = change.before.key if change.before else None
    return any(
        past.by_hand
        and past.system != system
        and past.before is not None
        and (past.system, past.event) not in town.ours
        and past.before.key == key
        and (past.after is None or not past.after.busy or past.after.key != key)
        for past in town.changes
    )


def _decided(town: World, change: Change) -> bool:
    """Whether it may be what a person has just decided, by an answer or by taking back a run."""
    return _answered(town, change, change.at - LATE)


def _answered(town: World, change: Change, since: datetime) -> bool:
    seen = change.after or change.before
    concerned = {"", seen.provider if seen else ""}
    return any(provider in concerned and at > since for at, provider in town.answers)


def _made(town: World, change: Change, after: View) -> Iterator[str]:
    where = f"{change.system} {span(after.interval)} of {after.provider}"
    same = [
        event
        for event, seen in town.standing(change.system).items()
        if (change.system, event) in town.ours and (seen.key, seen.wide) == (after.key, after.wide)
    ]
    if len(same) > 1:
        yield f"4: {len(same)} blocks for {where}"
    sources = set(_sources(town, change, after, since=change.at))
    who = {town.person(system, town.standing(system)[event]) for system, event in sources}
    apart = set_apart(town, change, after, sources)
    here = {
        town.person(change.system, seen)
        for seen in town.standing(change.system).values()
        if seen.kind == "appointment" and seen.busy and seen.key == after.key
    }
    twin = who <= here and (not sources or sources > apart)
    # Somebody else's meeting at the very same time is a double booking, and no reason against it.
    on_top = [
        event
        for event, seen in town.standing(change.system).items()
        if (change.system, event) not in town.ours
        and seen.busy
        and seen.key == after.key
        # Somebody's block of a meeting's time alone does not cover its buffer.
        and (after.wide is None if seen.kind == "block" else twin)
        and _stands_since(town, change.system, event) < change.at - FRESH
        and not _called_off(town, change, change.system, event, DAYS)
        and not _moves_along(town, change, event)
        # What the guard stopped was of another time for syncd when that meeting came.
        and not any(event in accident.news for accident in town.accidents)
        and not _left_by_a_shift(town, change.system, seen)
        and not _was_never_readable(town, change.system, event)
        and not waits_to_follow(town, change.system, event)
        and not (not sources and was_one_of_several(town, change, seen))
        # Its rest is closed by a block of the whole time beside it (`update_keeps_end`).
        and not is_kept_short(town, change.system, seen)
    ]
    injected = town.sandbox.systems[change.system].faults.injected
    short = injected[FaultKind.EMPTY] or injected[FaultKind.SHORT_PAGE]
    if on_top and not (short or change.system in town.concealed):
        yield f"4: a block on top of {on_top[0]} in {where}"
    caused = after.interval in _by_policy(town, change, change.at - LATE) or any(
        _sources(town, change, after, since=change.at - LATE)
    )
    # What a person decided while the guard stood is written when the guard lets go.
    caused = caused or _answered(town, change, _since(town, change.at - LATE))
    # A meeting of which a record waits for a damage is held closed at all its times.
    caused = caused or waits_at(town, after) or in_question(town, after)
    caused = caused or is_of_assumed_length(town, after) or keeps_closed(town, change.system, after)
    caused = caused or any(accident.leaves(change.system, after) for accident in town.accidents)
    caused = caused or _follows_what_passed(town, after, change.at - LATE)
    if not injected[FaultKind.ROUNDING] and not caused:
        yield f"2: a block without a cause: {where}"


def _follows_what_passed(town: World, block: View, since: datetime) -> bool:
    """Whether a meeting is closed where our own block went with a calendar that was shifted.

    That was stopped when it happened, and is said only when a person lets it pass: by this rule the
    meeting goes there then, hours later (docs/conflicts.md).
    """
    return "reschedule" in town.choices and any(
        name in accident.ours and after is not None and after.key == block.key
        for accident in town.accidents
        if accident.accepted_at is not None and accident.accepted_at > since
        for name, (_, after) in accident.news.items()
    )


def _was_never_readable(town: World, system: str, event: str) -> bool:
    """Whether the row of an event lacked something before anybody may have read it."""
    since = town.broken.get((system, event))
    return since is not None and since < _stands_since(town, system, event) + FRESH


def _left_by_a_shift(town: World, system: str, seen: View) -> bool:
    """Whether the same meeting stood here and was moved away at once elsewhere, which was accepted.

    Until a person decides, the meeting is held at both times; what was entered meanwhile at the
    former one is another meeting, for which no block of the first one stands
    (docs/design.md#blocks).
    """
    person = town.person(system, seen)
    return any(
        after is not None
        and before.key == seen.key
        and town.person(accident.system, before) == person
        for accident in town.accidents
        if accident.over
        for before, after in accident.news.values()
    )


def _touched(town: World, change: Change, before: View, after: View) -> Iterator[str]:
    where = f"{change.system} {change.event}"
    yield from status_changed(town, change, before, after)
    told = [
        other
        for other in town.changes
        if other.system != change.system
        and other.by_hand
        and other.at > change.at - timedelta(hours=26)
        and _person(town, other) == town.person(change.system, before)
    ]
    asked = (*told, *blocks_moved_to(town, change))
    if asked and has_shares(town, change) and not told_by_first(town, change, asked):
        yield f"6: changed a meeting that has other hosts for one who is not its first: {where}"
    # Whoever moved this one itself is overruled only by what was said elsewhere after that, or so
    # shortly before that nobody could tell. What was stopped, and put back by hand, said nothing;
    # nor did who only gave it another status: where it waited for long, it follows a move before.
    own = [c.at for c in town.changes if c.by_hand and c.event == change.event and not c.keeps_time]
    back = [a.at for a in town.accidents if a.stops and a.put_back(change.event, before)]
    since = min([max(own), *back]) - LATE
    said = {other.after.interval for other in told if other.after and other.at > since}
    said |= let_pass(town.accidents, since)
    said |= _by_policy(town, change, since)
    if town.choices & {"prefer", "move"} and paused.came_late(town, change, max(own)):
        # It waits since it was to follow; what a person did to it after that loses by these rules.
        said |= {other.after.interval for other in told if other.after}
    rounds = town.sandbox.systems[change.system].faults.injected[FaultKind.ROUNDING]
    somewhere = rounds or "next-free" in town.choices
    somewhere = somewhere or puts_back_carried(town, change)
    # A record that cannot be written to for hours, or waits for a damage, follows an answer late.
    somewhere = somewhere or (after.provider, after.start) in town.said_at
    if after.interval != before.interval and after.interval not in said and not somewhere:
        yield f"5: moved an appointment to where nobody moved it: {where}"
    ended = any(other.after is None or not other.after.busy for other in told)
    if before.busy and not after.busy and not ended:
        yield f"5: called off a meeting that nobody called off: {where}"


def _by_policy(town: World, change: Change, since: datetime) -> set[Interval]:
    """Where a rule takes a meeting: to our block that a person moved, or back to where it was."""
    said: set[Interval] = set()
    for other in town.changes:
        ours = (other.system, other.event) in town.ours
        if "reschedule" in town.choices and other.by_hand and ours and other.at > since:
            said |= {other.after.interval} if other.after else set()
        if "revert" in town.choices and not ours and other.before and change.before:
            same = other.before.contact == change.before.contact
            said |= {other.before.interval} if same else set()
    return said


def _person(town: World, change: Change) -> str:
    return town.person(change.system, seen) if (seen := change.after or change.before) else ""


def _removed(town: World, change: Change, before: View) -> None:
    """Find where a source of that time still lives, unless the calendar has one of its own."""
    here = town.standing(change.system)
    if any(seen.key == before.key and seen.busy for seen in here.values()):
        return
    if makes_room_for(town, change.system, before):
        return
    old = [
        (system, event)
        for system, event in _sources(town, change, before, since=change.at)
        if _stands_since(town, system, event) < change.at - FRESH
        # What is off stays in LeadSquared until somebody deletes it there: it has no cancelling.
        and not _called_off(town, change, system, event, DAYS if system == "crm" else LATE)
        and not _comes_here(town, change, event)
        and not _follows_our_block(town, change, system, event)
        and not _is_released(town, change, system, event)
        and not comes_instead(town, change, system, event)
        and not makes_room(town, change, system, event)
        and not waits_to_follow(town, system, event)
        and not _moved_into_past(town, change, system, event)
        and not may_not_follow(town, change, system, event)
        and not town.unmapped.closes_nothing(system, before.provider, change.at)
    ]
    for system, event in old:
        judge_soon(town, change, before, system, event)


def _comes_here(town: World, change: Change, event: str) -> bool:
    """Whether room is made for the calendar's own twin, which follows news that was let pass."""
    stood = {a.news[event][0].key for a in town.accidents if a.over and event in a.news}
    return any(
        seen.kind == "appointment" and seen.busy and seen.key in stood
        for seen in town.standing(change.system).values()
    )


def _is_released(town: World, change: Change, system: str, event: str) -> bool:
    """Whether a rule has released our block, which a person moved or removed in this calendar.

    It was stopped, and its time was closed anew meanwhile; now a person has let it pass. So that
    time stays open there until its source changes (docs/conflicts.md).
    """
    accepted = {a.at for a in town.accidents if a.accepted_at and a.system == change.system}
    source = town.standing(system)[event]
    return "release" in town.choices and any(
        past.by_hand
        and past.at in accepted
        and (past.system, past.event) in town.ours
        and past.system == change.system
        and past.before is not None
        and past.before.key == source.key
        and _stands_since(town, system, event) < past.at
        for past in town.changes
    )


def _follows_our_block(town: World, change: Change, system: str, event: str) -> bool:
    """Whether a meeting is about to follow our block, which a person moved in this calendar.

    It was stopped, and a person let it pass: so the meeting is where that block is, which closes
    its time here. What was closed meanwhile goes before the meeting itself can be written, as where
    its user is missing, or this calendar's key could not write for hours.
    """
    source, here = town.standing(system)[event], town.standing(change.system)
    return "reschedule" in town.choices and any(
        name in accident.ours
        and before.key == source.key
        and after is not None
        and name in here
        and here[name].key == after.key
        for accident in town.accidents
        if accident.accepted_at is not None and accident.system == change.system
        for name, (before, after) in accident.news.items()
    )


def _called_off(
    town: World, change: Change, system: str, event: str, within: timedelta = LATE
) -> bool:
    """Whether the same meeting was called off elsewhere, so that this twin is about to end too."""
    twin = town.standing(system)[event]
    person = town.person(system, twin)
    ended = {
        (past.system, past.event)
        for past in town.changes
        if past.by_hand
        and past.at >= _since(town, without_wrong_clock(town, change.at - within))
        and past.before is not None
        and past.before.kind == twin.kind == "appointment"
        and town.person(past.system, past.before) == person
        and (past.after is None or not past.after.busy or past.after.provider != twin.provider)
    }
    # They were at one time once, though since then they may have been moved apart and be held.
    # One that was booked instead of another stands for it.
    old = {(each.system, each.old) for each in town.rebookings if event in each.new}
    return not _times(town, ended).isdisjoint(_times(town, {(system, event), *old}))


def _moves_along(town: World, change: Change, event: str) -> bool:
    """Whether the same meeting was moved elsewhere, so that this twin is about to move, too.

    Where a rule holds that, it stands there until a person decides.
    """
    twin = town.standing(change.system)[event]
    person = town.person(change.system, twin)
    return any(
        past.by_hand
        and past.system != change.system
        and (past.at >= change.at - LATE or ("hold" in town.choices and not past.keeps_time))
        and past.before is not None
        and past.before.kind == twin.kind == "appointment"
        and past.before.key == twin.key
        and town.person(past.system, past.before) == person
        for past in town.changes
    )


def _moved_into_past(town: World, change: Change, system: str, event: str) -> bool:
    """Return whether the same meeting was moved elsewhere to a time that is over by now.

    Then its blocks go before this twin follows, as no block is made for what is over.
    """
    twin = town.standing(system)[event]
    person = town.person(system, twin)
    return any(
        past.by_hand
        and past.system != system
        and past.at >= _since(town, change.at - LATE)
        and past.before is not None
        and past.after is not None
        and past.after.end <= change.at
        and past.before.key == twin.key
        and town.person(past.system, past.before) == person
        for past in town.changes
    )


def _times(town: World, events: Collection[tuple[str, str]]) -> set[Key]:
    """Whose time these events ever took."""
    return {
        past.after.key
        for past in town.changes
        if past.after is not None and (past.system, past.event) in events
    }


def _sources(town: World, change: Change, seen: View, since: datetime) -> Iterator[tuple[str, str]]:
    """The events of others that took this very time in another system, now or since then."""
    for system in SYSTEMS:
        if system == change.system:
            continue
        for event, other in town.standing(system).items():
            if (system, event) not in town.ours and other.busy and other.key == seen.key:
                yield system, event
    if since == change.at:
        return
    since = _since(town, since)
    for past in town.changes:
        late = past.at < since and not waits_for_night(town, past)
        if past.system != change.system and not late and past.before is not None:
            foreign = (past.system, past.event) not in town.ours
            if foreign and past.before.busy and past.before.key == seen.key:
                yield past.system, past.event


def _since(town: World, since: datetime) -> datetime:
    """How far back news may lie: what is stopped waits, and what a renamed user has is not seen."""
    return min([since, *(accident.at for accident in town.accidents), *town.staff.since])


def _stands_since(town: World, system: str, event: str) -> datetime:
    """Since when an event takes its time; another status that takes it as well changes nothing."""
    return max(
        c.at for c in town.changes if (c.system, c.event) == (system, event) and not c.keeps_time
    )
