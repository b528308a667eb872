"""Rooms and equipment of a location, over HTTP: /calendars/resources.

See docs/platforms/leadconnector-v2.md#rooms-and-equipment.

Where the documents leave a fact open, the emulator chooses the harder case for a client: answers to
a create or an update contain no id, and lists call it ``_id``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from starlette.responses import Response

from syncd.sandbox.leadconnector.wire import Json
from syncd.sandbox.replies import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from syncd.sandbox.contacts import ContactRecord
    from syncd.sandbox.platform import PlatformRequest, RefusalError

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
    """What the handlers need of the location that they belong to."""

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

    def apply_list_faults(self, ask: PlatformRequest, rows: Sequence[Json]) -> list[Json]:
        """Return the rows as faults and caps leave them."""
        ...

    def check_location(self, location: str | None) -> None:
        """Refuse another location."""
        ...

    def refusal(self, status: int, message: str | list[str]) -> RefusalError:
        """Return an error in the platform's form."""
        ...

    def reply(self, status: int, payload: Json) -> Response:
        """Return an answer with a trace id."""
        ...


class ResourcesApi:
    """The rooms and the equipment of one location."""

    def __init__(self, front: ParentApi) -> None:
        """Start empty. ``id_key`` is the key of the id in lists and reads; '' to omit the id."""
        self._front = front
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

    def add(self, type: str, name: str, **more: Any) -> str:
        """Add a resource, as staff do, and return its id. Raises ValueError for an unknown type."""
        if type not in TYPES:
            message = f"type {type!r} is none of {', '.join(TYPES)}"
            raise ValueError(message)
        made = ResourceRecord(self._front.new_id(), type, name, **more)
        self.all[made.id] = made
        return made.id

    # --- the calls ----------------------------------------------------------------------------

    def _list(self, ask: PlatformRequest) -> Response:
        """Answer with a page of resources as a bare array."""
        type = self._type(ask)
        self._front.check_location(ask.query.get("locationId"))
        numbers = [ask.query.get(key, "") for key in ("limit", "skip")]
        missing = [
            f"{key} must be a number string"
            for key, value in zip(("limit", "skip"), numbers, strict=True)
            if not value.isdigit()
        ]
        if missing:
            raise self._front.refusal(422, missing)
        limit, skip = map(int, numbers)
        found = [r for r in self.all.values() if r.type == type][skip : skip + limit]
        return JSONResponse(self._front.apply_list_faults(ask, [self._shown(r) for r in found]))

    def _get(self, ask: PlatformRequest) -> Response:
        return self._front.reply(200, self._shown(self._stored(ask)))

    def _create(self, ask: PlatformRequest) -> Response:
        type = self._type(ask)
        given = self._body(ask, _REQUIRED)
        self._front.check_location(given["locationId"])
        made = _with(ResourceRecord(self._front.new_id(), type, ""), given)
        self._check(made)
        self.all[made.id] = made
        return self._front.reply(201, _bare(made, self._front.location_id))

    def _update(self, ask: PlatformRequest) -> Response:
        before = self._stored(ask)
        given = self._body(ask)
        if "locationId" in given:
            self._front.check_location(given["locationId"])
        after = _with(before, given)
        self._check(after)
        self.all[after.id] = after
        shown = _bare(after, self._front.location_id)
        del shown["calendarIds"]  # as the specification has it
        return self._front.reply(200, shown)

    def _delete(self, ask: PlatformRequest) -> Response:
        del self.all[self._stored(ask).id]
        return self._front.reply(200, {"success": True})

    # --- what they have in common -------------------------------------------------------------

    def _type(self, ask: PlatformRequest) -> str:
        type: str = ask.params["type"]
        if type not in TYPES:
            allowed = ", ".join(TYPES)
            message = [f"resourceType must be one of the following values: {allowed}"]
            raise self._front.refusal(422, message)
        return type

    def _stored(self, ask: PlatformRequest) -> ResourceRecord:
        found = self.all.get(ask.params["id"])
        if found is None or found.type != self._type(ask):
            raise self._front.refusal(404, "Calendar resource not found")
        return found

    def _body(self, ask: PlatformRequest, required: tuple[str, ...] = ()) -> Json:
        try:
            given = ask.json()
        except ValueError:
            given = None
        if not isinstance(given, dict):
            raise self._front.refusal(422, ["body must be a JSON object"])
        allowed = {*_REQUIRED, "isActive"} - ({"isActive"} if required else set())
        faults = [f"property {key} should not exist" for key in given if key not in allowed]
        faults += [f"{key} should not be empty" for key in required if key not in given]
        faults += [_fault(key, value) for key, value in given.items() if _fault(key, value)]
        if faults:
            raise self._front.refusal(422, faults)
        return given

    def _check(self, wanted: ResourceRecord) -> None:
        if len(wanted.calendars) > MAX_CALENDARS:
            most = f"calendarIds must contain no more than {MAX_CALENDARS} elements"
            raise self._front.refusal(422, [most])
        if wanted.type == "equipments" and len(wanted.calendars) > 1:
            message = "One equipment can only be mapped with one service calendar."
            raise self._front.refusal(400, message)
        if any(calendar not in self._front.calendars for calendar in wanted.calendars):
            raise self._front.refusal(400, "Calendar not found")

    def _shown(self, found: ResourceRecord) -> Json:
        shown = _bare(found, self._front.location_id)
        return {self.id_key: found.id, **shown} if self.id_key else shown


def _bare(found: ResourceRecord, location: str) -> Json:
    """Return a resource with the fields of the specification, which has no id."""
    return {
        "locationId": location,
        "name": found.name,
        "resourceType": found.type,
        "isActive": found.active,
        "calendarIds": list(found.calendars),
        "description": found.description,
        "quantity": found.quantity,
        "outOfService": found.out_of_service,
        "capacity": found.capacity,
    }


def _with(before: ResourceRecord, given: Json) -> ResourceRecord:
    return replace(
        before,
        name=given.get("name", before.name),
        description=given.get("description", before.description),
        quantity=given.get("quantity", before.quantity),
        out_of_service=given.get("outOfService", before.out_of_service),
        capacity=given.get("capacity", before.capacity),
        calendars=tuple(given.get("calendarIds", before.calendars)),
        active=given.get("isActive", before.active),
    )


def _fault(key: str, value: object) -> str:
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
