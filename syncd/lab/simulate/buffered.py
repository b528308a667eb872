"""Blocks that cover the buffers of v2 meetings, judged by what v2 showed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from syncd.model import floor_to

if TYPE_CHECKING:
    from syncd.lab.simulate.mass_edit import EventView
    from syncd.lab.simulate.world import World

SOURCE = "clinic"
_GRAIN = timedelta(minutes=5)
Times = tuple[str, datetime, datetime]
Claimed = tuple[str, tuple[datetime, datetime]]


@dataclass(slots=True)
class Buffers:
    """The buffers of all v2 calendars, and the time with buffers of every meeting that was shown.

    Another system may hold a claim on a v2 meeting's time. A platform that rounds written times may
    show the time with buffers on its grid.
    """

    before: timedelta = timedelta(0)
    after: timedelta = timedelta(0)
    _meetings: dict[Times, tuple[datetime, datetime]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Return true if the calendars have buffers."""
        return bool(self.before or self.after)

    def note(self, view: EventView) -> None:
        """Record a meeting's time with buffers."""
        if not self:
            return
        start, end = view.start - self.before, view.end + self.after
        for shown in ((start, end), (floor_to(start, _GRAIN), floor_to(end, _GRAIN))):
            self._meetings.setdefault((view.provider, *shown), view.interval)

    def meant(self, view: EventView) -> EventView:
        """Return a block of syncd with the time of the meeting that it covers."""
        meeting = self._meetings.get((view.provider, *view.interval))
        if meeting is None:
            return view
        return replace(view, start=meeting[0], end=meeting[1], wide=view.interval)


def prepare(world: World, buffers: tuple[int, int]) -> None:
    """Set the buffers of all v2 calendars, in minutes before and after."""
    before, after = buffers
    world.buffers = Buffers(timedelta(minutes=before), timedelta(minutes=after))
    clinic = world.sandbox.clinic
    for calendar in list(clinic.calendars) if world.buffers else ():
        clinic.set_buffers(calendar, before, after)


def judge_buffers(world: World, now: datetime, claimed: Collection[Claimed]) -> Iterator[str]:
    """Yield the blocks that lack the buffer of a v2 meeting, or have one without such a meeting.

    Times in ``claimed`` wait for the operator and are skipped.
    """
    if not world.buffers:
        return
    meetings = {
        view.key
        for view in world.events(SOURCE).values()
        if view.kind == "appointment" and view.busy
    }
    for name in SYSTEM_NAMES:
        for event, view in sorted(world.events(name).items()):
            place = (view.provider, view.interval)
            if (name, event) not in world.ours or view.end <= now or place in claimed:
                continue
            where = f"{name} {event} {view.start:%d %H:%M}"
            if view.wide and view.key not in meetings:
                yield f"5: a block covers a buffer without a meeting: {where}"
            if name == SOURCE or view.wide or view.key not in meetings:
                continue
            if not _is_needed_for_other(world, name, view):
                yield f"1: the buffer of a meeting is not blocked: {where}"


def is_beside(world: World, system: str, block: EventView) -> bool:
    """Return true if a block with a buffer lies beside one without it, for another meeting."""
    return block.wide is not None and any(
        view.key == block.key and view.wide is None and (system, event) in world.ours
        for event, view in world.events(system).items()
    )


def _is_needed_for_other(world: World, system: str, block: EventView) -> bool:
    """Return true if another system has an event without a buffer at the block's time."""
    return any(
        view.key == block.key and (other != SOURCE or view.kind == "block")
        for other in SYSTEM_NAMES
        if other != system
        for event, view in world.events(other).items()
        if view.busy and (other, event) not in world.ours
    )
