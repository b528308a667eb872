"""The calls of LeadConnector v1 that syncd makes (docs/platforms/leadconnector-v1.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from syncd.model import Window, zone
from syncd.systems.errors import RejectedError, RejectionReason, UnknownOutcomeError
from syncd.systems.free_slots import slot_starts
from syncd.systems.leadconnector_v1 import wire
from syncd.systems.leadconnector_v1.events import parse_time
from syncd.systems.leadconnector_v1.plan import LIST
from syncd.systems.lenient import LenientValue, read_json, text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from syncd.model import Status, Value
    from syncd.systems.port import ListCall
    from syncd.systems.transport import Transport

T = TypeVar("T")

_NO_CONTACT_STATUSES = {404, 422}


def _millis(moment: datetime) -> str:
    """Format an instant for a query, in milliseconds since 1970.

    See docs/platforms/leadconnector-v1.md#listing-appointments.
    """
    return str(int(moment.timestamp() * 1000))


def slot_fields(value: Value, zone_name: str) -> dict[str, str]:
    """Return the time fields of a write, with the UTC offsets of the time zone.

    See docs/platforms/leadconnector-v1.md#booking.
    """
    location_zone = zone(zone_name)
    return {
        "selectedTimezone": zone_name,
        "selectedSlot": value.start.astimezone(location_zone).isoformat(timespec="seconds"),
        "endAt": value.end.astimezone(location_zone).isoformat(timespec="seconds"),
    }


class Api:
    """Typed calls over one location's transport. Every method raises PlatformError."""

    def __init__(self, system: str, transport: Transport) -> None:
        """Keep the parts."""
        self._system = system
        self._transport = transport

    async def appointments(self, call: ListCall) -> wire.Listing:
        """Make a planned list call, by user, calendar or team. There is no paging.

        See docs/platforms/leadconnector-v1.md#listing-appointments.
        """
        (id,) = call.ids
        params = {
            "startDate": _millis(call.span.start),
            "endDate": _millis(call.span.end),
            call.selector: id,
            "includeAll": "true",
        }
        return await self._ask(LIST, wire.Listing, params)

    async def appointment(self, event_id: str) -> wire.Appointment:
        """Read one appointment or block by id."""
        return await self._ask(_path(event_id), wire.Appointment)

    async def whole(self, event_id: str) -> tuple[wire.Appointment, object]:
        """Read one appointment, and return it with all of its fields as sent."""
        path = _path(event_id)
        body = await self._transport.read("GET", path)
        item = self._transport.decode(body, wire.Appointment, f"GET {path}")
        return item, self._transport.decode(body, dict[str, Any], f"GET {path}")

    async def contact_of(self, event_id: str) -> wire.Contact | None:
        """Read the contact of one appointment."""
        response = await self._ask(_path(event_id), wire.WithContact)
        if text(response.id) != event_id:
            detail = "the response contains a different appointment"
            raise self._transport.incomplete(f"GET {_path(event_id)}", detail)
        return response.contact if isinstance(response.contact, wire.Contact) else None

    async def find_contacts(self, *, email: str = "", phone: str = "") -> tuple[str, ...]:
        """Return the ids of the contacts with this address; none if the response is 404 or 422.

        See docs/platforms/leadconnector-v1.md#contacts-users-and-locations.
        """
        params = {name: value for name, value in (("email", email), ("phone", phone)) if value}
        path = "contacts/lookup"
        try:
            body = await self._transport.read("GET", path, params=params)
        except RejectedError as fault:
            if fault.status in _NO_CONTACT_STATUSES:
                return ()
            raise
        if not body.strip():
            return ()
        contacts = self._transport.decode(body, wire.Contacts, f"GET {path}").contacts
        ids = (text(item.id) for item in contacts if isinstance(item, wire.Contact))
        return tuple(dict.fromkeys(filter(None, ids)))

    async def locations(self) -> list[wire.Location]:
        """Return the locations of the key: one, or several for an agency's key (#access)."""
        response = await self._ask("locations/", wire.Locations)
        return [location for location in response.locations if isinstance(location, wire.Location)]

    async def timezone(self) -> str:
        """Return the location's time zone; '' if missing, or if this machine does not know it."""
        for location in await self.locations():
            if text(location.timezone):
                return known_zone(text(location.timezone))
        return ""

    async def services(self) -> list[wire.Service | LenientValue]:
        """Return all bookable calendars."""
        return (await self._ask("calendars/services", wire.Services)).services

    async def teams(self) -> list[wire.Team | LenientValue]:
        """Return all teams."""
        return (await self._ask("calendars/teams", wire.Teams)).teams

    async def users(self) -> list[wire.User | LenientValue]:
        """Return all users that the key may see."""
        return (await self._ask("users/", wire.Users)).users

    async def free_slots(
        self, calendar: str, user: str | None, window: Window, zone_name: str
    ) -> list[datetime]:
        """Return the starts of free slots; the window is at most 31 days (#free-slots)."""
        params = {
            "calendarId": calendar,
            "startDate": _millis(window.start),
            "endDate": _millis(window.end),
            "timezone": zone_name,
        }
        if user:
            params["userId"] = user
        response: object = await self._ask("appointments/slots", object, params)
        starts = self._transport.decoded(lambda: slot_starts(response), "GET appointments/slots")
        return [start for slot in starts if (start := _slot(slot, zone_name)) is not None]

    async def create(self, fields: Mapping[str, str]) -> tuple[str, str]:
        """Create a booking or an event block; return its id, and its contact's id if known.

        Raises UnknownOutcomeError if the response has no id.
        """
        response = await self._transport.write("POST", LIST, json=dict(fields))
        created = read_json(response.content, wire.WithContact) or wire.WithContact()
        if not text(created.id):
            detail = "the response has no id"
            raise UnknownOutcomeError(self._system, f"POST {LIST}", status=200, detail=detail)
        return text(created.id), wire.contact_id(created)

    async def move(self, event_id: str, value: Value, zone_name: str) -> None:
        """Move an event. The response has no times and is ignored (#moving-an-appointment)."""
        await self._transport.write("PUT", _path(event_id), json=slot_fields(value, zone_name))

    async def set_status(self, event_id: str, status: Status) -> None:
        """Set a status; the response is empty (#status)."""
        path = f"{_path(event_id)}/status"
        await self._transport.write("PUT", path, json={"status": status.value})

    async def delete(self, event_id: str) -> None:
        """Delete an event; succeed if it is already gone."""
        try:
            await self._transport.write("DELETE", _path(event_id))
        except RejectedError as fault:
            if fault.why is not RejectionReason.GONE:
                raise

    async def _ask(self, path: str, shape: type[T], params: dict[str, str] | None = None) -> T:
        body = await self._transport.read("GET", path, params=params)
        return self._transport.decode(body, shape, f"GET {path}")


def _path(event_id: str) -> str:
    return f"appointments/{quote(event_id, safe='')}"


def known_zone(name: str) -> str:
    """Return the time zone's current name; '' if this machine does not know it."""
    try:
        return zone(name).key
    except ValueError:
        return ""


def _slot(start: object, zone_name: str) -> datetime | None:
    try:
        return parse_time(start, zone_name)
    except ValueError:
        return None
