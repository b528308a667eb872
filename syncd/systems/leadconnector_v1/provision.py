"""Teams and services of a v1 location (docs/platforms/leadconnector-v1.md#teams).

A PUT replaces everything, and a service does not come back as it was sent, so only what the
configuration states is ever sent, and only what comes back in the same words is compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from syncd.systems.facts import FactStore
from syncd.systems.leadconnector_v1.opening import open_transport
from syncd.systems.leadconnector_v1.services import service_body, service_of
from syncd.systems.lenient import read_json, text
from syncd.systems.name_lookup import resolve_name
from syncd.systems.port import RejectedError, RejectionReason
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
_SHOWN = {"calendar_name": "calendarName", "description": "description", "slug": "slug", **_FLAGS}
_BAD_ID = 422
"""How v1 refuses an id that it does not know (#services)."""


class Provisioner:
    """The teams and services of one v1 location. Keeps `provisioning.Provisioner`."""

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
        """Prepare the connections; nothing is sent yet."""
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
        """No call of v1 reads one of them."""
        del sort, id
        return None

    async def resolve(
        self, thing: Desired, coming: Collection[tuple[ResourceType, str]]
    ) -> Desired:
        """Put ids for users and teams. Raises UnresolvedError, PlatformError."""
        fields = dict(thing.fields)
        if thing.sort is ResourceType.TEAM:
            fields["users"] = sorted({await self._user(said) for said in fields["users"]})
            return Desired(thing.system, thing.sort, thing.name, fields)
        fields["members"] = [
            {**member, "user": await self._user(member["user"])} for member in fields["members"]
        ]
        fields["users"] = sorted({member["user"] for member in fields["members"]})
        # The slot's length comes back in the same words; its buffer is shown even if not stated.
        fields["duration"] = fields["slot"]["duration"]
        fields["interval"] = fields["slot"]["interval"]
        if (ResourceType.TEAM, fields["team"]) not in coming:
            fields["team"] = await self._team(fields["team"])
        return Desired(thing.system, thing.sort, thing.name, fields)

    def request(self, thing: Desired, existing: Actual | None) -> Request:
        """What creates, or replaces (#teams, #services)."""
        body = _team_body(thing) if thing.sort is ResourceType.TEAM else service_body(thing)
        path = f"{_PATHS[thing.sort]}/"
        if existing is None:
            return Request("POST", path, body)
        return Request("PUT", f"{path}{quote(existing.id, safe='')}", body)

    async def blocker(self, thing: Desired, existing: Actual | None) -> str:
        """A slug that is taken, asked before it is claimed. Raises PlatformError."""
        if existing is not None and not existing.id:
            return f"{self.name} shows no id for it, so change it there by hand"
        slug = thing.fields["slug"]
        if existing is not None and existing.fields.get("slug", slug) == slug:
            return ""
        path = f"calendars/check-slug-availability/{quote(slug, safe='')}"
        body = await self._transport.read("GET", path)
        answer = self._transport.decode(body, dict[str, Any], f"GET {path}")
        free = answer.get("isSlugAvailable")
        if not isinstance(free, bool):
            raise self._transport.incomplete(f"GET {path}", "the answer does not say whether")
        return "" if free else f'the slug "{slug}" is taken in {self.name}: state another'

    async def put(self, thing: Desired, existing: Actual | None) -> None:
        """Send it, once. Raises PlatformError."""
        wanted = self.request(thing, existing)
        await self._transport.write(wanted.method, wanted.path, json=wanted.body)

    async def remove(self, existing: Actual) -> None:
        """Take a team or a service away. Raises PlatformError."""
        path = f"{_PATHS[existing.sort]}/{quote(existing.id, safe='')}"
        try:
            await self._transport.write("DELETE", path)
        except RejectedError as fault:
            if fault.why is not RejectionReason.GONE and fault.status != _BAD_ID:
                raise

    async def aclose(self) -> None:
        """Give back the connections."""
        await self._transport.aclose()

    async def _user(self, said: str) -> str:
        """Find a user by e-mail, name or id. Raises UnresolvedError."""
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
        wanted = said.lower() if "@" in said else said
        try:
            return resolve_name(wanted, self._users, "user", f"[systems.{self.name}]")
        except UnresolvedError as error:
            if self._users_listed:
                raise
            reason = f"{error.reason}; the user list is empty, so only team members are known"
            raise UnresolvedError(reason, f"{error.remedy} Or let the key read users.") from None

    async def _members(self) -> dict[str, tuple[str, str]]:
        """The members of teams, by id, with their names: the list of users may be empty."""
        return {
            id: ("", text(member.get("name")))
            for row in await self._list(_PATHS[ResourceType.TEAM], "teams")
            if isinstance(members := row.get("members"), list)
            for member in members
            if isinstance(member, dict) and (id := text(member.get("id")))
        }

    async def _team(self, said: str) -> str:
        rows = await self._list(_PATHS[ResourceType.TEAM], "teams")
        teams = {text(row.get("id")): (text(row.get("name")),) for row in rows}
        try:
            return resolve_name(said, teams, "team", f"[systems.{self.name}]")
        except UnresolvedError as error:
            remedy = f"{error.remedy} Or add it as [[provision.teams]]."
            raise UnresolvedError(error.reason, remedy) from None

    async def _list(self, path: str, key: str) -> list[Fields]:
        body = await self._transport.read("GET", path)
        answer = self._transport.decode(body, dict[str, msgspec.Raw], f"GET {path}")
        rows = read_json(answer[key], list[Any]) if key in answer else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._transport.incomplete(f"GET {path}", f"the answer holds no list of {key}")
        return rows


def _team_of(row: Fields) -> Actual:
    said = row.get("calendarConfig")
    config: Fields = said if isinstance(said, dict) else {}
    fields = {ours: config[wire] for ours, wire in _SHOWN.items() if wire in config}
    members = row.get("members")
    if isinstance(members, list):
        ids = {text(each.get("id")) for each in members if isinstance(each, dict)}
        fields["users"] = sorted(ids)
    return Actual(ResourceType.TEAM, text(row.get("name")), text(row.get("id")), fields, row)


def _team_body(thing: Desired) -> Fields:
    fields = thing.fields
    flags = {wire: fields[ours] for ours, wire in _FLAGS.items() if ours in fields}
    return {
        "name": thing.name,
        "userIds": fields["users"],
        "calendarConfig": {
            "calendarName": fields["calendar_name"],
            "description": fields["description"],
            "slug": fields["slug"],
            **flags,
        },
    }
