"""Rooms and equipment: which there are, which calendars use them, which appointments take them.

An appointment names what it takes in ``assignedResources``, which no request can set
(docs/platforms/leadconnector-v2.md#rooms-and-equipment). Each of its resources has an event that is
derived from it (`model.derived`), with an id that ends in ``@rooms/yoga room``.
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
    """A room or a kind of equipment; ``units`` is how many can be in use at once."""

    key: str
    id: str
    calendars: tuple[str, ...]
    units: int

    @property
    def is_room(self) -> bool:
        """Whether one free of several is enough for a calendar."""
        return self.key.startswith("rooms/")


LIST_KEYS = ("resources", "rooms", "equipments", "equipment")
"""Fields of an envelope that hold the rows."""


def rows_of(answer: object) -> list[dict[str, Any]]:
    """Return the rows of a list of resources: a bare array is documented, an envelope was seen.

    Raises ValueError where there is no list.
    """
    around = answer if isinstance(answer, dict) else {"resources": answer}
    for key in LIST_KEYS:
        rows = around.get(key)
        if isinstance(rows, list):
            return [row for row in rows if isinstance(row, dict)]
    message = f"no list of resources in what came: {', '.join(sorted(around)[:5])}"
    raise ValueError(message)


def resource_key(said: str) -> str:
    """Spell ``rooms/NAME`` and ``equipment/NAME`` in one way."""
    sort, _, name = said.partition("/")
    return f"{'rooms' if sort == 'rooms' else 'equipment'}/{name.strip()}"


def resource_of(sort: str, row: Mapping[str, Any]) -> Resource | None:
    """Read a row of a list; None for one without a name, or that is switched off.

    A room is one; equipment is there ``quantity`` times, less what is out of service.
    """
    name = text(row.get("name"))
    if not name or row.get("isActive") is False:
        return None
    calendars = row.get("calendarIds")
    units = 1
    if sort == "equipment":
        units = (_count(row.get("quantity"), 1)) - (_count(row.get("outOfService"), 0))
    return Resource(
        f"{sort}/{name}",
        text(row.get("id")) or text(row.get("_id")),
        tuple(map(text, calendars)) if isinstance(calendars, list) else (),
        max(units, 0),
    )


def _count(value: object, usual: int) -> int:
    if isinstance(value, float):
        return int(value)
    found = number(value)
    return usual if found is None else found


def takes(assigned: object, resource: Resource) -> bool:
    """Whether an appointment's ``assignedResources`` name this one, by id or by name."""
    names = {resource.id, resource.key.partition("/")[2]} - {""}
    return isinstance(assigned, list) and any(names & set(_names(each)) for each in assigned)


def _names(each: object) -> Iterable[str]:
    if isinstance(each, dict):
        return [text(each.get(key)) for key in ("id", "_id", "resourceId", "name")]
    return [text(each)]
