"""Bugs in LeadSquared's bulk calls, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

import pytest

from syncd.core.event_state import write_results
from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.model import BulkCall, Changes, Operation, TrackedEvent
from syncd.systems.errors import RejectedError
from syncd.systems.leadsquared.calls import Api
from syncd.systems.port import Capabilities
from tests.lab.simulate.days import at, day
from tests.lab.simulate.plants_of_leadsquared import account
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch

PATH = "Task.svc/BulkCancelAppointments"


def blocks_are_cancelled(patch: Patch) -> None:
    """Send a block to the bulk cancel, which is for appointments."""

    async def cancel(calls: Api, task_ids: Sequence[str]) -> tuple[str, None]:
        return await calls.cancel(PATH, task_ids), None

    swap(patch, Api.delete, cancel)


def the_base_moves_before_a_read(patch: Patch) -> None:
    """Treat a queued write as done."""
    accepted = write_results.queued

    def done(operation: Operation, record: TrackedEvent | None, at: datetime) -> Changes:
        changes = accepted(operation, record, at)
        after = operation.after
        changes.records = [replace(r, base=after, observed=after) for r in changes.records]
        return changes

    patch.setattr(write_results, "queued", done)


def each_action_has_a_call_of_its_own(patch: Patch) -> None:
    """Move appointments and blocks of one cycle in two calls."""
    shared = Capabilities.bulk_of

    def apart(able: Capabilities, operation: Operation) -> BulkCall | None:
        operations = shared(able, operation)
        return operations and operations._replace(name=f"{operations.name} {operation.action}")

    swap(patch, Capabilities.bulk_of, apart)


def what_is_at_a_wrong_address_counts_as_done(patch: Patch) -> None:
    """Treat any page with status 200 as success, without reading the records."""
    the_base_moves_before_a_read(patch)
    cancel = Api.cancel

    async def believed(calls: Api, path: str, task_ids: Sequence[str]) -> str:
        with suppress(RejectedError):
            return await cancel(calls, path, task_ids)
        return "1"

    swap(patch, Api.cancel, believed)


def cancels(scenario: Scenario, answer: str = "") -> Scenario:
    """Return the day with an account that cancels, and this answer at its path."""
    return account(scenario, ("cancel_path", PATH), ("cancel_answer", answer))


_BOOKED = at(1, EventKind.BOOK, "clinic", slot=70)
_TWIN = at(1.1, EventKind.TWIN_AS, "crm")
_OFF = at(6, EventKind.CANCEL_TWINNED, "clinic")
_MOVES = (
    at(1.5, EventKind.BOOK, "clinic", slot=40, number=1),
    at(6, EventKind.MOVE, "clinic", slot=66),
    at(6.02, EventKind.MOVE, "clinic", slot=52, number=1),
)

ABOUT_CANCELLING: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (blocks_are_cancelled, cancels(day(_BOOKED, at(4, EventKind.CANCEL, "clinic")))),
    (the_base_moves_before_a_read, cancels(day(_BOOKED, _TWIN, _OFF), "nothing")),
    (what_is_at_a_wrong_address_counts_as_done, cancels(day(_BOOKED, _TWIN, _OFF), "html")),
    (each_action_has_a_call_of_its_own, cancels(day(_BOOKED, _TWIN, *_MOVES))),
)
