"""Provision the resources, custom objects and associations of a v2 location.

See docs/platforms/leadconnector-v2.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from syncd.systems.errors import RejectedError, RejectionReason
from syncd.systems.facts import FactStore
from syncd.systems.leadconnector.calls import Api
from syncd.systems.leadconnector.directory import directory_of
from syncd.systems.leadconnector.opening import open_transport
from syncd.systems.leadconnector.resources import PATHS
from syncd.systems.lenient import text
from syncd.systems.name_lookup import resolve_name
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
"""An unknown key leads to 404, or to 400 or 422 with a code or text that says so."""

_MAX_CALENDARS = 100
"""The documented limit of calendars of one resource."""

_RESOURCE_FIELDS = {
    "description": "description",
    "quantity": "quantity",
    "out_of_service": "outOfService",
    "capacity": "capacity",
    "calendars": "calendarIds",
}


class Provisioner:
    """The provisioned records of one v2 location. Implements `provisioning.Provisioner`."""

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
        """Create the transport without sending anything."""
        self.name = name
        self._location = account.location_id
        self.facts = FactStore(name, clock)
        self._transport = open_transport(name, account, clock, transport, self.facts)
        self._calls = Api(name, account, self._transport)
        self._calendars: Mapping[str, Sequence[str]] | None = None

    async def list_actual(self, sort: ResourceType, names: Collection[str]) -> Sequence[Actual]:
        """List resources; read only these ``names`` of associations and objects, by key.

        Raises PlatformError.
        """
        match sort:
            case ResourceType.ROOM | ResourceType.EQUIPMENT:
                rows = await self._calls.resources(_KINDS[sort])
                return [_resource(sort, row) for row in rows]
            case ResourceType.ASSOCIATION:
                paths = [f"/associations/key/{quote(name, safe='')}" for name in sorted(names)]
                found = [
                    _association(row) for path in paths if (row := await self._read_or_none(path))
                ]
                return [each for each in found if each.name in names]
            case ResourceType.OBJECT:
                paths = [f"{_OBJECTS}{quote(name, safe='')}" for name in sorted(names)]
                return [_object(row) for path in paths if (row := await self._read_or_none(path))]
            case _:
                return []

    async def read(self, sort: ResourceType, id: str) -> Actual | None:
        """Read a resource by its id. Raises PlatformError."""
        if sort not in RESOURCES or not id:
            return None
        row = await self._read_or_none(f"{RESOURCES[sort]}/{quote(id, safe='')}")
        return _resource(sort, row) if row else None

    async def resolve(
        self, desired: Desired, planned: Collection[tuple[ResourceType, str]]
    ) -> Desired:
        """Return the resource with ids in place of the names of calendars.

        ``planned`` are resources that will be created before this one. Raises UnresolvedError or
        PlatformError.
        """
        if desired.sort is ResourceType.ASSOCIATION:
            await self._check_objects(desired, planned)
        if desired.sort not in RESOURCES:
            return desired
        if self._calendars is None:
            listed = directory_of(await self._calls.calendars())
            self._calendars = {id: (calendar.name,) for id, calendar in listed.items()}
        section = f"[systems.{self.name}]"
        ids = sorted(
            {
                resolve_name(name, self._calendars, "calendar", section)
                for name in desired.fields["calendars"]
            }
        )
        return Desired(
            desired.system, desired.sort, desired.name, {**desired.fields, "calendars": ids}
        )

    def request(self, desired: Desired, actual: Actual | None) -> Request:
        """Return the request that creates or updates a record.

        No documented response about a resource contains its id. See
        docs/platforms/leadconnector-v2.md#rooms-and-equipment.
        """
        match desired.sort:
            case ResourceType.ROOM | ResourceType.EQUIPMENT:
                body = {wire: desired.fields[ours] for ours, wire in _RESOURCE_FIELDS.items()}
                body = {"locationId": self._location, "name": desired.name, **body}
                path = RESOURCES[desired.sort]
                if actual is None:
                    return Request("POST", path, body)
                return Request("PUT", f"{path}/{quote(actual.id, safe='')}", body)
            case ResourceType.ASSOCIATION:
                return self._association_request(desired, actual)
            case _:
                return self._object_request(desired)

    async def blocker(self, desired: Desired, actual: Actual | None) -> str:
        """Return why v2 cannot create or update this resource; '' if it can."""
        if actual is not None and not actual.id:
            return f"{self.name} shows no id for this resource: change it on the platform by hand"
        if len(desired.fields.get("calendars", ())) > _MAX_CALENDARS:
            return f"the resource has more than {_MAX_CALENDARS} calendars, the platform's limit"
        return ""

    async def put(self, desired: Desired, actual: Actual | None) -> None:
        """Create the resource, or update the ``actual`` one; sent at most once.

        Raises PlatformError.
        """
        request = self.request(desired, actual)
        await self._transport.write(
            request.method, request.path, json=request.body, headers=self._headers(request.path)
        )

    async def remove(self, actual: Actual) -> None:
        """Delete a resource or an association. Raises PlatformError."""
        base = RESOURCES.get(actual.sort, "/associations")
        path = f"{base}/{quote(actual.id, safe='')}"
        try:
            await self._transport.write("DELETE", path, headers=self._headers(path))
        except RejectedError as fault:
            if fault.why not in ABSENT_REASONS:
                raise

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def _check_objects(
        self, desired: Desired, planned: Collection[tuple[ResourceType, str]]
    ) -> None:
        """Check that both ends of an association exist or are planned. Raises UnresolvedError."""
        for key in desired.fields["objects"]:
            if key == "contact" or (ResourceType.OBJECT, key) in planned:
                continue
            if await self._read_or_none(f"{_OBJECTS}{quote(key, safe='')}") is None:
                raise UnresolvedError(
                    f'object "{key}" does not exist in [systems.{self.name}]',
                    f'Add [[provision.objects]] with key = "{key}", or create the object by hand.',
                )

    def _association_request(self, desired: Desired, actual: Actual | None) -> Request:
        labels = dict(zip(desired.fields["objects"], desired.fields["labels"], strict=True))
        if actual is not None:
            ends = [text(actual.raw.get(f"{end}ObjectKey")) for end in ("first", "second")]
            end_labels = (
                desired.fields["labels"] if ends[0] == ends[1] else [labels[end] for end in ends]
            )
            body = {"firstObjectLabel": end_labels[0], "secondObjectLabel": end_labels[1]}
            return Request("PUT", f"/associations/{quote(actual.id, safe='')}", body)
        first, second = desired.fields["objects"]
        first_label, second_label = desired.fields["labels"]
        if desired.fields["first"] != first:
            first, second, first_label, second_label = second, first, second_label, first_label
        body = {
            "locationId": self._location,
            "key": desired.name,
            "firstObjectLabel": first_label,
            "firstObjectKey": first,
            "secondObjectLabel": second_label,
            "secondObjectKey": second,
        }
        return Request("POST", _ASSOCIATIONS, body)

    def _object_request(self, desired: Desired) -> Request:
        name = desired.fields["primary"]
        body = {
            "labels": {"singular": desired.fields["singular"], "plural": desired.fields["plural"]},
            "key": desired.name,
            "locationId": self._location,
            "primaryDisplayPropertyDetails": {
                "key": f"{desired.name}.{name}",
                "name": name,
                "dataType": "TEXT",
            },
        }
        return Request("POST", _OBJECTS, body)

    async def _read_or_none(self, path: str) -> Fields | None:
        """Read one record; None if there is none."""
        try:
            response = await self._read(path, {"locationId": self._location})
        except RejectedError as fault:
            if fault.why in ABSENT_REASONS:
                return None
            raise
        if not isinstance(response, dict):
            raise self._transport.incomplete(f"GET {path}", "the response is not a JSON object")
        inner = response.get("object")
        return inner if isinstance(inner, dict) else response

    async def _read(self, path: str, params: Mapping[str, str]) -> Any:
        body = await self._transport.read("GET", path, params=params, headers=self._headers(path))
        return self._transport.decode(body, object, f"GET {path}")

    def _headers(self, path: str) -> dict[str, str]:
        return {"Version": self._calls.version(path)}


def _resource(sort: ResourceType, row: Fields) -> Actual:
    """Convert a resource. Its id is not documented; it may be ``id`` or ``_id``.

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
    """Convert an association; its ends are sorted, as their order has no meaning."""
    ends = [
        (text(row.get(f"{end}ObjectKey")), text(row.get(f"{end}ObjectLabel")))
        for end in ("first", "second")
    ]
    ends.sort(key=lambda end: end[0])
    fields = {"objects": [key for key, _ in ends], "labels": [label for _, label in ends]}
    return Actual(ResourceType.ASSOCIATION, text(row.get("key")), text(row.get("id")), fields, row)


def _object(row: Fields) -> Actual:
    labels = row.get("labels")
    names = labels if isinstance(labels, dict) else {}
    fields = {key: names[key] for key in ("singular", "plural") if key in names}
    return Actual(ResourceType.OBJECT, text(row.get("key")), text(row.get("id")), fields, row)
