"""Long lists that a platform cuts silently, calendars that change their group, and blocks by id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from syncd.lab.sandbox.caps import KeptRows, ListCap
from syncd.lab.simulate.acts import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.lab.simulate.world import World

CAP = 100
"""The smallest length at which syncd suspects a cap. Longer lists would only slow the
simulation."""

_CAPPED = (
    ("clinic", "/calendars/events"),
    ("clinic", "/calendars/blocked-slots"),
    ("legacy", "/appointments"),
)
_KEEPS: tuple[KeptRows, ...] = ("first", "last", "any")
_BUSY, _BY_ID, _REGROUPED = 0.15, 0.5, 0.25
_SAME = 20
"""How many blocks share one interval. Each interval needs one block in every other system."""


@dataclass(frozen=True, slots=True)
class Busy:
    """How the lists of a day behave.

    Each list has ``rows`` before the day begins (0: no filler rows). A cap ``keeps`` the first, the
    last or any rows, from the start or, if ``late``, from some hour on. ``by_id``: v2 answers a
    read of a block by its id.
    """

    rows: int = 0
    keeps: KeptRows = "first"
    late: bool = False
    by_id: bool = False


ORDINARY = Busy()


def draw_busy(random: Random) -> Busy:
    """Draw the behaviour of lists; on few days they are about as long as the cap."""
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


def perform(world: World, step: SimEvent, provider: str) -> str:
    """Perform a step; return what was done, '' if nothing was."""
    match step.kind:
        case EventKind.CAP_LISTS:
            return cap_lists(world, _KEEPS[step.number % len(_KEEPS)])
        case EventKind.REGROUP if step.system != "crm":
            return regroup(world, step.system, provider, step.number)
        case _:
            return ""


def prepare(world: World, busy: Busy) -> None:
    """Fill the lists with cancelled meetings and with blocks far ahead, and set the cap."""
    if not busy.rows:
        return
    day, now = timedelta(days=1), world.clock.now()
    for system in ("clinic", "legacy"):
        platform, seat = world.sandbox.systems[system], world.seeded.seed_users[system, "carol"]
        contact = world.contact(system, "kim")
        for number in range(busy.rows):
            start = now + (3 + number % 50) * day + timedelta(hours=number % 7)
            end = start + timedelta(minutes=30)
            platform.book(seat.calendar, seat.user, start, end, contact, "cancelled")
    carol = world.seeded.seed_users["clinic", "carol"].user
    for number in range(busy.rows):
        start = now + (20 + 5 * (number // _SAME)) * day
        world.sandbox.clinic.block(carol, start, start + timedelta(minutes=30), "Closed")
    if not busy.late:
        cap_lists(world, busy.keeps)
    for system in ("clinic", "legacy"):
        world.observe(system, by_hand=True)
    # These were cancelled before the day began, so they are no manual change.
    world.changes = [c for c in world.changes if c.after is None or c.after.busy]


def cap_lists(world: World, keeps: KeptRows) -> str:
    """Cut lists after `CAP` rows from now on."""
    for system, path in _CAPPED:
        world.sandbox.systems[system].caps[path] = ListCap(CAP, keeps)
    return f"cut lists after {CAP} rows, keep {keeps}"


def regroup(world: World, system: str, provider: str, number: int) -> str:
    """Move a provider's calendar into another group, or back into its first one."""
    if system == "crm":
        return ""
    location = world.sandbox.clinic if system == "clinic" else world.sandbox.legacy
    calendar = world.seeded.seed_users[system, provider].calendar
    groups = [*location.groups]
    if len(groups) < 2 or number % 3 == 0:  # noqa: PLR2004 - the first one, and another
        groups.append(location.add_group(f"Group {len(groups) + 1}"))
    group = next(g for g in reversed(groups) if g != location.calendars[calendar].group)
    location.regroup(calendar, group)
    return f"move {provider}'s calendar to group {group}"
