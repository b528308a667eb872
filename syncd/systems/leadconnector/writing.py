"""The five writes as calls of v2 (docs/platforms/leadconnector-v2.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.model import Action, embed_tag
from syncd.systems.leadconnector.calls import BLOCKS, EVENTS, path_segment
from syncd.systems.leadconnector.directory import EVENT_TYPE
from syncd.systems.leadconnector.times import format_time
from syncd.systems.leadconnector.updating import Updater
from syncd.systems.lenient import text
from syncd.systems.port import (
    Done,
    RejectedError,
    RejectionReason,
    TargetChanged,
    UnknownOutcomeError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.model import Clock, Operation, Value
    from syncd.systems.leadconnector.account import Account, CalendarMapping
    from syncd.systems.leadconnector.blocks import BlockFinder
    from syncd.systems.leadconnector.calls import Api
    from syncd.systems.leadconnector.location_cache import LocationCache
    from syncd.systems.leadconnector.reading import SnapshotReader
    from syncd.systems.leadconnector.updating import ReadRecord
    from syncd.systems.leadconnector.wire import WriteAnswer
    from syncd.systems.measured import MeasuredFacts


class Writer:
    """Carries out operations on one location."""

    def __init__(
        self,
        system: str,
        account: Account,
        calls: Api,
        cache: LocationCache,
        reader: SnapshotReader,
        calendars: Mapping[str, CalendarMapping],
        blocks: BlockFinder,
        clock: Clock,
        interpret: ReadRecord,
        measured: MeasuredFacts,
    ) -> None:
        """Keep the parts. ``sight`` tells what a record is to syncd."""
        self._system = system
        self._account = account
        self._calls = calls
        self._cache = cache
        self._calendars = calendars
        self._reader = reader
        self._updater = Updater(
            system,
            account,
            calls,
            reader,
            blocks,
            calendars,
            clock,
            interpret,
            self.owner,
            measured,
        )

    async def write(self, operations: Sequence[Operation]) -> Done | TargetChanged:
        """Carry out one operation: no call of v2 takes more. Raises PlatformError."""
        (operation,) = operations
        match operation.action:
            case Action.CREATE_BLOCK:
                return await self._create(operation)
            case Action.REMOVE_BLOCK:
                return await self._remove(operation)
            case Action.MOVE_BLOCK | Action.MOVE_APPOINTMENT | Action.SET_STATUS:
                return await self._updater.update(operation)

    async def _create(self, operation: Operation) -> Done:
        wrote = await self._calls.send("POST", BLOCKS, await self._block(operation))
        known = text(wrote.id)
        if not known:
            detail = "the answer names no id"
            raise UnknownOutcomeError(self._system, f"POST {BLOCKS}", status=200, detail=detail)
        return Done([(known, self._proven_value(wrote))])

    async def _remove(self, operation: Operation) -> Done:
        try:
            await self._calls.send("DELETE", f"{EVENTS}/{path_segment(operation.ref.id)}", {})
        except RejectedError as fault:
            if fault.why is not RejectionReason.GONE:
                raise
        return Done([(operation.ref.id, None)])

    async def _block(self, operation: Operation) -> dict[str, object]:
        """Write a new block's body. One owner, never two (#blocks)."""
        value = _wanted(operation)
        title = self._account.title
        return {
            "locationId": self._account.location_id,
            "startTime": format_time(value.start),
            "endTime": format_time(value.end),
            **await self.owner(operation.provider),
            "title": title if operation.key is None else embed_tag(title, operation.key),
        }

    async def owner(self, provider: str) -> dict[str, str]:
        """Name the block's owner: the user, or a calendar that can be blocked itself."""
        of = self._calendars[provider]
        if of.user is not None:
            return {"assignedUserId": of.user}
        directory = await self._cache.calendars()
        for calendar in of.calendars:
            if calendar in directory and directory[calendar].type == EVENT_TYPE:
                return {"calendarId": calendar}
        detail = (
            f"no calendar of {provider} can be blocked: name its user, "
            f'or a calendar of type "{EVENT_TYPE}"'
        )
        raise RejectedError(self._system, f"POST {BLOCKS}", detail=detail)

    def _proven_value(self, wrote: WriteAnswer) -> Value | None:
        """Read the value that the answer itself shows."""
        try:
            return self._reader.parser.value(wrote)
        except ValueError:
            return None


def _wanted(operation: Operation) -> Value:
    if operation.after is None:
        message = f"{operation.action} needs a value"
        raise ValueError(message)
    return operation.after
