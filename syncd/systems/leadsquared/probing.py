"""Measure the uncertain facts of a LeadSquared account.

See docs/platform-facts.md#leadsquared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from syncd.model import Status, Window, status_text, zone
from syncd.model.platform_facts import NO, YES, PlatformKind
from syncd.model.statuses import LEADSQUARED
from syncd.systems.leadsquared.events import has_end, parse_time
from syncd.systems.leadsquared.plan import plan
from syncd.systems.leadsquared.wire import Task
from syncd.systems.leadsquared.writing import block_fields
from syncd.systems.lenient import text
from syncd.systems.probing import CANARY_LENGTH, CANARY_TITLE, NotMeasuredError, ProbeStep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.model.canary import Canary
    from syncd.systems.leadsquared.account import Account, CalendarMapping
    from syncd.systems.leadsquared.calls import Api
    from syncd.systems.probing import ProbeContext

_AROUND = timedelta(days=2)
_QUEUED = 3.0
"""Seconds to wait before the result of a queued job is read."""

_LONGER = 10.0
"""Seconds to wait before it is read a second time."""

ACCOUNT = "account"
_FIXED = ("UTC", "Pacific/Kiritimati", "Etc/GMT+12")
_HOURS = (0, 1, 2, 3, 4, 5, 23, 22, 21, 20)
"""Hours at which the canary may be created, in the provider's time zone: near midnight, where the
dates of time zones differ."""


@dataclass(slots=True)
class Prober:
    """Measures one account. Implements `probing.Prober`."""

    account: Account
    calls: Api
    calendars: Mapping[str, CalendarMapping]
    platform: str = PlatformKind.LEADSQUARED
    canary_name: str = "task"
    removes_later: bool = True
    hours: Sequence[int] = _HOURS

    def slot_calendars(self, provider: str) -> int | None:
        """Return 0: the probe reads no free slots."""
        del provider
        return 0

    async def create(self, canary: Canary) -> str:
        """Create the canary as a task of the busy type; return its id."""
        account = replace(self.account, title=CANARY_TITLE)
        calendar = self.calendars[canary.provider]
        return await self.calls.create(block_fields(account, calendar, canary.value, canary.tag))

    async def exists(self, canary: Canary) -> bool | None:
        """Read the task by its id; an empty response means that the task was deleted."""
        tasks = await self.calls.task(canary.event or "")
        if not tasks:
            return False
        task = tasks[0]
        same = isinstance(task, Task) and text(task.user_task_id).lower() == _low(canary.event)
        return True if same else None

    async def remove(self, canary: Canary) -> None:
        """Queue the deletion of the canary."""
        await self.calls.delete([canary.event or ""])

    async def steps(self, context: ProbeContext) -> Sequence[ProbeStep]:
        """Return the steps, in the order in which they run."""
        measures = _Steps(self, context)
        return [
            ProbeStep(
                "listing the task",
                ("list_lag", "keeps_tag", "rows_carry_owner", "rows_carry_end"),
                3,
                measures.listed,
            ),
            ProbeStep("listing the task by days", ("date_zone",), 5, measures.date_zone),
            ProbeStep(
                "listing the task across midnight", ("lists_overlapping",), 3, measures.overlapping
            ),
            ProbeStep("completing the task", ("completing_changes_end",), 2, measures.completed),
            ProbeStep("cancelling the task", ("lists_cancelled",), 3, measures.cancelled),
        ]


@dataclass(slots=True)
class _Steps:
    """The steps of one probe."""

    prober: Prober
    context: ProbeContext
    account_zone: str = ""
    """The account's time zone; '' before it is read."""

    async def listed(self) -> Mapping[str, str]:
        """List the user's tasks until the canary appears; measure what its row contains."""
        rows: list[Task] = []

        async def seen() -> bool:
            rows[:] = await self._rows(self._near())
            return bool(rows)

        lag = await self.context.appears(seen)
        if lag is None:
            raise NotMeasuredError("no list showed the task within the time limit")
        row = rows[0]
        return {
            "list_lag": lag,
            **self.context.keeps_tag(row.description, row.name),
            "rows_carry_owner": YES if text(row.owner_email_address) else NO,
            "rows_carry_end": YES if has_end(row) else NO,
        }

    def _near(self) -> Window:
        canary = self.context.canary
        return Window(canary.start - _AROUND, canary.end + _AROUND)

    async def _rows(self, window: Window) -> list[Task]:
        """Return the canary's rows in a list from the first to the last UTC date of a window."""
        provider = self.context.canary.provider
        call = plan({provider: self.prober.calendars[provider]}, window)[0]
        listing = await self.prober.calls.appointments(replace(call, span=window), 1)
        tasks = (row for row in listing.rows if isinstance(row, Task))
        return [t for t in tasks if text(t.user_task_id).lower() == _low(self.context.event)]

    async def date_zone(self) -> Mapping[str, str]:
        """Measure the time zone of the date filter.

        List from a date that begins before the canary in some time zones and after it in others.
        Move the canary to a time that distinguishes the remaining time zones, until one is left.
        """
        if "list_lag" not in self.context.found:
            raise NotMeasuredError("no list showed the task within the time limit")
        account_zone = await self._account_zone()
        zones = {ACCOUNT: account_zone, **{name: name for name in _FIXED}}
        while len(zones) > 1:
            start = self._distinguishing_start(zones)
            if start is None:
                break
            if start != self.context.canary.start:
                await self._move(start)
            first = max(_date(start, name) for name in zones.values())
            begin = datetime.combine(first, time(), tzinfo=UTC)
            shown = bool(await self._rows(Window(begin, begin + timedelta(days=4))))
            zones = {
                side: name for side, name in zones.items() if (_date(start, name) >= first) is shown
            }
        if len(zones) != 1:
            alike = f"days begin at the same time in the zones {' and '.join(zones)}"
            reason = alike if zones else "the dates of the list fit no known time zone"
            raise NotMeasuredError(reason, failed=not zones)
        return {"date_zone": next(iter(zones))}

    async def _account_zone(self) -> str:
        if not self.account_zone:
            self.account_zone = await self._read_zone()
        return self.account_zone

    async def _read_zone(self) -> str:
        name = text((await self.prober.calls.caller()).time_zone)
        try:
            return zone(name).key
        except ValueError:
            reason = f"the account's time zone is unknown: {name[:30] or 'none'}"
            raise NotMeasuredError(reason, failed=False) from None

    async def overlapping(self) -> Mapping[str, str]:
        """Measure whether a list from a date shows a task that begins before that date.

        The canary is moved so that it begins before a midnight of the date filter and ends after
        it.
        """
        known = self.context.found.get("date_zone")
        if known is None:
            raise NotMeasuredError(
                "the time zone of the date filter was not measured", failed=False
            )
        date_zone = zone(await self._account_zone() if known == ACCOUNT else known)
        day = self.context.canary.start.astimezone(date_zone).date()
        for first in (day, day + timedelta(days=1)):
            midnight = datetime.combine(first, time(), tzinfo=date_zone).astimezone(UTC)
            start = midnight - CANARY_LENGTH / 3
            if self.context.is_free(start, start + CANARY_LENGTH):
                await self._move(start)
                begin = datetime.combine(first, time(), tzinfo=UTC)
                shown = await self._rows(Window(begin, begin + timedelta(days=4)))
                return {"lists_overlapping": YES if shown else NO}
        raise NotMeasuredError("the provider is busy at each midnight near the task", failed=False)

    def _distinguishing_start(self, zones: Mapping[str, str]) -> datetime | None:
        """Return a free time at which not all of these time zones have the same date."""
        current = self.context.canary.start
        local = zone(self.context.zone)
        day = current.astimezone(local).date()
        walls = [datetime.combine(day, time(hour, 5), tzinfo=local) for hour in _HOURS]
        for start in (current, *(wall.astimezone(UTC) for wall in walls)):
            differ = len({_date(start, name) for name in zones.values()}) > 1
            if differ and (start == current or self.context.is_free(start, start + CANARY_LENGTH)):
                return start
        return None

    async def _move(self, start: datetime) -> None:
        """Move the canary, and wait until a read by id and lists show the new time."""
        self.context.move(start, start + CANARY_LENGTH)
        canary = self.context.canary
        await self.prober.calls.move([(self.context.event, canary.value)])
        await self.context.pause(_QUEUED)
        if self._start(await self._task()) != start:
            await self.context.pause(_LONGER)
            if self._start(await self._task()) != start:
                raise NotMeasuredError("LeadSquared did not move the task within the time limit")
        await self.context.pause(self.context.lag)

    def _start(self, task: Task) -> datetime | None:
        try:
            return parse_time(task.due_date)
        except ValueError:
            return None

    async def _task(self) -> Task:
        tasks = await self.prober.calls.task(self.context.event)
        if not tasks or not isinstance(tasks[0], Task):
            raise NotMeasuredError("the task cannot be read by its id")
        return tasks[0]

    async def completed(self) -> Mapping[str, str]:
        """Measure whether completing the task changes its end."""
        if self.context.found.get("rows_carry_end") == NO:
            raise NotMeasuredError("list rows have no end", failed=False)
        end = self.context.canary.end
        await self.prober.calls.complete(self.context.event)
        task = await self._task()
        if LEADSQUARED.status_of(status_text(task.status_code)) is not Status.SHOWED:
            await self.context.pause(self.context.lag)
            task = await self._task()
        if LEADSQUARED.status_of(status_text(task.status_code)) is not Status.SHOWED:
            raise NotMeasuredError("LeadSquared does not show the task as complete")
        try:
            shown = parse_time(task.end_date)
        except ValueError:
            raise NotMeasuredError("the completed task has no readable end") from None
        return {"completing_changes_end": NO if shown == end else YES}

    async def cancelled(self) -> Mapping[str, str]:
        """Measure whether lists show a cancelled task, if cancel_path is configured."""
        path = self.prober.account.cancel_path
        if not path:
            raise NotMeasuredError("no cancel_path is configured", failed=False)
        await self.prober.calls.cancel(path, [self.context.event])
        await self.context.pause(_QUEUED)
        task = await self._task()
        if LEADSQUARED.status_of(status_text(task.status_code)) is not Status.CANCELLED:
            raise NotMeasuredError(
                "the task was not cancelled: check cancel_path in the configuration"
            )
        await self.context.pause(self.context.lag)
        return {"lists_cancelled": YES if await self._rows(self._near()) else NO}


def _low(event: str | None) -> str:
    return (event or "").lower()


def _date(at: datetime, zone_name: str) -> date:
    return at.astimezone(zone(zone_name)).date()
