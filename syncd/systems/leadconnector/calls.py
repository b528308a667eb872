"""The calls of v2 that syncd makes, one function each (docs/platforms/leadconnector-v2.md)."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from syncd.model import Kind
from syncd.systems.errors import UnknownOutcomeError
from syncd.systems.free_slots import slot_starts
from syncd.systems.leadconnector import wire
from syncd.systems.leadconnector.plan import LISTS
from syncd.systems.leadconnector.resources import PATHS, rows_of
from syncd.systems.leadconnector.times import millis
from syncd.systems.lenient import read_json
from syncd.systems.paging import all_pages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.model import Window
    from syncd.systems.leadconnector.account import Account
    from syncd.systems.port import ListCall
    from syncd.systems.transport import Transport

T = TypeVar("T")

APPOINTMENTS = "/calendars/events/appointments"
BLOCKS = "/calendars/events/block-slots"
EVENTS = "/calendars/events"

_SHAPES: Mapping[Kind, type[wire.AppointmentList | wire.BlockList]] = {
    Kind.APPOINTMENT: wire.AppointmentList,
    Kind.BLOCK: wire.BlockList,
}
_OTHER_VERSION = "2021-07-28"
_PAGE = 100


def path_segment(id: str) -> str:
    """Quote an id for use as one path segment."""
    return quote(id, safe="")


class Api:
    """Typed calls over one account's transport. Every method raises PlatformError."""

    def __init__(self, system: str, account: Account, transport: Transport) -> None:
        """Keep the parts."""
        self._system = system
        self._account = account
        self._transport = transport

    async def listing(self, call: ListCall) -> wire.AppointmentList | wire.BlockList:
        """Make a planned list call: list the events that start in its span."""
        (kind,), (id,) = call.kinds, call.ids
        params = {
            "locationId": self._account.location_id,
            call.selector: id,
            "startTime": str(millis(call.span.start)),
            "endTime": str(millis(call.span.end)),
        }
        return await self._ask(LISTS[kind], _SHAPES[kind], params)

    async def appointment(self, event: str) -> wire.WholeAppointment:
        """Read one appointment. Raises RejectedError (GONE) if there is none."""
        return (await self._read_appointment(event))[0]

    async def whole(self, event: str) -> tuple[wire.WholeAppointment, object]:
        """Read one appointment, and return it with all of its fields as sent."""
        item, body = await self._read_appointment(event)
        fields = self._transport.decode(body, dict[str, Any], f"GET {APPOINTMENTS}")
        return item, fields.get("appointment") or fields.get("event") or fields

    async def _read_appointment(self, event: str) -> tuple[wire.WholeAppointment, bytes]:
        path = f"{APPOINTMENTS}/{path_segment(event)}"
        body = await self._transport.read("GET", path, headers={"Version": self.version(path)})
        response = self._transport.decode(body, wire.OneAppointment, f"GET {path}")
        for item in (response.appointment, response.event, response):
            if isinstance(item, wire.WholeAppointment) and item.id is not None:
                return item, body
        raise self._transport.incomplete(f"GET {path}", "the response contains no appointment")

    async def calendars(self) -> wire.Calendars:
        """List all calendars of the location."""
        return await self._ask(
            "/calendars/", wire.Calendars, {"locationId": self._account.location_id}
        )

    async def calendar(self, calendar: str) -> wire.CalendarRow:
        """Read one calendar. Raises RejectedError (GONE) if there is none."""
        return (
            await self._ask(f"/calendars/{path_segment(calendar)}", wire.CalendarResponse)
        ).calendar

    async def groups(self) -> wire.Groups:
        """List the groups of calendars of the location."""
        return await self._ask(
            "/calendars/groups", wire.Groups, {"locationId": self._account.location_id}
        )

    async def free_slots(self, calendar: str, window: Window, user: str | None) -> list[object]:
        """List the starts of a calendar's free slots as sent; the window is at most 31 days."""
        params = {
            "startDate": millis(window.start),
            "endDate": millis(window.end),
            "userId": user,
        }
        path = f"/calendars/{path_segment(calendar)}/free-slots"
        response: object = await self._ask(path, object, params)
        return self._transport.decoded(lambda: slot_starts(response), f"GET {path}")

    async def service_bookings(self, window: Window) -> list[wire.ServiceBooking]:
        """List the bookings made through service menus; needs v3."""
        params = {
            "locationId": self._account.location_id,
            "startTime": str(millis(window.start)),
            "endTime": str(millis(window.end)),
        }
        response = await self._ask("/calendars/services/bookings", wire.ServiceBookings, params)
        return [row for row in response.bookings if isinstance(row, wire.ServiceBooking)]

    async def location(self) -> wire.Location:
        """Read the location."""
        path = f"/locations/{path_segment(self._account.location_id)}"
        return (await self._ask(path, wire.LocationResponse)).location

    async def users(self) -> wire.Users:
        """List the location's users."""
        return await self._ask("/users/", wire.Users, {"locationId": self._account.location_id})

    async def user(self, id: str) -> wire.User:
        """Read one user, whether the response is the user or an object with the user."""
        response = await self._ask(f"/users/{path_segment(id)}", wire.OneUser)
        return response.user or response

    async def resources(self, type: str) -> list[dict[str, Any]]:
        """List all rooms, or all equipment (``type``), page by page.

        A platform that ignores ``skip`` repeats its page, which ends the list. Raises
        IncompleteReadError if the response has no list.
        """
        path = PATHS[type]

        async def ask(skip: int) -> list[Any]:
            params = {
                "locationId": self._account.location_id,
                "limit": str(_PAGE),
                "skip": str(skip),
            }
            response: object = await self._ask(path, object, params)
            return self._transport.decoded(partial(rows_of, response), f"GET {path}")

        return await all_pages(ask, self._transport, f"GET {path}", dict)

    async def contact(self, contact: str) -> wire.Contact:
        """Read one contact. Raises RejectedError (GONE) if there is none."""
        return (await self._ask(f"/contacts/{path_segment(contact)}", wire.ContactResponse)).contact

    async def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, object],
        *,
        deadline: float = math.inf,
        private: Sequence[str] = (),
    ) -> wire.WriteResponse:
        """Send a write. Raises UnknownOutcomeError if the response does not confirm it."""
        response = await self._transport.write(
            method,
            path,
            json=body,
            headers={"Version": self.version(path)},
            deadline=deadline,
            private=private,
            result_in_body=True,
        )
        wrote = read_json(response.content, wire.WriteResponse) or wire.WriteResponse()
        flags = (wrote.succeeded, wrote.succeded, wrote.success)
        if False in flags or not (wrote.id or True in flags):
            detail = "the response does not confirm the write"
            raise UnknownOutcomeError(
                self._system, f"{method} {path}", status=response.status_code, detail=detail
            )
        return wrote

    async def _ask(
        self, path: str, shape: type[T], params: Mapping[str, str | int | None] | None = None
    ) -> T:
        body = await self._transport.read(
            "GET", path, params=params, headers={"Version": self.version(path)}
        )
        return self._transport.decode(body, shape, f"GET {path}")

    def version(self, path: str) -> str:
        """Return the ``Version`` header of a path (#access).

        Calendar calls have their own version. From v3 on, all calls share one.
        """
        own = self._account.version
        return own if path.startswith("/calendars") or own == "v3" else _OTHER_VERSION
