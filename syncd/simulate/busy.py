"""Long lists that a platform ends silently, calendars that move to another group, blocks by id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from syncd.sandbox.caps import KeptRows, ListCap
from syncd.simulate.acts import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.simulate.world import World

CAP = 100
"""The smallest length at which syncd suspects a cap: longer lists only make days longer."""

_CAPPED = (
    ("clinic", "/calendars/events"),
    ("clinic", "/calendars/blocked-slots"),
    ("legacy", "/appointments"),
)
_KEEPS: tuple[KeptRows, ...] = ("first", "last", "any")
_BUSY, _BY_ID, _REGROUPED = 0.15, 0.5, 0.25
_SAME = 20
"""So many blocks of people's have the same interval: elsewhere that needs one block for all."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Facts about lists that nobody knows of a platform.

    ``rows`` are in each of its lists before the day begins (0: ordinary lists); a cap ``keeps``
    the first ones, the last ones or any, from the start unless it comes ``late``. ``by_id``: v2
    answers a block by its id.
    """

    rows: int = 0
    keeps: KeptRows = "first"
    late: bool = False
    by_id: bool = False


ORDINARY = Busy()


def draw_busy(random: Random) -> Busy:
    """Draw the facts of a day: on few days lists are long, about as long as the cap."""
    by_id = random.random() < _BY_ID
    if random.random() >= _BUSY:
        return Busy(by_id=by_id)
    rows = CAP + random.randint(-4, 12)
    return Busy(rows, random.choice(_KEEPS), random.random() < _BY_ID, by_id)


def list_acts(random: Random, busy: Busy, span: float) -> list[SimEvent]:
    """Draw when calendars change their group, and when a cap begins."""
    steps: list[SimEvent] = []
    while random.random() < _REGROUPED:
        at = round(random.uniform(0.05, 0.9) * span, 1)
        system = random.choice(("clinic", "clinic", "legacy"))
        steps.append(SimEvent(at, EventKind.REGROUP, system, random.randrange(1000)))
    if busy.late:
        at = round(random.uniform(0.1, 0.7) * span, 1)
        steps.append(SimEvent(at, EventKind.CAP_LISTS, "clinic", _KEEPS.index(busy.keeps)))
    return steps


def perform(town: World, step: SimEvent, who: str) -> str:
    """Do what a step says; what was done, '' if there was nothing to do it to."""
    match step.kind:
        case EventKind.CAP_LISTS:
            return cap_lists(town, _KEEPS[step.number % len(_KEEPS)])
        case EventKind.REGROUP if step.system != "crm":
            return regroup(town, step.system, who, step.number)
        case _:
            return ""


def prepare(town: World, busy: Busy) -> None:
    """Fill lists with what is off, and with blocks far ahead; let the platforms cut them."""
    if not busy.rows:
        return
    day, now = timedelta(days=1), town.clock.now()
    for system in ("clinic", "legacy"):
        platform, seat = town.sandbox.systems[system], town.world.seed_users[system, "carol"]
        contact = town.contact(system, "kim")
        for number in range(busy.rows):
            start = now + (3 + number % 50) * day + timedelta(hours=number % 7)
            end = start + timedelta(minutes=30)
            platform.book(seat.calendar, seat.user, start, end, contact, "cancelled")
    carol = town.world.seed_users["clinic", "carol"].user
    for number in range(busy.rows):
        start = now + (20 + 5 * (number // _SAME)) * day
        town.sandbox.clinic.block(carol, start, start + timedelta(minutes=30), "Closed")
    if not busy.late:
        cap_lists(town, busy.keeps)
    for system in ("clinic", "legacy"):
        town.observe(system, by_hand=True)
    # What was off before the day began is nobody's change.
    town.changes = [c for c in town.changes if c.after is None or c.after.busy]


def cap_lists(town: World, keeps: KeptRows) -> str:
    """Let lists end after `CAP` rows from now on."""
    for system, path in _CAPPED:
        town.sandbox.systems[system].caps[path] = ListCap(CAP, keeps)
    return f"lists show {CAP} rows at most, {keeps} of them"


def regroup(town: World, system: str, who: str, number: int) -> str:
    """Put somebody's calendar into another group, or back into the first one."""
    if system == "crm":
        return ""
    location = town.sandbox.clinic if system == "clinic" else town.sandbox.legacy
    calendar = town.world.seed_users[system, who].calendar
    groups = [*location.groups]
    if len(groups) < 2 or number % 3 == 0:  # noqa: PLR2004 - the first one, and another
        groups.append(location.add_group(f"Group {len(groups) + 1}"))
    group = next(g for g in reversed(groups) if g != location.calendars[calendar].group)
    location.regroup(calendar, group)
    return f"{who}'s calendar is in group {group}"
