"""Rooms and equipment: parse them, and find the appointments that use them.

An appointment lists its resources in ``assignedResources``, which no request can set
(docs/platforms/leadconnector-v2.md#rooms-and-equipment). For each resource an event is derived from
the appointment (`model.derived`), with an id that ends in ``@rooms/yoga room``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncd.systems.lenient import number, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PATHS = {"rooms": "/calendars/resources/rooms", "equipment": "/calendars/resources/equipments"}


@dataclass(frozen=True, slots=True)
class Resource:
    """A room or a kind of equipment; ``units`` is how many can be used at one time."""

    key: str
    id: str
    calendars: tuple[str, ...]
    units: int

    @property
    def is_room(self) -> bool:
        """Return true for a room: a calendar needs only one of its rooms."""
        return self.key.startswith("rooms/")


LIST_KEYS = ("resources", "rooms", "equipments", "equipment")
"""Fields of an envelope that hold the rows."""


def rows_of(response: object) -> list[Any]:
    """Return the rows of a list of resources, also rows that are no objects.

    Documented is a list; an object that contains the list was seen. Raises ValueError if there is
    no list.
    """
    envelope = response if isinstance(response, dict) else {"resources": response}
    for key in LIST_KEYS:
        rows = envelope.get(key)
        if isinstance(rows, list):
            return rows
    message = f"the response has no list of resources, only {', '.join(sorted(envelope)[:5])}"
    raise ValueError(message)


def normalize_resource(spelling: str) -> str:
    """Return a configured ``rooms/NAME`` or ``equipment/NAME`` as a key for comparison."""
    type, _, name = spelling.partition("/")
    return f"{'rooms' if type == 'rooms' else 'equipment'}/{name.strip()}"


def resource_of(type: str, row: Mapping[str, Any]) -> Resource | None:
    """Convert a row of a list; None for a row without a name, or of an inactive resource.

    A room has one unit; equipment has ``quantity`` units, less those out of service.
    """
    name = text(row.get("name"))
    if not name or row.get("isActive") is False:
        return None
    calendars = row.get("calendarIds")
    units = 1
    if type == "equipment":
        units = (_count(row.get("quantity"), 1)) - (_count(row.get("outOfService"), 0))
    return Resource(
        f"{type}/{name}",
        text(row.get("id")) or text(row.get("_id")),
        tuple(map(text, calendars)) if isinstance(calendars, list) else (),
        max(units, 0),
    )


def _count(value: object, default: int) -> int:
    if isinstance(value, float):
        return int(value)
    count = number(value)
    return default if count is None else count


def uses_resource(assigned: object, resource: Resource) -> bool:
    """Return true if an appointment's ``assignedResources`` contain this one, by id or name."""
    names = {resource.id, resource.key.partition("/")[2]} - {""}
    return isinstance(assigned, list) and any(names & set(_names(entry)) for entry in assigned)


def _names(entry: object) -> Iterable[str]:
    if isinstance(entry, dict):
        return [text(entry.get(key)) for key in ("id", "_id", "resourceId", "name")]
    return [text(entry)]
