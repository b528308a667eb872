"""Compare the lists of groups with those of their calendars, until it is known what they show.

The fact `group_lists_all` says whether a list by `groupId` shows every calendar of the group. Until
it is measured, a group is read by one call, which is cheap, and reads of the far window compare it
with the calendars' own lists: each calendar at its first read and then once a day. An empty list of
a calendar proves nothing, so such a calendar is compared in every far read, a few at a time.

An event that the group's list lacks is still read, as the calendar's own list belongs to the same
read. From then on the group is doubted, and its calendars are read one by one. If the group's list
still lacks the event after the lag of lists, and the directory still shows the calendar in the
group, the fact is set to "no".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model.platform_facts import NO
from syncd.systems.capability_cache import list_lag
from syncd.systems.errors import PlatformError
from syncd.systems.leadconnector.directory import directory_of
from syncd.systems.measured import Side

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from syncd.model import Clock, Kind
    from syncd.systems.capped_lists import ListResult
    from syncd.systems.facts import FactStore
    from syncd.systems.leadconnector.calls import Api
    from syncd.systems.leadconnector.directory import Calendar
    from syncd.systems.measured import MeasuredFacts
    from syncd.systems.port import ListCall

    Directory = Mapping[str, Calendar]
    Ask = Callable[[Sequence[ListCall]], Awaitable[Mapping[ListCall, "ReadList"]]]

GROUP_FACT = "group_lists_all"

_COMPARED, _DOUBTED = "compared", "doubted"
"""Prefixes of stored facts: the group that a calendar's list was compared with, and the event that
a group's list lacks."""

_EMPTY = " empty"
"""Suffix of the stored group of a calendar whose own list was empty."""

_COMPARE_EVERY = timedelta(hours=20)
"""Time until the next comparison; less than a day, so that each nightly resync compares all."""

_NO_EXPIRY = timedelta(days=36_500)

_RESYNC_LOOK_BACK = timedelta(days=7)
"""A read with a longer look-back is a resync or the first of a process: it compares all."""

_MAX_COMPARED = 10
"""Calendars that any other read compares, at most."""


@dataclass(slots=True)
class GroupComparison:
    """The comparison of one group's list with the lists of its calendars, in one read.

    ``call`` is the group's list call. ``members`` are the list calls of its wanted calendars,
    ``due`` those of them that this read makes.
    """

    call: ListCall
    members: Sequence[ListCall]
    due: Sequence[ListCall]

    @property
    def group(self) -> str:
        """Return the group's id."""
        return self.call.ids[0]


@dataclass(frozen=True, slots=True)
class ReadList:
    """The result of reading a list, and the event ids in it."""

    listed: ListResult
    ids: frozenset[str]

    @property
    def complete(self) -> bool:
        """Return true if no part failed, no row is missing, and each row has an id."""
        return not (self.listed.failed or self.listed.cut or self.listed.unnamed)


class GroupLists:
    """Decides for which groups of a location one list by group replaces the calendars' lists."""

    def __init__(self, calls: Api, clock: Clock, measured: MeasuredFacts) -> None:
        """Keep the parts."""
        self._calls = calls
        self._clock = clock
        self._measured = measured

    def grouped(self, directory: Directory, *, far: bool = False) -> Directory:
        """Return the calendars for planning, without the group where its list is not trusted.

        The planner then reads such calendars one by one. A ``far`` read (of the far window) keeps
        the doubted groups, so that their lists are read and compared.
        """
        if not self._compares:
            if self._measured.is_yes(GROUP_FACT):
                return directory
            return ungrouped(directory)
        if far:
            return directory
        doubted = {calendar.group for calendar in directory.values() if calendar.group}
        doubted = {group for group in doubted if self._is_doubted(group)}
        return {
            id: replace(calendar, group="") if calendar.group in doubted else calendar
            for id, calendar in directory.items()
        }

    def due(
        self,
        calls: Iterable[ListCall],
        singles: Iterable[ListCall],
        directory: Directory,
        look_back: timedelta,
    ) -> list[GroupComparison]:
        """Choose the group lists that a read compares with the lists of their calendars.

        ``calls`` is the plan of the read, ``singles`` the plan as if there were no groups.
        """
        if not self._compares or not look_back:
            return []
        members: dict[tuple[frozenset[Kind], str], list[ListCall]] = {}
        for call in singles:
            calendar = directory.get(call.ids[0]) if call.selector == "calendarId" else None
            if calendar is not None and calendar.group:
                members.setdefault((call.kinds, calendar.group), []).append(call)
        comparisons: list[GroupComparison] = []
        remaining = _MAX_COMPARED
        for call in calls:
            if call.selector != "groupId":
                continue
            single_calls = members.get((call.kinds, call.ids[0]), [])
            required, optional = self._split_due(
                single_calls, call.ids[0], deep=look_back > _RESYNC_LOOK_BACK
            )
            if self._is_doubted(call.ids[0]):
                required, optional = single_calls, []
            comparisons.append(
                GroupComparison(call, single_calls, [*required, *optional[:remaining]])
            )
            remaining -= len(optional[:remaining])
        return [comparison for comparison in comparisons if comparison.due]

    async def compare(
        self, comparisons: Iterable[GroupComparison], lists: Mapping[ListCall, ReadList], ask: Ask
    ) -> dict[ListCall, ReadList]:
        """Compare the group lists with the calendars' lists; return the lists that count.

        The calendars' lists replace the list of a group that is not trusted. ``ask`` reads more
        lists where a comparison needs them. The rows of all lists were already collected while
        reading.
        """
        result = dict(lists)
        for comparison in comparisons:
            single_lists = {call: result.pop(call) for call in comparison.due}
            group_list = lists[comparison.call]
            missing = _missing_events(group_list, single_lists.values())
            if missing or self._is_doubted(comparison.group):
                rest = [call for call in comparison.members if call not in single_lists]
                single_lists |= await ask(rest) if rest else {}
                missing = _missing_events(group_list, single_lists.values())
            complete = all(each.complete for each in single_lists.values())
            if missing:
                await self._store_lacking(comparison.group, missing)
            elif complete and group_list.complete:
                self._store_compared(comparison, single_lists)
            replaced = complete and len(single_lists) == len(comparison.members)
            if replaced or missing or self._is_doubted(comparison.group):
                del result[comparison.call]
                result |= single_lists
        return result

    def doubt(self, group: str, event: str) -> None:
        """Stop trusting a group whose list lacks an event, until a comparison finds it complete."""
        if not self._compares or not group or self._is_doubted(group):
            return
        self._facts.put(f"{_DOUBTED} {group}", event)

    def _store_compared(
        self, comparison: GroupComparison, single_lists: Mapping[ListCall, ReadList]
    ) -> None:
        """Store that the group's list contained all events of these calendars' lists."""
        group = comparison.group
        for call, each in single_lists.items():
            value = group if each.ids else group + _EMPTY
            self._facts.put(_fact_name(call), value, renewed=timedelta(0))
        if len(single_lists) == len(comparison.members):
            self._facts.put(f"{_DOUBTED} {group}", "")

    async def _store_lacking(self, group: str, missing: Mapping[str, str]) -> None:
        """Doubt a group whose list lacks events; ``missing`` maps these events to their calendars.

        If the list still lacks the same event after the lag of lists, and the directory still shows
        its calendar in the group, store the measured fact that lists by group lack calendars.
        """
        doubted = f"{_DOUBTED} {group}"
        first_doubt = self._facts.stored(doubted)
        if first_doubt is None or first_doubt.value not in missing:
            self._facts.put(doubted, min(missing))
        elif self._clock.now() - first_doubt.at >= list_lag(self._measured) and (
            await self._is_in(missing[first_doubt.value], group)
        ):
            self._facts.put(doubted, "")
            self._measured.record_read(GROUP_FACT, NO)

    async def _is_in(self, calendar: str, group: str) -> bool:
        """Return whether the directory, read now, shows the calendar in the group."""
        try:
            row = directory_of(await self._calls.calendars()).get(calendar)
        except PlatformError:
            return False
        return row is not None and row.group == group

    def _split_due(
        self, calls: Sequence[ListCall], group: str, *, deep: bool
    ) -> tuple[list[ListCall], list[ListCall]]:
        """Return the lists that this read must compare, and those it may, the oldest first.

        ``deep``: the read is a resync or the first of a process, so it compares all that are due.
        """
        required: list[ListCall] = []
        optional: list[tuple[datetime, ListCall]] = []
        for call in calls:
            fact = self._facts.stored(_fact_name(call))
            if fact is None or fact.value not in {group, group + _EMPTY}:
                required.append(call)
                continue
            is_expired = not -_COMPARE_EVERY <= self._clock.now() - fact.at < _COMPARE_EVERY
            if is_expired and deep:
                required.append(call)
            elif is_expired or fact.value != group:
                optional.append((fact.at, call))
        optional.sort(key=lambda each: (each[0], each[1].ids))
        return required, [call for _, call in optional]

    @property
    def _compares(self) -> bool:
        return self._measured.side(GROUP_FACT) is Side.SAFE

    @property
    def _facts(self) -> FactStore:
        return self._measured.facts

    def _is_doubted(self, group: str) -> bool:
        return bool(self._facts.get(f"{_DOUBTED} {group}", _NO_EXPIRY))


def ungrouped(directory: Directory) -> Directory:
    """Return the calendars without their groups."""
    return {id: replace(calendar, group="") for id, calendar in directory.items()}


def _missing_events(group_list: ReadList, single_lists: Iterable[ReadList]) -> dict[str, str]:
    """Return the events that a complete group list lacks, with the calendar of each."""
    if not group_list.complete:
        return {}
    return {
        event: each.listed.call.ids[0]
        for each in single_lists
        for event in sorted(each.ids - group_list.ids)
    }


def _fact_name(call: ListCall) -> str:
    """Return the name of the fact about a calendar's list."""
    (kind,) = call.kinds
    return f"{_COMPARED} {kind} {call.ids[0]}"
