"""``[[provision.…]]``: the rooms, equipment, associations, teams and services to create.

Calendars, users and teams can be given by name or by id. Only fields that a platform requires have
defaults here; optional fields are sent only if the configuration contains them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, PlainValidator, StrictBool, StrictInt, model_validator

from syncd.config.base import SettingsTable
from syncd.config.fields import Text, Words
from syncd.config.problems import Finding, InvalidValueError, did_you_mean

_SPAN = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])-([01]?[0-9]|2[0-3]):([0-5][0-9])")
_MOST_CALENDARS = 100
Count = Annotated[StrictInt, Field(ge=0)]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Minutes = Literal[10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 360, 420, 480]
"""The slot lengths in minutes that v1 allows (docs/platforms/leadconnector-v1.md#services)."""


def _hours(value: object) -> tuple[int, int, int, int]:
    match = _SPAN.fullmatch(value.replace(" ", "")) if isinstance(value, str) else None
    if match is None:
        raise InvalidValueError(
            "not valid opening hours", 'Write the opening and the closing time: "09:00-17:00".'
        )
    opens, closes = (int(match[1]), int(match[2])), (int(match[3]), int(match[4]))
    if closes <= opens:
        raise InvalidValueError(
            "the closing time is not after the opening time",
            'Write "09:00-17:00"; the closing time cannot be midnight.',
        )
    return (*opens, *closes)


HoursSpan = Annotated[tuple[int, int, int, int], PlainValidator(_hours)]
"""Opening hour and minute, closing hour and minute, as wall time of the location."""


class RoomWanted(SettingsTable):
    """A room of a v2 location, and the calendars that use it."""

    system: Text
    name: Text
    description: Words = ""
    capacity: Count = 1
    quantity: Count = 1
    out_of_service: Count = 0
    calendars: Annotated[tuple[Text, ...], Field(max_length=_MOST_CALENDARS)] = ()


class EquipmentWanted(SettingsTable):
    """A kind of equipment of a v2 location: ``quantity`` pieces, minus those out of service.

    At most one calendar can use it (supplied document 002).
    """

    system: Text
    name: Text
    description: Words = ""
    quantity: Count = 1
    out_of_service: Count = 0
    capacity: Count = 1
    calendar: Text | None = None

    @model_validator(mode="after")
    def _some_are_left(self) -> Self:
        if self.out_of_service > self.quantity:
            reason = "out_of_service is larger than quantity"
            raise InvalidValueError(
                reason, "Lower out_of_service, or raise quantity.", under=("out_of_service",)
            )
        return self


class End(SettingsTable):
    """One end of an association: the kind of record, and the label of this end."""

    object: Annotated[str, Field(pattern=r"^(contact|custom_objects\.[a-z0-9_]+)$")]
    label: Text


class AssociationWanted(SettingsTable):
    """An association of a v2 location, identified by its key; the order of its ends matters."""

    system: Text
    key: Annotated[str, Field(pattern=r"^[a-z0-9_]+$", max_length=100)]
    first: End
    second: End


class ObjectWanted(SettingsTable):
    """A custom object of a v2 location, for records that represent bookings in other systems."""

    system: Text
    key: Annotated[str, Field(pattern=r"^custom_objects\.[a-z0-9_]+$")]
    singular: Text
    plural: Text
    primary: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")] = "external_id"


class TeamCalendar(SettingsTable):
    """The public calendar of a v1 team; ``slug`` is its part of the booking page's URL."""

    name: Text
    slug: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    description: Words = ""


class TeamWanted(SettingsTable):
    """A team of a v1 location; ``users`` are e-mail addresses, names or ids."""

    system: Text
    name: Text
    users: tuple[Text, ...]
    calendar: TeamCalendar
    assign_contact: StrictBool | None = None
    skip_assigning_existing: StrictBool | None = None


class ServiceMember(SettingsTable):
    """A user who takes part in a v1 service."""

    user: Text
    priority: Literal["High", "Medium", "Low"] = "Medium"
    selected: StrictBool = True
    meeting_location: Text | None = None


class Slot(SettingsTable):
    """Length of a booking, distance between possible starts, and free time after the booking.

    All are in minutes.
    """

    duration: Minutes = 30
    interval: Minutes = 30
    buffer: Count | None = None


class Ahead(SettingsTable):
    """A length of time before an appointment."""

    amount: Count
    unit: Literal["hours", "days", "weeks", "months"]


class Confirmation(SettingsTable):
    """The confirmation settings of a v1 service."""

    auto_confirm: StrictBool = True
    alert_member: StrictBool = False
    google_invitations: StrictBool = False
    allow_reschedule: StrictBool = True
    allow_cancellation: StrictBool = True
    alert_email: Text | None = None
    notes: Words | None = None
    form: Text | None = None
    sticky_contact: StrictBool | None = None
    after: Literal["ThankYouMessage", "RedirectURL"] = "ThankYouMessage"
    content: Words = ""


class ServiceWanted(SettingsTable):
    """A service of a v1 location, which customers book with a team.

    See docs/platforms/leadconnector-v1.md#services.
    """

    system: Text
    team: Text
    name: Text
    slug: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    members: tuple[ServiceMember, ...]
    hours: dict[Weekday, tuple[HoursSpan, ...]]
    description: Words = ""
    appointment_title: Text = "{{contact.name}}"
    event_type: Literal[
        "RoundRobin_OptimizeForAvailability", "RoundRobin_OptimizeForEqualDistribution"
    ] = "RoundRobin_OptimizeForAvailability"
    color: Literal[
        "Banana", "Basil", "Blueberry", "Flamingo", "Grape", "Graphite", "Lavender", "Peacock",
        "Sage", "Tangerine", "Tomato",
    ] = "Peacock"  # fmt: skip
    active: StrictBool | None = None
    sync: Literal["oneway", "twoway"] | None = None
    slot: Slot = Slot()
    per_slot: Count | None = None
    per_day: Count | None = None
    not_before: Ahead | None = None
    not_after: Ahead | None = None
    confirmation: Confirmation = Confirmation()


class ProvisionSettings(SettingsTable):
    """Everything that ``syncd provision`` creates and updates."""

    rooms: tuple[RoomWanted, ...] = ()
    equipment: tuple[EquipmentWanted, ...] = ()
    objects: tuple[ObjectWanted, ...] = ()
    associations: tuple[AssociationWanted, ...] = ()
    teams: tuple[TeamWanted, ...] = ()
    services: tuple[ServiceWanted, ...] = ()


Wanted = (
    RoomWanted | EquipmentWanted | ObjectWanted | AssociationWanted | TeamWanted | ServiceWanted
)
_V2, _V1 = "leadconnector", "leadconnector-v1"
SECTION_PLATFORMS: Mapping[str, str] = {
    "rooms": _V2,
    "equipment": _V2,
    "objects": _V2,
    "associations": _V2,
    "teams": _V1,
    "services": _V1,
}
"""For each table, the type of system that has these resources."""

W = TypeVar("W", bound=Wanted)


def resource_key(wanted: Wanted) -> str:
    """Return the key or name by which an existing resource is found on the platform."""
    return wanted.key if isinstance(wanted, AssociationWanted | ObjectWanted) else wanted.name


def check_provision(
    wanted: ProvisionSettings, declared: Collection[str], platforms: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield resources in systems that cannot have them, and duplicate names.

    ``platforms`` is the type of each system that has a valid one.
    """
    for section, platform in SECTION_PLATFORMS.items():
        resources: Sequence[Wanted] = getattr(wanted, section)
        seen: set[tuple[str, str]] = set()
        for number, resource in enumerate(resources):
            at = ("provision", section, number)
            yield from _system(at, section, resource.system, platform, declared, platforms)
            key = (resource.system, resource_key(resource))
            if key in seen:
                reason = f'"{key[1]}" of {resource.system} is defined twice'
                yield Finding((*at, "name"), reason, "Define the resource once.")
            seen.add(key)


def _system(
    at: tuple[str | int, ...],
    section: str,
    system: str,
    platform: str,
    declared: Collection[str],
    platforms: Mapping[str, str],
) -> Iterator[Finding]:
    if system not in declared:
        remedy = did_you_mean(system, declared) or f"Add a table [systems.{system}]."
        yield Finding((*at, "system"), f'there is no system "{system}"', remedy)
    elif platforms.get(system, platform) != platform:
        suitable = [name for name, kind in platforms.items() if kind == platform]
        remedy = f"Name a system of type {platform}: {', '.join(suitable) or 'none is configured'}."
        reason = f"{system} is of type {platforms[system]}, which has no {section}"
        yield Finding((*at, "system"), reason, remedy)
