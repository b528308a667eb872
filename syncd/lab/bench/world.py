"""An agency of any size on the three emulated platforms, in sync or not, always the same.

Every provider is in two of the three systems, so a booking is a *pair* of events: the appointment
in one system, its block in the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from syncd.lab.sandbox.clock import SandboxClock
from syncd.lab.sandbox.limits import RateLimit
from syncd.lab.sandbox.scenario import SYSTEM_NAMES, SeedUser
from syncd.lab.sandbox.server import Sandbox
from syncd.model import embed_tag, floor_to

ROUTES = (("crm", "clinic"), ("clinic", "legacy"), ("legacy", "crm"))
"""The two systems of a provider, by its number.

The first has the appointments of even bookings, the second those of odd ones.
"""
PER_PROVIDER = 500
SLOTS = 2700
NEAR = '{ every = "60s", ahead = "2d" }'
HALF_HOUR = timedelta(minutes=30)
MANY = 10**9


@dataclass(frozen=True, slots=True)
class Made:
    """One booking on the platforms; ``block`` is empty while there is none."""

    provider: str
    system: str
    appointment: str
    other: str
    block: str
    start: datetime


@dataclass(frozen=True, slots=True)
class Agency:
    """A seeded sandbox: which provider is in which systems, and what is booked."""

    sandbox: Sandbox
    providers: Mapping[str, tuple[str, str]]
    seats: Mapping[tuple[str, str], SeedUser]
    bookings: tuple[Made, ...]

    def shift(self, system: str, share: float, by: timedelta = timedelta(minutes=10)) -> int:
        """Move this many appointments of a system by hand; return the number moved."""
        bookings = [b for b in self.bookings if b.system == system]
        moved = bookings[: max(1, round(len(bookings) * share))]
        for each in moved:
            start = each.start + by
            self.sandbox.systems[system].move(each.appointment, start, start + HALF_HOUR)
        return len(moved)

    def config(self, state: Path, urls: Mapping[str, str], *, near: str = NEAR) -> str:
        """Return its configuration as TOML."""
        crm, clinic, legacy = (self.sandbox.crm, self.sandbox.clinic, self.sandbox.legacy)
        head = f"""\
[syncd]
state = "{state}"
near = {near}
[guard]
count = 1000000
[systems.crm]
type = "leadsquared"
base_url = "{urls["crm"]}"
access_key = "{crm.access_key}"
secret_key = "{crm.secret_key}"
busy_task_type = "Busy"
calls_per_5s = 100
[systems.clinic]
type = "leadconnector"
base_url = "{urls["clinic"]}"
location_id = "{clinic.location_id}"
token = "{clinic.token}"
[systems.legacy]
type = "leadconnector-v1"
base_url = "{urls["legacy"]}"
api_key = "{legacy.token}"
"""
        return head + "".join(self._provider(name) for name in self.providers)

    def _provider(self, name: str) -> str:
        lines = [f"[providers.{name}.calendars]\n"]
        for system in self.providers[name]:
            seat = self.seats[system, name]
            lines.append(
                {
                    "crm": f'crm = {{ user = "{seat.user}" }}\n',
                    "clinic": f'clinic = {{ user = "{seat.user}", calendars = '
                    f'["{seat.calendar}"] }}\n',
                    "legacy": f'legacy = {{ calendar = "{seat.calendar}", user = "{seat.user}", '
                    'team = "TEAM" }\n',
                }[system]
            )
        team = next(iter(self.sandbox.legacy.groups))
        return "".join(lines).replace("TEAM", team)


def found(size: int, clock: SandboxClock | None = None, *, blocked: bool = True) -> Agency:
    """Seed an agency with this many bookings; ``blocked``: with all of syncd's blocks."""
    sandbox = Sandbox(clock, seed=size)
    for platform in sandbox.systems.values():
        platform.limit = RateLimit(MANY, 5, MANY)
    sandbox.legacy.checks_slots = False
    names = [f"p{n:04}" for n in range(3 * -(-size // (3 * PER_PROVIDER)))]
    providers = {name: ROUTES[n % 3] for n, name in enumerate(names)}
    seats = dict(_seats(sandbox, providers))
    base = floor_to(sandbox.clock.now(), timedelta(hours=1)) + timedelta(hours=3)
    made = []
    for n in range(size):
        name = names[n % len(names)]
        nth = n // len(names)
        here, there = providers[name][:: 1 if nth % 2 else -1]
        start = base + HALF_HOUR * (nth * 5 % SLOTS)
        seat = seats[here, name]
        event = sandbox.systems[here].book(
            seat.calendar, seat.user, start, start + HALF_HOUR, seat.contact, title="Knee pain"
        )
        block = ""
        if blocked:
            block = sandbox.systems[there].block(
                seats[there, name].user, start, start + HALF_HOUR, embed_tag("Busy", _key(n))
            )
        made.append(Made(name, here, event, there, block, start))
    return Agency(sandbox, providers, seats, tuple(made))


def _key(number: int) -> str:
    """Return a key like those that syncd puts into a block."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    return "".join(letters[number >> 5 * at & 31] for at in range(10))


def _seats(
    sandbox: Sandbox, providers: Mapping[str, tuple[str, str]]
) -> Iterator[tuple[tuple[str, str], SeedUser]]:
    group = sandbox.clinic.add_group("Staff")
    team = sandbox.legacy.add_group("Staff")
    customer = ("Kim Example", "kim@example.com", "+4930555010")
    contacts = {name: system.add_contact(*customer) for name, system in sandbox.systems.items()}
    for who, systems in providers.items():
        email = f"{who}@example.com"
        for name in systems:
            if name == "crm":
                sandbox.crm.add_user(who, email)
                yield (name, who), SeedUser(email, "Consultation", contacts[name])
                continue
            platform = sandbox.clinic if name == "clinic" else sandbox.legacy
            user = platform.add_user(who, email)
            owner = group if name == "clinic" else team
            calendar = platform.add_calendar(f"{who}'s calendar", "personal", [user], owner)
            yield (name, who), SeedUser(user, calendar, contacts[name])


__all__ = ["SYSTEM_NAMES", "Agency", "Made", "found"]
