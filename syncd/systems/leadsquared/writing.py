"""Carry out operations by LeadSquared calls (docs/platforms/leadsquared.md)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from syncd.model import Action, BulkCall, Kind, Status, Statuses, embed_tag
from syncd.model.event_fields import FieldPurposes
from syncd.systems.capability_cache import list_lag
from syncd.systems.errors import PlatformError, RejectedError
from syncd.systems.leadsquared.calls import DELETE, UPDATE_TIMES
from syncd.systems.leadsquared.slots import MAX_SPAN
from syncd.systems.leadsquared.wire import format_time
from syncd.systems.port import Capabilities
from syncd.systems.replies import Accepted, Done, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from syncd.model import Operation, Value
    from syncd.systems.leadsquared.account import Account, CalendarMapping
    from syncd.systems.leadsquared.calls import Api
    from syncd.systems.measured import MeasuredFacts

_MAX_ROWS = 1000
"""Rows of a bulk call at most, whatever was measured."""

MAX_READS = 40
"""Tasks that are read at most after a deletion that failed in part."""

_FIELDS = FieldPurposes(
    times=frozenset({"DueDate", "EndDate"}),
    status=frozenset({"StatusCode", "Status"}),
    with_status=frozenset({"EndDate", "CompletedOn", "CompletedBy", "PercentCompleted"}),
    ignored=frozenset({"ModifiedOn", "ModifiedBy", "ModifiedByName"}),
)

_NO_NOTICE = "1000"
_NO_LEAD = 0
_COMPLETE, _CANCELLED = "1", "2"
_CANCELLED_STATUSES = tuple(status for status in Status if not status.busy)
_MOVES = frozenset({Action.MOVE_BLOCK, Action.MOVE_APPOINTMENT})


def _completes(account: Account) -> Mapping[Status, Status]:
    """Return, for each status that completing a task can set, the status that it then shows."""
    shown = Statuses.of_leadsquared(account.statuses).status_of(_COMPLETE)
    showed = shown is Status.SHOWED
    cancels = account.cancel_as == "complete" and (showed or not shown.busy)
    wanted = [
        *((Status.SHOWED,) if showed else ()),
        *(_CANCELLED_STATUSES if cancels else ()),
    ]
    return dict.fromkeys(wanted, shown)


def _cancels(account: Account) -> Mapping[Status, Status]:
    """Return, for each status that the bulk cancel can set, the status that a task then shows.

    Empty if the account's own ``statuses`` read that code as busy: no read could confirm a
    cancellation.
    """
    shown = Statuses.of_leadsquared(account.statuses).status_of(_CANCELLED)
    possible = account.cancel_as == "cancel" and account.cancel_path and not shown.busy
    return dict.fromkeys(_CANCELLED_STATUSES, shown) if possible else {}


def capabilities(name: str, account: Account, measured: MeasuredFacts) -> Capabilities:
    """Return the capabilities of the account with this system name.

    Time updates, deletions and cancellations are queued (#deleting). A deleted id is answered like
    an unknown one, so one read proves little (#reading-one-task). The maximum of rows in a bulk
    call is documented for deletions only (5,000). Undocumented facts are as ``measured``, or on
    their safe side.
    """
    rows = bulk_rows(measured)
    moves = BulkCall(UPDATE_TIMES, rows)
    cancels = _cancels(account)
    check = (
        f'cancel_path = "{account.cancel_path}" in [systems.{name}] may not be the address of the '
        "bulk cancel: correct it, or cancel this appointment in LeadSquared yourself"
    )
    cancel = BulkCall(account.cancel_path or "", rows, check)
    queued = {*_MOVES, Action.REMOVE_BLOCK, *((Action.SET_STATUS,) if cancels else ())}
    return Capabilities(
        lag=list_lag(measured),
        gone_proofs=dict.fromkeys(Kind, 2),
        statuses={**_completes(account), **cancels},
        bulk={**dict.fromkeys(_MOVES, moves), Action.REMOVE_BLOCK: BulkCall(DELETE, rows)},
        bulk_statuses=dict.fromkeys(cancels.values(), cancel),
        asynchronous=frozenset(queued),
        bulk_only=_MOVES,
        key_survives=measured.is_yes("keeps_tag"),
        rows_carry_owner=measured.is_yes("rows_carry_owner"),
        rows_carry_end=measured.is_yes("rows_carry_end"),
        completing_changes_end=measured.is_yes("completing_changes_end"),
        slots_ahead=MAX_SPAN,
        lists_cancelled=measured.is_yes("lists_cancelled"),
        field_purposes=_FIELDS,
    )


def bulk_rows(measured: MeasuredFacts) -> int:
    """Return how many rows one bulk call may have at most, as far as known."""
    value = measured.value("bulk_rows")
    known = int(value) if value.isdecimal() else 0
    return min(known, _MAX_ROWS) or int(measured.safe("bulk_rows"))


def block_fields(
    account: Account, calendar: CalendarMapping, value: Value, key: str | None
) -> dict[str, object]:
    """Return the fields that create a block: no lead, notification or private text (#busy-tasks).

    ``key`` is the tag; None for a block without a tag.
    """
    fields: dict[str, object] = {
        "Name": account.title,
        "Description": embed_tag(account.title, key) if key else account.title,
        "RelatedEntity": _NO_LEAD,
        "DueDate": format_time(value.start),
        "EndDate": format_time(value.end),
        "Reminder": 0,
        "NotifyBy": _NO_NOTICE,
        "OwnerEmailAddress": calendar.user,
        "TaskType": {"Name": account.busy_task_type},
    }
    if key and account.key_field:
        fields["CustomFields"] = {account.key_field: embed_tag("", key).strip()}
    return fields


class Writer:
    """Carries out the operations of one account."""

    def __init__(
        self,
        system: str,
        account: Account,
        calendars: Mapping[str, CalendarMapping],
        calls: Api,
        capabilities: Callable[[], Capabilities],
    ) -> None:
        """Keep the parts."""
        self._system = system
        self._account = account
        self._calendars = calendars
        self._calls = calls
        self._capabilities = capabilities

    async def write(self, operations: Sequence[Operation]) -> Reply:
        """Send one operation, or several of the same bulk call. Raises PlatformError."""
        first = operations[0]
        if first.action in _MOVES:
            return Accepted(await self._calls.move([(o.ref.id, _wanted(o)) for o in operations]))
        if first.action is Action.REMOVE_BLOCK:
            return await self._delete([o.ref.id for o in operations])
        if self._capabilities().bulk_of(first) is not None:
            return await self._cancel(operations)
        (operation,) = operations
        if operation.action is Action.CREATE_BLOCK:
            return await self._create(operation)
        return await self._set_status(operation)

    async def _create(self, operation: Operation) -> Done:
        calendar = self._calendars[operation.provider]
        fields = block_fields(self._account, calendar, _wanted(operation), operation.key)
        return Done([(await self._calls.create(fields), None)])

    async def _delete(self, task_ids: Sequence[str]) -> Accepted:
        """Delete tasks; if the response says that only some were deleted, read each task by id.

        A task that still exists was refused. The others count as queued; later reads confirm them.
        """
        job, fault = await self._calls.delete(task_ids)
        if fault is None:
            return Accepted(job)
        existing: list[str] = []
        with suppress(PlatformError):
            for task_id in task_ids[:MAX_READS]:
                if await self._calls.task(task_id):
                    existing.append(task_id)  # noqa: PERF401 - a fault keeps the earlier results
        return Accepted(job, dict.fromkeys(existing, fault))

    async def _cancel(self, operations: Sequence[Operation]) -> Accepted:
        """Cancel appointments; blocks are deleted, never cancelled. Raises PlatformError."""
        if any(operation.kind is not Kind.APPOINTMENT for operation in operations):
            raise RejectedError(self._system, detail="only appointments can be cancelled")
        path = self._account.cancel_path or ""
        return Accepted(await self._calls.cancel(path, [o.ref.id for o in operations]))

    async def _set_status(self, operation: Operation) -> Done:
        status = _wanted(operation).status
        if status not in self._capabilities().statuses:
            detail = f"LeadSquared cannot set the status {status}"
            raise RejectedError(self._system, detail=detail)
        await self._calls.complete(operation.ref.id)
        return Done([(operation.ref.id, None)])


def _wanted(operation: Operation) -> Value:
    if operation.after is None:
        message = f"{operation.action} has no value to write"
        raise ValueError(message)
    return operation.after
