"""Carry out operations by calls of v2 (docs/platforms/leadconnector-v2.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.model import Action, embed_tag
from syncd.systems.errors import RejectedError, RejectionReason, UnknownOutcomeError
from syncd.systems.leadconnector.calls import BLOCKS, EVENTS, path_segment
from syncd.systems.leadconnector.directory import EVENT_TYPE
from syncd.systems.leadconnector.times import format_time
from syncd.systems.leadconnector.updating import Updater
from syncd.systems.lenient import text
from syncd.systems.replies import Done, TargetChanged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.model import Clock, Operation, Value
    from syncd.systems.leadconnector.account import Account, CalendarMapping
    from syncd.systems.leadconnector.blocks import BlockFinder
    from syncd.systems.leadconnector.calls import Api
    from syncd.systems.leadconnector.location_cache import LocationCache
    from syncd.systems.leadconnector.reading import SnapshotReader
    from syncd.systems.leadconnector.updating import InterpretEvent
    from syncd.systems.leadconnector.wire import WriteResponse
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
        interpret: InterpretEvent,
        measured: MeasuredFacts,
    ) -> None:
        """Keep the parts. ``interpret`` returns the lookup result of a record."""
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
        """Carry out one operation; no call of v2 takes several. Raises PlatformError."""
        (operation,) = operations
        match operation.action:
            case Action.CREATE_BLOCK:
                return await self._create(operation)
            case Action.REMOVE_BLOCK:
                return await self._remove(operation)
            case Action.MOVE_BLOCK | Action.MOVE_APPOINTMENT | Action.SET_STATUS:
                return await self._updater.update(operation)

    async def _create(self, operation: Operation) -> Done:
        response = await self._calls.send("POST", BLOCKS, await self._block(operation))
        id = text(response.id)
        if not id:
            detail = "the response has no id"
            raise UnknownOutcomeError(self._system, f"POST {BLOCKS}", status=200, detail=detail)
        return Done([(id, self._value_in_response(response))])

    async def _remove(self, operation: Operation) -> Done:
        try:
            await self._calls.send("DELETE", f"{EVENTS}/{path_segment(operation.ref.id)}", {})
        except RejectedError as fault:
            if fault.why is not RejectionReason.GONE:
                raise
        return Done([(operation.ref.id, None)])

    async def _block(self, operation: Operation) -> dict[str, object]:
        """Return the body that creates a block; it names one owner, never two (#blocks)."""
        value = _after(operation)
        title = self._account.title
        return {
            "locationId": self._account.location_id,
            "startTime": format_time(value.start),
            "endTime": format_time(value.end),
            **await self.owner(operation.provider),
            "title": title if operation.key is None else embed_tag(title, operation.key),
        }

    async def owner(self, provider: str) -> dict[str, str]:
        """Return the body fields that name a block's owner: the user, or an ``event`` calendar.

        Raises RejectedError if the provider has neither.
        """
        mapping = self._calendars[provider]
        if mapping.user is not None:
            return {"assignedUserId": mapping.user}
        directory = await self._cache.calendars()
        for calendar in mapping.calendars:
            if calendar in directory and directory[calendar].type == EVENT_TYPE:
                return {"calendarId": calendar}
        detail = (
            f"no calendar of {provider} can be blocked: map its user "
            f'or a calendar of type "{EVENT_TYPE}"'
        )
        raise RejectedError(self._system, f"POST {BLOCKS}", detail=detail)

    def _value_in_response(self, response: WriteResponse) -> Value | None:
        """Return the value that the response shows; None if it shows none or an unreadable one."""
        try:
            return self._reader.parser.value(response)
        except ValueError:
            return None


def _after(operation: Operation) -> Value:
    if operation.after is None:
        message = f"{operation.action} needs a value"
        raise ValueError(message)
    return operation.after
