"""Bugs in meetings of several hosts, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from inspect import signature
from typing import Any

import pytest

from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.model import EventRef, Operation, TrackedEvent, is_derived, part_of, record_id
from syncd.model.derived import USER_PREFIX
from syncd.systems.leadconnector.hosts import CalendarOwners
from syncd.systems.leadconnector.system import LeadConnector
from syncd.systems.leadconnector.updating import Updater
from syncd.systems.lookup_results import Found, Gone, LookupResult, Unknown
from syncd.systems.replies import Done, TargetChanged
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def further_hosts_are_ignored(patch: Patch) -> None:
    """A meeting takes the time of the first mapped host alone."""
    swap(patch, CalendarOwners.further_hosts, lambda *_given: {})


def a_removed_host_stays_closed(patch: Patch) -> None:
    """As the record still exists, nobody looks whether it still has the host."""
    _answer_of_further_hosts(patch, Unknown())


def a_renamed_host_is_freed(patch: Patch) -> None:
    """A record without the known user is gone for the host; no list of users is read."""
    _answer_of_further_hosts(patch, Gone())


def _answer_of_further_hosts(patch: Patch, answer: LookupResult) -> None:
    """Let each lookup of a further host's event have this result."""
    read_one = LeadConnector.read_one

    async def answering(self: LeadConnector, ref: EventRef, *args: Any) -> LookupResult:
        if is_derived(ref.id) and part_of(ref.id).startswith(USER_PREFIX):
            return answer
        return await read_one(self, ref, *args)

    swap(patch, read_one, answering)


def a_further_host_s_event_is_written_to(patch: Patch) -> None:
    """A further host's twin elsewhere moves the record, whoever else takes part in it."""
    begin, update = Updater.__init__, Updater.update

    def begin_unaware(self: Updater, *given: Any) -> None:
        parts = signature(begin).bind(self, *given)
        interpret = parts.arguments["interpret"]

        async def of_anybody(record: Any, ref: EventRef) -> LookupResult:
            result: LookupResult = await interpret(record, ref)
            if isinstance(result, Found):
                return Found(replace(result.event, provider=ref.provider))
            return result

        parts.arguments["interpret"] = of_anybody
        begin(*parts.args)

    async def of_record(self: Updater, operation: Operation) -> Done | TargetChanged:
        event = operation.ref.id
        outcome = await update(self, replace(operation, event=record_id(event)))
        if isinstance(outcome, TargetChanged):
            return outcome
        return replace(outcome, events=[(event, value) for _, value in outcome.events])

    swap(patch, TrackedEvent.derived, property(lambda _record: False))
    swap(patch, is_derived, lambda _event: False)
    swap(patch, begin, begin_unaware)
    swap(patch, update, of_record)


_BOOKED = at(1, EventKind.BOOK, "clinic", slot=70)
_ADDED = at(2, EventKind.ADD_HOST, "clinic")
_REMOVED = at(5, EventKind.REMOVE_HOST, "clinic")
_RENAMED = at(5, EventKind.RENAME_USER, "clinic", slot=3, number=1)
_TWIN = at(3, EventKind.TWIN, "crm", slot=1, number=1)
_MOVED = at(6, EventKind.MOVE, "crm", slot=34)

ABOUT_HOSTS: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (further_hosts_are_ignored, day(_BOOKED, _ADDED)),
    (a_removed_host_stays_closed, day(_BOOKED, _ADDED, _REMOVED)),
    (a_renamed_host_is_freed, day(_BOOKED, _ADDED, _RENAMED)),
    (a_further_host_s_event_is_written_to, day(_BOOKED, _ADDED, _TWIN, _MOVED)),
)
