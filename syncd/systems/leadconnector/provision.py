"""Rooms, equipment, custom objects and associations of a location.

See docs/platforms/leadconnector-v2.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from syncd.systems.facts import FactStore
from syncd.systems.leadconnector.calls import Api
from syncd.systems.leadconnector.directory import directory_of
from syncd.systems.leadconnector.opening import open_transport
from syncd.systems.leadconnector.resources import PATHS
from syncd.systems.lenient import text
from syncd.systems.name_lookup import resolve_name
from syncd.systems.port import RejectedError, RejectionReason
from syncd.systems.provisioning import Actual, Desired, Request, ResourceType, UnresolvedError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import httpx

    from syncd.model import Clock
    from syncd.systems.leadconnector.account import Account
    from syncd.systems.provisioning import Fields

_KINDS = {ResourceType.ROOM: "rooms", ResourceType.EQUIPMENT: "equipment"}
RESOURCES = {sort: PATHS[kind] for sort, kind in _KINDS.items()}
_ASSOCIATIONS = "/associations/"
_OBJECTS = "/objects/"
ABSENT_REASONS = frozenset({RejectionReason.GONE, RejectionReason.UNKNOWN_ID})
"""An unknown key is answered with 404, or with 400 or 422 and a code or text that says so."""

_MOST_CALENDARS = 100
"""At most so many calendars use one resource (supplied document 002)."""

_RESOURCE_FIELDS = {
    "description": "description",
    "quantity": "quantity",
    "out_of_service": "outOfService",
    "capacity": "capacity",
    "calendars": "calendarIds",
}


class Provisioner:
    """The things of one v2 location. Keeps `provisioning.Provisioner`."""

    fixed: Mapping[ResourceType, Collection[str]] = {
        ResourceType.ASSOCIATION: ("objects",),
        ResourceType.OBJECT: ("singular", "plural"),
    }
    replaces: Collection[ResourceType] = ()
    undeletable: Collection[ResourceType] = (ResourceType.OBJECT,)

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
        self._location = account.location_id
        self.facts = FactStore(name, clock)
        self._transport = open_transport(name, account, clock, transport, self.facts)
        self._calls = Api(name, account, self._transport)
        self._calendars: Mapping[str, Sequence[str]] | None = None

    async def list_actual(self, sort: ResourceType, names: Collection[str]) -> Sequence[Actual]:
        """List resources; look associations and objects up by key. Raises PlatformError."""
        match sort:
            case ResourceType.ROOM | ResourceType.EQUIPMENT:
                rows = await self._calls.resources(_KINDS[sort])
                return [_resource(sort, row) for row in rows]
            case ResourceType.ASSOCIATION:
                paths = [f"/associations/key/{quote(name, safe='')}" for name in sorted(names)]
                found = [_association(row) for path in paths if (row := await self._one(path))]
                return [each for each in found if each.name in names]
            case ResourceType.OBJECT:
                paths = [f"{_OBJECTS}{quote(name, safe='')}" for name in sorted(names)]
                return [_object(row) for path in paths if (row := await self._one(path))]
            case _:
                return []

    async def read(self, sort: ResourceType, id: str) -> Actual | None:
        """Read a resource by its id. Raises PlatformError."""
        if sort not in RESOURCES or not id:
            return None
        row = await self._one(f"{RESOURCES[sort]}/{quote(id, safe='')}")
        return _resource(sort, row) if row else None

    async def resolve(
        self, thing: Desired, coming: Collection[tuple[ResourceType, str]]
    ) -> Desired:
        """Put ids for the names of calendars. Raises UnresolvedError, PlatformError."""
        if thing.sort is ResourceType.ASSOCIATION:
            await self._check_objects(thing, coming)
        if thing.sort not in RESOURCES:
            return thing
        if self._calendars is None:
            listed = directory_of(await self._calls.calendars())
            self._calendars = {id: (calendar.name,) for id, calendar in listed.items()}
        where = f"[systems.{self.name}]"
        ids = sorted(
            {
                resolve_name(said, self._calendars, "calendar", where)
                for said in thing.fields["calendars"]
            }
        )
        return Desired(thing.system, thing.sort, thing.name, {**thing.fields, "calendars": ids})

    def request(self, thing: Desired, existing: Actual | None) -> Request:
        """What creates or updates; no schema of a resource's answer has an id.

        See docs/platforms/leadconnector-v2.md#rooms-and-equipment.
        """
        match thing.sort:
            case ResourceType.ROOM | ResourceType.EQUIPMENT:
                body = {wire: thing.fields[ours] for ours, wire in _RESOURCE_FIELDS.items()}
                body = {"locationId": self._location, "name": thing.name, **body}
                path = RESOURCES[thing.sort]
                if existing is None:
                    return Request("POST", path, body)
                return Request("PUT", f"{path}/{quote(existing.id, safe='')}", body)
            case ResourceType.ASSOCIATION:
                return self._association_request(thing, existing)
            case _:
                return self._object_request(thing)

    async def blocker(self, thing: Desired, existing: Actual | None) -> str:
        """What v2 cannot do: update what it shows no id of."""
        if existing is not None and not existing.id:
            return f"{self.name} shows no id for it, so change it there by hand"
        if len(thing.fields.get("calendars", ())) > _MOST_CALENDARS:
            return (
                f"it names more than {_MOST_CALENDARS} calendars, the most that {self.name} takes"
            )
        return ""

    async def put(self, thing: Desired, existing: Actual | None) -> None:
        """Send it, once. Raises PlatformError."""
        wanted = self.request(thing, existing)
        await self._transport.write(
            wanted.method, wanted.path, json=wanted.body, headers=self._headers(wanted.path)
        )

    async def remove(self, existing: Actual) -> None:
        """Take a resource or an association away. Raises PlatformError."""
        base = RESOURCES.get(existing.sort, "/associations")
        path = f"{base}/{quote(existing.id, safe='')}"
        try:
            await self._transport.write("DELETE", path, headers=self._headers(path))
        except RejectedError as fault:
            if fault.why not in ABSENT_REASONS:
                raise

    async def aclose(self) -> None:
        """Give back the connections."""
        await self._transport.aclose()

    async def _check_objects(
        self, thing: Desired, coming: Collection[tuple[ResourceType, str]]
    ) -> None:
        """See that both ends are kinds of records that are there, or will be."""
        for key in thing.fields["objects"]:
            if key == "contact" or (ResourceType.OBJECT, key) in coming:
                continue
            if await self._one(f"{_OBJECTS}{quote(key, safe='')}") is None:
                raise UnresolvedError(
                    f'there is no object "{key}" in [systems.{self.name}]',
                    f'Add [[provision.objects]] with key = "{key}", or make it there by hand.',
                )

    def _association_request(self, thing: Desired, existing: Actual | None) -> Request:
        labels = dict(zip(thing.fields["objects"], thing.fields["labels"], strict=True))
        if existing is not None:
            ends = [text(existing.raw.get(f"{end}ObjectKey")) for end in ("first", "second")]
            said = thing.fields["labels"] if ends[0] == ends[1] else [labels[end] for end in ends]
            body = {"firstObjectLabel": said[0], "secondObjectLabel": said[1]}
            return Request("PUT", f"/associations/{quote(existing.id, safe='')}", body)
        first, second = thing.fields["objects"]
        front, back = thing.fields["labels"]
        if thing.fields["first"] != first:
            first, second, front, back = second, first, back, front
        body = {
            "locationId": self._location,
            "key": thing.name,
            "firstObjectLabel": front,
            "firstObjectKey": first,
            "secondObjectLabel": back,
            "secondObjectKey": second,
        }
        return Request("POST", _ASSOCIATIONS, body)

    def _object_request(self, thing: Desired) -> Request:
        name = thing.fields["primary"]
        body = {
            "labels": {"singular": thing.fields["singular"], "plural": thing.fields["plural"]},
            "key": thing.name,
            "locationId": self._location,
            "primaryDisplayPropertyDetails": {
                "key": f"{thing.name}.{name}",
                "name": name,
                "dataType": "TEXT",
            },
        }
        return Request("POST", _OBJECTS, body)

    async def _one(self, path: str) -> Fields | None:
        """Read one thing; None where there is none."""
        try:
            answer = await self._read(path, {"locationId": self._location})
        except RejectedError as fault:
            if fault.why in ABSENT_REASONS:
                return None
            raise
        if not isinstance(answer, dict):
            raise self._transport.incomplete(f"GET {path}", "the answer is no object")
        inner = answer.get("object")
        return inner if isinstance(inner, dict) else answer

    async def _read(self, path: str, params: Mapping[str, str]) -> Any:
        body = await self._transport.read("GET", path, params=params, headers=self._headers(path))
        return self._transport.decode(body, object, f"GET {path}")

    def _headers(self, path: str) -> dict[str, str]:
        return {"Version": self._calls.version(path)}


def _resource(sort: ResourceType, row: Fields) -> Actual:
    """Read a resource. Its id is in no schema: ``id`` or ``_id`` is to be expected.

    See docs/platforms/leadconnector-v2.md#rooms-and-equipment.
    """
    calendars = row.get("calendarIds")
    fields = {ours: row[wire] for ours, wire in _RESOURCE_FIELDS.items() if wire in row}
    if isinstance(calendars, list):
        fields["calendars"] = sorted(map(text, calendars))
    return Actual(
        sort, text(row.get("name")), text(row.get("id")) or text(row.get("_id")), fields, row
    )


def _association(row: Fields) -> Actual:
    """Read an association; its two ends are compared whichever of them comes first."""
    ends = [
        (text(row.get(f"{end}ObjectKey")), text(row.get(f"{end}ObjectLabel")))
        for end in ("first", "second")
    ]
    ends.sort(key=lambda end: end[0])
    fields = {"objects": [key for key, _ in ends], "labels": [label for _, label in ends]}
    return Actual(ResourceType.ASSOCIATION, text(row.get("key")), text(row.get("id")), fields, row)


def _object(row: Fields) -> Actual:
    labels = row.get("labels")
    said = labels if isinstance(labels, dict) else {}
    fields = {key: said[key] for key in ("singular", "plural") if key in said}
    return Actual(ResourceType.OBJECT, text(row.get("key")), text(row.get("id")), fields, row)
