"""Measure the uncertain facts of a v1 location.

See docs/platform-facts.md#leadconnector-v1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model import Window
from syncd.model.platform_facts import NO, YES, PlatformKind
from syncd.systems.errors import RejectedError, RejectionReason
from syncd.systems.leadconnector_v1.events import parse_time
from syncd.systems.leadconnector_v1.plan import plan
from syncd.systems.leadconnector_v1.wire import Appointment
from syncd.systems.leadconnector_v1.writing import event_block
from syncd.systems.lenient import text
from syncd.systems.probing import (
    CANARY_HOURS,
    CANARY_LENGTH,
    CANARY_TITLE,
    CanaryRefusedError,
    NotMeasuredError,
    ProbeStep,
    StepTime,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from syncd.model.canary import Canary
    from syncd.systems.leadconnector_v1.account import Account, CalendarMapping
    from syncd.systems.leadconnector_v1.calls import Api
    from syncd.systems.probing import ProbeContext

_AROUND = timedelta(days=1)
_REFUSED, _MISSING = 400, 404


@dataclass(slots=True)
class Prober:
    """Measures one location. Implements `probing.Prober`.

    ``zone`` reads the location's time zone.
    """

    system: str
    account: Account
    calls: Api
    calendars: Mapping[str, CalendarMapping]
    zone: Callable[[], Awaitable[str]]
    platform: str = PlatformKind.V1
    canary_name: str = "event block"
    removes_later: bool = False
    hours: Sequence[int] = CANARY_HOURS

    def slot_calendars(self, provider: str) -> int | None:
        """Return 0: the probe reads no free slots."""
        del provider
        return 0

    async def create(self, canary: Canary) -> str:
        """Create the canary as an event block, even if syncd's blocks are configured as holds."""
        account = replace(self.account, title=CANARY_TITLE)
        zone_name = await self.zone() or "UTC"
        mapping = self.calendars[canary.provider]
        fields = event_block(account, mapping, canary.value, zone_name, canary.tag)
        if fields is None:
            raise CanaryRefusedError("the provider is mapped to neither a user nor a calendar", {})
        try:
            event, _ = await self.calls.create(fields)
        except RejectedError as fault:
            reason = f"the location rejects event blocks: HTTP status {fault.status} {fault.detail}"
            raise CanaryRefusedError(reason, {"makes_blocks": NO}) from None
        return event

    async def exists(self, canary: Canary) -> bool | None:
        """Read the block by its id; None if the refusal does not prove that the block is gone."""
        try:
            item = await self.calls.appointment(canary.event or "")
        except RejectedError as fault:
            return False if fault.why is RejectionReason.GONE else None
        return True if text(item.id) == canary.event else None

    async def remove(self, canary: Canary) -> None:
        """Delete the block; if both the deletion and a read by id are refused, it is gone."""
        try:
            await self.calls.delete(canary.event or "")
        except RejectedError as fault:
            if fault.status != _REFUSED or await self.exists(canary):
                raise

    async def steps(self, context: ProbeContext) -> Sequence[ProbeStep]:
        """Return the steps in the order in which they run."""
        measures = _Steps(self, context, await self.zone() or context.zone)
        keeps_tag = ("keeps_tag",) if self.account.blocks != "hold" else ()
        return [
            ProbeStep("creating the block", ("makes_blocks",), 0, measures.made),
            ProbeStep("listing the block", ("lists_blocks",), 3, measures.listed),
            ProbeStep("measuring the lag of lists", ("list_lag",), 0, measures.lag),
            *(
                [ProbeStep("reading the title of the block", keeps_tag, 1, measures.title)]
                if keeps_tag
                else []
            ),
            ProbeStep(
                "listing from the middle of the block",
                ("lists_overlapping",),
                1,
                measures.overlapping,
            ),
            ProbeStep("making the block longer", ("update_keeps_end",), 3, measures.longer),
            ProbeStep(
                "reading the deleted block",
                ("refuses_deleted",),
                2,
                measures.deleted,
                StepTime.AFTER,
            ),
        ]

    async def listed(self, provider: str, window: Window) -> list[Appointment]:
        """List the events that start in exactly this window."""
        call = plan({provider: self.calendars[provider]}, {}, window)[0]
        listing = await self.calls.appointments(replace(call, span=window))
        return [row for row in listing.appointments if isinstance(row, Appointment)]


@dataclass(slots=True)
class _Steps:
    """The steps of one probe."""

    prober: Prober
    context: ProbeContext
    zone: str

    async def made(self) -> Mapping[str, str]:
        """Return that the location creates event blocks, as the canary exists."""
        return {"makes_blocks": YES}

    async def listed(self) -> Mapping[str, str]:
        """Measure whether lists show the block, and after how many seconds."""
        canary = self.context.canary
        window = Window(canary.start - _AROUND, canary.end + _AROUND)

        async def seen() -> bool:
            return await self._shows(window)

        lag = await self.context.appears(seen)
        if lag is None:
            return {"lists_blocks": NO}
        return {"lists_blocks": YES, "list_lag": lag}

    async def lag(self) -> Mapping[str, str]:
        """Raise NotMeasuredError if no list showed the block; `listed` measured the lag."""
        if self.context.found.get("lists_blocks") == NO:
            raise NotMeasuredError("lists show no event blocks", failed=False)
        return {}

    async def _shows(self, window: Window) -> bool:
        rows = await self.prober.listed(self.context.canary.provider, window)
        return any(text(row.id) == self.context.event for row in rows)

    async def title(self) -> Mapping[str, str]:
        """Measure whether the block, read by its id, still has its tag."""
        item = await self._read()
        return self.context.keeps_tag(item.title, item.notes, item.calendar_notes)

    async def _read(self) -> Appointment:
        item = await self.prober.calls.appointment(self.context.event)
        if text(item.id) != self.context.event:
            raise NotMeasuredError("the response contains a different appointment")
        return item

    async def overlapping(self) -> Mapping[str, str]:
        """Measure whether a list that begins in the middle of the block shows the block."""
        if self.context.found.get("lists_blocks") != YES:
            raise NotMeasuredError("lists show no event blocks", failed=False)
        canary = self.context.canary
        window = Window(canary.start + CANARY_LENGTH / 2, canary.end + timedelta(hours=1))
        return {"lists_overlapping": YES if await self._shows(window) else NO}

    async def longer(self) -> Mapping[str, str]:
        """Measure whether the platform stores the end of an update: double the block's length."""
        canary = self.context.canary
        end = canary.end + CANARY_LENGTH
        self.context.move(canary.start, end)
        value = replace(canary.value, end=end)
        await self.prober.calls.move(self.context.event, value, self.zone)
        if self._end(await self._read()) == end:
            return {"update_keeps_end": YES}
        await self.context.pause(self.context.lag)  # The read by id may lag, too.
        shown = self._end(await self._read())
        if shown is None:
            raise NotMeasuredError("the platform shows no readable end of the block")
        return {"update_keeps_end": YES if shown == end else NO}

    def _end(self, item: Appointment) -> datetime | None:
        try:
            return parse_time(item.end_time, text(item.selected_timezone) or self.zone)
        except ValueError:
            return None

    async def deleted(self) -> Mapping[str, str]:
        """Measure whether a read of the deleted block is refused (400) or finds nothing (404)."""
        for _ in range(2):
            try:
                await self._read()
            except RejectedError as fault:
                if fault.status == _REFUSED:
                    return {"refuses_deleted": YES}
                if fault.status == _MISSING:
                    return {"refuses_deleted": NO}
                raise
            await self.context.pause(self.context.lag)
        raise NotMeasuredError("the deleted block can still be read by its id")
