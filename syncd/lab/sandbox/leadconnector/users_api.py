"""Users of a location, over HTTP (docs/platforms/leadconnector-v2.md#users)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.lab.sandbox.leadconnector import wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response

    from syncd.lab.sandbox.leadconnector.api import EmulatedLeadConnector
    from syncd.lab.sandbox.platform import PlatformRequest


class UsersApi:
    """The calls about users. ``shows_by_id``: a user can be read by id.

    The list of a real location was seen to be empty, because it omits agency users. To emulate
    that, add `FaultKind.EMPTY` for the path of the list.
    """

    def __init__(self, location: EmulatedLeadConnector) -> None:
        """Serve the users of this location."""
        self._location = location
        self.shows_by_id = True

    def routes(self) -> list[tuple[str, str, Callable[[PlatformRequest], Response]]]:
        """Return the served calls."""
        return [("GET", "/users/", self._list), ("GET", "/users/{id}", self._get)]

    def _list(self, request: PlatformRequest) -> Response:
        location = self._location
        location.check_location(request.query.get("locationId"))
        rows = [wire.user(user, location.location_id) for user in location.users.values()]
        return location.reply(200, {"users": location.apply_list_faults(request, rows)})

    def _get(self, request: PlatformRequest) -> Response:
        user = self._location.users.get(request.params["id"])
        if user is None or not self.shows_by_id:
            raise self._location.refusal(404, "User not found")
        return self._location.reply(200, wire.user(user, self._location.location_id))
