"""Provision the teams and services of a v1 location (docs/platforms/leadconnector-v1.md#teams).

A PUT replaces everything, and a service is not returned as it was sent. So syncd sends only what
the configuration states, and compares only fields that are returned as sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from syncd.systems.errors import RejectedError, RejectionReason
from syncd.systems.facts import FactStore
from syncd.systems.leadconnector_v1.opening import open_transport
from syncd.systems.leadconnector_v1.services import service_body, service_of
from syncd.systems.lenient import read_json, text
from syncd.systems.name_lookup import resolve_name
from syncd.systems.provisioning import (
    Actual,
    Desired,
    Fields,
    Request,
    ResourceType,
    UnresolvedError,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import httpx

    from syncd.model import Clock
    from syncd.systems.leadconnector_v1.account import Account

_PATHS = {ResourceType.TEAM: "calendars/teams", ResourceType.SERVICE: "calendars/services"}
_FLAGS = {
    "assign_contact": "shouldAssignContactToTeamMember",
    "skip_assigning_existing": "shouldSkipAssigningContactForExisting",
}
_COMPARED_FIELDS = {
    "calendar_name": "calendarName",
    "description": "description",
    "slug": "slug",
    **_FLAGS,
}
_UNKNOWN_ID_STATUS = 422
"""The status for an unknown id (#services)."""


class Provisioner:
    """The teams and services of one v1 location. Implements `provisioning.Provisioner`."""

    fixed: Mapping[ResourceType, Collection[str]] = {}
    replaces: Collection[ResourceType] = (ResourceType.TEAM, ResourceType.SERVICE)
    undeletable: Collection[ResourceType] = ()

    def __init__(
        self,
        name: str,
        account: Account,
        clock: Clock,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Create the transport without sending anything."""
        self.name = name
        self.facts = FactStore(name, clock)
        self._transport = open_transport(name, account, clock, transport, self.facts)
        self._users: Mapping[str, Sequence[str]] | None = None
        self._users_listed = True

    async def list_actual(self, sort: ResourceType, names: Collection[str]) -> Sequence[Actual]:
        """List all teams, or all services. Raises PlatformError."""
        del names
        if sort not in _PATHS:
            return []
        read = _team_of if sort is ResourceType.TEAM else service_of
        return [read(row) for row in await self._list(_PATHS[sort], f"{sort}s")]

    async def read(self, sort: ResourceType, id: str) -> Actual | None:
        """Return None: v1 has no call that reads a single team or service."""
        del sort, id
        return None

    async def resolve(
        self, desired: Desired, planned: Collection[tuple[ResourceType, str]]
    ) -> Desired:
        """Return the team or service with ids in place of the names of users and teams.

        ``planned`` are those that will be created before this one. Raises UnresolvedError or
        PlatformError.
        """
        fields = dict(desired.fields)
        if desired.sort is ResourceType.TEAM:
            fields["users"] = sorted({await self._user(user) for user in fields["users"]})
            return Desired(desired.system, desired.sort, desired.name, fields)
        fields["members"] = [
            {**member, "user": await self._user(member["user"])} for member in fields["members"]
        ]
        fields["users"] = sorted({member["user"] for member in fields["members"]})
        # The slot's length is returned as sent; its buffer is returned even if not stated.
        fields["duration"] = fields["slot"]["duration"]
        fields["interval"] = fields["slot"]["interval"]
        if (ResourceType.TEAM, fields["team"]) not in planned:
            fields["team"] = await self._team(fields["team"])
        return Desired(desired.system, desired.sort, desired.name, fields)

    def request(self, desired: Desired, actual: Actual | None) -> Request:
        """Return the request that creates the team or service, or replaces the ``actual`` one."""
        body = _team_body(desired) if desired.sort is ResourceType.TEAM else service_body(desired)
        path = f"{_PATHS[desired.sort]}/"
        if actual is None:
            return Request("POST", path, body)
        return Request("PUT", f"{path}{quote(actual.id, safe='')}", body)

    async def blocker(self, desired: Desired, actual: Actual | None) -> str:
        """Return why this cannot be created, such as a slug that is taken; '' if it can.

        Raises PlatformError.
        """
        if actual is not None and not actual.id:
            return f"{self.name} shows no id for this resource: change it on the platform by hand"
        slug = desired.fields["slug"]
        if actual is not None and actual.fields.get("slug", slug) == slug:
            return ""
        path = f"calendars/check-slug-availability/{quote(slug, safe='')}"
        body = await self._transport.read("GET", path)
        response = self._transport.decode(body, dict[str, Any], f"GET {path}")
        is_available = response.get("isSlugAvailable")
        if not isinstance(is_available, bool):
            raise self._transport.incomplete(
                f"GET {path}", "the response does not show whether the slug is available"
            )
        return (
            ""
            if is_available
            else f'the slug "{slug}" is taken in {self.name}: choose another slug'
        )

    async def put(self, desired: Desired, actual: Actual | None) -> None:
        """Create the team or service, or replace the ``actual`` one; sent at most once.

        Raises PlatformError.
        """
        request = self.request(desired, actual)
        await self._transport.write(request.method, request.path, json=request.body)

    async def remove(self, actual: Actual) -> None:
        """Delete a team or a service. Raises PlatformError."""
        path = f"{_PATHS[actual.sort]}/{quote(actual.id, safe='')}"
        try:
            await self._transport.write("DELETE", path)
        except RejectedError as fault:
            if fault.why is not RejectionReason.GONE and fault.status != _UNKNOWN_ID_STATUS:
                raise

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def _user(self, name: str) -> str:
        """Return the id of a user given by e-mail address, name or id. Raises UnresolvedError."""
        if self._users is None:
            rows = await self._list("users/", "users")
            self._users = {
                text(row.get("id")): (text(row.get("email")).lower(), text(row.get("name")))
                for row in rows
                if text(row.get("id"))
            }
            self._users_listed = bool(self._users)
            if not self._users:
                self._users = await self._members()
        lookup = name.lower() if "@" in name else name
        try:
            return resolve_name(lookup, self._users, "user", f"[systems.{self.name}]")
        except UnresolvedError as error:
            if self._users_listed:
                raise
            reason = f"{error.reason}; the user list is empty, so only team members are known"
            raise UnresolvedError(
                reason, f"{error.remedy} Or allow the key to read users."
            ) from None

    async def _members(self) -> dict[str, tuple[str, str]]:
        """Return the names of the members of teams, by id; used if the user list is empty."""
        return {
            id: ("", text(member.get("name")))
            for row in await self._list(_PATHS[ResourceType.TEAM], "teams")
            if isinstance(members := row.get("members"), list)
            for member in members
            if isinstance(member, dict) and (id := text(member.get("id")))
        }

    async def _team(self, name: str) -> str:
        rows = await self._list(_PATHS[ResourceType.TEAM], "teams")
        teams = {text(row.get("id")): (text(row.get("name")),) for row in rows}
        try:
            return resolve_name(name, teams, "team", f"[systems.{self.name}]")
        except UnresolvedError as error:
            remedy = f"{error.remedy} Or add it as [[provision.teams]]."
            raise UnresolvedError(error.reason, remedy) from None

    async def _list(self, path: str, key: str) -> list[Fields]:
        body = await self._transport.read("GET", path)
        response = self._transport.decode(body, dict[str, msgspec.Raw], f"GET {path}")
        rows = read_json(response[key], list[Any]) if key in response else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._transport.incomplete(f"GET {path}", f"the response has no list of {key}")
        return rows


def _team_of(row: Fields) -> Actual:
    calendar_config = row.get("calendarConfig")
    config: Fields = calendar_config if isinstance(calendar_config, dict) else {}
    fields = {ours: config[wire] for ours, wire in _COMPARED_FIELDS.items() if wire in config}
    members = row.get("members")
    if isinstance(members, list):
        ids = {text(member.get("id")) for member in members if isinstance(member, dict)}
        fields["users"] = sorted(ids)
    return Actual(ResourceType.TEAM, text(row.get("name")), text(row.get("id")), fields, row)


def _team_body(desired: Desired) -> Fields:
    fields = desired.fields
    flags = {wire: fields[ours] for ours, wire in _FLAGS.items() if ours in fields}
    return {
        "name": desired.name,
        "userIds": fields["users"],
        "calendarConfig": {
            "calendarName": fields["calendar_name"],
            "description": fields["description"],
            "slug": fields["slug"],
            **flags,
        },
    }
