"""Bugs in meetings of several hosts, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from syncd.model import TrackedEvent, record_id
from syncd.simulate.scenario import EventKind, Scenario
from syncd.systems.leadconnector import updating
from syncd.systems.leadconnector.hosts import CalendarOwners
from syncd.systems.leadconnector.system import LeadConnector
from syncd.systems.leadconnector.updating import Updater
from syncd.systems.port import Gone, Unknown
from tests.simulate.days import at, day

Patch = pytest.MonkeyPatch


def further_hosts_are_ignored(patch: Patch) -> None:
    """Let a meeting take the time of its first mapped host only."""
    patch.setattr(CalendarOwners, "further_hosts", lambda *_given: {})


def a_removed_host_stays_closed(patch: Patch) -> None:
    """Never check whether an existing record still has a host."""

    async def unknown(*_given: Any) -> Unknown:
        return Unknown()

    patch.setattr(LeadConnector, "_host_result", unknown)


def a_renamed_host_is_freed(patch: Patch) -> None:
    """Free a host's time if the record lacks the known user, without reading the users."""

    async def gone(*_given: Any) -> Gone:
        return Gone()

    patch.setattr(LeadConnector, "_host_result", gone)


def a_further_host_s_event_is_written_to(patch: Patch) -> None:
    """Move a shared record because of a further host's twin."""
    update = Updater._build

    async def prepared(self: Updater, operation: Any, *args: Any) -> Any:
        event = record_id(operation.event)
        return await update(self, replace(operation, event=event), *args)

    read = Updater._read

    async def of_record(self: Updater, operation: Any) -> Any:
        return await read(self, replace(operation, event=record_id(operation.event)))

    patch.setattr(TrackedEvent, "derived", property(lambda _record: False))
    patch.setattr(updating, "is_derived", lambda _event: False)
    patch.setattr(Updater, "_build", prepared)
    patch.setattr(Updater, "_read", of_record)


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
