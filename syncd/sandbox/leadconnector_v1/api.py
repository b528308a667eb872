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

from syncd.model import zone
from syncd.model.platform_facts import PlatformKind
from syncd.sandbox.contacts import ContactRecord
from syncd.sandbox.ids import guid_ids
from syncd.sandbox.leadconnector.location import LocationState
from syncd.sandbox.leadconnector.slots import BusyTime, free_slots
from syncd.sandbox.leadconnector.wire import local_time
from syncd.sandbox.leadconnector_v1 import fields, wire
from syncd.sandbox.leadconnector_v1.records import SETTABLE, ZonedMeeting, with_timezone
from syncd.sandbox.leadconnector_v1.teams_api import TeamsApi
from syncd.sandbox.platform import RefusalError
from syncd.sandbox.records import PlatformBlock
from syncd.sandbox.replies import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncd.sandbox.clock import SandboxClock
    from syncd.sandbox.faults import Faults
    from syncd.sandbox.ids import Ids
    from syncd.sandbox.leadconnector.records import CalendarRecord, Meeting
    from syncd.sandbox.platform import PlatformRequest

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
    more_locations: Sequence[wire.Json] = ()
    """Further locations of the key; an agency's key opens all of its locations (#access)."""

    def __init__(
        self,
        name: str,
        clock: SandboxClock,
        ids: Ids,
        faults: Faults | None = None,
        *,
        token: str = "v1-sandbox",  # noqa: S107 - opens nothing but the emulator
        location_id: str = "",
        timezone: str = "Europe/Berlin",
        lists_blocks: bool = True,
        checks_slots: bool = True,
    ) -> None:
        """Start an empty location. Raises ValueError for an unknown zone.

        ``lists_blocks``: lists include event blocks; not documented (#listing-appointments).
        ``checks_slots``: a slot that is not offered is refused, the usual case (#booking).
        ``refuses_deleted``: a read of a deleted event answers 400 instead of 404.
        ``update_keeps_end``: an update stores the end that it sends; otherwise the length stays, or
        becomes the usual one. ``lost_ends``: per appointment, the interval stored by the last
        update that lost its end, and the end that was sent.
        """
        self.teams = TeamsApi(self)
        super().__init__(
            name, clock, ids, faults, token=token, location_id=location_id, timezone=timezone
        )
        self.lists_blocks = lists_blocks
        self.checks_slots = checks_slots
        self.update_keeps_end = True
        self.lost_ends: dict[str, tuple[datetime, datetime, datetime]] = {}
        self.refuses_deleted = False
        self._session = guid_ids(f"session {name}")

    # --- the platform's common behaviour ------------------------------------------------------

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

    def authorise(self, ask: PlatformRequest) -> Response | None:
        """Check the key; no other header is required (#access)."""
        if ask.headers.get("authorization") != f"Bearer {self.token}":
            return self.unauthorised(ask)
        return None

    def unknown_route(self, ask: PlatformRequest) -> Response:  # noqa: ARG002 - all the same to it
        """Answer a path or method that is not served (#errors)."""
        return fields.error_reply(404, "Not found")

    def unauthorised(self, ask: PlatformRequest) -> Response:  # noqa: ARG002 - all the same to it
        """Refuse a key that is not accepted (#errors)."""
        return fields.error_reply(401, "Api key is invalid")

    def rate_limited(self, ask: PlatformRequest, spelling: str) -> Response:  # noqa: ARG002 - one spelling
        """Answer 429 without Retry-After (#rate-limits)."""
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

    def _list_users(self, ask: PlatformRequest) -> Response:
        rows = [wire.user(each, self.location_id) for each in self.users.values()]
        return JSONResponse({"users": self.apply_list_faults(ask, rows)})

    def _list_locations(self, _: PlatformRequest) -> Response:
        here = {"id": self.location_id, "name": self.name, "timezone": self.timezone}
        return JSONResponse({"locations": [here, *self.more_locations]})

    def _lookup_contact(self, ask: PlatformRequest) -> Response:
        """Look up a contact by e-mail, then by phone; the list is empty if there is none.

        See docs/platforms/leadconnector-v1.md#contacts-users-and-locations.
        """
        email, phone = ask.query.get("email", ""), ask.query.get("phone", "")
        if not email and not phone:
            fields.refuse_missing("email", "email / phone")
        found = self._contact(email, phone)
        return JSONResponse({"contacts": [self._shown_contact(found)] if found else []})

    def _get_contact(self, ask: PlatformRequest) -> Response:
        found = self.contacts.get(ask.params["id"])
        if found is None:
            raise self._not_found(ask)
        return JSONResponse({"contact": self._shown_contact(found)})

    # --- reading appointments -----------------------------------------------------------------

    def _list_appointments(self, ask: PlatformRequest) -> Response:
        """List appointments and blocks that start in the window, both ends included.

        With ``lists_overlapping`` it includes events that reach into the window. See
        docs/platforms/leadconnector-v1.md#listing-appointments.
        """
        if not any(ask.query.get(key) for key in ("userId", "calendarId", "teamId")):
            fields.refuse_missing("userId", "userId / calendarId / teamId")
        user = ask.query.get("userId")
        if self.refuses_unknown_users and user and user not in self.users:
            fields.refuse_invalid("userId")
        team = ask.query.get("teamId")
        if self.refuses_unknown_groups and team and team not in self.groups:
            fields.refuse_invalid("teamId")
        start, end = (
            fields.read_epoch_ms(ask.query, "startDate"),
            fields.read_epoch_ms(ask.query, "endDate"),
        )
        whole = ask.query.get("includeAll") == "true"
        as_of = self.as_of(ask)
        found: list[Meeting | PlatformBlock] = [*self.meetings.values(as_of)]
        if self.lists_blocks:
            found += self.stored_blocks.values(as_of)
        rows = [
            self._shown(each, whole=whole)
            for each in found
            if not each.deleted and self.is_in_window(each, (start, end)) and self._asked(ask, each)
        ]
        return JSONResponse({"appointments": self.apply_list_faults(ask, rows)})

    def _asked(self, ask: PlatformRequest, found: Meeting | PlatformBlock) -> bool:
        """Return true if the event has every owner that the query names."""
        team = self.calendars[found.calendar].group if found.calendar else ""
        owners = {"userId": found.user, "calendarId": found.calendar, "teamId": team}
        return all(ask.query.get(key) in {None, "", owner} for key, owner in owners.items())

    def _get_appointment(self, ask: PlatformRequest) -> Response:
        return JSONResponse(self._shown(self._found(ask), whole=True))

    def _free_slots(self, ask: PlatformRequest) -> Response:
        calendar = self._service(fields.require_text(ask.query, "calendarId"))
        start, end = (
            fields.read_epoch_ms(ask.query, "startDate"),
            fields.read_epoch_ms(ask.query, "endDate"),
        )
        where = zone(fields.read_timezone(ask.query, "timezone") or self.timezone)
        only = ask.query.get("userId")
        users = [user for user in calendar.users if not only or user == only]
        if only and not users:
            fields.refuse_invalid("userId")
        span = (max(start, self.clock.now()), end)
        days: wire.Json = {}
        for slot, _ in free_slots(calendar, users, self._taken(), span, self.timezone):
            at = slot.astimezone(where)
            day = days.setdefault(at.date().isoformat(), {"slots": []})
            day["slots"].append(local_time(slot, where))
        return JSONResponse(days)

    # --- writing ------------------------------------------------------------------------------

    def _create(self, ask: PlatformRequest) -> Response:
        """Create an appointment, or a block if there is an end and no customer (#event-blocks)."""
        given = fields.read_body(ask)
        customer = fields.read_text(given, "email") or fields.read_text(given, "phone")
        if fields.read_text(given, "endAt") and not customer and self.makes_blocks:
            return self._create_block(ask, given)
        timezone = fields.read_timezone(given, "selectedTimezone")
        if not timezone:
            fields.refuse_missing("selectedTimezone")
        if not customer:
            fields.refuse_missing("email", "email / phone")
        calendar = self._service(fields.require_text(given, "calendarId"))
        user = fields.read_text(given, "userId")
        if user and user not in calendar.users:
            fields.refuse_invalid("userId")
        length = timedelta(minutes=calendar.slot_minutes)
        start, end = self._interval(ask, given, timezone, length)
        id, now = self.new_id(), self.stamp()
        booking = ZonedMeeting(
            id=id,
            calendar=calendar.id,
            user=user or self._next_user(calendar, id, (start, end)),
            start=start,
            end=end,
            status="confirmed",
            contact="",
            title=self.stored_text(ask, fields.read_text(given, "title")),
            updated_at=now,
            added_at=now,
            source="third_party",
            description=self.stored_text(ask, fields.read_text(given, "calendarNotes")),
            timezone=timezone,
        )
        self._check_slot(booking)
        contact = self._upsert_contact(given)
        kept = replace(booking, contact=contact.id, title=booking.title or contact.name)
        self.meetings.put(id, kept)
        who = self._shown_contact(contact)
        return JSONResponse(wire.booking_reply(id, who, self._session(), self._session()))

    def _create_block(self, ask: PlatformRequest, given: wire.Json) -> Response:
        user, calendar = fields.read_text(given, "userId"), fields.read_text(given, "calendarId")
        if not user and not calendar:
            fields.refuse_missing("calendarId", "calendarId / userId")
        if user and user not in self.users:
            fields.refuse_invalid("userId")
        if calendar:
            self._service(calendar)
        timezone = fields.read_timezone(given, "selectedTimezone") or self.timezone
        start, end = self._interval(ask, given, timezone, timedelta())
        title = self.stored_text(ask, fields.read_text(given, "title"))
        block = PlatformBlock(self.new_id(), user, calendar, start, end, title, self.stamp())
        self.stored_blocks.put(block.id, block)
        return JSONResponse({"id": block.id})

    def _update(self, ask: PlatformRequest) -> Response:
        """Move an appointment or a block; status, notes and contact do not change.

        See docs/platforms/leadconnector-v1.md#moving-an-appointment.
        """
        before = self._found(ask)
        given = fields.read_body(ask)
        timezone = fields.read_timezone(given, "selectedTimezone")
        if not timezone:
            fields.refuse_missing("selectedTimezone")
        title = self.stored_text(ask, fields.read_text(given, "title")) or before.title
        if not self.update_keeps_end:
            given = {key: value for key, value in given.items() if key != "endAt"}
        if isinstance(before, PlatformBlock):
            start, end = self._interval(ask, given, timezone, before.end - before.start)
            now = self.stamp()
            block = replace(before, start=start, end=end, title=title, updated_at=now)
            self.stored_blocks.put(block.id, block)
            return JSONResponse({"id": block.id})
        service = self._service(fields.read_text(given, "calendarId") or before.calendar)
        length = timedelta(minutes=service.slot_minutes)
        start, end = self._interval(ask, given, timezone, length)
        if not self.update_keeps_end:
            sent = fields.read_time(fields.read_body(ask), "endAt", timezone)
            self.lost_ends[before.id] = (start, end, sent or end)
        user = before.user
        if service.id != before.calendar and service.users and user not in service.users:
            # Nothing is known of a move that gives a meeting to somebody else for any other reason.
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
        who = self._shown_contact(self.contacts[after.contact])
        return JSONResponse(wire.move_reply(after.id, who))

    def _update_status(self, ask: PlatformRequest) -> Response:
        """Set the status; the answer is empty (#status)."""
        found = self._found(ask)
        status = fields.require_text(fields.read_body(ask), "status")
        if status not in SETTABLE:
            fields.refuse_invalid("status")
        if isinstance(found, PlatformBlock):
            fields.refuse_invalid("id")
        changed = replace(found, status=status, updated_at=self.stamp())
        self.write_meeting(changed)
        return PlainTextResponse("")

    def _delete(self, ask: PlatformRequest) -> Response:
        """Delete an appointment or a block; the answer is an empty JSON string (#deleting)."""
        found = self._found(ask)
        if isinstance(found, PlatformBlock):
            self.remove_block(found.id)
        else:
            self.delete(found.id)
        return JSONResponse("")

    # --- what the calls have in common --------------------------------------------------------

    def _found(self, ask: PlatformRequest) -> Meeting | PlatformBlock:
        """Return the appointment or block of the path; refuse unknown and deleted ones."""
        id = ask.params["id"]
        found = self.meetings.get(id) or self.stored_blocks.get(id)
        if found is not None and found.deleted and self.refuses_deleted:
            raise RefusalError(fields.error_reply(400, "Bad request"))
        if found is None or found.deleted:
            raise self._not_found(ask)
        return found

    def _not_found(self, ask: PlatformRequest) -> RefusalError:
        return RefusalError(self.unknown_route(ask))

    def _service(self, id: str) -> CalendarRecord:
        calendar = self.calendars.get(id)
        if calendar is None:
            fields.refuse_invalid("calendarId")
        return calendar

    def _interval(
        self, ask: PlatformRequest, given: wire.Json, timezone: str, length: timedelta
    ) -> tuple[datetime, datetime]:
        """Return the requested interval; without an end it lasts ``length`` (#booking)."""
        start = fields.read_time(given, "selectedSlot", timezone)
        if start is None:
            fields.refuse_missing("selectedSlot")
        end = fields.read_time(given, "endAt", timezone) or start + length
        if end <= start:
            fields.refuse_invalid("endAt")
        return self.stored_time(ask, start), self.stored_time(ask, end)

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

    def _taken(self, besides: str = "") -> BusyTime:
        meetings = [m for m in self.meetings.values() if m.busy and m.id != besides]
        return BusyTime(meetings, [b for b in self.stored_blocks.values() if not b.deleted])

    def _contact(self, email: str, phone: str) -> ContactRecord | None:
        """Return the first contact with this e-mail, ignoring case, else with this phone."""
        everybody = self.contacts.values()
        by_email = (c for c in everybody if email and c.email.lower() == email.lower())
        by_phone = (c for c in everybody if phone and c.phone == phone)
        return next(by_email, None) or next(by_phone, None)

    def _upsert_contact(self, given: wire.Json) -> ContactRecord:
        """Create the customer of a booking, or overwrite the matching contact (#booking)."""
        email, phone = fields.read_text(given, "email"), fields.read_text(given, "phone")
        parts = (fields.read_text(given, "firstName"), fields.read_text(given, "lastName"))
        name = fields.read_text(given, "name") or " ".join(part for part in parts if part)
        known = self._contact(email, phone) or ContactRecord(self.new_id(), "")
        contact = replace(
            known, name=name or known.name, email=email or known.email, phone=phone or known.phone
        )
        self.contacts[contact.id] = contact
        return contact

    def _shown_contact(self, found: ContactRecord) -> wire.Json:
        return wire.contact(found, self.location_id, self.timezone)

    def _shown(self, found: Meeting | PlatformBlock, *, whole: bool) -> wire.Json:
        """Return an appointment or a block as JSON; ``whole`` adds the fields of includeAll.

        See docs/platforms/leadconnector-v1.md#listing-appointments.
        """
        if isinstance(found, PlatformBlock):
            return wire.block(found, self.location_id, self.zone)
        service = self.calendars[found.calendar]
        shown: dict[str, Any] = wire.appointment(found, service, self.location_id, self.timezone)
        if whole:
            who = self._shown_contact(self.contacts[found.contact])
            shown |= {"notes": found.notes or found.description, "contact": who}
        return shown
