"""Compare the lists of groups with those of their calendars, until it is known what they show.

Whether a list by `groupId` shows every calendar of the group is the fact `group_lists_all`. Until
it is measured, groups are read by one call, which is cheap, and reads of the far window compare:
a calendar at its first read and once a day, with its own list. One whose own list showed nothing
proves nothing, so it is compared in each of these reads, a few at a time.

An event that the group's list lacks is seen all the same, as the calendar's own list is a list of
that read. From then on the group is not believed, and its calendars are read one by one. Where the
group's list still lacks the event after the lag of lists, and the directory still says that its
calendar is in the group, the fact is "no".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model.platform_facts import NO
from syncd.systems.capability_cache import list_lag
from syncd.systems.leadconnector.directory import directory_of
from syncd.systems.measured import Side
from syncd.systems.port import PlatformError

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
"""The names of what is stored begin so: the group with which a calendar's list was compared, and
the event that the list of a group lacks."""

_EMPTY = " empty"
"""Stored behind the group of a calendar whose own list showed nothing."""

_COMPARE_EVERY = timedelta(hours=20)
"""Compared anew after so long: less than a day, so that each nightly resync compares all."""

_FOR_EVER = timedelta(days=36_500)

_RESYNC_LOOK_BACK = timedelta(days=7)
"""A read that looks back further is a resync, or the first of a process: it compares all."""

_MAX_COMPARED = 10
"""So many calendars are compared in any other read."""


@dataclass(slots=True)
class GroupComparison:
    """One list of a group in one read.

    ``members`` are the lists of its wanted calendars, ``due`` those of them that are compared.
    """

    call: ListCall
    members: Sequence[ListCall]
    due: Sequence[ListCall]

    @property
    def group(self) -> str:
        """The group's id."""
        return self.call.ids[0]


@dataclass(frozen=True, slots=True)
class ReadList:
    """How a list was read, and the ids that it showed."""

    listed: ListResult
    ids: frozenset[str]

    @property
    def complete(self) -> bool:
        """Whether the list is surely complete."""
        return not (self.listed.failed or self.listed.cut or self.listed.unnamed)


class GroupLists:
    """Which lists of groups are believed in one location."""

    def __init__(self, calls: Api, clock: Clock, measured: MeasuredFacts) -> None:
        """Keep the parts."""
        self._calls = calls
        self._clock = clock
        self._measured = measured

    def grouped(self, directory: Directory, *, far: bool = False) -> Directory:
        """Return the calendars for a plan: in no group where its list is not believed.

        In a ``far`` read doubted groups are listed, too, for the comparison.
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
        """Choose what a read compares: ``calls`` are its plan, ``singles`` that of no groups."""
        if not self._compares or not look_back:
            return []
        members: dict[tuple[frozenset[Kind], str], list[ListCall]] = {}
        for call in singles:
            calendar = directory.get(call.ids[0]) if call.selector == "calendarId" else None
            if calendar is not None and calendar.group:
                members.setdefault((call.kinds, calendar.group), []).append(call)
        found: list[GroupComparison] = []
        left = _MAX_COMPARED
        for call in calls:
            if call.selector != "groupId":
                continue
            each = members.get((call.kinds, call.ids[0]), [])
            at_once, later = self._sorted(each, call.ids[0], deep=look_back > _RESYNC_LOOK_BACK)
            if self._is_doubted(call.ids[0]):
                at_once, later = each, []
            found.append(GroupComparison(call, each, [*at_once, *later[:left]]))
            left -= len(later[:left])
        return [comparison for comparison in found if comparison.due]

    async def compare(
        self, comparisons: Iterable[GroupComparison], shown: Mapping[ListCall, ReadList], ask: Ask
    ) -> dict[ListCall, ReadList]:
        """Compare, and return the lists that count, in place of those of the groups.

        ``ask`` reads further lists. What was read beside a list that counts has added its rows.
        """
        counting = dict(shown)
        for comparison in comparisons:
            single = {call: counting.pop(call) for call in comparison.due}
            group_list = shown[comparison.call]
            lacking = _lacking(group_list, single.values())
            if lacking or self._is_doubted(comparison.group):
                rest = [call for call in comparison.members if call not in single]
                single |= await ask(rest) if rest else {}
                lacking = _lacking(group_list, single.values())
            complete = all(each.complete for each in single.values())
            if lacking:
                await self._note_lacking(comparison.group, lacking)
            elif complete and group_list.complete:
                self._note_compared(comparison, single)
            replaced = complete and len(single) == len(comparison.members)
            if replaced or lacking or self._is_doubted(comparison.group):
                del counting[comparison.call]
                counting |= single
        return counting

    def doubt(self, group: str, event: str) -> None:
        """Note that the list of a group lacks an event, unless it was found whole since."""
        if not self._compares or not group or self._is_doubted(group):
            return
        self._facts.put(f"{_DOUBTED} {group}", event)

    def _note_compared(
        self, comparison: GroupComparison, single: Mapping[ListCall, ReadList]
    ) -> None:
        """Note that the list of a group lacks nothing of these lists, which are all complete."""
        group = comparison.group
        for call, each in single.items():
            value = group if each.ids else group + _EMPTY
            self._facts.put(_name(call), value, renewed=timedelta(0))
        if len(single) == len(comparison.members):
            self._facts.put(f"{_DOUBTED} {group}", "")

    async def _note_lacking(self, group: str, lacking: Mapping[str, str]) -> None:
        """Doubt a group; after the lag of lists, learn that such lists lack calendars.

        ``lacking`` are the calendars of the events that the list of the group lacks.
        """
        doubted = f"{_DOUBTED} {group}"
        before = self._facts.stored(doubted)
        if before is None or before.value not in lacking:
            self._facts.put(doubted, min(lacking))
        elif self._clock.now() - before.at >= list_lag(self._measured) and (
            await self._is_in(lacking[before.value], group)
        ):
            self._facts.put(doubted, "")
            self._measured.record_read(GROUP_FACT, NO)

    async def _is_in(self, calendar: str, group: str) -> bool:
        """Whether the directory, read now, says that a calendar is in a group."""
        try:
            found = directory_of(await self._calls.calendars()).get(calendar)
        except PlatformError:
            return False
        return found is not None and found.group == group

    def _sorted(
        self, calls: Sequence[ListCall], group: str, *, deep: bool
    ) -> tuple[list[ListCall], list[ListCall]]:
        """Return the lists that are compared in this read, and those that may be, oldest first."""
        at_once: list[ListCall] = []
        later: list[tuple[datetime, ListCall]] = []
        for call in calls:
            fact = self._facts.stored(_name(call))
            if fact is None or fact.value not in {group, group + _EMPTY}:
                at_once.append(call)
                continue
            old = not -_COMPARE_EVERY <= self._clock.now() - fact.at < _COMPARE_EVERY
            if old and deep:
                at_once.append(call)
            elif old or fact.value != group:
                later.append((fact.at, call))
        later.sort(key=lambda each: (each[0], each[1].ids))
        return at_once, [call for _, call in later]

    @property
    def _compares(self) -> bool:
        return self._measured.side(GROUP_FACT) is Side.SAFE

    @property
    def _facts(self) -> FactStore:
        return self._measured.facts

    def _is_doubted(self, group: str) -> bool:
        return bool(self._facts.get(f"{_DOUBTED} {group}", _FOR_EVER))


def ungrouped(directory: Directory) -> Directory:
    """Return the calendars as if none were in a group."""
    return {id: replace(calendar, group="") for id, calendar in directory.items()}


def _lacking(complete: ReadList, single: Iterable[ReadList]) -> dict[str, str]:
    """Return what a complete list of a group lacks, with the calendars whose lists show it."""
    if not complete.complete:
        return {}
    return {
        event: each.listed.call.ids[0]
        for each in single
        for event in sorted(each.ids - complete.ids)
    }


def _name(call: ListCall) -> str:
    """The name of the fact about a calendar's list."""
    (kind,) = call.kinds
    return f"{_COMPARED} {kind} {call.ids[0]}"
