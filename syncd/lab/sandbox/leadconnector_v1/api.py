"""The HTTP interface of a v1 location.

Anchors such as (#errors) are sections of docs/platforms/leadconnector-v1.md.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from syncd.lab.sandbox.contacts import ContactRecord
from syncd.lab.sandbox.ids import guid_ids
from syncd.lab.sandbox.leadconnector.location import LocationState
from syncd.lab.sandbox.leadconnector.slots import BusyTime, free_slots
from syncd.lab.sandbox.leadconnector.wire import local_time
from syncd.lab.sandbox.leadconnector_v1 import fields, wire
from syncd.lab.sandbox.leadconnector_v1.records import SETTABLE, ZonedMeeting, with_timezone
from syncd.lab.sandbox.leadconnector_v1.teams_api import TeamsApi
from syncd.lab.sandbox.platform import RefusalError
from syncd.lab.sandbox.records import PlatformBlock
from syncd.lab.sandbox.replies import JsonObject, JSONResponse
from syncd.model import zone
from syncd.model.platform_facts import PlatformKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncd.lab.sandbox.clock import SandboxClock
    from syncd.lab.sandbox.faults import Faults
    from syncd.lab.sandbox.ids import Ids
    from syncd.lab.sandbox.leadconnector.records import CalendarRecord, Meeting
    from syncd.lab.sandbox.platform import PlatformRequest

SLOT_TAKEN = "The selected slot is not available."


class EmulatedLeadConnectorV1(LocationState):
    """An emulated v1 location: `LocationState` served over the legacy API.

    The groups of `LocationState` are teams here, and its calendars are services. Where the platform
    notes leave a fact open, the emulator chooses the harder case for a client.
    """

    kind = PlatformKind.V1
    event_lists = ("/appointments",)
    base_path = "/v1"
    makes_blocks = True
    """Whether event blocks can be created; otherwise one is refused as a booking without a
    customer."""
    more_locations: Sequence[JsonObject] = ()
    """Additional locations of the key; an agency's key opens all of its locations (#access)."""

    def __init__(
        self,
        name: str,
        clock: SandboxClock,
        ids: Ids,
        faults: Faults | None = None,
        *,
        token: str = "v1-sandbox",  # noqa: S107 - only valid for the emulator
        location_id: str = "",
        timezone: str = "Europe/Berlin",
        lists_blocks: bool = True,
        checks_slots: bool = True,
    ) -> None:
        """Start an empty location. Raises ValueError for an unknown time zone.

        ``lists_blocks``: lists include event blocks; not documented (#listing-appointments).
        ``checks_slots``: a slot that is not offered is refused, the usual case (#booking).
        ``refuses_deleted``: a read of a deleted event answers 400 instead of 404.
        ``update_keeps_end``: an update stores the end that it sends; otherwise the length stays, or
        becomes the usual one. ``replaced_ends``: per appointment, the interval stored by the last
        update that lost its end, and the end that was sent.
        """
        self.teams = TeamsApi(self)
        super().__init__(
            name, clock, ids, faults, token=token, location_id=location_id, timezone=timezone
        )
        self.lists_blocks = lists_blocks
        self.checks_slots = checks_slots
        self.update_keeps_end = True
        self.replaced_ends: dict[str, tuple[datetime, datetime, datetime]] = {}
        self.refuses_deleted = False
        self._session = guid_ids(f"session {name}")

    # --- overrides of Platform ----------------------------------------------------------------

    def routes(self) -> Sequence[Route]:
        """Return the served calls; a trailing slash is optional (#access)."""
        table: list[tuple[str, str, Callable[[PlatformRequest], Response]]] = [
            *self.teams.routes(),
            ("GET", "/appointments", self._list_appointments),
            ("GET", "/appointments/slots", self._free_slots),
            ("GET", "/appointments/{id}", self._get_appointment),
            ("POST", "/appointments", self._create),
            ("PUT", "/appointments/{id}", self._update),
            ("PUT", "/appointments/{id}/status", self._update_status),
            ("DELETE", "/appointments/{id}", self._delete),
            ("GET", "/users", self._list_users),
            ("GET", "/users/location", self._list_users),
            ("GET", "/locations", self._list_locations),
            ("GET", "/contacts/lookup", self._lookup_contact),
            ("GET", "/contacts/{id}", self._get_contact),
        ]
        return [
            Route(path + slash, endpoint, methods=[verb])
            for verb, path, endpoint in table
            for slash in ("", "/")
        ]

    def authorise(self, request: PlatformRequest) -> Response | None:
        """Check the key; no other header is required (#access)."""
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return self.unauthorised(request)
        return None

    def unknown_route(self, request: PlatformRequest) -> Response:  # noqa: ARG002 - one answer for all
        """Respond to a path or method that is not served (#errors)."""
        return fields.error_reply(404, "Not found")

    def unauthorised(self, request: PlatformRequest) -> Response:  # noqa: ARG002 - one answer for all
        """Reject a wrong key (#errors)."""
        return fields.error_reply(401, "Api key is invalid")

    def rate_limited(self, request: PlatformRequest, spelling: str) -> Response:  # noqa: ARG002 - one form only
        """Respond with 429 without Retry-After (#rate-limits)."""
        return fields.error_reply(429, "Too many requests")

    def limit_headers(self) -> dict[str, str]:
        """Return the rate-limit headers (#rate-limits). The reset is in whole seconds."""
        now, limit = self.clock.now(), self.limit
        if limit is None:
            return {}
        return {
            "RateLimit-Remaining": str(limit.remaining(now)),
            "RateLimit-Reset": str(ceil(limit.reset(now).total_seconds())),
        }

    # --- teams, services, users, contacts -----------------------------------------------------

    def _list_users(self, request: PlatformRequest) -> Response:
        rows = [wire.user(each, self.location_id) for each in self.users.values()]
        return JSONResponse({"users": self.apply_list_faults(request, rows)})

    def _list_locations(self, _: PlatformRequest) -> Response:
        own = {"id": self.location_id, "name": self.name, "timezone": self.timezone}
        return JSONResponse({"locations": [own, *self.more_locations]})

    def _lookup_contact(self, request: PlatformRequest) -> Response:
        """Look up a contact by e-mail, then by phone; the list is empty if there is none.

        See docs/platforms/leadconnector-v1.md#contacts-users-and-locations.
        """
        email, phone = request.query.get("email", ""), request.query.get("phone", "")
        if not email and not phone:
            fields.refuse_missing("email", "email / phone")
        contact = self._contact(email, phone)
        return JSONResponse({"contacts": [self._shown_contact(contact)] if contact else []})

    def _get_contact(self, request: PlatformRequest) -> Response:
        contact = self.contacts.get(request.params["id"])
        if contact is None:
            raise self._not_found(request)
        return JSONResponse({"contact": self._shown_contact(contact)})

    # --- reading appointments -----------------------------------------------------------------

    def _list_appointments(self, request: PlatformRequest) -> Response:
        """List appointments and blocks that start in the window, both ends included.

        With ``lists_overlapping`` it includes events that reach into the window. See
        docs/platforms/leadconnector-v1.md#listing-appointments.
        """
        if not any(request.query.get(key) for key in ("userId", "calendarId", "teamId")):
            fields.refuse_missing("userId", "userId / calendarId / teamId")
        user = request.query.get("userId")
        if self.refuses_unknown_users and user and user not in self.users:
            fields.refuse_invalid("userId")
        team = request.query.get("teamId")
        if self.refuses_unknown_groups and team and team not in self.groups:
            fields.refuse_invalid("teamId")
        start, end = (
            fields.read_epoch_ms(request.query, "startDate"),
            fields.read_epoch_ms(request.query, "endDate"),
        )
        include_all = request.query.get("includeAll") == "true"
        as_of = self.as_of(request)
        events: list[Meeting | PlatformBlock] = [*self.meetings.values(as_of)]
        if self.lists_blocks:
            events += self.stored_blocks.values(as_of)
        rows = [
            self._shown(event, include_all=include_all)
            for event in events
            if not event.deleted
            and self.is_in_window(event, (start, end))
            and self._asked(request, event)
        ]
        return JSONResponse({"appointments": self.apply_list_faults(request, rows)})

    def _asked(self, request: PlatformRequest, event: Meeting | PlatformBlock) -> bool:
        """Return true if the event has every owner that the query names."""
        team = self.calendars[event.calendar].group if event.calendar else ""
        owners = {"userId": event.user, "calendarId": event.calendar, "teamId": team}
        return all(request.query.get(key) in {None, "", owner} for key, owner in owners.items())

    def _get_appointment(self, request: PlatformRequest) -> Response:
        return JSONResponse(self._shown(self._found(request), include_all=True))

    def _free_slots(self, request: PlatformRequest) -> Response:
        calendar = self._service(fields.require_text(request.query, "calendarId"))
        start, end = (
            fields.read_epoch_ms(request.query, "startDate"),
            fields.read_epoch_ms(request.query, "endDate"),
        )
        shown_zone = zone(fields.read_timezone(request.query, "timezone") or self.timezone)
        wanted_user = request.query.get("userId")
        users = [user for user in calendar.users if not wanted_user or user == wanted_user]
        if wanted_user and not users:
            fields.refuse_invalid("userId")
        span = (max(start, self.clock.now()), end)
        days: JsonObject = {}
        for slot, _ in free_slots(calendar, users, self._taken(), span, self.timezone):
            local = slot.astimezone(shown_zone)
            day = days.setdefault(local.date().isoformat(), {"slots": []})
            day["slots"].append(local_time(slot, shown_zone))
        return JSONResponse(days)

    # --- writing ------------------------------------------------------------------------------

    def _create(self, request: PlatformRequest) -> Response:
        """Create an appointment, or a block if there is an end and no customer (#event-blocks)."""
        body = fields.read_body(request)
        customer = fields.read_text(body, "email") or fields.read_text(body, "phone")
        if fields.read_text(body, "endAt") and not customer and self.makes_blocks:
            return self._create_block(request, body)
        timezone = fields.read_timezone(body, "selectedTimezone")
        if not timezone:
            fields.refuse_missing("selectedTimezone")
        if not customer:
            fields.refuse_missing("email", "email / phone")
        calendar = self._service(fields.require_text(body, "calendarId"))
        user = fields.read_text(body, "userId")
        if user and user not in calendar.users:
            fields.refuse_invalid("userId")
        length = timedelta(minutes=calendar.slot_minutes)
        start, end = self._interval(request, body, timezone, length)
        id, now = self.new_id(), self.stamp()
        booking = ZonedMeeting(
            id=id,
            calendar=calendar.id,
            user=user or self._next_user(calendar, id, (start, end)),
            start=start,
            end=end,
            status="confirmed",
            contact="",
            title=self.stored_text(request, fields.read_text(body, "title")),
            updated_at=now,
            added_at=now,
            source="third_party",
            description=self.stored_text(request, fields.read_text(body, "calendarNotes")),
            timezone=timezone,
        )
        self._check_slot(booking)
        contact = self._upsert_contact(body)
        stored = replace(booking, contact=contact.id, title=booking.title or contact.name)
        self.meetings.put(id, stored)
        customer_row = self._shown_contact(contact)
        return JSONResponse(wire.booking_reply(id, customer_row, self._session(), self._session()))

    def _create_block(self, request: PlatformRequest, body: JsonObject) -> Response:
        user, calendar = fields.read_text(body, "userId"), fields.read_text(body, "calendarId")
        if not user and not calendar:
            fields.refuse_missing("calendarId", "calendarId / userId")
        if user and user not in self.users:
            fields.refuse_invalid("userId")
        if calendar:
            self._service(calendar)
        timezone = fields.read_timezone(body, "selectedTimezone") or self.timezone
        start, end = self._interval(request, body, timezone, timedelta())
        title = self.stored_text(request, fields.read_text(body, "title"))
        block = PlatformBlock(self.new_id(), user, calendar, start, end, title, self.stamp())
        self.stored_blocks.put(block.id, block)
        return JSONResponse({"id": block.id})

    def _update(self, request: PlatformRequest) -> Response:
        """Move an appointment or a block; status, notes and contact do not change.

        See docs/platforms/leadconnector-v1.md#moving-an-appointment.
        """
        before = self._found(request)
        body = fields.read_body(request)
        timezone = fields.read_timezone(body, "selectedTimezone")
        if not timezone:
            fields.refuse_missing("selectedTimezone")
        title = self.stored_text(request, fields.read_text(body, "title")) or before.title
        if not self.update_keeps_end:
            body = {key: value for key, value in body.items() if key != "endAt"}
        if isinstance(before, PlatformBlock):
            start, end = self._interval(request, body, timezone, before.end - before.start)
            now = self.stamp()
            block = replace(before, start=start, end=end, title=title, updated_at=now)
            self.stored_blocks.put(block.id, block)
            return JSONResponse({"id": block.id})
        service = self._service(fields.read_text(body, "calendarId") or before.calendar)
        length = timedelta(minutes=service.slot_minutes)
        start, end = self._interval(request, body, timezone, length)
        if not self.update_keeps_end:
            sent_end = fields.read_time(fields.read_body(request), "endAt", timezone)
            self.replaced_ends[before.id] = (start, end, sent_end or end)
        user = before.user
        if service.id != before.calendar and service.users and user not in service.users:
            # No other kind of move is known to change the user.
            user = self._next_user(service, before.id, (start, end))
        after = replace(
            with_timezone(before, timezone),
            calendar=service.id,
            user=user,
            start=start,
            end=end,
            title=title,
            updated_at=self.stamp(),
        )
        self._check_slot(after)
        self.write_meeting(after)
        customer_row = self._shown_contact(self.contacts[after.contact])
        return JSONResponse(wire.move_reply(after.id, customer_row))

    def _update_status(self, request: PlatformRequest) -> Response:
        """Set the status; the response is empty (#status)."""
        event = self._found(request)
        status = fields.require_text(fields.read_body(request), "status")
        if status not in SETTABLE:
            fields.refuse_invalid("status")
        if isinstance(event, PlatformBlock):
            fields.refuse_invalid("id")
        changed = replace(event, status=status, updated_at=self.stamp())
        self.write_meeting(changed)
        return PlainTextResponse("")

    def _delete(self, request: PlatformRequest) -> Response:
        """Delete an appointment or a block; the response is an empty JSON string (#deleting)."""
        event = self._found(request)
        if isinstance(event, PlatformBlock):
            self.remove_block(event.id)
        else:
            self.delete(event.id)
        return JSONResponse("")

    # --- shared helpers -----------------------------------------------------------------------

    def _found(self, request: PlatformRequest) -> Meeting | PlatformBlock:
        """Return the appointment or block of the path; refuse unknown and deleted ones."""
        id = request.params["id"]
        event = self.meetings.get(id) or self.stored_blocks.get(id)
        if event is not None and event.deleted and self.refuses_deleted:
            raise RefusalError(fields.error_reply(400, "Bad request"))
        if event is None or event.deleted:
            raise self._not_found(request)
        return event

    def _not_found(self, request: PlatformRequest) -> RefusalError:
        return RefusalError(self.unknown_route(request))

    def _service(self, id: str) -> CalendarRecord:
        calendar = self.calendars.get(id)
        if calendar is None:
            fields.refuse_invalid("calendarId")
        return calendar

    def _interval(
        self, request: PlatformRequest, body: JsonObject, timezone: str, length: timedelta
    ) -> tuple[datetime, datetime]:
        """Return the requested interval; without an end it lasts ``length`` (#booking)."""
        start = fields.read_time(body, "selectedSlot", timezone)
        if start is None:
            fields.refuse_missing("selectedSlot")
        end = fields.read_time(body, "endAt", timezone) or start + length
        if end <= start:
            fields.refuse_invalid("endAt")
        return self.stored_time(request, start), self.stored_time(request, end)

    def _check_slot(self, wanted: ZonedMeeting) -> None:
        """Refuse a start that is not offered, or an end that overlaps busy time."""
        if not self.checks_slots:
            return
        calendar, taken = self.calendars[wanted.calendar], self._taken(wanted.id)
        users = (wanted.user,) if wanted.user else ()
        span = (max(wanted.start, self.clock.now()), wanted.start + timedelta(seconds=1))
        offered = free_slots(calendar, users, taken, span, self.timezone)
        free = taken.has_room(calendar, wanted.user, (wanted.start, wanted.end))
        if not free or wanted.start not in {start for start, _ in offered}:
            fields.refuse_invalid("selectedSlot", SLOT_TAKEN)

    def _next_user(self, calendar: CalendarRecord, id: str, span: tuple[datetime, datetime]) -> str:
        """Return the first free user of the team, as round robin would; '' for nobody."""
        taken = self._taken(id)
        free = (user for user in calendar.users if taken.has_room(calendar, user, span))
        return next(free, calendar.users[0] if calendar.users else "")

    def _taken(self, except_id: str = "") -> BusyTime:
        meetings = [m for m in self.meetings.values() if m.busy and m.id != except_id]
        return BusyTime(meetings, [b for b in self.stored_blocks.values() if not b.deleted])

    def _contact(self, email: str, phone: str) -> ContactRecord | None:
        """Return the first contact with this e-mail, ignoring case, else with this phone."""
        contacts = self.contacts.values()
        by_email = (c for c in contacts if email and c.email.lower() == email.lower())
        by_phone = (c for c in contacts if phone and c.phone == phone)
        return next(by_email, None) or next(by_phone, None)

    def _upsert_contact(self, body: JsonObject) -> ContactRecord:
        """Create the customer of a booking, or overwrite the matching contact (#booking)."""
        email, phone = fields.read_text(body, "email"), fields.read_text(body, "phone")
        parts = (fields.read_text(body, "firstName"), fields.read_text(body, "lastName"))
        name = fields.read_text(body, "name") or " ".join(part for part in parts if part)
        existing = self._contact(email, phone) or ContactRecord(self.new_id(), "")
        contact = replace(
            existing,
            name=name or existing.name,
            email=email or existing.email,
            phone=phone or existing.phone,
        )
        self.contacts[contact.id] = contact
        return contact

    def _shown_contact(self, contact: ContactRecord) -> JsonObject:
        return wire.contact(contact, self.location_id, self.timezone)

    def _shown(self, event: Meeting | PlatformBlock, *, include_all: bool) -> JsonObject:
        """Return an appointment or a block as JSON; ``include_all`` adds the fields of includeAll.

        See docs/platforms/leadconnector-v1.md#listing-appointments.
        """
        if isinstance(event, PlatformBlock):
            return wire.block(event, self.location_id, self.zone)
        service = self.calendars[event.calendar]
        row: dict[str, Any] = wire.appointment(event, service, self.location_id, self.timezone)
        if include_all:
            customer_row = self._shown_contact(self.contacts[event.contact])
            row |= {"notes": event.notes or event.description, "contact": customer_row}
        return row
