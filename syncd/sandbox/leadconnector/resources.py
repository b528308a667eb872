"""The calls for rooms and equipment (leadconnector-v2.md 1.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from syncd.sandbox.leadconnector import wire
from syncd.sandbox.leadconnector.answers import Answers

if TYPE_CHECKING:
    from starlette.responses import Response

    from syncd.sandbox.leadconnector.answers import Entry
    from syncd.sandbox.platform import Ask

RESOURCE_TYPES = frozenset({"equipments", "rooms"})


class ResourceCalls(Answers):
    """The part of a location that keeps rooms and equipment."""

    def resource_routes(self) -> list[Entry]:
        """The calls that are served."""
        return [("GET", "/calendars/resources/{type}", self._list_resources)]

    def _list_resources(self, ask: Ask) -> Response:
        """A bare array; ``limit`` and ``skip`` are required."""
        self._check_location(ask.query.get("locationId"))
        type = ask.params["type"]
        if type not in RESOURCE_TYPES:
            raise self._refusal(422, ["resourceType must be one of: equipments, rooms"])
        limit, skip = self._paging(ask)
        found = [r for r in self.resources.values() if r.type == type]
        rows = [wire.resource(r, self.location_id) for r in found[skip : skip + limit]]
        return JSONResponse(self.listed(ask, rows))
