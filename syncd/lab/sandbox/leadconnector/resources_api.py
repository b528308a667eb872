"""Rooms and equipment of a location, over HTTP: /calendars/resources.

See docs/platforms/leadconnector-v2.md#rooms-and-equipment.

Where the documents leave a fact open, the emulator chooses the harder case for a client: responses
to a create or an update contain no id, and in lists the field of the id is ``_id``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from starlette.responses import Response

from syncd.lab.sandbox.replies import JsonObject, JSONResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from syncd.lab.sandbox.contacts import ContactRecord
    from syncd.lab.sandbox.platform import PlatformRequest, RefusalError

TYPES = ("equipments", "rooms")
MAX_CALENDARS = 100
_REQUIRED = (
    "locationId", "name", "description", "quantity", "outOfService", "capacity", "calendarIds",
)  # fmt: skip
_NUMBERS = {"quantity", "outOfService", "capacity"}


@dataclass(frozen=True, slots=True)
class ResourceRecord:
    """A room, or a kind of equipment with ``quantity`` pieces."""

    id: str
    type: str
    name: str
    description: str = ""
    quantity: float = 1
    out_of_service: float = 0
    capacity: float = 1
    calendars: tuple[str, ...] = ()
    active: bool = True


class ParentApi(Protocol):
    """The part of a location that the handlers of its resources need."""

    location_id: str
    new_id: Callable[[], str]

    @property
    def calendars(self) -> Mapping[str, object]:
        """Calendars by id."""
        ...

    @property
    def contacts(self) -> Mapping[str, ContactRecord]:
        """Customers by id."""
        ...

    def apply_list_faults(
        self, request: PlatformRequest, rows: Sequence[JsonObject]
    ) -> list[JsonObject]:
        """Return the rows as faults and caps leave them."""
        ...

    def check_location(self, location: str | None) -> None:
        """Refuse another location."""
        ...

    def refusal(self, status: int, message: str | list[str]) -> RefusalError:
        """Return an error in the platform's form."""
        ...

    def reply(self, status: int, payload: JsonObject) -> Response:
        """Return a response with a trace id."""
        ...


class ResourcesApi:
    """The rooms and the equipment of one location."""

    def __init__(self, parent: ParentApi) -> None:
        """Start empty. ``id_key`` is the key of the id in lists and reads; '' to omit the id."""
        self._parent = parent
        self.all: dict[str, ResourceRecord] = {}
        self.id_key = "_id"

    def routes(self) -> list[tuple[str, str, Callable[[PlatformRequest], Response]]]:
        """Return the served calls."""
        return [
            ("GET", "/calendars/resources/{type}", self._list),
            ("POST", "/calendars/resources/{type}", self._create),
            ("GET", "/calendars/resources/{type}/{id}", self._get),
            ("PUT", "/calendars/resources/{type}/{id}", self._update),
            ("DELETE", "/calendars/resources/{type}/{id}", self._delete),
        ]

    def add(self, type: str, name: str, **fields: Any) -> str:
        """Add a resource, as staff do, and return its id. Raises ValueError for an unknown type."""
        if type not in TYPES:
            message = f"type {type!r} is not one of {', '.join(TYPES)}"
            raise ValueError(message)
        resource = ResourceRecord(self._parent.new_id(), type, name, **fields)
        self.all[resource.id] = resource
        return resource.id

    # --- calls --------------------------------------------------------------------------------

    def _list(self, request: PlatformRequest) -> Response:
        """Answer with a page of resources as a bare array."""
        type = self._type(request)
        self._parent.check_location(request.query.get("locationId"))
        numbers = [request.query.get(key, "") for key in ("limit", "skip")]
        errors = [
            f"{key} must be a number string"
            for key, value in zip(("limit", "skip"), numbers, strict=True)
            if not value.isdigit()
        ]
        if errors:
            raise self._parent.refusal(422, errors)
        limit, skip = map(int, numbers)
        page = [r for r in self.all.values() if r.type == type][skip : skip + limit]
        return JSONResponse(self._parent.apply_list_faults(request, [self._shown(r) for r in page]))

    def _get(self, request: PlatformRequest) -> Response:
        return self._parent.reply(200, self._shown(self._stored(request)))

    def _create(self, request: PlatformRequest) -> Response:
        type = self._type(request)
        body = self._body(request, _REQUIRED)
        self._parent.check_location(body["locationId"])
        resource = _updated(ResourceRecord(self._parent.new_id(), type, ""), body)
        self._check(resource)
        self.all[resource.id] = resource
        return self._parent.reply(201, _specified_fields(resource, self._parent.location_id))

    def _update(self, request: PlatformRequest) -> Response:
        before = self._stored(request)
        body = self._body(request)
        if "locationId" in body:
            self._parent.check_location(body["locationId"])
        after = _updated(before, body)
        self._check(after)
        self.all[after.id] = after
        row = _specified_fields(after, self._parent.location_id)
        del row["calendarIds"]  # the specification omits it in answers to an update
        return self._parent.reply(200, row)

    def _delete(self, request: PlatformRequest) -> Response:
        del self.all[self._stored(request).id]
        return self._parent.reply(200, {"success": True})

    # --- shared helpers -----------------------------------------------------------------------

    def _type(self, request: PlatformRequest) -> str:
        type: str = request.params["type"]
        if type not in TYPES:
            allowed = ", ".join(TYPES)
            message = [f"resourceType must be one of the following values: {allowed}"]
            raise self._parent.refusal(422, message)
        return type

    def _stored(self, request: PlatformRequest) -> ResourceRecord:
        resource = self.all.get(request.params["id"])
        if resource is None or resource.type != self._type(request):
            raise self._parent.refusal(404, "Calendar resource not found")
        return resource

    def _body(self, request: PlatformRequest, required: tuple[str, ...] = ()) -> JsonObject:
        try:
            body = request.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise self._parent.refusal(422, ["body must be a JSON object"])
        allowed = {*_REQUIRED, "isActive"} - ({"isActive"} if required else set())
        errors = [f"property {key} should not exist" for key in body if key not in allowed]
        errors += [f"{key} should not be empty" for key in required if key not in body]
        errors += [
            _field_error(key, value) for key, value in body.items() if _field_error(key, value)
        ]
        if errors:
            raise self._parent.refusal(422, errors)
        return body

    def _check(self, resource: ResourceRecord) -> None:
        if len(resource.calendars) > MAX_CALENDARS:
            message = f"calendarIds must contain no more than {MAX_CALENDARS} elements"
            raise self._parent.refusal(422, [message])
        if resource.type == "equipments" and len(resource.calendars) > 1:
            message = "One equipment can only be mapped with one service calendar."
            raise self._parent.refusal(400, message)
        if any(calendar not in self._parent.calendars for calendar in resource.calendars):
            raise self._parent.refusal(400, "Calendar not found")

    def _shown(self, resource: ResourceRecord) -> JsonObject:
        row = _specified_fields(resource, self._parent.location_id)
        return {self.id_key: resource.id, **row} if self.id_key else row


def _specified_fields(resource: ResourceRecord, location: str) -> JsonObject:
    """Return a resource with the fields of the specification, which has no id."""
    return {
        "locationId": location,
        "name": resource.name,
        "resourceType": resource.type,
        "isActive": resource.active,
        "calendarIds": list(resource.calendars),
        "description": resource.description,
        "quantity": resource.quantity,
        "outOfService": resource.out_of_service,
        "capacity": resource.capacity,
    }


def _updated(before: ResourceRecord, body: JsonObject) -> ResourceRecord:
    return replace(
        before,
        name=body.get("name", before.name),
        description=body.get("description", before.description),
        quantity=body.get("quantity", before.quantity),
        out_of_service=body.get("outOfService", before.out_of_service),
        capacity=body.get("capacity", before.capacity),
        calendars=tuple(body.get("calendarIds", before.calendars)),
        active=body.get("isActive", before.active),
    )


def _field_error(key: str, value: object) -> str:
    """Return the validation error of one value; '' if it is valid."""
    if key in _NUMBERS:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return "" if number else f"{key} must be a number"
    if key == "calendarIds":
        strings = isinstance(value, list) and all(isinstance(each, str) for each in value)
        return "" if strings else "each value in calendarIds must be a string"
    if key == "isActive":
        return "" if isinstance(value, bool) else "isActive must be a boolean value"
    if key == "name" and not value:
        return "name should not be empty"
    return "" if isinstance(value, str) else f"{key} must be a string"
