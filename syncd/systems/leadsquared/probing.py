"""How the uncertain facts of a LeadSquared account are measured.

See docs/platform-facts.md#leadsquared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from syncd.model import Status, Window, status_text, zone
from syncd.model.platform_facts import NO, YES, PlatformKind
from syncd.model.statuses import LEADSQUARED
from syncd.systems.leadsquared.events import has_end, instant
from syncd.systems.leadsquared.plan import plan
from syncd.systems.leadsquared.wire import Task
from syncd.systems.leadsquared.writing import block_fields
from syncd.systems.lenient import text
from syncd.systems.probing import LENGTH, TITLE, NotMeasuredError, ProbeStep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.model.canary import Canary
    from syncd.systems.leadsquared.account import Account, CalendarMapping
    from syncd.systems.leadsquared.calls import Api
    from syncd.systems.probing import ProbeContext

_AROUND = timedelta(days=2)
_QUEUED = 3.0
"""Seconds that a queued job is given before it is looked at."""

_LONGER = 10.0
"""Seconds after which it is looked at once more."""

ACCOUNT = "account"
_FIXED = ("UTC", "Pacific/Kiritimati", "Etc/GMT+12")
_HOURS = (0, 1, 2, 3, 4, 5, 23, 22, 21, 20)
"""When the canary may stand on the clock of its provider: near midnight, where zones differ."""


@dataclass(slots=True)
class Prober:
    """Measures one account. Keeps `probing.Prober`."""

    account: Account
    calls: Api
    calendars: Mapping[str, CalendarMapping]
    platform: str = PlatformKind.LEADSQUARED
    makes: str = "task"
    removes_later: bool = True
    hours: Sequence[int] = _HOURS

    def slot_calendars(self, provider: str) -> int | None:
        """None are asked for free slots."""
        del provider
        return 0

    async def create(self, canary: Canary) -> str:
        """Make a task of the busy type."""
        account = replace(self.account, title=TITLE)
        of = self.calendars[canary.provider]
        return await self.calls.create(block_fields(account, of, canary.value, canary.tag))

    async def exists(self, canary: Canary) -> bool | None:
        """Look for the task by its id: an empty answer is all that tells of a deletion."""
        found = await self.calls.task(canary.event or "")
        if not found:
            return False
        task = found[0]
        same = isinstance(task, Task) and text(task.user_task_id).lower() == _low(canary.event)
        return True if same else None

    async def remove(self, canary: Canary) -> None:
        """Have the task deleted, which is only queued."""
        await self.calls.delete([canary.event or ""])

    async def steps(self, bench: ProbeContext) -> Sequence[ProbeStep]:
        """Return the steps, in order."""
        measures = _Steps(self, bench)
        return [
            ProbeStep(
                "listing the task",
                ("list_lag", "keeps_tag", "rows_carry_owner", "rows_carry_end"),
                3,
                measures.listed,
            ),
            ProbeStep("listing it by days", ("date_zone",), 5, measures.date_zone),
            ProbeStep("listing it over midnight", ("lists_overlapping",), 3, measures.overlapping),
            ProbeStep("completing it", ("completing_changes_end",), 2, measures.completed),
            ProbeStep("cancelling it", ("lists_cancelled",), 3, measures.cancelled),
        ]


@dataclass(slots=True)
class _Steps:
    """The steps of one probe."""

    prober: Prober
    bench: ProbeContext
    own: str = ""
    """The account's zone, once it was asked for."""

    async def listed(self) -> Mapping[str, str]:
        """List the task until it appears, and look at its row."""
        rows: list[Task] = []

        async def seen() -> bool:
            rows[:] = await self._rows(self._near())
            return bool(rows)

        lag = await self.bench.appears(seen)
        if lag is None:
            raise NotMeasuredError("no list showed the task in time")
        row = rows[0]
        return {
            "list_lag": lag,
            **self.bench.keeps_tag(row.description, row.name),
            "rows_carry_owner": YES if text(row.owner_email_address) else NO,
            "rows_carry_end": YES if has_end(row) else NO,
        }

    def _near(self) -> Window:
        canary = self.bench.canary
        return Window(canary.start - _AROUND, canary.end + _AROUND)

    async def _rows(self, window: Window) -> list[Task]:
        """List the canary's row from the first to the last date of a window, as UTC has them."""
        provider = self.bench.canary.provider
        call = plan({provider: self.prober.calendars[provider]}, window)[0]
        listing = await self.prober.calls.appointments(replace(call, span=window), 1)
        tasks = (row for row in listing.rows if isinstance(row, Task))
        return [t for t in tasks if text(t.user_task_id).lower() == _low(self.bench.event)]

    async def date_zone(self) -> Mapping[str, str]:
        """List from a day on that begins before the canary in some zones, and after it in others.

        The canary is moved where that tells the zones apart that are left.
        """
        if "list_lag" not in self.bench.found:
            raise NotMeasuredError("no list showed the task in time")
        own = await self._own_zone()
        left = {ACCOUNT: own, **{name: name for name in _FIXED}}
        while len(left) > 1:
            start = self._telling(left)
            if start is None:
                break
            if start != self.bench.canary.start:
                await self._move(start)
            first = max(_date(start, name) for name in left.values())
            begin = datetime.combine(first, time(), tzinfo=UTC)
            shown = bool(await self._rows(Window(begin, begin + timedelta(days=4))))
            left = {
                side: name for side, name in left.items() if (_date(start, name) >= first) is shown
            }
        if len(left) != 1:
            reason = f"{' and '.join(left)} begin their days alike" if left else "it fits no zone"
            raise NotMeasuredError(reason, failed=not left)
        return {"date_zone": next(iter(left))}

    async def _own_zone(self) -> str:
        if not self.own:
            self.own = await self._ask_zone()
        return self.own

    async def _ask_zone(self) -> str:
        name = text((await self.prober.calls.caller()).time_zone)
        try:
            return zone(name).key
        except ValueError:
            reason = f"the account's zone is not known here: {name[:30] or 'none'}"
            raise NotMeasuredError(reason, failed=False) from None

    async def overlapping(self) -> Mapping[str, str]:
        """Move the task over a midnight of the date filter, and list from there on."""
        known = self.bench.found.get("date_zone")
        if known is None:
            raise NotMeasuredError("where the date filter begins a day is not known", failed=False)
        where = zone(await self._own_zone() if known == ACCOUNT else known)
        day = self.bench.canary.start.astimezone(where).date()
        for first in (day, day + timedelta(days=1)):
            midnight = datetime.combine(first, time(), tzinfo=where).astimezone(UTC)
            start = midnight - LENGTH / 3
            if self.bench.is_free(start, start + LENGTH):
                await self._move(start)
                begin = datetime.combine(first, time(), tzinfo=UTC)
                shown = await self._rows(Window(begin, begin + timedelta(days=4)))
                return {"lists_overlapping": YES if shown else NO}
        raise NotMeasuredError("no midnight is free", failed=False)

    def _telling(self, left: Mapping[str, str]) -> datetime | None:
        """Find a free time at which not all of these zones have the same date."""
        now = self.bench.canary.start
        where = zone(self.bench.zone)
        day = now.astimezone(where).date()
        walls = [datetime.combine(day, time(hour, 5), tzinfo=where) for hour in _HOURS]
        for start in (now, *(wall.astimezone(UTC) for wall in walls)):
            apart = len({_date(start, name) for name in left.values()}) > 1
            if apart and (start == now or self.bench.is_free(start, start + LENGTH)):
                return start
        return None

    async def _move(self, start: datetime) -> None:
        """Move the canary, and wait until it is there, and listed there."""
        self.bench.move(start, start + LENGTH)
        canary = self.bench.canary
        await self.prober.calls.move([(self.bench.event, canary.value)])
        await self.bench.pause(_QUEUED)
        if self._start(await self._task()) != start:
            await self.bench.pause(_LONGER)
            if self._start(await self._task()) != start:
                raise NotMeasuredError("the task was not moved in time")
        await self.bench.pause(self.bench.lag)

    def _start(self, task: Task) -> datetime | None:
        try:
            return instant(task.due_date)
        except ValueError:
            return None

    async def _task(self) -> Task:
        found = await self.prober.calls.task(self.bench.event)
        if not found or not isinstance(found[0], Task):
            raise NotMeasuredError("the task is not answered by its id")
        return found[0]

    async def completed(self) -> Mapping[str, str]:
        """Complete the task, and read its end."""
        if self.bench.found.get("rows_carry_end") == NO:
            raise NotMeasuredError("rows have no end", failed=False)
        end = self.bench.canary.end
        await self.prober.calls.complete(self.bench.event)
        task = await self._task()
        if LEADSQUARED.status_of(status_text(task.status_code)) is not Status.SHOWED:
            await self.bench.pause(self.bench.lag)
            task = await self._task()
        if LEADSQUARED.status_of(status_text(task.status_code)) is not Status.SHOWED:
            raise NotMeasuredError("the task is not shown as complete")
        try:
            shown = instant(task.end_date)
        except ValueError:
            raise NotMeasuredError("the completed task has no end that can be read") from None
        return {"completing_changes_end": NO if shown == end else YES}

    async def cancelled(self) -> Mapping[str, str]:
        """Cancel the task where that is configured, and list it."""
        path = self.prober.account.cancel_path
        if not path:
            raise NotMeasuredError("no cancel_path is configured", failed=False)
        await self.prober.calls.cancel(path, [self.bench.event])
        await self.bench.pause(_QUEUED)
        task = await self._task()
        if LEADSQUARED.status_of(status_text(task.status_code)) is not Status.CANCELLED:
            raise NotMeasuredError("the task was not cancelled: see cancel_path")
        await self.bench.pause(self.bench.lag)
        return {"lists_cancelled": YES if await self._rows(self._near()) else NO}


def _low(event: str | None) -> str:
    return (event or "").lower()


def _date(at: datetime, zone_name: str) -> date:
    return at.astimezone(zone(zone_name)).date()
