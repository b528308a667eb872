"""The LeadSquared API calls that syncd makes, one method each (docs/platforms/leadsquared.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from syncd.systems.decoding import decode_weighed
from syncd.systems.errors import (
    RejectedError,
    RejectionReason,
    UnauthorizedError,
    UnknownOutcomeError,
)
from syncd.systems.leadsquared import wire
from syncd.systems.leadsquared.plan import LIST
from syncd.systems.leadsquared.wire import format_time
from syncd.systems.lenient import LenientValue, number, read_json, text
from syncd.systems.sizes import expect_room

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from syncd.model import Value
    from syncd.systems.errors import PlatformError
    from syncd.systems.port import ListCall
    from syncd.systems.transport import Transport

T = TypeVar("T")

SLOTS = "Task.svc/RetrieveAvailableSlots/ByUserEmailAddress"

UPDATE_TIMES = "Task.svc/BulkUpdateAppointmentTime"
DELETE = "Task.svc/DeleteTasks"

PAGE = 1000
"""Rows per page, as a production client requests.

See docs/platforms/leadsquared.md#listing-appointments.
"""

_NOT_FOUND = 404

_SHORT = 200
"""Bytes up to which a response may have no rows."""

_ONE_PAGE = {"PageIndex": 1, "PageSize": PAGE}


class Api:
    """Typed API calls of one account. Every method raises PlatformError."""

    def __init__(self, system: str, transport: Transport) -> None:
        """Keep the transport."""
        self._system = system
        self._transport = transport

    async def appointments(self, call: ListCall, page: int) -> wire.Listing:
        """Make a planned list call for one page; the first page is 1."""
        body = {
            "FromDate": call.span.start.date().isoformat(),
            "ToDate": call.span.end.date().isoformat(),
            call.selector: list(call.ids),
            "Paging": {"PageIndex": page, "PageSize": PAGE},
        }
        response = await self._transport.read("POST", LIST, json=body)

        def decode() -> wire.Listing:
            listing, estimate = _listing(response)
            expect_room(estimate, listing)
            return listing

        return self._transport.decoded(decode, f"POST {LIST}")

    async def zones(self, users: Sequence[str], day: date) -> dict[str, str]:
        """Return the time zones of users, by e-mail address in lower case.

        The response about the free slots of ``day`` contains the time zones. See
        docs/platforms/leadsquared.md#free-slots.
        """
        body = {
            "FromDate": day.isoformat(),
            "ToDate": day.isoformat(),
            "Users": list(users),
            "Paging": _ONE_PAGE,
        }
        response = await self._read("POST", SLOTS, wire.Days, json=body)
        return {
            text(user.get("EmailAddress")).casefold(): text(user.get("UserTimeZone"))
            for slots_of_day in response.days
            if isinstance(slots_of_day, wire.Day) and isinstance(slots_of_day.user_slots, list)
            for user in slots_of_day.user_slots
            if isinstance(user, dict)
        }

    def unknown_slot_format(self, detail: str) -> PlatformError:
        """Return the fault for free slots in an unknown format; ``detail`` describes the format."""
        return self._transport.incomplete(f"POST {SLOTS}", detail)

    async def free_slots(self, user: str, days: tuple[date, date]) -> wire.Days:
        """Return one user's free slots, from the first to the last date; at most 100 days."""
        body = {
            "FromDate": days[0].isoformat(),
            "ToDate": days[1].isoformat(),
            "Users": [user],
            "Paging": _ONE_PAGE,
            "IncludeAllowedConflictSlots": False,
        }
        return await self._read("POST", SLOTS, wire.Days, json=body)

    async def task(self, task_id: str) -> list[wire.Task | LenientValue]:
        """Read one task; the response is a list with the task, or an empty one.

        See docs/platforms/leadsquared.md#reading-one-task.
        """
        return await self._read(
            "GET",
            "Task.svc/Retrieve.GetById",
            list[wire.Task | LenientValue],
            params={"id": task_id},
        )

    async def whole(self, task_id: str) -> tuple[list[wire.Task | LenientValue], list[object]]:
        """Read one task; also return all of its fields as sent."""
        call = "Task.svc/Retrieve.GetById"
        body = await self._transport.read("GET", call, params={"id": task_id})
        tasks = self._transport.decode(body, list[wire.Task | LenientValue], f"GET {call}")
        return tasks, self._transport.decode(body, list[object], f"GET {call}")

    async def lead(self, lead_id: str) -> list[wire.Lead | LenientValue]:
        """Read one lead by id."""
        return await self._leads("Leads.GetById", {"id": lead_id})

    async def caller(self) -> wire.Caller:
        """Return the user to whom the keys belong. Every host accepts this call.

        See docs/platforms/leadsquared.md#hosts.
        """
        return await self._read("GET", "Authentication.svc/UserByAccessKey.Get", wire.Caller)

    async def users(self) -> list[wire.User | LenientValue]:
        """Return all users of the account."""
        return await self._read(
            "GET", "UserManagement.svc/Users.Get", list[wire.User | LenientValue]
        )

    async def task_types(self) -> list[wire.TaskType | LenientValue]:
        """Return all task types of the account."""
        return await self._read(
            "GET", "Task.svc/RetrieveTaskType", list[wire.TaskType | LenientValue]
        )

    async def create(self, fields: Mapping[str, object]) -> str:
        """Create a task; return its id. Raises UnknownOutcomeError if the response has no id."""
        path = "Task.svc/Create"
        response = await self._write("POST", path, json=fields)
        if not response.id:
            raise self._unproven("POST", path)
        return response.id

    async def move(self, targets: Sequence[tuple[str, Value]]) -> str:
        """Queue new times for tasks, without a webhook; return the job id.

        See docs/platforms/leadsquared.md#moving-appointments.
        """
        rows = [
            {
                "UserTaskId": task_id,
                "FromDate": format_time(value.start),
                "ToDate": format_time(value.end),
            }
            for task_id, value in targets
        ]
        return (await self._write("POST", UPDATE_TIMES, json={"TaskList": rows})).id

    async def delete(self, task_ids: Sequence[str]) -> tuple[str, RejectedError | None]:
        """Queue the deletion of tasks; return the job id ('' if none) and the fault, if any.

        The fault means that some tasks were not deleted; the response does not say which. Raises
        RejectedError if no task was deleted.
        """
        requested = len(task_ids)
        response = await self._write(
            "POST",
            DELETE,
            json={"TaskIds": list(task_ids)},
            proves=lambda response: response.succeeded or response.deleted(requested) is not None,
        )
        count = response.deleted(requested)
        if count is None or count == requested:
            return response.id, None
        reason = text(response.failure_reason) or "no reason was given"
        words = f"{count} of {requested} tasks were deleted: {reason}"
        fault = self._transport.rejected(f"POST {DELETE}", words, each=not count)
        if not count:
            raise fault
        return response.id, fault

    async def cancel(self, path: str, task_ids: Sequence[str]) -> str:
        """Queue the cancellation of tasks at a configured path; return the job id, '' if none.

        Neither the path nor the responses of the bulk cancel are documented. So an unclear response
        counts as queued, to be confirmed by reads, and a response that is no API response counts as
        a refusal of all rows. No response proves that a task is gone or that the keys are invalid.
        Raises UnknownOutcomeError only if no response came.
        """
        call = f"POST {path}"
        try:
            body = {"TaskIds": list(task_ids)}
            response = await self._transport.write("POST", path, json=body, result_in_body=True)
        except UnknownOutcomeError as fault:
            if fault.status is None:
                raise
            return ""
        except (UnauthorizedError, RejectedError) as fault:
            each = isinstance(fault, UnauthorizedError) or fault.each
            raise RejectedError(
                self._system, call, status=fault.status, detail=fault.detail, each=each
            ) from None
        decoded = read_json(response.content, wire.WriteResponse)
        if decoded is None and response.content.strip():
            raise self._transport.rejected(
                call, "the path in cancel_path is not an API call", each=True
            )
        if decoded is not None and decoded.denied:
            words = text(decoded.exception_message) or text(decoded.failure_reason)
            raise self._transport.rejected(call, words or "the call was not carried out", each=True)
        return decoded.id if decoded is not None else ""

    async def complete(self, task_id: str) -> None:
        """Mark a task complete. This GET is a write, so it is sent at most once."""
        await self._write("GET", "Task.svc/MarkComplete", params={"id": task_id})

    async def _leads(self, name: str, params: dict[str, str]) -> list[wire.Lead | LenientValue]:
        path = f"LeadManagement.svc/{name}"
        try:
            return await self._read("GET", path, list[wire.Lead | LenientValue], params=params)
        except RejectedError as fault:
            if fault.status == _NOT_FOUND or fault.why is RejectionReason.GONE:
                return []
            raise

    async def _read(
        self,
        method: str,
        path: str,
        shape: type[T],
        *,
        params: dict[str, str] | None = None,
        json: object = None,
    ) -> T:
        body = await self._transport.read(method, path, params=params, json=json)
        return self._transport.decode(body, shape, f"{method} {path}")

    async def _write(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        json: object = None,
        proves: Callable[[wire.WriteResponse], bool] = lambda response: response.succeeded,
    ) -> wire.WriteResponse:
        """Send a write; ``proves`` tells whether the response proves that the write was accepted.

        Raises UnknownOutcomeError for every other 2xx response.
        """
        response = await self._transport.write(
            method, path, params=params, json=json, result_in_body=True
        )
        decoded = read_json(response.content, wire.WriteResponse)
        if decoded is None or not proves(decoded):
            raise self._unproven(method, path)
        return decoded

    def _unproven(self, method: str, path: str) -> UnknownOutcomeError:
        detail = "the response does not confirm the write"
        return UnknownOutcomeError(self._system, f"{method} {path}", status=200, detail=detail)


def _listing(body: bytes) -> tuple[wire.Listing, int]:
    """Decode a page of appointments, with its estimated bytes of memory.

    In some accounts, searches answer a plain array (docs/platforms/leadsquared.md#leads): a page
    without a count. Null instead of the rows is an empty page if the count is 0. Raises one of
    `decoding.UNREADABLE`.
    """
    if body.lstrip()[:1] == b"[":
        rows, estimate = decode_weighed(body, list[wire.Task | LenientValue])
        return wire.Listing(rows), estimate
    empty = read_json(body, wire.NoRows) if len(body) < _SHORT else None
    if empty is not None and number(empty.record_count) == 0:
        return wire.Listing([], 0), len(body)
    return decode_weighed(body, wire.Listing)
