"""What blocks with buffers stand for, told from outside: by what v2 ever showed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.model import floor_to
from syncd.sandbox.scenario import SYSTEM_NAMES

if TYPE_CHECKING:
    from syncd.simulate.mass_edit import View
    from syncd.simulate.world import World

SOURCE = "clinic"
_GRAIN = timedelta(minutes=5)
Key = tuple[str, datetime, datetime]
Claimed = tuple[str, tuple[datetime, datetime]]


@dataclass(slots=True)
class Buffers:
    """The buffers of all calendars of v2, and the wide time of each meeting that was ever shown.

    What is claimed of a meeting of v2 while it is held may be claimed by another system. A platform
    that rounds what is written may show the wide time on its grid.
    """

    before: timedelta = timedelta(0)
    after: timedelta = timedelta(0)
    _meetings: dict[Key, tuple[datetime, datetime]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.before or self.after)

    def note(self, seen: View) -> None:
        """Take note of a meeting."""
        if not self:
            return
        start, end = seen.start - self.before, seen.end + self.after
        for shown in ((start, end), (floor_to(start, _GRAIN), floor_to(end, _GRAIN))):
            self._meetings.setdefault((seen.provider, *shown), seen.interval)

    def meant(self, seen: View) -> View:
        """A block of syncd's with the time of the meeting that it stands for."""
        meeting = self._meetings.get((seen.provider, *seen.interval))
        if meeting is None:
            return seen
        return replace(seen, start=meeting[0], end=meeting[1], wide=seen.interval)


def prepare(town: World, buffers: tuple[int, int]) -> None:
    """Give all calendars of v2 the buffers of the day."""
    before, after = buffers
    town.buffers = Buffers(timedelta(minutes=before), timedelta(minutes=after))
    clinic = town.sandbox.clinic
    for calendar in list(clinic.calendars) if town.buffers else ():
        clinic.set_buffers(calendar, before, after)


def judge_buffers(town: World, now: datetime, claimed: Collection[Claimed]) -> Iterator[str]:
    """Name the blocks of syncd's that lack the buffer of a meeting on v2, or have one without it.

    What is ``claimed`` waits for a person.
    """
    if not town.buffers:
        return
    meetings = {
        seen.key
        for seen in town.standing(SOURCE).values()
        if seen.kind == "appointment" and seen.busy
    }
    for name in SYSTEM_NAMES:
        for event, seen in sorted(town.standing(name).items()):
            place = (seen.provider, seen.interval)
            if (name, event) not in town.ours or seen.end <= now or place in claimed:
                continue
            where = f"{name} {event} {seen.start:%d %H:%M}"
            if seen.wide and seen.key not in meetings:
                yield f"5: a block covers a buffer that no meeting has: {where}"
            if name == SOURCE or seen.wide or seen.key not in meetings:
                continue
            if not _other_reason(town, name, seen):
                yield f"1: the buffer of a meeting is open: {where}"


def is_beside(town: World, system: str, block: View) -> bool:
    """Whether a block with a buffer stands beside one without it, for another meeting."""
    return block.wide is not None and any(
        seen.key == block.key and seen.wide is None and (system, event) in town.ours
        for event, seen in town.standing(system).items()
    )


def _other_reason(town: World, system: str, block: View) -> bool:
    """Whether something without a buffer takes the very time in another system."""
    return any(
        seen.key == block.key and (other != SOURCE or seen.kind == "block")
        for other in SYSTEM_NAMES
        if other != system
        for event, seen in town.standing(other).items()
        if seen.busy and (other, event) not in town.ours
    )
