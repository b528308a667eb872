"""Bugs in reading status words and all-day events, each with a day on which it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from syncd.engine.writing import recovery
from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.model import Status, Statuses, statuses
from syncd.systems import all_day
from syncd.systems.leadconnector import fields
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def only_the_documented_words_are_known(patch: Patch) -> None:
    """Know only the documented spelling of cancelled."""
    plain: Mapping[str, Status] = {status.value: status for status in Status}
    patch.setattr(statuses, "STATUS_WORDS", plain)
    patch.setattr(statuses, "normalize_status", str.strip)


def an_unknown_word_frees_the_time(patch: Patch) -> None:
    """Treat an unknown status word as cancelled."""
    swap(patch, Statuses.status_of, lambda table, word: table.read(word) or Status.CANCELLED)


def a_word_goes_back_as_it_came(patch: Patch) -> None:
    """Send a status of v2 in a spelling that is only used in answers, and is refused."""
    patch.setattr(fields, "WRITABLE_STATUSES", frozenset({"pending", "Confirmed", "Completed"}))


def a_day_ends_as_it_starts(patch: Patch) -> None:
    """Report an all-day event without an end as unreadable, so that its day stays open."""
    patch.setattr(all_day, "flagged", lambda _values: False)


def a_day_is_one_of_utc(patch: Patch) -> None:
    """Resolve midnights in UTC instead of the location's zone."""
    span = all_day.all_day_span

    def in_utc(start: object, end: object, _zone: str, parse: Any) -> Any:
        return span(start, end, "", parse)

    patch.setattr(all_day, "all_day_span", in_utc)


def an_unreadable_record_is_no_record(patch: Patch) -> None:
    """Ignore unreadable records: a block whose create got no reply is made once more."""

    async def never(*_given: object) -> bool:
        return False

    swap(patch, recovery.may_hide_event, never)


_BOOKED = at(1, EventKind.BOOK, "clinic", slot=70)

ABOUT_WORDS: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (
        only_the_documented_words_are_known,
        day(at(0.5, EventKind.OTHER_WORDS, "clinic"), _BOOKED, at(3, EventKind.CANCEL, "clinic")),
    ),
    (
        an_unknown_word_frees_the_time,
        day(
            at(1, EventKind.BOOK, "crm", slot=70), at(3, EventKind.UNKNOWN_WORDS, "crm", number=150)
        ),
    ),
    (
        a_word_goes_back_as_it_came,
        day(
            at(0.5, EventKind.OTHER_WORDS, "clinic"),
            at(1, EventKind.BOOK, "legacy", slot=70),
            at(2, EventKind.TWIN_AS, "clinic", slot=0),
            at(5, EventKind.MOVE_TWINNED, "legacy", slot=34),
        ),
    ),
    (a_day_ends_as_it_starts, day(at(1, EventKind.ALL_DAY, "clinic"))),
    (a_day_is_one_of_utc, day(at(1, EventKind.ALL_DAY, "clinic"))),
    (
        an_unreadable_record_is_no_record,
        day(
            at(1, EventKind.FAULT, "legacy", slot=1, fault="odd-answer", times=30, spelling="null"),
            at(2, EventKind.NULL_DATE, "legacy", number=257),
            at(2.15, EventKind.ALL_DAY, "clinic", number=33, slot=674),
        ),
    ),
)
