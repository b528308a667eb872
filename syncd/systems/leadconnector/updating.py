"""Updates on v2: read the record, send all of it back with one change, compare, put right once.

An update replaces the record (docs/platforms/leadconnector-v2.md#writing-appointments), so each one
is two reads and a write.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.model import Action, EventRef, Status, Value, Window, cut_end, embed_tag, is_derived
from syncd.model.platform_facts import NO, YES
from syncd.model.whole_record import UpdateKind, WholeRecord, compare_records, whole_record
from syncd.systems.leadconnector import fields
from syncd.systems.leadconnector.calls import APPOINTMENTS, BLOCKS, path_segment
from syncd.systems.leadconnector.events import is_deleted, status_word
from syncd.systems.leadconnector.fields import CALENDAR, HOSTS, STATUS, TITLE, USER, FieldValues
from syncd.systems.leadconnector.hosts import hosts_of
from syncd.systems.leadconnector.times import format_time
from syncd.systems.leadconnector.wire import Block, WholeAppointment
from syncd.systems.lenient import text
from syncd.systems.port import (
    DelayedError,
    Done,
    Found,
    LookupResult,
    PlatformError,
    RejectedError,
    RejectionReason,
    TargetChanged,
    Unknown,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.model import Clock, Operation
    from syncd.systems.leadconnector.account import Account, CalendarMapping
    from syncd.systems.leadconnector.blocks import BlockFinder
    from syncd.systems.leadconnector.calls import Api
    from syncd.systems.leadconnector.reading import SnapshotReader
    from syncd.systems.leadconnector.wire import WriteAnswer
    from syncd.systems.measured import MeasuredFacts

MAX_READ_AGE = 2.0
"""Seconds between the answer to the read before an update and the sending of the update."""

FIRST_REQUEST_WITHIN = 15.0
"""Seconds within which the first request of an update must leave: a crash is judged by that."""

_READS = 3
_AROUND = timedelta(minutes=1)

Record = WholeAppointment | Block
ReadRecord = Callable[[Record, EventRef], Awaitable[LookupResult]]
Owner = Callable[[str], Awaitable[dict[str, str]]]


@dataclass(frozen=True, slots=True)
class _Update:
    """One update: where it goes, and what it sends besides the fields in ``kept``.

    ``hosts`` and the ``whole`` record were those of the meeting just before. No request can set the
    hosts, or most other fields, so whether an update leaves them as they are is seen afterwards.
    """

    path: str
    start: datetime
    end: datetime
    kept: FieldValues
    more: dict[str, object]
    hosts: tuple[str, ...] = ()
    whole: WholeRecord | None = None

    @property
    def body(self) -> dict[str, object]:
        """The JSON of the request."""
        times = {"startTime": format_time(self.start), "endTime": format_time(self.end)}
        return {**self.more, **times, **self.kept}


class Updater:
    """Carries out updates on one location; ``sight`` tells what a record is to syncd."""

    def __init__(
        self,
        system: str,
        account: Account,
        calls: Api,
        reader: SnapshotReader,
        blocks: BlockFinder,
        calendars: Mapping[str, CalendarMapping],
        clock: Clock,
        interpret: ReadRecord,
        owner: Owner,
        measured: MeasuredFacts,
    ) -> None:
        """Keep the parts. ``owner`` names a new block's owner as its body does."""
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
        """Move an event, or set its status. Raises PlatformError: then nothing happened.

        Nothing is written to a record that is not as it was decided on.
        """
        _wanted(operation)
        if is_derived(operation.ref.id):
            detail = "an event that is derived from a meeting is only read"
            raise RejectedError(self._system, f"PUT {APPOINTMENTS}", detail=detail)
        latest = self._clock.monotonic() + FIRST_REQUEST_WITHIN
        owner: str | None = None
        reads = 0
        while True:
            reads += 1
            record, whole = await self._read(operation)
            deadline = min(latest, self._clock.monotonic() + MAX_READ_AGE)
            if isinstance(record, Unknown):
                return TargetChanged(record)
            result = await self._interpret(record, operation.ref)
            if not _matches_decision(result, operation, self._clock.now()):
                return TargetChanged(result)
            prepared = await self._build(operation, record, owner or "")
            update = replace(prepared, whole=whole)
            try:
                wrote = await self._put(update, deadline)
            except DelayedError:
                if reads >= _READS or self._clock.monotonic() > latest:
                    raise
            except RejectedError as fault:
                if fault.why is not RejectionReason.OWNER_MISSING or owner is not None:
                    raise
                # A team's calendar needs to be told whose the meeting is: it shows that by now, or
                # it is the user whom the provider is mapped to.
                owner = self._calendars[operation.provider].user or ""
            else:
                return await self._verify(operation, update, wrote)

    async def _verify(self, operation: Operation, update: _Update, wrote: WriteAnswer) -> Done:
        """Compare what stands there now with what was sent; put back once what was reset.

        Only what the update itself reset is put back (`fields.reset_fields`), and only while the
        record stands where the update put it: what somebody else changed since is news, and stays.
        """
        seen, whole = await self._reread(operation, update, wrote)
        lost = fields.reset_fields(update.kept, wrote, seen)
        restored: list[str] = []
        if lost and self._measured.contradict("update_replaces", NO) and seen is None:
            seen, whole = await self._reread(operation, update, wrote)
        if lost and (seen is not None or _is_block(operation)):
            now = update.kept if seen is None else fields.fields_to_send(seen)
            kept = {**now, **{name: update.kept[name] for name in lost}}
            again = replace(update, kept=kept)
            try:
                wrote = await self._put(again, self._clock.monotonic() + MAX_READ_AGE)
            except PlatformError:
                # Put back or not: the next read shows that.
                pass
            else:
                update, before = again, lost
                seen, whole = await self._reread(operation, update, wrote)
                lost = [name for name in fields.reset_fields(kept, wrote, seen) if name in before]
                restored = [name for name in before if name not in lost]
        if seen is not None and not set(update.hosts) <= set(hosts_of(seen)):
            lost = [*lost, HOSTS]
            self._measured.contradict("update_keeps_hosts", YES)
        lost = [*lost, *_also_changed(operation, update.whole, whole)]
        shown = self._proven_value(update, wrote, seen)
        return Done([(operation.ref.id, shown)], tuple(restored), tuple(lost))

    async def _read(self, operation: Operation) -> tuple[Record | Unknown, WholeRecord | None]:
        """Read the target. Raises RejectedError (GONE) for a meeting that is not there any more."""
        ref = operation.ref
        if _is_block(operation):
            block = await self._listed(operation, operation.before)
            return block or Unknown("it is not listed"), None
        try:
            item, tree = await self._calls.whole(ref.id)
        except RejectedError as fault:
            if fault.why is RejectionReason.GONE:
                raise
            return Unknown(str(fault), refused=True), None
        if text(item.id) != ref.id:
            return Unknown("the answer is about another appointment"), None
        if is_deleted(item):
            path = f"GET {APPOINTMENTS}/{path_segment(ref.id)}"
            raise RejectedError(
                self._system, path, why=RejectionReason.GONE, status=200, detail="deleted"
            )
        status = self._reader.parser.statuses.status_of(status_word(item))
        return item, whole_record(tree, status, self._account.token)

    async def _listed(self, operation: Operation, value: Value | None) -> Block | None:
        """Find a block in its owner's list; v2 is not known to show one by its id."""
        where = value or _wanted(operation)
        near = Window(where.start - _AROUND, where.end + _AROUND)
        found = (await self._blocks.listed(operation.provider, near, checked=True)).find_row(
            operation.ref.id
        )
        return None if found is None or is_deleted(found) else found

    async def _reread(
        self, operation: Operation, update: _Update, wrote: WriteAnswer
    ) -> tuple[Record | None, WholeRecord | None]:
        """Read the target after an update; None where that fails, or shows it elsewhere.

        The answer about a block shows all of it; one that shows no title does not count as such.
        """
        block = _is_block(operation)
        if (block and isinstance(wrote.title, str)) or self._answer_suffices(
            update, wrote, block=block
        ):
            return None, None
        seen: Record | Unknown | None
        whole: WholeRecord | None = None
        try:
            if block:
                seen = await self._listed(operation, operation.after)
            else:
                seen, whole = await self._read(operation)
            if seen is None or isinstance(seen, Unknown):
                return None, None
            value = self._value(seen)
        except (PlatformError, ValueError):
            return None, None
        return (seen, whole) if value.interval == (update.start, update.end) else (None, None)

    def _answer_suffices(self, update: _Update, wrote: WriteAnswer, *, block: bool) -> bool:
        """Whether the answer tells enough of a meeting where updates replace nothing."""
        replaces = self._measured.is_yes("update_replaces")
        further_hosts = {*update.hosts} - {update.kept.get(USER)}
        hosts = bool(further_hosts) and not self._measured.is_yes("update_keeps_hosts")
        return not (block or replaces or hosts) and STATUS in fields.fields_to_send(wrote)

    async def _build(self, operation: Operation, record: Record, owner: str) -> _Update:
        """Take the record as read, with the one change that is wanted."""
        value, before, now = _wanted(operation), operation.before, self._value(record)
        start, end = value.interval
        kept = fields.fields_to_send(record)
        if owner:
            kept.setdefault(USER, owner)
        if _is_block(operation):
            if TITLE not in kept and operation.key is not None:
                kept[TITLE] = embed_tag(self._account.title, operation.key)
            if USER in kept:  # one owner, never two
                kept.pop(CALENDAR, None)
            elif CALENDAR not in kept:
                kept |= await self._owner(operation.provider)
            path = f"{BLOCKS}/{path_segment(operation.ref.id)}"
            return _Update(path, start, end, kept, {"locationId": self._account.location_id})
        if operation.action is Action.SET_STATUS:
            start, end = now.interval
        other = before is not None and before.status is not value.status
        if other or operation.action is Action.SET_STATUS:
            kept[STATUS] = value.status.value
        elif before is not None and before.status is not Status.CONFIRMED:
            # Left out, it would be reset to confirmed.
            kept.setdefault(STATUS, before.status.value)
        quiet: dict[str, object] = {
            "toNotify": self._account.notify,
            # The meeting takes place there elsewhere: whatever the slot rules say.
            "ignoreFreeSlotValidation": True,
            "ignoreDateRange": True,
        }
        path = f"{APPOINTMENTS}/{path_segment(operation.ref.id)}"
        return _Update(path, start, end, kept, quiet, hosts_of(record))

    async def _put(self, update: _Update, deadline: float) -> WriteAnswer:
        texts = fields.private(update.kept)
        return await self._calls.send(
            "PUT", update.path, update.body, deadline=deadline, private=texts
        )

    def _proven_value(
        self, update: _Update, wrote: WriteAnswer, seen: Record | None
    ) -> Value | None:
        """Return what surely is the outcome: a value that nobody else can have changed since.

        None leaves it to the next read to show what became of the record.
        """
        was_reset = STATUS in fields.reset_fields(update.kept, wrote, seen)
        try:
            value = self._value(wrote if seen is None else seen)
        except ValueError:
            # Most answers about meetings show no times.
            return Value(update.start, update.end, Status.CONFIRMED) if was_reset else None
        sent = fields.status_of(update.kept)
        told = was_reset or STATUS not in update.kept or sent is value.status
        return value if told else None

    def _value(self, record: Record | WriteAnswer) -> Value:
        return self._reader.parser.value(record)


def _matches_decision(result: LookupResult, operation: Operation, now: datetime) -> bool:
    """Whether the target is the one, and at the value, that the decision was made on."""
    if not isinstance(result, Found) or result.event.provider != operation.provider:
        return False
    before = operation.before
    event = result.event.with_status_of(before)
    return before is None or cut_end(event.value, now, before) == before


def _also_changed(
    operation: Operation, before: WholeRecord | None, after: WholeRecord | None
) -> list[str]:
    """Name the fields that differ, and that nothing else looks at."""
    if before is None or after is None:
        return []
    update = UpdateKind.STATUS if operation.action is Action.SET_STATUS else UpdateKind.MOVE
    found = compare_records(before, after, fields.RECORD_FIELDS, update, _wanted(operation).status)
    known = fields.COMPARED | fields.RECORD_FIELDS.status
    return [name for name in found.other_changes if name.partition(".")[0] not in known]


def _is_block(operation: Operation) -> bool:
    return operation.action is Action.MOVE_BLOCK


def _wanted(operation: Operation) -> Value:
    if operation.after is None:
        message = f"{operation.action} needs a value"
        raise ValueError(message)
    return operation.after
