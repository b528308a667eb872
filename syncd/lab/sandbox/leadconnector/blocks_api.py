"""Blocks of a location, over HTTP (docs/platforms/leadconnector-v2.md#blocks)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.sandbox.leadconnector import wire
from syncd.lab.sandbox.leadconnector.records import CalendarType
from syncd.lab.sandbox.leadconnector.update_rules import drop_reset_fields, reset_omitted
from syncd.lab.sandbox.records import PlatformBlock
from syncd.lab.sandbox.replies import JsonObject

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response

    from syncd.lab.sandbox.leadconnector.api import EmulatedLeadConnector
    from syncd.lab.sandbox.platform import PlatformRequest

NOT_EVENT_CALENDAR = "The calendar is not an event calendar."
ALREADY_DELETED = "The event has already been deleted."


class BlocksApi:
    """The calls that list, create and move blocks."""

    def __init__(self, location: EmulatedLeadConnector) -> None:
        """Serve the blocks of this location."""
        self._location = location

    def routes(self) -> list[tuple[str, str, Callable[[PlatformRequest], Response]]]:
        """Return the served calls."""
        return [
            ("GET", "/calendars/blocked-slots", self._list),
            ("POST", "/calendars/events/block-slots", self._create),
            ("PUT", "/calendars/events/block-slots/{id}", self._update),
        ]

    def _list(self, request: PlatformRequest) -> Response:
        """List blocks by their owner only: a team's calendar does not show its users' blocks.

        See docs/platforms/leadconnector-v2.md#blocks.
        """
        location = self._location

        def is_requested(block: PlatformBlock) -> bool:
            group = location.listed_group(block.calendar) if block.calendar else ""
            return wire.matches_query(
                request, calendarId=block.calendar, userId=block.user, groupId=group
            )

        window = location.window(request)
        rows = [
            wire.block(b, location.zone)
            for b in location.stored_blocks.values(location.as_of(request))
            if window and not b.deleted and location.is_in_window(b, window) and is_requested(b)
        ]
        return location.reply(200, {"events": location.apply_list_faults(request, rows)})

    def _create(self, request: PlatformRequest) -> Response:
        location = self._location
        required = ("locationId", "startTime", "endTime")
        body = location.body(request, wire.BLOCK_FIELDS, required)
        self._check_owner(body)
        if "assignedUserId" not in body and "calendarId" not in body:
            raise location.refusal(422, ["Either calendarId or assignedUserId should be set"])
        now = location.stamp()
        return self._write(
            request, PlatformBlock(location.new_id(), "", "", now, now, "", now), body
        )

    def _update(self, request: PlatformRequest) -> Response:
        location = self._location
        block = location.stored_blocks.get(request.params["id"])
        if block is None:
            raise location.refusal(404, "Event not found")
        if block.deleted:
            raise location.refusal(400, ALREADY_DELETED)
        body = location.body(request, wire.BLOCK_FIELDS, ("locationId",))
        self._check_owner(body)
        if fault := location.take_fault(FaultKind.RESET_FIELDS, request):
            texts = fault.spelling != "status"
            block, body = reset_omitted(block, texts=texts), drop_reset_fields(body, texts=texts)
        elif location.block_update_replaces:
            block = reset_omitted(block)
        return self._write(request, block, body)

    def _write(self, request: PlatformRequest, before: PlatformBlock, body: JsonObject) -> Response:
        location = self._location
        start, end = before.start, before.end
        if "startTime" in body or "endTime" in body:
            start, end = location.interval(request, body, start, end - start)
        names_owner = "assignedUserId" in body or "calendarId" in body
        after = replace(
            before,
            user=body.get("assignedUserId", "") if names_owner else before.user,
            calendar=body.get("calendarId", "") if names_owner else before.calendar,
            start=start,
            end=end,
            title=location.stored_text(request, body.get("title", before.title)),
            updated_at=location.stamp(),
        )
        location.stored_blocks.put(after.id, after)
        owner = {"assignedUserId": after.user} if after.user else {"calendarId": after.calendar}
        row = {
            "id": after.id,
            "locationId": location.location_id,
            "title": after.title,
            "startTime": body.get("startTime", wire.local_time(after.start, location.zone)),
            "endTime": body.get("endTime", wire.local_time(after.end, location.zone)),
        }
        return location.reply(201, {**row, **owner})

    def _check_owner(self, body: JsonObject) -> None:
        location = self._location
        location.check_location(body["locationId"])
        calendar, user = body.get("calendarId"), body.get("assignedUserId")
        if calendar is not None and user is not None:
            message = "Either calendarId or assignedUserId can be set, not both."
            raise location.refusal(422, [message])
        if user is not None and user not in location.users:
            raise location.refusal(422, ["user id not part of location"])
        if calendar is None:
            return
        if location.known_calendar(calendar).type is not CalendarType.EVENT:
            raise location.refusal(400, NOT_EVENT_CALENDAR)

    def delete(self, id: str) -> Response:
        """Delete a block; a knob sets the response to the deletion of a deleted block."""
        location = self._location
        block = location.stored_blocks.get(id)
        if block is None:
            raise location.refusal(404, "Event not found")
        if not block.deleted:
            location.remove_block(id)
        elif location.second_delete != OK:
            message = {400: ALREADY_DELETED, 404: "Event not found"}[location.second_delete]
            raise location.refusal(location.second_delete, message)
        return location.reply(OK, {"succeeded": True})


OK = 200
