"""Teams, services and slugs of a v1 location over HTTP (docs/platforms/leadconnector-v1.md#teams).

A service is not returned as it was sent: colours, priorities and units have other values, five
booleans have other names, and slug, kind and activity are missing (#services).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import time
from typing import TYPE_CHECKING, Any, Protocol

from starlette.responses import PlainTextResponse, Response

from syncd.lab.sandbox.leadconnector.records import (
    CalendarRecord,
    CalendarType,
    GroupRecord,
    OpenHours,
)
from syncd.lab.sandbox.leadconnector_v1 import fields, wire
from syncd.lab.sandbox.platform import RefusalError
from syncd.lab.sandbox.replies import JsonObject, JSONResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syncd.lab.sandbox.leadconnector.records import StaffUser
    from syncd.lab.sandbox.platform import PlatformRequest

COLORS = {
    "Banana": "#F6BF26", "Basil": "#0B8043", "Blueberry": "#3F51B5", "Flamingo": "#E67C73",
    "Grape": "#8E24AA", "Graphite": "#616161", "Lavender": "#7986CB", "Peacock": "#039BE5",
    "Sage": "#33B679", "Tangerine": "#F4511E", "Tomato": "#D50000",
}  # fmt: skip
EVENT_TYPES = {
    "RoundRobin_OptimizeForAvailability",
    "RoundRobin_OptimizeForEqualDistribution",
}
PRIORITIES = {"High": 1, "Medium": 0.5, "Low": 0}
MINUTES = {10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 360, 420, 480}
_FLAGS = {
    "autoConfirm": "hasAutoConfirm",
    "shouldSendAlertEmailsToAssignedMember": "hasSendEmailToAssignedMember",
    "googleInvitationEmails": "hasGoogleSendInvitationEmail",
    "allowReschedule": "hasAllowReschedule",
    "allowCancellation": "hasAllowCancellation",
}
"""The name of each boolean in requests, and its name in responses."""
_SUBMISSIONS = {"ThankYouMessage", "RedirectURL"}


class LegacyParentApi(Protocol):
    """The part of a location that the handlers of teams and services need."""

    new_id: Callable[[], str]
    groups: dict[str, GroupRecord]
    calendars: dict[str, CalendarRecord]

    @property
    def users(self) -> Mapping[str, StaffUser]:
        """Staff by id."""
        ...


@dataclass(frozen=True, slots=True)
class TeamRecord:
    """A team's own members, and its page settings."""

    users: tuple[str, ...]
    config: JsonObject


@dataclass(slots=True)
class TeamsApi:
    """The teams and services of one location. Those that people created have no details."""

    parent: LegacyParentApi
    teams: dict[str, TeamRecord] = field(default_factory=dict)
    services: dict[str, JsonObject] = field(default_factory=dict)
    """The body of the last request, by service."""

    def routes(self) -> list[tuple[str, str, Callable[[PlatformRequest], Response]]]:
        """Return the served calls."""
        return [
            ("GET", "/calendars/teams", self._list_teams),
            ("POST", "/calendars/teams", self._create_team),
            ("PUT", "/calendars/teams/{id}", self._update_team),
            ("DELETE", "/calendars/teams/{id}", self._delete_team),
            ("GET", "/calendars/services", self._list_services),
            ("POST", "/calendars/services", self._create_service),
            ("PUT", "/calendars/services/{id}", self._update_service),
            ("DELETE", "/calendars/services/{id}", self._delete_service),
            ("GET", "/calendars/check-slug-availability/{slug}", self._check_slug),
        ]

    # --- slugs --------------------------------------------------------------------------------

    def _check_slug(self, request: PlatformRequest) -> Response:
        slug = request.params["slug"]
        return JSONResponse({"slug": slug, "isSlugAvailable": slug not in self._slugs()})

    def _slugs(self, except_id: str = "") -> set[str]:
        slugs = {
            id: self.teams[id].config["slug"] if id in self.teams else wire.slug(group.name)
            for id, group in self.parent.groups.items()
        }
        slugs |= {id: body["slug"] for id, body in self.services.items()}
        return {slug for id, slug in slugs.items() if id != except_id}

    def _check_free(self, slug: str, key: str, except_id: str = "") -> None:
        if slug in self._slugs(except_id):
            fields.refuse_invalid(key, f"The {key} is already taken.")

    # --- teams --------------------------------------------------------------------------------

    def _list_teams(self, _: PlatformRequest) -> Response:
        return JSONResponse({"teams": [self._shown_team(g) for g in self.parent.groups.values()]})

    def _create_team(self, request: PlatformRequest) -> Response:
        return self._put_team(request, GroupRecord(self.parent.new_id(), ""))

    def _update_team(self, request: PlatformRequest) -> Response:
        """Replace a team; fields that are not sent return to their defaults."""
        return self._put_team(request, self._team(request))

    def _put_team(self, request: PlatformRequest, before: GroupRecord) -> Response:
        body = fields.read_body(request)
        group = replace(before, name=fields.require_text(body, "name"))
        users = self._members("userIds", body.get("userIds"))
        config = body.get("calendarConfig")
        if not isinstance(config, dict):
            fields.refuse_missing("calendarConfig")
        for key in ("calendarName", "description", "slug"):
            if not isinstance(config.get(key), str):
                fields.refuse_missing(f"calendarConfig.{key}")
        self._check_free(config["slug"], "calendarConfig.slug", before.id)
        flags = ("shouldAssignContactToTeamMember", "shouldSkipAssigningContactForExisting")
        details = {
            **{key: config[key] for key in ("calendarName", "description", "slug")},
            "link": f"/widget/appointment/{config['slug']}",
            **{flag: config.get(flag) is True for flag in flags},
        }
        self.parent.groups[group.id] = group
        self.teams[group.id] = TeamRecord(tuple(users), details)
        return JSONResponse(self._shown_team(group))

    def _delete_team(self, request: PlatformRequest) -> Response:
        group = self._team(request)
        del self.parent.groups[group.id]
        self.teams.pop(group.id, None)
        return PlainTextResponse("")

    def _team(self, request: PlatformRequest) -> GroupRecord:
        team = self.parent.groups.get(request.params["id"])
        if team is None:
            raise RefusalError(fields.error_reply(400, "Bad Request"))
        return team

    def _shown_team(self, group: GroupRecord) -> JsonObject:
        services = [c for c in self.parent.calendars.values() if c.group == group.id]
        details = self.teams.get(group.id)
        own_users = details.users if details else ()
        members = dict.fromkeys(
            (*own_users, *(user for service in services for user in service.users))
        )
        row = wire.team(group, [self.parent.users[user] for user in members])
        return {**row, "calendarConfig": details.config} if details else row

    # --- services -----------------------------------------------------------------------------

    def _list_services(self, request: PlatformRequest) -> Response:
        team = request.query.get("teamId")
        services = [c for c in self.parent.calendars.values() if not team or c.group == team]
        return JSONResponse({"services": [self._shown_service(c) for c in services]})

    def _create_service(self, request: PlatformRequest) -> Response:
        return self._put_service(request, self.parent.new_id())

    def _update_service(self, request: PlatformRequest) -> Response:
        """Replace a service."""
        return self._put_service(request, self._service(request).id)

    def _put_service(self, request: PlatformRequest, id: str) -> Response:
        body = fields.read_body(request)
        _check_texts(body)
        if body["teamId"] not in self.parent.groups:
            fields.refuse_invalid("teamId")
        self._check_free(body["slug"], "slug", id)
        members = body.get("teamMembers")
        if not isinstance(members, list):
            fields.refuse_missing("teamMembers")
        for member in members:
            _check_member(member)
        users = self._members("teamMembers.userId", [member["userId"] for member in members])
        timing, hours = _check_availability(body.get("availability"))
        _check_confirmation(body.get("confirmation"))
        info = body["availability"].get("appointmentInfo") or {}
        calendar = CalendarRecord(
            id,
            body["name"],
            CalendarType.ROUND_ROBIN,
            tuple(users),
            body["teamId"],
            hours,
            timing["slotDuration"],
            info.get("perSlot") or 1,
        )
        self.parent.calendars[id] = calendar
        self.services[id] = body
        return JSONResponse(self._shown_service(calendar))

    def _delete_service(self, request: PlatformRequest) -> Response:
        service = self._service(request)
        del self.parent.calendars[service.id]
        self.services.pop(service.id, None)
        return PlainTextResponse("")

    def _service(self, request: PlatformRequest) -> CalendarRecord:
        service = self.parent.calendars.get(request.params["id"])
        if service is None:
            # The platform's message names a contact by mistake (#services).
            fields.refuse_invalid("id", "The contact id is invalid.")
        return service

    def _shown_service(self, service: CalendarRecord) -> JsonObject:
        row = wire.service(service)
        body = self.services.get(service.id)
        if body is None:
            return row
        confirmation = body["confirmation"]
        notification = confirmation["notificationAndOther"]
        form = confirmation.get("form") or {}
        return {
            **row,
            "description": body["description"],
            "appointmentTitle": body["appointmentTitle"],
            "eventColor": COLORS[body["eventColor"]],
            "syncOption": body.get("syncOption", "oneway"),
            "teamMembers": [
                {
                    "userId": member["userId"],
                    "priority": PRIORITIES[member["priority"]],
                    "selected": member["selected"],
                    "meetingLocation": member.get("meetingLocation", ""),
                }
                for member in body["teamMembers"]
            ],
            "availability": {
                **row["availability"],
                "eventTiming": {"slotBuffer": 0, **body["availability"]["eventTiming"]},
                "appointmentInfo": body["availability"].get("appointmentInfo", {}),
                "schedule": {
                    key: value.capitalize() if isinstance(value, str) else value
                    for key, value in body["availability"].get("schedule", {}).items()
                },
            },
            "confirmation": {
                "form": {
                    "customFormId": form.get("customFormId", ""),
                    "stickyContact": form.get("stickyContact", False),
                },
                "notificationAndOther": {
                    "alertEmail": notification.get("alertEmail", ""),
                    "notes": notification.get("notes", ""),
                    **{shown_as: notification[sent_as] for sent_as, shown_as in _FLAGS.items()},
                },
                "formSubmission": confirmation["formSubmission"],
            },
        }

    def _members(self, key: str, users: Any) -> list[str]:
        if not isinstance(users, list):
            fields.refuse_missing(key)
        if any(user not in self.parent.users for user in users):
            fields.refuse_invalid(key)
        return users


def _check_texts(body: JsonObject) -> None:
    for key in ("teamId", "name", "slug", "appointmentTitle"):
        fields.require_text(body, key)
    if not isinstance(body.get("description"), str):
        fields.refuse_missing("description")
    if body.get("eventType") not in EVENT_TYPES:
        fields.refuse_invalid("eventType")
    if body.get("eventColor") not in COLORS:
        fields.refuse_invalid("eventColor")


def _check_member(member: Any) -> None:
    if not isinstance(member, dict) or not isinstance(member.get("userId"), str):
        fields.refuse_missing("teamMembers.userId")
    if member.get("priority") not in PRIORITIES:
        fields.refuse_invalid("teamMembers.priority")
    if not isinstance(member.get("selected"), bool):
        fields.refuse_missing("teamMembers.selected")


def _check_availability(availability: Any) -> tuple[JsonObject, tuple[OpenHours, ...]]:
    timing = availability.get("eventTiming") if isinstance(availability, dict) else None
    if not isinstance(timing, dict):
        fields.refuse_missing("availability.eventTiming")
    for key in ("slotDuration", "slotInterval"):
        if timing.get(key) not in MINUTES:
            fields.refuse_invalid(f"availability.eventTiming.{key}")
    hours = availability.get("officeHours")
    if not isinstance(hours, dict):
        fields.refuse_missing("availability.officeHours")
    openings = []
    for day, spans in hours.items():
        if day not in wire.WEEKDAYS or not isinstance(spans, list):
            fields.refuse_invalid("availability.officeHours")
        for span in spans:
            opens = time(span["openHour"], span["openMinute"])
            closes = time(span["closeHour"], span["closeMinute"])
            openings.append(OpenHours((wire.WEEKDAYS.index(day),), opens, closes))
    return timing, tuple(openings)


def _check_confirmation(confirmation: Any) -> None:
    notification = (
        confirmation.get("notificationAndOther") if isinstance(confirmation, dict) else None
    )
    if not isinstance(notification, dict):
        fields.refuse_missing("confirmation.notificationAndOther")
    for key in _FLAGS:
        if not isinstance(notification.get(key), bool):
            fields.refuse_missing(f"confirmation.notificationAndOther.{key}")
    submission = confirmation.get("formSubmission")
    if not isinstance(submission, dict) or submission.get("type") not in _SUBMISSIONS:
        fields.refuse_invalid("confirmation.formSubmission.type")
