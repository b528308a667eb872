"""What updates must leave as it is: texts, customer and provider of a meeting, and its status."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from syncd.sandbox.faults import FaultKind
from syncd.simulate.cancelling import revived
from syncd.simulate.mass_edit import Change, View
from syncd.simulate.one_sided import replaces_deleted

if TYPE_CHECKING:
    from syncd.simulate.world import World


def changed_more(town: World, change: Change) -> bool:
    """Whether more of an appointment changed than time and status (promise 6).

    A text that every read showed cut in mid-character goes back as it was read.
    """
    before, after = change.before, change.after
    if before is None or after is None:
        return False
    cut = town.sandbox.systems[change.system].faults.injected[FaultKind.HALF_EMOJI]
    return before.who != after.who or (before.texts != after.texts and not cut)


def puts_back(town: World, change: Change) -> bool:
    """Whether syncd put back a status that its own update had reset just before.

    It is part of that update, so it is no write of its own (promises 2 and 10).
    """
    before, after = change.before, change.after
    if before is None or after is None or before.interval != after.interval:
        return False
    past = [c for c in town.changes if (c.system, c.event) == (change.system, change.event)]
    past = past[: past.index(change)]
    if not past or past[-1].by_hand:
        return False
    first = past[-1].before
    return first is not None and before.status != after.status == first.status


def status_changed(town: World, change: Change, before: View, after: View) -> Iterator[str]:
    """Say when syncd gives a meeting a status that nobody gave it."""
    if revived(town, change):
        yield f"5: put a meeting on again that nobody put on: {change.system} {change.event}"
    if before.status == after.status or not (before.busy and after.busy):
        return
    resets = town.sandbox.systems[change.system].faults.injected[FaultKind.RESET_FIELDS]
    if resets or after.status in _given(town, change.system, change.event, before):
        # A platform that resets is judged by what is left in the end.
        return
    yield f"6: status {before.status} became {after.status}: {change.system} {change.event}"


def statuses_left(town: World) -> Iterator[str]:
    """Say which meetings end the day in a status that nobody gave them."""
    if town.answers:
        return
    for system in town.sandbox.systems:
        for event, seen in sorted(town.standing(system).items()):
            given = _given(town, system, event, seen)
            if system in town.unspelt and seen.status == "confirmed":
                # Behind a word that nobody knows, nobody sees that an update reset the status.
                resets = town.sandbox.systems[system].faults.injected[FaultKind.RESET_FIELDS]
                given |= {seen.status} if resets else set()
            if seen.kind == "appointment" and seen.busy and seen.status not in given:
                yield f"6: {system} {event} was left {seen.status}, which nobody gave it"


def _given(town: World, system: str, event: str, seen: View) -> set[str]:
    """Find the statuses that people gave the event itself, or gave later to meetings elsewhere.

    What was entered where words were unknown counts as given later: until its word is known, the
    meeting is confirmed for syncd, and when it is, that is a change as any other. And what its own
    people called off, and a rule puts on again, gets the status that the meeting has elsewhere.
    """
    person = town.person(system, seen)
    own = [c.after for c in town.changes if c.by_hand and (c.system, c.event) == (system, event)]
    called_off = bool(own) and own[-1] is not None and not own[-1].busy
    return {
        after.status
        for change in town.changes
        if change.by_hand and (after := change.after) is not None
        if (change.system, change.event) == (system, event)
        or (
            change.system != system
            and (called_off or _is_given(town, change, after))
            and town.person(change.system, after) == person
        )
    }


def _is_given(town: World, change: Change, after: View) -> bool:
    """Whether a change is one of the status for whoever reads that system."""
    if change.before is None and replaces_deleted(town, change, after):
        return True
    if change.before is None:
        since = town.unspelt.get(change.system)
        return since is not None and change.at >= since
    return change.before.status != after.status
