"""Teams, services and slugs of a v1 location over HTTP (docs/platforms/leadconnector-v1.md#teams).

A service is not returned as it was sent: colours, priorities and units have other values, five
booleans have other names, and slug, kind and activity are missing (#services).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import time
from typing import TYPE_CHECKING, Any, Protocol

from starlette.responses import PlainTextResponse, Response

from syncd.sandbox.leadconnector.records import (
    CalendarRecord,
    CalendarType,
    GroupRecord,
    OpeningHours,
)
from syncd.sandbox.leadconnector_v1 import fields, wire
from syncd.sandbox.platform import RefusalError
from syncd.sandbox.replies import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syncd.sandbox.leadconnector.records import StaffUser
    from syncd.sandbox.platform import PlatformRequest

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
"""Names of the booleans in requests, and in answers."""
_SUBMISSIONS = {"ThankYouMessage", "RedirectURL"}


class LegacyParentApi(Protocol):
    """What the handlers need of the location that they belong to."""

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
    config: wire.Json


@dataclass(slots=True)
class TeamsApi:
    """The teams and services of one location. Those that people created have no details."""

    parent: LegacyParentApi
    teams: dict[str, TeamRecord] = field(default_factory=dict)
    services: dict[str, wire.Json] = field(default_factory=dict)
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

    def _check_slug(self, ask: PlatformRequest) -> Response:
        slug = ask.params["slug"]
        return JSONResponse({"slug": slug, "isSlugAvailable": slug not in self._slugs()})

    def _slugs(self, besides: str = "") -> set[str]:
        named = {
            id: self.teams[id].config["slug"] if id in self.teams else wire.slug(group.name)
            for id, group in self.parent.groups.items()
        }
        named |= {id: body["slug"] for id, body in self.services.items()}
        return {slug for id, slug in named.items() if id != besides}

    def _check_free(self, slug: str, key: str, besides: str = "") -> None:
        if slug in self._slugs(besides):
            fields.refuse_invalid(key, f"The {key} is already taken.")

    # --- teams --------------------------------------------------------------------------------

    def _list_teams(self, _: PlatformRequest) -> Response:
        return JSONResponse({"teams": [self._shown_team(g) for g in self.parent.groups.values()]})

    def _create_team(self, ask: PlatformRequest) -> Response:
        return self._put_team(ask, GroupRecord(self.parent.new_id(), ""))

    def _update_team(self, ask: PlatformRequest) -> Response:
        """Replace a team; fields that are not sent return to their defaults."""
        return self._put_team(ask, self._team(ask))

    def _put_team(self, ask: PlatformRequest, before: GroupRecord) -> Response:
        given = fields.read_body(ask)
        group = replace(before, name=fields.require_text(given, "name"))
        users = self._members("userIds", given.get("userIds"))
        said = given.get("calendarConfig")
        if not isinstance(said, dict):
            fields.refuse_missing("calendarConfig")
        for key in ("calendarName", "description", "slug"):
            if not isinstance(said.get(key), str):
                fields.refuse_missing(f"calendarConfig.{key}")
        self._check_free(said["slug"], "calendarConfig.slug", before.id)
        flags = ("shouldAssignContactToTeamMember", "shouldSkipAssigningContactForExisting")
        config = {
            **{key: said[key] for key in ("calendarName", "description", "slug")},
            "link": f"/widget/appointment/{said['slug']}",
            **{flag: said.get(flag) is True for flag in flags},
        }
        self.parent.groups[group.id] = group
        self.teams[group.id] = TeamRecord(tuple(users), config)
        return JSONResponse(self._shown_team(group))

    def _delete_team(self, ask: PlatformRequest) -> Response:
        group = self._team(ask)
        del self.parent.groups[group.id]
        self.teams.pop(group.id, None)
        return PlainTextResponse("")

    def _team(self, ask: PlatformRequest) -> GroupRecord:
        found = self.parent.groups.get(ask.params["id"])
        if found is None:
            raise RefusalError(fields.error_reply(400, "Bad Request"))
        return found

    def _shown_team(self, group: GroupRecord) -> wire.Json:
        services = [c for c in self.parent.calendars.values() if c.group == group.id]
        made = self.teams.get(group.id)
        own = made.users if made else ()
        members = dict.fromkeys((*own, *(user for service in services for user in service.users)))
        shown = wire.team(group, [self.parent.users[user] for user in members])
        return {**shown, "calendarConfig": made.config} if made else shown

    # --- services -----------------------------------------------------------------------------

    def _list_services(self, ask: PlatformRequest) -> Response:
        team = ask.query.get("teamId")
        found = [c for c in self.parent.calendars.values() if not team or c.group == team]
        return JSONResponse({"services": [self._shown_service(c) for c in found]})

    def _create_service(self, ask: PlatformRequest) -> Response:
        return self._put_service(ask, self.parent.new_id())

    def _update_service(self, ask: PlatformRequest) -> Response:
        """Replace a service."""
        return self._put_service(ask, self._service(ask).id)

    def _put_service(self, ask: PlatformRequest, id: str) -> Response:
        given = fields.read_body(ask)
        _check_texts(given)
        if given["teamId"] not in self.parent.groups:
            fields.refuse_invalid("teamId")
        self._check_free(given["slug"], "slug", id)
        members = given.get("teamMembers")
        if not isinstance(members, list):
            fields.refuse_missing("teamMembers")
        for member in members:
            _check_member(member)
        users = self._members("teamMembers.userId", [each["userId"] for each in members])
        timing, hours = _check_availability(given.get("availability"))
        _check_confirmation(given.get("confirmation"))
        info = given["availability"].get("appointmentInfo") or {}
        calendar = CalendarRecord(
            id,
            given["name"],
            CalendarType.ROUND_ROBIN,
            tuple(users),
            given["teamId"],
            hours,
            timing["slotDuration"],
            info.get("perSlot") or 1,
        )
        self.parent.calendars[id] = calendar
        self.services[id] = given
        return JSONResponse(self._shown_service(calendar))

    def _delete_service(self, ask: PlatformRequest) -> Response:
        service = self._service(ask)
        del self.parent.calendars[service.id]
        self.services.pop(service.id, None)
        return PlainTextResponse("")

    def _service(self, ask: PlatformRequest) -> CalendarRecord:
        found = self.parent.calendars.get(ask.params["id"])
        if found is None:
            # The message wrongly speaks of a contact (#services).
            fields.refuse_invalid("id", "The contact id is invalid.")
        return found

    def _shown_service(self, found: CalendarRecord) -> wire.Json:
        shown = wire.service(found)
        said = self.services.get(found.id)
        if said is None:
            return shown
        confirmation = said["confirmation"]
        told = confirmation["notificationAndOther"]
        form = confirmation.get("form") or {}
        return {
            **shown,
            "description": said["description"],
            "appointmentTitle": said["appointmentTitle"],
            "eventColor": COLORS[said["eventColor"]],
            "syncOption": said.get("syncOption", "oneway"),
            "teamMembers": [
                {
                    "userId": each["userId"],
                    "priority": PRIORITIES[each["priority"]],
                    "selected": each["selected"],
                    "meetingLocation": each.get("meetingLocation", ""),
                }
                for each in said["teamMembers"]
            ],
            "availability": {
                **shown["availability"],
                "eventTiming": {"slotBuffer": 0, **said["availability"]["eventTiming"]},
                "appointmentInfo": said["availability"].get("appointmentInfo", {}),
                "schedule": {
                    key: value.capitalize() if isinstance(value, str) else value
                    for key, value in said["availability"].get("schedule", {}).items()
                },
            },
            "confirmation": {
                "form": {
                    "customFormId": form.get("customFormId", ""),
                    "stickyContact": form.get("stickyContact", False),
                },
                "notificationAndOther": {
                    "alertEmail": told.get("alertEmail", ""),
                    "notes": told.get("notes", ""),
                    **{shown_as: told[sent_as] for sent_as, shown_as in _FLAGS.items()},
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


def _check_texts(given: wire.Json) -> None:
    for key in ("teamId", "name", "slug", "appointmentTitle"):
        fields.require_text(given, key)
    if not isinstance(given.get("description"), str):
        fields.refuse_missing("description")
    if given.get("eventType") not in EVENT_TYPES:
        fields.refuse_invalid("eventType")
    if given.get("eventColor") not in COLORS:
        fields.refuse_invalid("eventColor")


def _check_member(member: Any) -> None:
    if not isinstance(member, dict) or not isinstance(member.get("userId"), str):
        fields.refuse_missing("teamMembers.userId")
    if member.get("priority") not in PRIORITIES:
        fields.refuse_invalid("teamMembers.priority")
    if not isinstance(member.get("selected"), bool):
        fields.refuse_missing("teamMembers.selected")


def _check_availability(said: Any) -> tuple[wire.Json, tuple[OpeningHours, ...]]:
    timing = said.get("eventTiming") if isinstance(said, dict) else None
    if not isinstance(timing, dict):
        fields.refuse_missing("availability.eventTiming")
    for key in ("slotDuration", "slotInterval"):
        if timing.get(key) not in MINUTES:
            fields.refuse_invalid(f"availability.eventTiming.{key}")
    hours = said.get("officeHours")
    if not isinstance(hours, dict):
        fields.refuse_missing("availability.officeHours")
    openings = []
    for day, spans in hours.items():
        if day not in wire.WEEKDAYS or not isinstance(spans, list):
            fields.refuse_invalid("availability.officeHours")
        for span in spans:
            opens = time(span["openHour"], span["openMinute"])
            closes = time(span["closeHour"], span["closeMinute"])
            openings.append(OpeningHours((wire.WEEKDAYS.index(day),), opens, closes))
    return timing, tuple(openings)


def _check_confirmation(said: Any) -> None:
    told = said.get("notificationAndOther") if isinstance(said, dict) else None
    if not isinstance(told, dict):
        fields.refuse_missing("confirmation.notificationAndOther")
    for key in _FLAGS:
        if not isinstance(told.get(key), bool):
            fields.refuse_missing(f"confirmation.notificationAndOther.{key}")
    after = said.get("formSubmission")
    if not isinstance(after, dict) or after.get("type") not in _SUBMISSIONS:
        fields.refuse_invalid("confirmation.formSubmission.type")
