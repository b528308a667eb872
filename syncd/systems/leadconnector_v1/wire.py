"""The JSON of LeadConnector v1, parsed leniently: any field may be missing or of another type.

Field names: docs/platforms/leadconnector-v1.md. Of the contact in a list row only the id is
decoded, so the addresses that ``includeAll`` adds never are. gc=False: thousands of instances, and
no reference cycles.
"""

from __future__ import annotations

from typing import Any

import msgspec

from syncd.systems.lenient import LenientValue, text


class ContactId(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A contact, reduced to its id for list rows."""

    id: Any = None


class Appointment(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """One row of ``GET /appointments/``, or the response of ``GET /appointments/:id``."""

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
    """The response to ``GET /appointments/``. A response without the list is not an empty list."""

    appointments: list[Appointment | LenientValue]


class Contact(msgspec.Struct, rename="camel", frozen=True):
    """A contact with its addresses: decoded on demand, kept in memory only."""

    id: Any = None
    email: Any = None
    email_lower_case: Any = None
    phone: Any = None


class WithContact(msgspec.Struct, rename="camel", frozen=True):
    """The contact in the response about one appointment or a booking."""

    id: Any = None
    contact_id: Any = None
    contact: Contact | LenientValue = None


class Contacts(msgspec.Struct):
    """The response to ``GET /contacts/lookup``."""

    contacts: list[Contact | LenientValue]


class Location(msgspec.Struct):
    """The name and time zone of a location."""

    id: Any = None
    name: Any = None
    timezone: Any = None


class Locations(msgspec.Struct):
    """The response to ``GET /locations/``; a location's key gets its own location only."""

    locations: list[Location | LenientValue]


class Timing(msgspec.Struct, rename="camel"):
    """The length of a booking of a service, in minutes."""

    slot_duration: Any = None


class Info(msgspec.Struct, rename="camel"):
    """The number of meetings that a service takes at one time."""

    per_slot: Any = None


class ServiceAvailability(msgspec.Struct, rename="camel"):
    """The slot length and seats of a service."""

    appointment_info: Info | LenientValue = None
    event_timing: Timing | LenientValue = None


class Member(msgspec.Struct, rename="camel"):
    """A user who can be booked through a service."""

    user_id: Any = None


class Service(msgspec.Struct, rename="camel"):
    """A bookable calendar. ``is_active`` is not documented."""

    id: Any = None
    name: Any = None
    team_id: Any = None
    is_active: Any = None
    team_members: list[Member | LenientValue] | dict[str, Any] | str | float | bool | None = None
    availability: ServiceAvailability | LenientValue = None


class Services(msgspec.Struct):
    """The response to ``GET /calendars/services``."""

    services: list[Service | LenientValue]


class NamedRow(msgspec.Struct, rename="camel"):
    """The common fields of teams, their members and users."""

    id: Any = None
    name: Any = None


class Team(NamedRow, rename="camel"):
    """A team and its members."""

    members: list[NamedRow | LenientValue] | dict[str, Any] | str | float | bool | None = None


class User(NamedRow, rename="camel"):
    """A user; the names and the phone are undocumented (#contacts-users-and-locations)."""

    first_name: Any = None
    last_name: Any = None
    email: Any = None
    phone: Any = None


class Teams(msgspec.Struct):
    """The response to ``GET /calendars/teams``."""

    teams: list[Team | LenientValue]


class Users(msgspec.Struct):
    """The response to ``GET /users/``."""

    users: list[User | LenientValue]


def contact_id(item: Appointment | WithContact) -> str:
    """Return the id of the contact, preferably from the contact itself.

    ``contactId`` was once seen with a fingerprint instead
    (docs/platforms/leadconnector-v1.md#booking).
    """
    inner = item.contact
    own = text(inner.id) if isinstance(inner, ContactId | Contact) else ""
    return own or text(item.contact_id)
