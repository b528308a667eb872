"""A small clinic in three systems: three invented providers with a week of bookings.

The demo shows this clinic, and end-to-end tests start from it. All names are invented.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from syncd.model import resolve_wall_time, zone

if TYPE_CHECKING:
    from syncd.lab.sandbox.server import Sandbox

ZONE = "Europe/Berlin"
PEOPLE = ("alice", "bob", "carol")
SYSTEM_NAMES = ("crm", "clinic", "legacy")


@dataclass(frozen=True, slots=True)
class SeedUser:
    """The user, calendar and contact of one invented person in one system, as ids."""

    user: str
    calendar: str
    contact: str


@dataclass(frozen=True, slots=True)
class Clinic:
    """The seeded sandbox. ``monday`` is the first day of the booked week, 00:00 in `ZONE`."""

    sandbox: Sandbox
    monday: datetime
    seed_users: Mapping[tuple[str, str], SeedUser]

    @property
    def owners(self) -> dict[tuple[str, str], str]:
        """Return the person behind each user, by (system, user)."""
        return {
            (system, seed_user.user): person
            for (system, person), seed_user in self.seed_users.items()
        }

    def at(self, day: int, hour: int, minute: int = 0) -> datetime:
        """Return a wall time of the booked week as an instant; day 0 is Monday."""
        date = (self.monday.astimezone(zone(ZONE)) + timedelta(days=day)).date()
        return resolve_wall_time(datetime.combine(date, time(hour, minute)), ZONE).instant

    def book(self, system: str, person: str, start: datetime, minutes: int = 60) -> str:
        """Enter an appointment as a person does, and return its id."""
        seed_user = self.seed_users[system, person]
        end = start + timedelta(minutes=minutes)
        platform = self.sandbox.systems[system]
        return platform.book(
            seed_user.calendar, seed_user.user, start, end, seed_user.contact, title="Knee pain"
        )

    def block(self, system: str, person: str, start: datetime, minutes: int, title: str) -> str:
        """Block time as a person does, and return the block's id."""
        seed_user = self.seed_users[system, person]
        end = start + timedelta(minutes=minutes)
        return self.sandbox.systems[system].block(seed_user.user, start, end, title)


def seed_clinic(sandbox: Sandbox, now: datetime, *, empty: bool = False) -> Clinic:
    """Create three people and, unless ``empty``, a week of bookings from the next Monday on."""
    seed_users = dict(_create_users(sandbox))
    local = now.astimezone(zone(ZONE))
    days = (7 - local.weekday()) % 7 or 7
    monday = datetime.combine((local + timedelta(days=days)).date(), time(), tzinfo=zone(ZONE))
    clinic = Clinic(sandbox, monday.astimezone(UTC), seed_users)
    if not empty:
        _book_a_week(clinic)
    return clinic


def _book_a_week(clinic: Clinic) -> None:
    """Enter a week of bookings that were created a day ago."""
    for system in clinic.sandbox.systems.values():
        system.backdated = timedelta(days=1)
    _enter_a_week(clinic)
    for system in clinic.sandbox.systems.values():
        system.backdated = timedelta(0)


def _enter_a_week(clinic: Clinic) -> None:
    # Each person has a booking on most days, in another system every day.
    for day in range(5):
        for index, person in enumerate(PEOPLE):
            system = SYSTEM_NAMES[(day + index) % 3]
            clinic.book(system, person, clinic.at(day, 9 + index))
            if day % 2 == index % 2:
                clinic.book(SYSTEM_NAMES[(day + index + 1) % 3], person, clinic.at(day, 14), 30)
    # The same meeting in two systems: a twin.
    for system in ("clinic", "legacy"):
        clinic.book(system, "bob", clinic.at(1, 16))
    # Blocks that people made: lunch breaks and an appointment elsewhere.
    clinic.block("clinic", "alice", clinic.at(2, 12), 60, "Lunch")
    clinic.block("legacy", "bob", clinic.at(3, 12), 60, "Lunch")
    clinic.block("crm", "carol", clinic.at(4, 15), 120, "Dentist")


def _create_users(sandbox: Sandbox) -> Iterator[tuple[tuple[str, str], SeedUser]]:
    group = sandbox.clinic.add_group("Staff")
    team = sandbox.legacy.add_group("Staff")
    customer = ("Kim Example", "kim@example.com", "+4930555010")
    contacts = {name: system.add_contact(*customer) for name, system in sandbox.systems.items()}
    for person in PEOPLE:
        name, email = person.capitalize(), f"{person}@example.com"
        user = sandbox.clinic.add_user(name, email)
        calendar = sandbox.clinic.add_calendar(f"{name}'s calendar", "personal", [user], group)
        yield ("clinic", person), SeedUser(user, calendar, contacts["clinic"])
        user = sandbox.legacy.add_user(name, email)
        calendar = sandbox.legacy.add_calendar(f"{name}'s calendar", "personal", [user], team)
        yield ("legacy", person), SeedUser(user, calendar, contacts["legacy"])
        sandbox.crm.add_user(name, email)
        yield ("crm", person), SeedUser(email, "Consultation", contacts["crm"])


def config_text(seeded_clinic: Clinic, state: str, extra_lines: str = "") -> str:
    """Return a configuration of syncd for the clinic, with the URLs that the sandbox now serves.

    ``state`` is the state path. ``extra_lines`` are added to the table [syncd].
    """
    sandbox = seeded_clinic.sandbox
    lines = [
        f"""\
[syncd]
state = "{state}"
zone = "{ZONE}"
near = {{ every = "10s", ahead = "14d" }}
far = {{ every = "1m" }}
{extra_lines}
[systems.crm]
type = "leadsquared"
base_url = "{sandbox.urls["crm"]}"
access_key = "{sandbox.crm.access_key}"
secret_key = "{sandbox.crm.secret_key}"
busy_task_type = "Busy"
calls_per_5s = 25

[systems.clinic]
type = "leadconnector"
base_url = "{sandbox.urls["clinic"]}"
location_id = "{sandbox.clinic.location_id}"
token = "{sandbox.clinic.token}"

[systems.legacy]
type = "leadconnector-v1"
base_url = "{sandbox.urls["legacy"]}"
api_key = "{sandbox.legacy.token}"
"""
    ]
    for person in PEOPLE:
        crm, clinic, legacy = (seeded_clinic.seed_users[system, person] for system in SYSTEM_NAMES)
        lines.append(
            f"""
[providers.{person}]
kind = "person"
[providers.{person}.calendars]
crm = {{ user = "{crm.user}" }}
clinic = {{ user = "{clinic.user}", calendars = ["{clinic.calendar}"] }}
legacy = {{ calendar = "{legacy.calendar}", user = "{legacy.user}" }}
"""
        )
    return "".join(lines)
