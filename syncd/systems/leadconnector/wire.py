"""The JSON of LeadConnector v2, parsed leniently: any field may be missing or of another type.

Field names: docs/platforms/leadconnector-v2.md. Fields that syncd does not need are not decoded;
the title of an appointment only where an update has to send it back. gc=False: thousands of
instances, and no reference cycles.
"""

from __future__ import annotations

from typing import Any

import msgspec

from syncd.systems.lenient import LenientValue, text


class Appointment(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """One meeting, from a list or by id. The status field has two spellings; either may be sent."""

    id: Any = None
    calendar_id: Any = None
    contact_id: Any = None
    assigned_user_id: Any = None
    users: Any = None
    appointment_status: Any = None
    appoinment_status: Any = None
    start_time: Any = None
    end_time: Any = None
    date_added: Any = None
    date_updated: Any = None
    deleted: Any = None
    assigned_resources: Any = None
    is_recurring: Any = None
    master_event_id: Any = None
    is_full_day: Any = None
    is_all_day: Any = None
    all_day: Any = None


class WholeAppointment(Appointment, frozen=True, gc=False):
    """One meeting by id, with the texts that an update has to send back.

    The texts may name a customer: they are kept in memory only, and no repr contains them.
    """

    title: Any = None
    description: Any = None

    def __repr__(self) -> str:
        """Return the type only."""
        return "Whole(...)"


class Block(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """One block, or busy time mirrored from Google or Outlook."""

    id: Any = None
    calendar_id: Any = None
    assigned_user_id: Any = None
    title: Any = None
    start_time: Any = None
    end_time: Any = None
    date_updated: Any = None
    deleted: Any = None
    is_full_day: Any = None
    is_all_day: Any = None
    all_day: Any = None


Item = Appointment | Block


class AppointmentList(msgspec.Struct):
    """The response to ``GET /calendars/events``; without the list it is no empty list."""

    events: list[Appointment | LenientValue]


class BlockList(msgspec.Struct):
    """The response to ``GET /calendars/blocked-slots``."""

    events: list[Block | LenientValue]


class OneAppointment(WholeAppointment, frozen=True, gc=False):
    """The response of a read by id: the documentation says ``event``, the platform ``appointment``.

    A response may also be the appointment itself.
    """

    appointment: WholeAppointment | LenientValue = None
    event: WholeAppointment | LenientValue = None


class ServiceBooking(msgspec.Struct, rename="camel"):
    """One booking made through a service menu; most field names are assumed."""

    id: Any = None
    booking_id: Any = None
    calendar_id: Any = None
    services: Any = None

    @property
    def calendars(self) -> list[str]:
        """Return the booking's calendars, which the platform calls services here."""
        rows = self.services if isinstance(self.services, list) else []
        ids = [self.calendar_id, *(row.get("id") for row in rows if isinstance(row, dict))]
        return [known for id in ids if (known := text(id))]


class ServiceBookings(msgspec.Struct):
    """The response to ``GET /calendars/services/bookings``."""

    bookings: list[ServiceBooking | LenientValue]


class WriteResponse(msgspec.Struct, rename="camel"):
    """The response to a write. Blocks have times; a deletion has only one of the flags."""

    id: Any = None
    calendar_id: Any = None
    assigned_user_id: Any = None
    title: Any = None
    description: Any = None
    start_time: Any = None
    end_time: Any = None
    appointment_status: Any = None
    appoinment_status: Any = None
    succeeded: Any = None
    succeded: Any = None
    success: Any = None

    def __repr__(self) -> str:
        """Return the type only: the title may name a customer."""
        return "Wrote(...)"


class Member(msgspec.Struct, rename="camel"):
    """A user on a calendar's team."""

    user_id: Any = None


class CalendarRow(msgspec.Struct, rename="camel"):
    """A bookable calendar."""

    id: Any = None
    name: Any = None
    group_id: Any = None
    calendar_type: Any = None
    team_members: list[Member | LenientValue] | dict[str, Any] | str | float | bool | None = None
    slot_duration: Any = None
    slot_duration_unit: Any = None
    slot_buffer: Any = None
    slot_buffer_unit: Any = None
    pre_buffer: Any = None
    pre_buffer_unit: Any = None
    appoinment_per_slot: Any = None
    appointment_per_slot: Any = None
    is_active: Any = None


class Calendars(msgspec.Struct):
    """The response to ``GET /calendars/``."""

    calendars: list[CalendarRow | LenientValue]


class CalendarResponse(msgspec.Struct):
    """The response to ``GET /calendars/{id}``."""

    calendar: CalendarRow


class Group(msgspec.Struct):
    """A group of calendars."""

    id: Any = None
    name: Any = None


class Groups(msgspec.Struct):
    """The response to ``GET /calendars/groups``."""

    groups: list[Group | LenientValue]


class Location(msgspec.Struct):
    """The name, time zone and country of a location."""

    id: Any = None
    name: Any = None
    timezone: Any = None
    country: Any = None


class LocationResponse(msgspec.Struct):
    """The response to ``GET /locations/{id}``."""

    location: Location


class User(msgspec.Struct, rename="camel"):
    """A user of the location."""

    id: Any = None
    name: Any = None
    first_name: Any = None
    last_name: Any = None
    email: Any = None
    phone: Any = None
    deleted: Any = None


class OneUser(User, rename="camel"):
    """The response to ``GET /users/{id}``: a user, or an object that holds one."""

    user: User | None = None


class Users(msgspec.Struct):
    """The response to ``GET /users/``."""

    users: list[User | LenientValue]


class Contact(msgspec.Struct, rename="camel"):
    """A contact's addresses: decoded on demand, kept in memory only."""

    email: Any = None
    additional_emails: Any = None
    phone: Any = None
    additional_phones: Any = None


class ContactResponse(msgspec.Struct):
    """The response to ``GET /contacts/{id}``."""

    contact: Contact
