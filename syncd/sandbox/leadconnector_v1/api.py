"""The location's v1 HTTP interface.

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
from syncd.sandbox.contacts import Contact
from syncd.sandbox.ids import guid_ids
from syncd.sandbox.leadconnector.location import Location
from syncd.sandbox.leadconnector.slots import Taken, free_slots
from syncd.sandbox.leadconnector.wire import local
from syncd.sandbox.leadconnector_v1 import fields, wire
from syncd.sandbox.leadconnector_v1.records import SETTABLE, Booking, booked_in
from syncd.sandbox.leadconnector_v1.teams_api import Teams
from syncd.sandbox.platform import RefusalError
from syncd.sandbox.records import Block
from syncd.sandbox.replies import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncd.sandbox.clock import Clock
    from syncd.sandbox.faults import Faults
    from syncd.sandbox.ids import Ids
    from syncd.sandbox.leadconnector.records import Calendar, Meeting
    from syncd.sandbox.platform import PlatformRequest

SLOT_TAKEN = "The selected slot is not available."


class LeadConnectorV1(Location):
    """An emulated legacy location: state and verbs of `Location`, served the old way.

    What a `Location` calls a group is a team here, and a calendar is a service. Where the platform
    notes leave a fact open, the emulator takes the answer that asks more of a client.
    """

    kind = PlatformKind.V1
    event_lists = ("/appointments",)
    base_path = "/v1"
    makes_blocks = True
    """Whether event blocks can be made; otherwise one is refused as a booking without customer."""
    more_locations: Sequence[wire.Json] = ()
    """What else the key opens; an agency's key opens all of its locations (#access)."""

    def __init__(
        self,
        name: str,
        clock: Clock,
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

        ``lists_blocks``: whether lists show event blocks, which is not known
        (#listing-appointments). ``checks_slots``: whether a slot that is not offered is refused, as
        is mostly seen (#booking). ``refuses_deleted``: a deleted event that is asked for is
        answered with 400, not with 404. ``update_keeps_end``: an update honours its end; else the
        length is what it was, or usual. ``lost_ends`` keeps what each appointment's last update
        made of it then, and the end sent.
        """
        self.teams = Teams(self)
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
        """The calls that are served; a trailing slash is optional (#access)."""
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
        """Check the key; no other header is asked for (#access)."""
        if ask.headers.get("authorization") != f"Bearer {self.token}":
            return self.unauthorised(ask)
        return None

    def unknown(self, ask: PlatformRequest) -> Response:  # noqa: ARG002 - all the same to it
        """A path or verb that is not served (#errors)."""
        return fields.message(404, "Not found")

    def unauthorised(self, ask: PlatformRequest) -> Response:  # noqa: ARG002 - all the same to it
        """A key that is not accepted (#errors)."""
        return fields.message(401, "Api key is invalid")

    def rate_limited(self, ask: PlatformRequest, spelling: str) -> Response:  # noqa: ARG002 - one spelling
        """429 without Retry-After (#rate-limits)."""
        return fields.message(429, "Too many requests")

    def limit_headers(self) -> dict[str, str]:
        """The headers of a rate limit (#rate-limits); the reset is in whole seconds."""
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
        return JSONResponse({"users": self.listed(ask, rows)})

    def _list_locations(self, _: PlatformRequest) -> Response:
        here = {"id": self.location_id, "name": self.name, "timezone": self.timezone}
        return JSONResponse({"locations": [here, *self.more_locations]})

    def _lookup_contact(self, ask: PlatformRequest) -> Response:
        """By e-mail first, then by phone; a miss is an empty list.

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
        """Appointments and blocks that start in the window, both ends included.

        See docs/platforms/leadconnector-v1.md#listing-appointments.

        By a knob all that overlap it.
        """
        if not any(ask.query.get(key) for key in ("userId", "calendarId", "teamId")):
            fields.refuse_missing("userId", "userId / calendarId / teamId")
        user = ask.query.get("userId")
        if self.refuses_unknown_users and user and user not in self.users:
            fields.refuse_invalid("userId")
        team = ask.query.get("teamId")
        if self.refuses_unknown_groups and team and team not in self.groups:
            fields.refuse_invalid("teamId")
        start, end = fields.epoch(ask.query, "startDate"), fields.epoch(ask.query, "endDate")
        whole = ask.query.get("includeAll") == "true"
        as_of = self.as_of(ask)
        found: list[Meeting | Block] = [*self.meetings.values(as_of)]
        if self.lists_blocks:
            found += self.closures.values(as_of)
        rows = [
            self._shown(each, whole=whole)
            for each in found
            if not each.deleted and self.lists(each, (start, end)) and self._asked(ask, each)
        ]
        return JSONResponse({"appointments": self.listed(ask, rows)})

    def _asked(self, ask: PlatformRequest, found: Meeting | Block) -> bool:
        """Whether it has every owner that the query names."""
        team = self.calendars[found.calendar].group if found.calendar else ""
        owners = {"userId": found.user, "calendarId": found.calendar, "teamId": team}
        return all(ask.query.get(key) in {None, "", owner} for key, owner in owners.items())

    def _get_appointment(self, ask: PlatformRequest) -> Response:
        return JSONResponse(self._shown(self._found(ask), whole=True))

    def _free_slots(self, ask: PlatformRequest) -> Response:
        calendar = self._service(fields.needed(ask.query, "calendarId"))
        start, end = fields.epoch(ask.query, "startDate"), fields.epoch(ask.query, "endDate")
        where = zone(fields.timezone(ask.query, "timezone") or self.timezone)
        only = ask.query.get("userId")
        users = [user for user in calendar.users if not only or user == only]
        if only and not users:
            fields.refuse_invalid("userId")
        span = (max(start, self.clock.now()), end)
        days: wire.Json = {}
        for slot, _ in free_slots(calendar, users, self._taken(), span, self.timezone):
            at = slot.astimezone(where)
            day = days.setdefault(at.date().isoformat(), {"slots": []})
            day["slots"].append(local(slot, where))
        return JSONResponse(days)

    # --- writing ------------------------------------------------------------------------------

    def _create(self, ask: PlatformRequest) -> Response:
        """Book, or block: an end without a customer is a block (#event-blocks)."""
        given = fields.body(ask)
        customer = fields.text(given, "email") or fields.text(given, "phone")
        if fields.text(given, "endAt") and not customer and self.makes_blocks:
            return self._create_block(ask, given)
        timezone = fields.timezone(given, "selectedTimezone")
        if not timezone:
            fields.refuse_missing("selectedTimezone")
        if not customer:
            fields.refuse_missing("email", "email / phone")
        calendar = self._service(fields.needed(given, "calendarId"))
        user = fields.text(given, "userId")
        if user and user not in calendar.users:
            fields.refuse_invalid("userId")
        length = timedelta(minutes=calendar.slot_minutes)
        start, end = self._interval(ask, given, timezone, length)
        id, now = self.new_id(), self.stamp()
        booking = Booking(
            id=id,
            calendar=calendar.id,
            user=user or self._next_user(calendar, id, (start, end)),
            start=start,
            end=end,
            status="confirmed",
            contact="",
            title=self.stored_text(ask, fields.text(given, "title")),
            updated_at=now,
            added_at=now,
            source="third_party",
            description=self.stored_text(ask, fields.text(given, "calendarNotes")),
            timezone=timezone,
        )
        self._check_slot(booking)
        contact = self._upsert_contact(given)
        kept = replace(booking, contact=contact.id, title=booking.title or contact.name)
        self.meetings.put(id, kept)
        who = self._shown_contact(contact)
        return JSONResponse(wire.booked(id, who, self._session(), self._session()))

    def _create_block(self, ask: PlatformRequest, given: wire.Json) -> Response:
        user, calendar = fields.text(given, "userId"), fields.text(given, "calendarId")
        if not user and not calendar:
            fields.refuse_missing("calendarId", "calendarId / userId")
        if user and user not in self.users:
            fields.refuse_invalid("userId")
        if calendar:
            self._service(calendar)
        timezone = fields.timezone(given, "selectedTimezone") or self.timezone
        start, end = self._interval(ask, given, timezone, timedelta())
        title = self.stored_text(ask, fields.text(given, "title"))
        block = Block(self.new_id(), user, calendar, start, end, title, self.stamp())
        self.closures.put(block.id, block)
        return JSONResponse({"id": block.id})

    def _update(self, ask: PlatformRequest) -> Response:
        """Move an appointment or a block; status, notes and contact stay.

        See docs/platforms/leadconnector-v1.md#moving-an-appointment.
        """
        before = self._found(ask)
        given = fields.body(ask)
        timezone = fields.timezone(given, "selectedTimezone")
        if not timezone:
            fields.refuse_missing("selectedTimezone")
        title = self.stored_text(ask, fields.text(given, "title")) or before.title
        if not self.update_keeps_end:
            given = {key: value for key, value in given.items() if key != "endAt"}
        if isinstance(before, Block):
            start, end = self._interval(ask, given, timezone, before.end - before.start)
            now = self.stamp()
            block = replace(before, start=start, end=end, title=title, updated_at=now)
            self.closures.put(block.id, block)
            return JSONResponse({"id": block.id})
        service = self._service(fields.text(given, "calendarId") or before.calendar)
        length = timedelta(minutes=service.slot_minutes)
        start, end = self._interval(ask, given, timezone, length)
        if not self.update_keeps_end:
            sent = fields.instant(fields.body(ask), "endAt", timezone)
            self.lost_ends[before.id] = (start, end, sent or end)
        user = before.user
        if service.id != before.calendar and service.users and user not in service.users:
            # Nothing is known of a move that gives a meeting to somebody else for any other reason.
            user = self._next_user(service, before.id, (start, end))
        after = replace(
            booked_in(before, timezone),
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
        return JSONResponse(wire.written(after.id, who))

    def _update_status(self, ask: PlatformRequest) -> Response:
        """Answered with nothing at all (#status)."""
        found = self._found(ask)
        status = fields.needed(fields.body(ask), "status")
        if status not in SETTABLE:
            fields.refuse_invalid("status")
        if isinstance(found, Block):
            fields.refuse_invalid("id")
        changed = replace(found, status=status, updated_at=self.stamp())
        self.write_meeting(changed)
        return PlainTextResponse("")

    def _delete(self, ask: PlatformRequest) -> Response:
        """Appointments and blocks alike; answered with an empty JSON string (#deleting)."""
        found = self._found(ask)
        if isinstance(found, Block):
            self.remove_block(found.id)
        else:
            self.delete(found.id)
        return JSONResponse("")

    # --- what the calls have in common --------------------------------------------------------

    def _found(self, ask: PlatformRequest) -> Meeting | Block:
        """The appointment or block of the path; a deleted one is as unknown as any other."""
        id = ask.params["id"]
        found = self.meetings.get(id) or self.closures.get(id)
        if found is not None and found.deleted and self.refuses_deleted:
            raise RefusalError(fields.message(400, "Bad request"))
        if found is None or found.deleted:
            raise self._not_found(ask)
        return found

    def _not_found(self, ask: PlatformRequest) -> RefusalError:
        return RefusalError(self.unknown(ask))

    def _service(self, id: str) -> Calendar:
        calendar = self.calendars.get(id)
        if calendar is None:
            fields.refuse_invalid("calendarId")
        return calendar

    def _interval(
        self, ask: PlatformRequest, given: wire.Json, timezone: str, length: timedelta
    ) -> tuple[datetime, datetime]:
        """The interval asked for; without an end it is as long as given (#booking)."""
        start = fields.instant(given, "selectedSlot", timezone)
        if start is None:
            fields.refuse_missing("selectedSlot")
        end = fields.instant(given, "endAt", timezone) or start + length
        if end <= start:
            fields.refuse_invalid("endAt")
        return self.stored_time(ask, start), self.stored_time(ask, end)

    def _check_slot(self, wanted: Booking) -> None:
        """Refuse a start that the slots do not offer, or an end that runs into busy time."""
        if not self.checks_slots:
            return
        calendar, taken = self.calendars[wanted.calendar], self._taken(wanted.id)
        users = (wanted.user,) if wanted.user else ()
        span = (max(wanted.start, self.clock.now()), wanted.start + timedelta(seconds=1))
        offered = free_slots(calendar, users, taken, span, self.timezone)
        free = taken.frees(calendar, wanted.user, (wanted.start, wanted.end))
        if not free or wanted.start not in {start for start, _ in offered}:
            fields.refuse_invalid("selectedSlot", SLOT_TAKEN)

    def _next_user(self, calendar: Calendar, id: str, span: tuple[datetime, datetime]) -> str:
        """The first of the team who is free, as round robin would choose; or nobody."""
        taken = self._taken(id)
        free = (user for user in calendar.users if taken.frees(calendar, user, span))
        return next(free, calendar.users[0] if calendar.users else "")

    def _taken(self, besides: str = "") -> Taken:
        meetings = [m for m in self.meetings.values() if m.busy and m.id != besides]
        return Taken(meetings, [b for b in self.closures.values() if not b.deleted])

    def _contact(self, email: str, phone: str) -> Contact | None:
        """The first contact with this e-mail, in any case of letters, else with this phone."""
        everybody = self.contacts.values()
        by_email = (c for c in everybody if email and c.email.lower() == email.lower())
        by_phone = (c for c in everybody if phone and c.phone == phone)
        return next(by_email, None) or next(by_phone, None)

    def _upsert_contact(self, given: wire.Json) -> Contact:
        """A booking creates its customer, or overwrites the one it finds (#booking)."""
        email, phone = fields.text(given, "email"), fields.text(given, "phone")
        parts = (fields.text(given, "firstName"), fields.text(given, "lastName"))
        name = fields.text(given, "name") or " ".join(part for part in parts if part)
        known = self._contact(email, phone) or Contact(self.new_id(), "")
        contact = replace(
            known, name=name or known.name, email=email or known.email, phone=phone or known.phone
        )
        self.contacts[contact.id] = contact
        return contact

    def _shown_contact(self, found: Contact) -> wire.Json:
        return wire.contact(found, self.location_id, self.timezone)

    def _shown(self, found: Meeting | Block, *, whole: bool) -> wire.Json:
        """An appointment or a block; ``whole`` adds what includeAll does.

        See docs/platforms/leadconnector-v1.md#listing-appointments.
        """
        if isinstance(found, Block):
            return wire.block(found, self.location_id, self.zone)
        service = self.calendars[found.calendar]
        shown: dict[str, Any] = wire.appointment(found, service, self.location_id, self.timezone)
        if whole:
            who = self._shown_contact(self.contacts[found.contact])
            shown |= {"notes": found.notes or found.description, "contact": who}
        return shown
