"""The JSON of LeadConnector v1, read leniently: any field may be absent or of another type.

Field names: docs/platforms/leadconnector-v1.md. A list row's contact is cut down to its id, so that
the customer's addresses that ``includeAll`` brings along are never even decoded. What is read by
the thousand can hold no cycle, so the garbage collector is not to know of it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from syncd.systems.lenient import LenientValue, text


class ContactId(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A contact, reduced to what a list row may keep of it."""

    id: Any = None


class Appointment(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """One row of ``GET /appointments/``, or the answer of ``GET /appointments/:id``."""

    id: Any = None
    calendar_id: Any = None
    calendar_service_id: Any = None
    calendar_provider_id: Any = None
    assigned_user_id: Any = None
    user_id: Any = None
    contact_id: Any = None
    contact: ContactId | LenientValue = None
    status: Any = None
    appoinment_status: Any = None
    appointment_status: Any = None
    title: Any = None
    notes: Any = None
    calendar_notes: Any = None
    start_time: Any = None
    end_time: Any = None
    selected_timezone: Any = None
    created_at: Any = None
    updated_at: Any = None
    is_recurring: Any = None
    is_full_day: Any = None
    is_all_day: Any = None
    all_day: Any = None


class Listing(msgspec.Struct):
    """The answer of ``GET /appointments/``. An answer without the list is no empty list."""

    appointments: list[Appointment | LenientValue]


class Contact(msgspec.Struct, rename="camel", frozen=True):
    """A contact with its addresses: decoded on demand, kept in memory only."""

    id: Any = None
    email: Any = None
    email_lower_case: Any = None
    phone: Any = None


class WithContact(msgspec.Struct, rename="camel", frozen=True):
    """The contact that comes with one appointment, or with the answer to a booking."""

    id: Any = None
    contact_id: Any = None
    contact: Contact | LenientValue = None


class Contacts(msgspec.Struct):
    """The answer of ``GET /contacts/lookup``."""

    contacts: list[Contact | LenientValue]


class Location(msgspec.Struct):
    """A location, as far as its name and zone."""

    id: Any = None
    name: Any = None
    timezone: Any = None


class Locations(msgspec.Struct):
    """The answer of ``GET /locations/``: a location key sees just its own."""

    locations: list[Location | LenientValue]


class Timing(msgspec.Struct, rename="camel"):
    """How long a booking of a service lasts, in minutes."""

    slot_duration: Any = None


class Info(msgspec.Struct, rename="camel"):
    """How many meetings a service takes at one time."""

    per_slot: Any = None


class ServiceAvailability(msgspec.Struct, rename="camel"):
    """When a service can be booked: syncd needs the slot's length and seats only."""

    appointment_info: Info | LenientValue = None
    event_timing: Timing | LenientValue = None


class Member(msgspec.Struct, rename="camel"):
    """A user who is booked through a service."""

    user_id: Any = None


class Service(msgspec.Struct, rename="camel"):
    """A bookable calendar. ``is_active`` is absent from the documented answer."""

    id: Any = None
    name: Any = None
    team_id: Any = None
    is_active: Any = None
    team_members: list[Member | LenientValue] | dict[str, Any] | str | float | bool | None = None
    availability: ServiceAvailability | LenientValue = None


class Services(msgspec.Struct):
    """The answer of ``GET /calendars/services``."""

    services: list[Service | LenientValue]


class NamedRow(msgspec.Struct, rename="camel"):
    """What teams, their members and users have in common."""

    id: Any = None
    name: Any = None


class Team(NamedRow, rename="camel"):
    """A team and who is in it."""

    members: list[NamedRow | LenientValue] | dict[str, Any] | str | float | bool | None = None


class User(NamedRow, rename="camel"):
    """A user; the name and the phone are real but undocumented (#contacts-users-and-locations)."""

    first_name: Any = None
    last_name: Any = None
    email: Any = None
    phone: Any = None


class Teams(msgspec.Struct):
    """The answer of ``GET /calendars/teams``."""

    teams: list[Team | LenientValue]


class Users(msgspec.Struct):
    """The answer of ``GET /users/``."""

    users: list[User | LenientValue]


def contact_id(item: Appointment | WithContact) -> str:
    """The contact's id: its own where it is there.

    ``contactId`` was once seen to hold a fingerprint instead
    (docs/platforms/leadconnector-v1.md#booking).
    """
    inner = item.contact
    own = text(inner.id) if isinstance(inner, ContactId | Contact) else ""
    return own or text(item.contact_id)
