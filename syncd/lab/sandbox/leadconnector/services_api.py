"""The list of bookings made through a location's service menus, over HTTP.

See docs/platforms/leadconnector-v2.md#service-bookings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.lab.sandbox.leadconnector import wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response

    from syncd.lab.sandbox.leadconnector.api import EmulatedLeadConnector
    from syncd.lab.sandbox.platform import PlatformRequest


class ServicesApi:
    """The list of service bookings. It does not take a user, calendar or group."""

    def __init__(self, location: EmulatedLeadConnector) -> None:
        """Serve the service bookings of this location."""
        self._location = location

    def routes(self) -> list[tuple[str, str, Callable[[PlatformRequest], Response]]]:
        """Return the served call."""
        return [("GET", "/calendars/services/bookings", self._list)]

    def _list(self, request: PlatformRequest) -> Response:
        location = self._location
        location.check_location(request.query.get("locationId"))
        start, end = (
            wire.read_epoch_ms(request.query.get(key)) for key in ("startTime", "endTime")
        )
        if start is None or end is None:
            raise location.refusal(422, ["startTime and endTime must be timestamps"])
        rows = [
            wire.service_booking(meeting, location.location_id, location.zone)
            for meeting in location.meetings.values(location.as_of(request))
            if meeting.service and start <= meeting.start <= end
        ]
        return location.reply(200, {"bookings": location.apply_list_faults(request, rows)})
