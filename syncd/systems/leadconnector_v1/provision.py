"""Teams and services of a v1 location (docs/platforms/leadconnector-v1.md#teams).

A PUT replaces everything, and a service does not come back as it was sent, so only what the
configuration states is ever sent, and only what comes back in the same words is compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from syncd.systems.facts import Facts
from syncd.systems.leadconnector_v1.opening import open_transport
from syncd.systems.leadconnector_v1.services import service_body, service_of
from syncd.systems.loose import read_json, text
from syncd.systems.names import pick
from syncd.systems.port import Refusal, Rejected
from syncd.systems.provisioning import Existing, Fields, Request, Sort, Thing, Unresolved

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import httpx

    from syncd.model import Clock
    from syncd.systems.leadconnector_v1.account import Account

_PATHS = {Sort.TEAM: "calendars/teams", Sort.SERVICE: "calendars/services"}
_FLAGS = {
    "assign_contact": "shouldAssignContactToTeamMember",
    "skip_assigning_existing": "shouldSkipAssigningContactForExisting",
}
_SHOWN = {"calendar_name": "calendarName", "description": "description", "slug": "slug", **_FLAGS}
_BAD_ID = 422
"""How v1 refuses an id that it does not know (#services)."""


class Provisioner:
    """The teams and services of one v1 location. Keeps `provisioning.Provisioner`."""

    fixed: Mapping[Sort, Collection[str]] = {}
    replaces: Collection[Sort] = (Sort.TEAM, Sort.SERVICE)
    kept: Collection[Sort] = ()

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
        self.facts = Facts(name, clock)
        self._transport = open_transport(name, account, clock, transport, self.facts)
        self._users: Mapping[str, Sequence[str]] | None = None
        self._users_listed = True

    async def look(self, sort: Sort, names: Collection[str]) -> Sequence[Existing]:
        """List all teams, or all services. Raises SystemFault."""
        del names
        if sort not in _PATHS:
            return []
        read = _team_of if sort is Sort.TEAM else service_of
        return [read(row) for row in await self._list(_PATHS[sort], f"{sort}s")]

    async def read(self, sort: Sort, id: str) -> Existing | None:
        """No call of v1 reads one of them."""
        del sort, id
        return None

    async def resolve(self, thing: Thing, coming: Collection[tuple[Sort, str]]) -> Thing:
        """Put ids for users and teams. Raises Unresolved, SystemFault."""
        fields = dict(thing.fields)
        if thing.sort is Sort.TEAM:
            fields["users"] = sorted({await self._user(said) for said in fields["users"]})
            return Thing(thing.system, thing.sort, thing.name, fields)
        fields["members"] = [
            {**member, "user": await self._user(member["user"])} for member in fields["members"]
        ]
        fields["users"] = sorted({member["user"] for member in fields["members"]})
        # The slot's length comes back in the same words; its buffer is shown even if not stated.
        fields["duration"] = fields["slot"]["duration"]
        fields["interval"] = fields["slot"]["interval"]
        if (Sort.TEAM, fields["team"]) not in coming:
            fields["team"] = await self._team(fields["team"])
        return Thing(thing.system, thing.sort, thing.name, fields)

    def request(self, thing: Thing, existing: Existing | None) -> Request:
        """What creates, or replaces (#teams, #services)."""
        body = _team_body(thing) if thing.sort is Sort.TEAM else service_body(thing)
        path = f"{_PATHS[thing.sort]}/"
        if existing is None:
            return Request("POST", path, body)
        return Request("PUT", f"{path}{quote(existing.id, safe='')}", body)

    async def obstacle(self, thing: Thing, existing: Existing | None) -> str:
        """A slug that is taken, asked before it is claimed. Raises SystemFault."""
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

    async def put(self, thing: Thing, existing: Existing | None) -> None:
        """Send it, once. Raises SystemFault."""
        wanted = self.request(thing, existing)
        await self._transport.write(wanted.method, wanted.path, json=wanted.body)

    async def remove(self, existing: Existing) -> None:
        """Take a team or a service away. Raises SystemFault."""
        path = f"{_PATHS[existing.sort]}/{quote(existing.id, safe='')}"
        try:
            await self._transport.write("DELETE", path)
        except Rejected as fault:
            if fault.why is not Refusal.GONE and fault.status != _BAD_ID:
                raise

    async def aclose(self) -> None:
        """Give back the connections."""
        await self._transport.aclose()

    async def _user(self, said: str) -> str:
        """Find a user by e-mail, name or id. Raises Unresolved."""
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
            return pick(wanted, self._users, "user", f"[systems.{self.name}]")
        except Unresolved as error:
            if self._users_listed:
                raise
            reason = f"{error.reason}; the list of users is empty, so only team members are known"
            raise Unresolved(reason, f"{error.remedy} Or let the key read users.") from None

    async def _members(self) -> dict[str, tuple[str, str]]:
        """The members of teams, by id, with their names: the list of users may be empty."""
        return {
            id: ("", text(member.get("name")))
            for row in await self._list(_PATHS[Sort.TEAM], "teams")
            if isinstance(members := row.get("members"), list)
            for member in members
            if isinstance(member, dict) and (id := text(member.get("id")))
        }

    async def _team(self, said: str) -> str:
        rows = await self._list(_PATHS[Sort.TEAM], "teams")
        teams = {text(row.get("id")): (text(row.get("name")),) for row in rows}
        try:
            return pick(said, teams, "team", f"[systems.{self.name}]")
        except Unresolved as error:
            remedy = f"{error.remedy} Or add it as [[provision.teams]]."
            raise Unresolved(error.reason, remedy) from None

    async def _list(self, path: str, key: str) -> list[Fields]:
        body = await self._transport.read("GET", path)
        answer = self._transport.decode(body, dict[str, msgspec.Raw], f"GET {path}")
        rows = read_json(answer[key], list[Any]) if key in answer else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._transport.incomplete(f"GET {path}", f"the answer holds no list of {key}")
        return rows


def _team_of(row: Fields) -> Existing:
    said = row.get("calendarConfig")
    config: Fields = said if isinstance(said, dict) else {}
    fields = {ours: config[wire] for ours, wire in _SHOWN.items() if wire in config}
    members = row.get("members")
    if isinstance(members, list):
        ids = {text(each.get("id")) for each in members if isinstance(each, dict)}
        fields["users"] = sorted(ids)
    return Existing(Sort.TEAM, text(row.get("name")), text(row.get("id")), fields, row)


def _team_body(thing: Thing) -> Fields:
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
