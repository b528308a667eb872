"""The HTTP interface of a v2 location.

Anchors such as (#errors) are sections of docs/platforms/leadconnector-v2.md.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.sandbox.leadconnector import wire
from syncd.lab.sandbox.leadconnector.associations_api import AssociationsApi
from syncd.lab.sandbox.leadconnector.blocks_api import ALREADY_DELETED, BlocksApi
from syncd.lab.sandbox.leadconnector.location import LocationState
from syncd.lab.sandbox.leadconnector.records import (
    STATUSES,
    CalendarRecord,
    Meeting,
    Notification,
)
from syncd.lab.sandbox.leadconnector.resources_api import ResourcesApi
from syncd.lab.sandbox.leadconnector.scopes import may_call
from syncd.lab.sandbox.leadconnector.services_api import ServicesApi
from syncd.lab.sandbox.leadconnector.slots import BusyTime, free_slots
from syncd.lab.sandbox.leadconnector.update_rules import (
    MEMBER_MISSING,
    drop_reset_fields,
    lacks_member,
    reset_omitted,
)
from syncd.lab.sandbox.leadconnector.users_api import UsersApi
from syncd.lab.sandbox.platform import RefusalError
from syncd.lab.sandbox.replies import JsonObject, JSONResponse
from syncd.model import zone
from syncd.model.platform_facts import PlatformKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncd.lab.sandbox.platform import PlatformRequest

VERSIONS = frozenset({"2021-04-15", "2021-07-28", "2023-02-21", "v3"})
UNKNOWN_ROUTE = (
    "This route is not yet supported by the IAM Service. "
    "Please update the IAM config to support this route."
)
SLOT_TAKEN = "The slot you have selected is no longer available."
MAX_SLOTS_WINDOW = timedelta(days=31)


class EmulatedLeadConnector(LocationState):
    """An emulated LeadConnector v2 location: `LocationState` served over HTTP."""

    kind = PlatformKind.V2
    event_lists = ("/calendars/events", "/calendars/blocked-slots")

    def __init__(self, *arguments: Any, **more: Any) -> None:
        """Start an empty location; takes the arguments of `LocationState`."""
        self.resources = ResourcesApi(self)
        self.staff = UsersApi(self)
        self.blocks_api = BlocksApi(self)
        self.services = ServicesApi(self)
        self.associations = AssociationsApi(self)
        super().__init__(*arguments, **more)

    # --- overrides of Platform ----------------------------------------------------------------

    def routes(self) -> Sequence[Route]:
        """Return the served calls, with trailing slashes exactly as documented."""
        table: list[tuple[str, str, Callable[[PlatformRequest], Response]]] = [
            ("GET", "/calendars/", self._list_calendars),
            ("GET", "/calendars/groups", self._list_groups),
            ("GET", "/calendars/events", self._list_events),
            *self.blocks_api.routes(),
            *self.services.routes(),
            ("GET", "/calendars/events/appointments/{id}", self._get_appointment),
            ("POST", "/calendars/events/appointments", self._create_appointment),
            ("PUT", "/calendars/events/appointments/{id}", self._update_appointment),
            ("DELETE", "/calendars/events/{id}", self._delete_event),
            *self.resources.routes(),
            *self.associations.routes(),
            ("GET", "/calendars/{id}/free-slots", self._free_slots),
            ("GET", "/calendars/{id}", self._get_calendar),
            *self.staff.routes(),
            ("GET", "/locations/{id}", self._get_location),
            ("GET", "/contacts/{id}", self._get_contact),
        ]
        return [Route(path, endpoint, methods=[verb]) for verb, path, endpoint in table]

    def authorise(self, request: PlatformRequest) -> Response | None:
        """Check the Version header, then the token (#access, #errors)."""
        version = request.headers.get("version")
        if version is None:
            return self._error(401, "version header was not found.")
        refused = request.path.startswith("/calendars") and not self.version_v3
        if version not in VERSIONS or (version == "v3" and refused):
            return self._error(401, "version header is invalid")
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return self.unauthorised(request)
        if not may_call(self.scopes, request.method, request.path):
            return self._error(401, "The token is not authorized for this scope.")
        return None

    def unknown_route(self, request: PlatformRequest) -> Response:  # noqa: ARG002 - one answer for all
        """Respond to a wrong path or method with 401, not 404 (#errors)."""
        return self._error(401, UNKNOWN_ROUTE)

    def unauthorised(self, request: PlatformRequest) -> Response:  # noqa: ARG002 - one answer for all
        """Reject a wrong token (#errors)."""
        return self._error(401, "Invalid JWT")

    def rate_limited(self, request: PlatformRequest, spelling: str) -> Response:  # noqa: ARG002 - one form only
        """Respond with 429 without Retry-After (#rate-limits)."""
        return JSONResponse({"statusCode": 429, "message": "Too Many Requests"}, 429)

    def limit_headers(self) -> dict[str, str]:
        """Return the rate-limit headers (#rate-limits); the daily reset is in ms from now."""
        now, limit = self.clock.now(), self.limit
        if limit is None:
            return {}
        reset_in = limit.daily_reset(now) // timedelta(milliseconds=1)
        return {
            "x-ratelimit-max": str(limit.max_requests),
            "x-ratelimit-remaining": str(limit.remaining(now)),
            "x-ratelimit-interval-milliseconds": str(int(limit.interval * 1000)),
            "x-ratelimit-limit-daily": str(limit.daily),
            "x-ratelimit-daily-remaining": str(limit.daily_remaining(now)),
            "x-ratelimit-daily-reset": str(reset_in),
        }

    def book_service(
        self,
        calendar: str,
        user: str,
        start: datetime,
        end: datetime,
        contact: str,
        title: str = "Service",
    ) -> str:
        """Book as a customer does through a service menu, and return the booking's id."""
        id = self.book(calendar, user, start, end, contact, title=title)
        self.meetings.put(id, replace(self._meeting(id), service=True))
        return id

    # --- calendars, users, contacts -----------------------------------------------------------

    def _list_calendars(self, request: PlatformRequest) -> Response:
        self.check_location(request.query.get("locationId"))
        group = request.query.get("groupId")
        calendars = [c for c in self.calendars.values() if group is None or c.group == group]
        return self._ok(calendars=[wire.calendar(c, self.location_id) for c in calendars])

    def _list_groups(self, request: PlatformRequest) -> Response:
        self.check_location(request.query.get("locationId"))
        return self._ok(groups=[wire.group(g, self.location_id) for g in self.groups.values()])

    def _get_calendar(self, request: PlatformRequest) -> Response:
        return self._ok(
            calendar=wire.calendar(self.known_calendar(request.params["id"]), self.location_id)
        )

    def _get_location(self, request: PlatformRequest) -> Response:
        self.check_location(request.params["id"])
        location = {"id": self.location_id, "name": self.name, "timezone": self.timezone}
        return self._ok(location=location)

    def _get_contact(self, request: PlatformRequest) -> Response:
        contact = self.contacts.get(request.params["id"])
        if contact is None:
            raise self.refusal(404, "Contact not found")
        return self._ok(contact=wire.contact(contact, self.location_id))

    # --- reading events -----------------------------------------------------------------------

    def _list_events(self, request: PlatformRequest) -> Response:
        def is_requested(meeting: Meeting) -> bool:
            calendar = self.calendars[meeting.calendar]
            user = self.listed_as(meeting, request.query.get("userId", ""))
            group = self.listed_group(calendar.id)
            return wire.matches_query(request, calendarId=calendar.id, userId=user, groupId=group)

        window = self.window(request)
        rows = [
            self._shown(m)
            for m in self.meetings.values(self.as_of(request))
            if window and self.is_listed(m) and self.is_in_window(m, window) and is_requested(m)
        ]
        return self._ok(events=self.apply_list_faults(request, rows))

    def _get_appointment(self, request: PlatformRequest) -> Response:
        block = self.stored_blocks.get(request.params["id"]) if self.blocks_by_id else None
        if block is not None and not block.deleted:
            return self._ok(appointment=wire.block(block, self.zone))
        meeting = self._stored_meeting(request.params["id"])
        row = self._shown(meeting)
        row |= {"description": meeting.description, **wire.detail_fields(meeting)}
        return self._ok(appointment={**row, "appointmentMeta": {"slotType": "regular"}})

    def _shown(self, meeting: Meeting) -> JsonObject:
        context = (self.calendars[meeting.calendar], self.location_id, self.zone)
        return wire.appointment(meeting, *context, name_owner=self.users_name_owner)

    def _free_slots(self, request: PlatformRequest) -> Response:
        calendar = self.known_calendar(request.params["id"])
        start, end = (
            wire.read_epoch_ms(request.query.get("startDate")),
            wire.read_epoch_ms(request.query.get("endDate")),
        )
        if start is None or end is None:
            raise self.refusal(422, ["startDate and endDate must be numbers"])
        if end - start > MAX_SLOTS_WINDOW:
            raise self.refusal(400, "The date range cannot be more than 31 days")
        try:
            shown_zone = zone(request.query.get("timezone", self.timezone))
        except ValueError:
            raise self.refusal(422, ["timezone must be a valid IANA time zone"]) from None
        requested = {*request.query.getlist("userIds[]"), *request.query.getlist("userId")}
        users = [user for user in calendar.users if not requested or user in requested]
        span = (max(start, self.clock.now()), end)
        days: dict[str, Any] = {}
        for slot, _ in free_slots(calendar, users, self._taken(), span, self.timezone):
            local = slot.astimezone(shown_zone)
            day = days.setdefault(local.date().isoformat(), {"slots": []})
            day["slots"].append(wire.local_time(slot, shown_zone))
        return self._ok(**days)

    # --- writing appointments -----------------------------------------------------------------

    def _create_appointment(self, request: PlatformRequest) -> Response:
        allowed = wire.APPOINTMENT_FIELDS | {"contactId", "locationId"}
        required = ("calendarId", "locationId", "contactId", "startTime")
        body = self.body(request, allowed, required)
        self.check_location(body["locationId"])
        if body["contactId"] not in self.contacts:
            raise self.refusal(400, "Contact not found")
        now = self.stamp()
        draft = Meeting(
            self.new_id(), "", "", now, now, "confirmed", body["contactId"], "", now,
            added_at=now, source="third_party",
        )  # fmt: skip
        return self._write(request, draft, body, "created")

    def _update_appointment(self, request: PlatformRequest) -> Response:
        meeting = self._stored_meeting(request.params["id"])
        if meeting.deleted:
            raise self.refusal(400, ALREADY_DELETED)
        body = wire.resolve_status(self.body(request, wire.APPOINTMENT_FIELDS), meeting)
        if lacks_member(self.known_calendar(body.get("calendarId", meeting.calendar)), body):
            raise self.refusal(422, MEMBER_MISSING)
        if fault := self.take_fault(FaultKind.RESET_FIELDS, request):
            texts = fault.spelling != "status"
            meeting, body = (
                reset_omitted(meeting, texts=texts),
                drop_reset_fields(body, texts=texts),
            )
        elif self.update_replaces:
            meeting = reset_omitted(meeting, owner=False)
        return self._write(request, meeting, body, "updated")

    def _write(
        self, request: PlatformRequest, before: Meeting, body: JsonObject, event: str
    ) -> Response:
        calendar = self.known_calendar(body.get("calendarId", before.calendar))
        status = body.get("appointmentStatus", before.status)
        if status not in STATUSES:
            self.refused_words.append(status)
            allowed = ", ".join(sorted(STATUSES))
            raise self.refusal(
                422, [f"appointmentStatus must be one of the following values: {allowed}"]
            )
        requested_user = body.get("assignedUserId")
        if requested_user and requested_user not in calendar.users:
            raise self.refusal(422, ["user id not part of calendar team"])
        start, end = before.start, before.end
        if "startTime" in body or "endTime" in body:
            start, end = self.interval(
                request, body, start, timedelta(minutes=calendar.slot_minutes)
            )
        user = requested_user or before.user or self._next_user(calendar, before.id, (start, end))
        after = replace(
            before,
            calendar=calendar.id,
            user=user,
            start=start,
            end=end,
            status=status,
            title=self.stored_text(request, body.get("title", before.title)),
            description=self.stored_text(request, body.get("description", before.description)),
            updated_at=self.stamp(),
            hosts=() if self.update_drops_hosts else before.hosts,
        )
        if "startTime" in body and body.get("ignoreFreeSlotValidation") is not True:
            self._check_slot(after, body)
        self.write_meeting(after)
        if body.get("toNotify") is not False:
            self.notifications.append(Notification(after.id, event))
        return self._ok(**wire.write_reply(after, calendar, self.location_id))

    def _check_slot(self, wanted: Meeting, body: JsonObject) -> None:
        """Refuse a slot unless free-slots offers exactly this text and length (#errors)."""
        calendar = self.calendars[wanted.calendar]
        earliest = wanted.start
        if body.get("ignoreDateRange") is not True:
            earliest = max(earliest, self.clock.now())
        span = (earliest, wanted.start + timedelta(seconds=1))
        users = (wanted.user,) if wanted.user else ()
        offered = free_slots(calendar, users, self._taken(wanted.id), span, self.timezone)
        same_text = body["startTime"] == wire.local_time(wanted.start, self.zone)
        if (wanted.start, wanted.end) not in offered or not same_text:
            raise self.refusal(400, SLOT_TAKEN)

    def _next_user(self, calendar: CalendarRecord, id: str, span: tuple[datetime, datetime]) -> str:
        """Return the first free user of the team, as round robin would; '' for nobody."""
        if not calendar.shows_user or not calendar.users:
            return ""
        taken = self._taken(id)
        free = (user for user in calendar.users if taken.has_room(calendar, user, span))
        return next(free, calendar.users[0])

    # --- deleting -----------------------------------------------------------------------------

    def _delete_event(self, request: PlatformRequest) -> Response:
        """Delete an appointment or a block (#deleting)."""
        id = request.params["id"]
        meeting = self.meetings.get(id)
        if meeting is None:
            return self.blocks_api.delete(id)
        if meeting.deleted:
            raise self.refusal(400, ALREADY_DELETED)
        self.delete(id)
        return self._ok(succeeded=True)

    # --- requests and answers -----------------------------------------------------------------

    def body(
        self, request: PlatformRequest, allowed: frozenset[str], required: Sequence[str] = ()
    ) -> JsonObject:
        """Read the body of a request, or refuse it."""
        try:
            return wire.read_body(request, allowed, required)
        except wire.BadBodyError as error:
            raise self.refusal(422, error.messages) from None

    def interval(
        self, request: PlatformRequest, body: JsonObject, start: datetime, length: timedelta
    ) -> tuple[datetime, datetime]:
        """Return the interval that a request wants to write, rounded as the platform stores times.

        ``start`` applies if the body has no startTime. Without an endTime the interval lasts
        ``length`` (#writing-appointments). Raises a refusal (422) if a time is invalid or the end
        is not after the start.
        """
        try:
            start = wire.read_time(body, "startTime") or start
            end = wire.read_time(body, "endTime") or start + length
        except wire.BadBodyError as error:
            raise self.refusal(422, error.messages) from None
        if end <= start:
            raise self.refusal(422, ["endTime must be after startTime"])
        return self.stored_time(request, start), self.stored_time(request, end)

    def window(self, request: PlatformRequest) -> tuple[datetime, datetime] | None:
        """Return the window that a list request asks for.

        Return None, which matches no event, if the times are not in milliseconds.
        """
        self.check_location(request.query.get("locationId"))
        missing = [key for key in ("startTime", "endTime") if not request.query.get(key)]
        if missing:
            raise self.refusal(422, [f"{key} should not be empty" for key in missing])
        if not any(request.query.get(key) for key in ("calendarId", "userId", "groupId")):
            raise self.refusal(422, ["Either calendarId, userId or groupId is required"])
        user = request.query.get("userId")
        if self.refuses_unknown_users and user and user not in self.users:
            raise self.refusal(400, "User not found")
        group = request.query.get("groupId")
        if self.refuses_unknown_groups and group and group not in self.groups:
            raise self.refusal(404, "Group not found")
        start, end = (
            wire.read_epoch_ms(request.query["startTime"]),
            wire.read_epoch_ms(request.query["endTime"]),
        )
        return None if start is None or end is None else (start, end)

    def check_location(self, location: str | None) -> None:
        """Refuse a request for any other location than this one (#errors)."""
        if location != self.location_id:
            raise self.refusal(403, "The token does not have access to this location.")

    def known_calendar(self, id: str) -> CalendarRecord:
        """Return the calendar with this id; refuse the request if the id is unknown."""
        calendar = self.calendars.get(id)
        if calendar is None:
            raise self.refusal(404, "Calendar not found")
        return calendar

    def _stored_meeting(self, id: str) -> Meeting:
        meeting = self.meetings.get(id)
        if meeting is None:
            raise self.refusal(404, "Appointment not found")
        return meeting

    def _taken(self, except_id: str = "") -> BusyTime:
        meetings = [m for m in self.meetings.values() if m.busy and m.id != except_id]
        blocks = [b for b in self.stored_blocks.values() if not b.deleted]
        closing = blocks if self.block_closes_calendars else [b for b in blocks if not b.user]
        return BusyTime(meetings, closing)

    def _ok(self, **payload: Any) -> Response:
        return self.reply(200, payload)

    def reply(self, status: int, payload: JsonObject) -> Response:
        """Return a response with a trace id, as every response of the platform has (#access)."""
        return JSONResponse({**payload, "traceId": self._trace()}, status)

    def _error(self, status: int, message: str | list[str]) -> Response:
        phrase = HTTPStatus(status).phrase
        return self.reply(status, {"statusCode": status, "message": message, "error": phrase})

    def refusal(self, status: int, message: str | list[str]) -> RefusalError:
        """Return an error response in the platform's form, to be raised (#errors)."""
        return RefusalError(self._error(status, message))
