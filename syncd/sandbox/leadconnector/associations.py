"""The calls for associations (leadconnector-v2.md 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.sandbox.leadconnector import wire
from syncd.sandbox.leadconnector.answers import Answers

if TYPE_CHECKING:
    from starlette.responses import Response

    from syncd.sandbox.leadconnector.answers import Entry
    from syncd.sandbox.platform import Ask


class AssociationCalls(Answers):
    """The part of a location that keeps associations."""

    def association_routes(self) -> list[Entry]:
        """The calls that are served."""
        return [
            ("GET", "/associations/", self._list_associations),
            ("GET", "/associations/key/{key}", self._get_association),
        ]

    def _list_associations(self, ask: Ask) -> Response:
        """All of the location, by ``skip`` and ``limit``."""
        self._check_location(ask.query.get("locationId"))
        limit, skip = self._paging(ask)
        found = list(self.associations.values())[skip : skip + limit]
        rows = [wire.association(each, self.location_id) for each in found]
        return self._ok(associations=self.listed(ask, rows))

    def _get_association(self, ask: Ask) -> Response:
        """One, by its key."""
        self._check_location(ask.query.get("locationId"))
        for each in self.associations.values():
            if each.key == ask.params["key"]:
                return self._ok(**wire.association(each, self.location_id))
        raise self._refusal(404, "Association not found")
