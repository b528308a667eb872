"""Updates on v2: read the record, send it back with one change, compare, repair once.

An update replaces the record (docs/platforms/leadconnector-v2.md#writing-appointments), so each
update needs two reads and a write.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.model import Action, EventRef, Status, Value, Window, cut_end, embed_tag, is_derived
from syncd.model.event_fields import EventFields, UpdateKind, compare_fields, event_fields
from syncd.model.platform_facts import NO, YES
from syncd.systems.errors import DelayedError, PlatformError, RejectedError, RejectionReason
from syncd.systems.leadconnector import fields
from syncd.systems.leadconnector.calls import APPOINTMENTS, BLOCKS, path_segment
from syncd.systems.leadconnector.events import is_deleted, status_word
from syncd.systems.leadconnector.fields import CALENDAR, HOSTS, STATUS, TITLE, USER, FieldValues
from syncd.systems.leadconnector.hosts import hosts_of
from syncd.systems.leadconnector.times import format_time
from syncd.systems.leadconnector.wire import Block, WholeAppointment
from syncd.systems.lenient import text
from syncd.systems.lookup_results import Found, LookupResult, Unknown
from syncd.systems.replies import Done, TargetChanged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.model import Clock, Operation
    from syncd.systems.leadconnector.account import Account, CalendarMapping
    from syncd.systems.leadconnector.blocks import BlockFinder
    from syncd.systems.leadconnector.calls import Api
    from syncd.systems.leadconnector.reading import SnapshotReader
    from syncd.systems.leadconnector.wire import WriteResponse
    from syncd.systems.measured import MeasuredFacts

MAX_READ_AGE = 2.0
"""Seconds from the response to the read before an update until the update is sent, at most."""

FIRST_REQUEST_WITHIN = 15.0
"""Seconds until the first request of an update is sent, at most; recovery after a crash uses it."""

_MAX_READS = 3
_LIST_MARGIN = timedelta(minutes=1)

PlatformEvent = WholeAppointment | Block
InterpretEvent = Callable[[PlatformEvent, EventRef], Awaitable[LookupResult]]
OwnerFields = Callable[[str], Awaitable[dict[str, str]]]


@dataclass(frozen=True, slots=True)
class _Update:
    """One update: its path, and the fields to send besides ``values``.

    ``hosts`` and ``fields_before`` are from the read before the update. No request can set the
    hosts, or most other fields, so the read after the update shows whether it keeps them.
    """

    path: str
    start: datetime
    end: datetime
    values: FieldValues
    extra: dict[str, object]
    hosts: tuple[str, ...] = ()
    fields_before: EventFields | None = None

    @property
    def body(self) -> dict[str, object]:
        """Return the JSON body of the request."""
        times = {"startTime": format_time(self.start), "endTime": format_time(self.end)}
        return {**self.extra, **times, **self.values}


class Updater:
    """Carries out updates on one location: moves and status changes."""

    def __init__(
        self,
        system: str,
        account: Account,
        calls: Api,
        reader: SnapshotReader,
        blocks: BlockFinder,
        calendars: Mapping[str, CalendarMapping],
        clock: Clock,
        interpret: InterpretEvent,
        owner: OwnerFields,
        measured: MeasuredFacts,
    ) -> None:
        """Keep the parts.

        ``interpret`` returns the lookup result of a record that was read; ``owner`` returns the
        body fields that name the owner of a provider's blocks.
        """
        self._measured = measured
        self._system = system
        self._account = account
        self._calls = calls
        self._reader = reader
        self._blocks = blocks
        self._calendars = calendars
        self._clock = clock
        self._interpret = interpret
        self._owner = owner

    async def update(self, operation: Operation) -> Done | TargetChanged:
        """Move an event or set its status. Raises PlatformError: then nothing happened.

        The record is read immediately before. If it no longer has the value on which the decision
        was based, nothing is sent, and TargetChanged is returned.
        """
        _after(operation)
        if is_derived(operation.ref.id):
            detail = "the event is derived from a meeting, so it is read-only"
            raise RejectedError(self._system, f"PUT {APPOINTMENTS}", detail=detail)
        latest = self._clock.monotonic() + FIRST_REQUEST_WITHIN
        owner: str | None = None
        reads = 0
        while True:
            reads += 1
            item, fields_before = await self._read(operation)
            deadline = min(latest, self._clock.monotonic() + MAX_READ_AGE)
            if isinstance(item, Unknown):
                return TargetChanged(item)
            result = await self._interpret(item, operation.ref)
            if not _matches_decision(result, operation, self._clock.now()):
                return TargetChanged(result)
            prepared = await self._build(operation, item, owner or "")
            update = replace(prepared, fields_before=fields_before)
            try:
                response = await self._put(update, deadline)
            except DelayedError:
                if reads >= _MAX_READS or self._clock.monotonic() > latest:
                    raise
            except RejectedError as fault:
                if fault.why is not RejectionReason.OWNER_MISSING or owner is not None:
                    raise
                # A team's calendar requires the meeting's user. The next read shows the user, or it
                # is the one that the provider is mapped to.
                owner = self._calendars[operation.provider].user or ""
            else:
                return await self._verify(operation, update, response)

    async def _verify(self, operation: Operation, update: _Update, response: WriteResponse) -> Done:
        """Compare the record with the request, and send once again the fields that it reset.

        Only fields that the update itself reset are restored (`fields.reset_fields`), and only
        while the record has the times of the update. Later edits by somebody on the platform are
        kept, and count as changes.
        """
        current, fields_after = await self._reread(operation, update, response)
        unrestored = fields.reset_fields(update.values, response, current)
        restored: list[str] = []
        if unrestored and self._measured.contradict("update_replaces", NO) and current is None:
            current, fields_after = await self._reread(operation, update, response)
        if unrestored and (current is not None or _is_block(operation)):
            latest = update.values if current is None else fields.fields_to_send(current)
            values = {**latest, **{name: update.values[name] for name in unrestored}}
            retry = replace(update, values=values)
            try:
                response = await self._put(retry, self._clock.monotonic() + MAX_READ_AGE)
            except PlatformError:
                # The next read shows whether the fields were restored.
                pass
            else:
                update, reset = retry, unrestored
                current, fields_after = await self._reread(operation, update, response)
                unrestored = [
                    name for name in fields.reset_fields(values, response, current) if name in reset
                ]
                restored = [name for name in reset if name not in unrestored]
        if current is not None and not set(update.hosts) <= set(hosts_of(current)):
            unrestored = [*unrestored, HOSTS]
            self._measured.contradict("update_keeps_hosts", YES)
        unrestored = [*unrestored, *_also_changed(operation, update.fields_before, fields_after)]
        proven = self._proven_value(update, response, current)
        return Done([(operation.ref.id, proven)], tuple(restored), tuple(unrestored))

    async def _read(
        self, operation: Operation
    ) -> tuple[PlatformEvent | Unknown, EventFields | None]:
        """Read the target: its record, and for a meeting also all of its fields.

        Returns Unknown if the target cannot be read. Raises RejectedError (GONE) for a deleted
        meeting.
        """
        ref = operation.ref
        if _is_block(operation):
            block = await self._find_block(operation, operation.before)
            return block or Unknown("the owner's list does not show the block"), None
        try:
            item, all_fields = await self._calls.whole(ref.id)
        except RejectedError as fault:
            if fault.why is RejectionReason.GONE:
                raise
            return Unknown(str(fault), refused=True), None
        if text(item.id) != ref.id:
            return Unknown("the response contains a different appointment"), None
        if is_deleted(item):
            path = f"GET {APPOINTMENTS}/{path_segment(ref.id)}"
            raise RejectedError(
                self._system, path, why=RejectionReason.GONE, status=200, detail="deleted"
            )
        status = self._reader.parser.statuses.status_of(status_word(item))
        return item, event_fields(all_fields, status, self._account.token)

    async def _find_block(self, operation: Operation, value: Value | None) -> Block | None:
        """Find the target block in its owner's list, because v2 may not find a block by its id.

        ``value`` says where to look; None means at the wanted time.
        """
        interval = value or _after(operation)
        window = Window(interval.start - _LIST_MARGIN, interval.end + _LIST_MARGIN)
        block = (await self._blocks.listed(operation.provider, window, checked=True)).find_row(
            operation.ref.id
        )
        return None if block is None or is_deleted(block) else block

    async def _reread(
        self, operation: Operation, update: _Update, response: WriteResponse
    ) -> tuple[PlatformEvent | None, EventFields | None]:
        """Read the target after an update; None if that fails or shows other times.

        A block is not read if the response contains a title, because such a response is complete.
        """
        block = _is_block(operation)
        if (block and isinstance(response.title, str)) or self._response_suffices(
            update, response, block=block
        ):
            return None, None
        current: PlatformEvent | Unknown | None
        fields_after: EventFields | None = None
        try:
            if block:
                current = await self._find_block(operation, operation.after)
            else:
                current, fields_after = await self._read(operation)
            if current is None or isinstance(current, Unknown):
                return None, None
            value = self._value(current)
        except (PlatformError, ValueError):
            return None, None
        return (
            (current, fields_after)
            if value.interval == (update.start, update.end)
            else (None, None)
        )

    def _response_suffices(self, update: _Update, response: WriteResponse, *, block: bool) -> bool:
        """Return true if the response alone proves the result, as updates keep other fields."""
        replaces = self._measured.is_yes("update_replaces")
        further_hosts = {*update.hosts} - {update.values.get(USER)}
        may_lose_hosts = bool(further_hosts) and not self._measured.is_yes("update_keeps_hosts")
        return not (block or replaces or may_lose_hosts) and STATUS in fields.fields_to_send(
            response
        )

    async def _build(self, operation: Operation, record: PlatformEvent, owner: str) -> _Update:
        """Build the update: the record's fields as read, with the one wanted change.

        ``owner`` is the user to name if the record names none; '' for nobody.
        """
        value, before, now = _after(operation), operation.before, self._value(record)
        start, end = value.interval
        values = fields.fields_to_send(record)
        if owner:
            values.setdefault(USER, owner)
        if _is_block(operation):
            if TITLE not in values and operation.key is not None:
                values[TITLE] = embed_tag(self._account.title, operation.key)
            if USER in values:  # A block has exactly one owner.
                values.pop(CALENDAR, None)
            elif CALENDAR not in values:
                values |= await self._owner(operation.provider)
            path = f"{BLOCKS}/{path_segment(operation.ref.id)}"
            return _Update(path, start, end, values, {"locationId": self._account.location_id})
        if operation.action is Action.SET_STATUS:
            start, end = now.interval
        status_changes = before is not None and before.status is not value.status
        if status_changes or operation.action is Action.SET_STATUS:
            values[STATUS] = value.status.value
        elif before is not None and before.status is not Status.CONFIRMED:
            # If omitted, it would be reset to confirmed.
            values.setdefault(STATUS, before.status.value)
        options: dict[str, object] = {
            "toNotify": self._account.notify,
            # The meeting takes place in another system, whatever the slot rules say.
            "ignoreFreeSlotValidation": True,
            "ignoreDateRange": True,
        }
        path = f"{APPOINTMENTS}/{path_segment(operation.ref.id)}"
        return _Update(path, start, end, values, options, hosts_of(record))

    async def _put(self, update: _Update, deadline: float) -> WriteResponse:
        texts = fields.private(update.values)
        return await self._calls.send(
            "PUT", update.path, update.body, deadline=deadline, private=texts
        )

    def _proven_value(
        self, update: _Update, response: WriteResponse, current: PlatformEvent | None
    ) -> Value | None:
        """Return the value that the update left, or None to leave the outcome to the next read.

        None means that the response shows no value, or that somebody may have changed it since.
        """
        was_reset = STATUS in fields.reset_fields(update.values, response, current)
        try:
            value = self._value(response if current is None else current)
        except ValueError:
            # Most answers about meetings have no times.
            return Value(update.start, update.end, Status.CONFIRMED) if was_reset else None
        sent = fields.status_of(update.values)
        is_proven = was_reset or STATUS not in update.values or sent is value.status
        return value if is_proven else None

    def _value(self, record: PlatformEvent | WriteResponse) -> Value:
        return self._reader.parser.value(record)


def _matches_decision(result: LookupResult, operation: Operation, now: datetime) -> bool:
    """Return true if the target still is the event, with the value, that was decided on."""
    if not isinstance(result, Found) or result.event.provider != operation.provider:
        return False
    before = operation.before
    event = result.event.with_status_of(before)
    return before is None or cut_end(event.value, now, before) == before


def _also_changed(
    operation: Operation, before: EventFields | None, after: EventFields | None
) -> list[str]:
    """Return the names of changed fields that no other check compares."""
    if before is None or after is None:
        return []
    update = UpdateKind.STATUS if operation.action is Action.SET_STATUS else UpdateKind.MOVE
    comparison = compare_fields(
        before, after, fields.FIELD_PURPOSES, update, _after(operation).status
    )
    compared = fields.COMPARED | fields.FIELD_PURPOSES.status
    return [name for name in comparison.other_changes if name.partition(".")[0] not in compared]


def _is_block(operation: Operation) -> bool:
    return operation.action is Action.MOVE_BLOCK


def _after(operation: Operation) -> Value:
    if operation.after is None:
        message = f"{operation.action} needs a value"
        raise ValueError(message)
    return operation.after
