"""Bugs in reading LeadSquared's rows, each with a day on which it breaks a promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from syncd.lab.simulate.accounts import Knobs
from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.model import Event
from syncd.systems.leadsquared.events import Parser
from syncd.systems.leadsquared.users import AddressBook
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def the_end_of_a_completed_task_is_believed(patch: Patch) -> None:
    """Take the completion time of a task as its end: the rest is freed elsewhere."""
    swap(patch, Parser.has_own_end, lambda _reader, task: bool(task.end_date))


def an_assumed_length_replaces_the_known_one(patch: Patch) -> None:
    """Assume an hour in each read of a row without an end, although its length is known."""
    swap(patch, Event.with_end_of, lambda event, *_known: event)


def a_row_without_an_end_is_unreadable(patch: Patch) -> None:
    """Report rows without an end as unreadable, so that nothing of the account is propagated."""
    value = Parser.value

    def strict(reader: Parser, task: Any) -> Any:
        if not task.end_date:
            message = "a time is missing or unreadable"
            raise ValueError(message)
        return value(reader, task)

    swap(patch, Parser.value, strict)


def an_owner_is_known_by_address_only(patch: Patch) -> None:
    """Ignore the owner of rows that name it by id."""

    async def look_up(_book: AddressBook, _users: object) -> None:
        return None

    swap(patch, AddressBook.look_up, look_up)


def account(scenario: Scenario, *knobs: tuple[str, object]) -> Scenario:
    """Return the day with such an account."""
    made: Knobs = knobs
    return replace(scenario, account=made)


_BOOKED = at(1, EventKind.BOOK, "crm", slot=70)
_LONG = at(1, EventKind.BOOK, "crm", slot=5)  # from 5:30 to 7:00
_COMPLETED = at(5.8, EventKind.COMPLETE, "crm")

ABOUT_LEADSQUARED: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (
        the_end_of_a_completed_task_is_believed,
        account(day(_LONG, _COMPLETED), ("completing_changes_end", True)),
    ),
    (
        an_assumed_length_replaces_the_known_one,
        account(day(_LONG, _COMPLETED), ("completing_changes_end", True)),
    ),
    (
        a_row_without_an_end_is_unreadable,
        account(day(_BOOKED), ("rows_carry_end", False)),
    ),
    (
        an_owner_is_known_by_address_only,
        account(day(_BOOKED), ("rows_carry_owner", False)),
    ),
)
