"""The calls of LeadSquared that syncd makes, one function each (docs/platforms/leadsquared.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from syncd.systems.decoding import decode_weighed
from syncd.systems.leadsquared import wire
from syncd.systems.leadsquared.events import written_time
from syncd.systems.leadsquared.plan import LIST
from syncd.systems.lenient import LenientValue, number, read_json, text
from syncd.systems.port import (
    RejectedError,
    RejectionReason,
    UnauthorizedError,
    UnknownOutcomeError,
)
from syncd.systems.sizes import expect_room

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from syncd.model import Value
    from syncd.systems.port import ListCall, PlatformError
    from syncd.systems.transport import Transport

T = TypeVar("T")

SLOTS = "Task.svc/RetrieveAvailableSlots/ByUserEmailAddress"

TIMES = "Task.svc/BulkUpdateAppointmentTime"
DELETE = "Task.svc/DeleteTasks"

PAGE = 1000
"""Rows per page: what a production client asks for.

See docs/platforms/leadsquared.md#listing-appointments.
"""

_NOT_FOUND = 404

_SHORT = 200
"""Bytes: an answer without rows is not longer."""

_ONE_PAGE = {"PageIndex": 1, "PageSize": PAGE}


class Api:
    """Typed calls over one account's transport. Every method raises PlatformError."""

    def __init__(self, system: str, transport: Transport) -> None:
        """Keep the transport."""
        self._system = system
        self._transport = transport

    async def appointments(self, call: ListCall, page: int) -> wire.Listing:
        """Make a planned call, for one page (from 1) of its users' appointments."""
        body = {
            "FromDate": call.span.start.date().isoformat(),
            "ToDate": call.span.end.date().isoformat(),
            call.selector: list(call.ids),
            "Paging": {"PageIndex": page, "PageSize": PAGE},
        }
        answer = await self._transport.read("POST", LIST, json=body)

        def found() -> wire.Listing:
            listing, weighs = _listing(answer)
            expect_room(weighs, listing)
            return listing

        return self._transport.decoded(found, f"POST {LIST}")

    async def zones(self, users: Sequence[str], day: date) -> dict[str, str]:
        """The zones of these users, by address in lower case: free slots name them.

        See docs/platforms/leadsquared.md#free-slots.
        """
        body = {
            "FromDate": day.isoformat(),
            "ToDate": day.isoformat(),
            "Users": list(users),
            "Paging": _ONE_PAGE,
        }
        answer = await self._ask("POST", SLOTS, wire.Days, json=body)
        return {
            text(user.get("EmailAddress")).casefold(): text(user.get("UserTimeZone"))
            for found in answer.days
            if isinstance(found, wire.Day) and isinstance(found.user_slots, list)
            for user in found.user_slots
            if isinstance(user, dict)
        }

    def not_understood(self, detail: str) -> PlatformError:
        """Make the fault for an answer about free slots that has another shape than is known."""
        return self._transport.incomplete(f"POST {SLOTS}", detail)

    async def free_slots(self, user: str, days: tuple[date, date]) -> wire.Days:
        """One user's free slots; at most 100 days."""
        body = {
            "FromDate": days[0].isoformat(),
            "ToDate": days[1].isoformat(),
            "Users": [user],
            "Paging": _ONE_PAGE,
            "IncludeAllowedConflictSlots": False,
        }
        return await self._ask("POST", SLOTS, wire.Days, json=body)

    async def task(self, task_id: str) -> list[wire.Task | LenientValue]:
        """One task, as the array of one or none that the platform answers.

        See docs/platforms/leadsquared.md#reading-one-task.
        """
        return await self._ask(
            "GET",
            "Task.svc/Retrieve.GetById",
            list[wire.Task | LenientValue],
            params={"id": task_id},
        )

    async def whole(self, task_id: str) -> tuple[list[wire.Task | LenientValue], list[object]]:
        """One task, and all of its fields as they were sent."""
        call = "Task.svc/Retrieve.GetById"
        body = await self._transport.read("GET", call, params={"id": task_id})
        tasks = self._transport.decode(body, list[wire.Task | LenientValue], f"GET {call}")
        return tasks, self._transport.decode(body, list[object], f"GET {call}")

    async def lead(self, lead_id: str) -> list[wire.Lead | LenientValue]:
        """One lead by id."""
        return await self._leads("Leads.GetById", {"id": lead_id})

    async def caller(self) -> wire.Caller:
        """Whose keys these are; answers on every host (docs/platforms/leadsquared.md#hosts)."""
        return await self._ask("GET", "Authentication.svc/UserByAccessKey.Get", wire.Caller)

    async def users(self) -> list[wire.User | LenientValue]:
        """All users of the account."""
        return await self._ask(
            "GET", "UserManagement.svc/Users.Get", list[wire.User | LenientValue]
        )

    async def task_types(self) -> list[wire.TaskType | LenientValue]:
        """All task types of the account."""
        return await self._ask(
            "GET", "Task.svc/RetrieveTaskType", list[wire.TaskType | LenientValue]
        )

    async def create(self, fields: Mapping[str, object]) -> str:
        """Make a task; its id. Raises UnknownOutcomeError when the answer does not prove it."""
        path = "Task.svc/Create"
        wrote = await self._tell("POST", path, json=fields)
        if not wrote.id:
            raise self._unproven("POST", path)
        return wrote.id

    async def move(self, targets: Sequence[tuple[str, Value]]) -> str:
        """Queue new times for tasks; the job's id. No webhook is asked for.

        See docs/platforms/leadsquared.md#moving-appointments.
        """
        rows = [
            {
                "UserTaskId": task_id,
                "FromDate": written_time(value.start),
                "ToDate": written_time(value.end),
            }
            for task_id, value in targets
        ]
        return (await self._tell("POST", TIMES, json={"TaskList": rows})).id

    async def delete(self, task_ids: Sequence[str]) -> tuple[str, RejectedError | None]:
        """Queue the deletion of tasks: the job's id ('' for none), and why some were left, if so.

        Such an answer does not tell which ones. Raises RejectedError if not one was deleted.
        """
        asked = len(task_ids)
        wrote = await self._tell(
            "POST",
            DELETE,
            json={"TaskIds": list(task_ids)},
            proves=lambda wrote: wrote.succeeded or wrote.deleted(asked) is not None,
        )
        count = wrote.deleted(asked)
        if count is None or count == asked:
            return wrote.id, None
        reason = text(wrote.failure_reason) or "no reason given"
        words = f"{count} of {asked} tasks deleted: {reason}"
        fault = self._transport.rejected(f"POST {DELETE}", words, each=not count)
        if not count:
            raise fault
        return wrote.id, fault

    async def cancel(self, path: str, task_ids: Sequence[str]) -> str:
        """Queue the cancellation of tasks at a configured path; the job's id, '' for none.

        Nobody knows whether the bulk cancel is there, nor how it answers. So an answer of the API
        that says nothing clear counts as queued, and only reads tell; what cannot be an answer of
        the bulk cancel is a refusal of all rows. It never says that a task is gone, nor that the
        keys are not valid: other calls do. Raises UnknownOutcomeError only where no answer came.
        """
        call = f"POST {path}"
        try:
            body = {"TaskIds": list(task_ids)}
            answer = await self._transport.write("POST", path, json=body, judged=True)
        except UnknownOutcomeError as fault:
            if fault.status is None:
                raise
            return ""
        except (UnauthorizedError, RejectedError) as fault:
            each = isinstance(fault, UnauthorizedError) or fault.each
            raise RejectedError(
                self._system, call, status=fault.status, detail=fault.detail, each=each
            ) from None
        wrote = read_json(answer.content, wire.Wrote)
        if wrote is None and answer.content.strip():
            raise self._transport.rejected(call, "what answers there is no API call", each=True)
        if wrote is not None and wrote.denied:
            words = text(wrote.exception_message) or text(wrote.failure_reason)
            raise self._transport.rejected(call, words or "it was not carried out", each=True)
        return wrote.id if wrote is not None else ""

    async def complete(self, task_id: str) -> None:
        """Mark a task complete: a GET that writes, so it is sent at most once."""
        await self._tell("GET", "Task.svc/MarkComplete", params={"id": task_id})

    async def _leads(self, name: str, params: dict[str, str]) -> list[wire.Lead | LenientValue]:
        path = f"LeadManagement.svc/{name}"
        try:
            return await self._ask("GET", path, list[wire.Lead | LenientValue], params=params)
        except RejectedError as fault:
            if fault.status == _NOT_FOUND or fault.why is RejectionReason.GONE:
                return []
            raise

    async def _ask(
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

    async def _tell(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        json: object = None,
        proves: Callable[[wire.Wrote], bool] = lambda wrote: wrote.succeeded,
    ) -> wire.Wrote:
        """A write that says that it was taken.

        Raises UnknownOutcomeError for every other 2xx answer.
        """
        answer = await self._transport.write(method, path, params=params, json=json, judged=True)
        wrote = read_json(answer.content, wire.Wrote)
        if wrote is None or not proves(wrote):
            raise self._unproven(method, path)
        return wrote

    def _unproven(self, method: str, path: str) -> UnknownOutcomeError:
        detail = "the answer does not say that it was done"
        return UnknownOutcomeError(self._system, f"{method} {path}", status=200, detail=detail)


def _listing(body: bytes) -> tuple[wire.Listing, int]:
    """Decode a page of appointments, with what it weighs. Raises one of `decoding.UNREADABLE`.

    Some searches answer a bare array, depending on the account
    (docs/platforms/leadsquared.md#leads); it is a page without a count. Null in place of the rows
    is an empty page if it is counted as one.
    """
    if body.lstrip()[:1] == b"[":
        rows, weighs = decode_weighed(body, list[wire.Task | LenientValue])
        return wire.Listing(rows), weighs
    none = read_json(body, wire.NoRows) if len(body) < _SHORT else None
    if none is not None and number(none.record_count) == 0:
        return wire.Listing([], 0), len(body)
    return decode_weighed(body, wire.Listing)
