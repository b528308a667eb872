"""Planted bugs in the proof that a missing event is gone, each with a day that it breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from syncd.core.event_state.absence import AbsenceVerdict, ByIdResult, Evidence, judge_absence
from syncd.engine.reading import absence, evidence
from syncd.engine.reading.lookups import Lookups
from syncd.engine.writing import recovery
from syncd.lab.simulate.scenario import EventKind, Scenario
from syncd.systems.lookup_results import Gone
from tests.lab.simulate.days import at, day
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def absence_believed_at_once(patch: Patch) -> None:
    """Treat what is not listed as gone."""

    async def ask(self: Lookups, _record: Any) -> Any:
        return Gone(), self.read.clock.now()

    swap(patch, Lookups.look_up, ask)
    patch.setattr(evidence, "judge_absence", lambda _evidence: AbsenceVerdict.PROVEN)


def one_proof_is_enough(patch: Patch) -> None:
    """Treat an event as gone after one read that lacks it and one read by id."""

    def soon(found: Evidence) -> AbsenceVerdict:
        return judge_absence(replace(found, counted=99, since=_LONG_AGO))

    patch.setattr(evidence, "judge_absence", soon)


def a_hidden_list_is_believed(patch: Patch) -> None:
    """Believe a list that hides an event which the platform shows by id."""

    async def never(*_given: Any) -> bool:
        return False

    patch.setattr(recovery, "hides_event", never)
    patch.setattr(absence, "due_in_list", lambda *_given: None)


def a_refused_id_is_gone(patch: Patch) -> None:
    """Take an answer of 400 for an id as proof of a deletion."""

    def believing(found: Evidence) -> AbsenceVerdict:
        refused = found.by_id is ByIdResult.REFUSED
        return judge_absence(replace(found, by_id=ByIdResult.GONE if refused else found.by_id))

    patch.setattr(evidence, "judge_absence", believing)


_HIDDEN = at(1, EventKind.HIDE_LIST, "crm", slot=4)
_LOST_CREATE = at(1.5, EventKind.FAULT, "crm", 1, fault="odd-answer", times=1, spelling="deep")
_REFUSED = tuple(at(2, EventKind.REFUSE_ID, "legacy", number=number) for number in range(4))

_SHORT = at(3, EventKind.FAULT, "legacy", fault="short-page", times=3)

ABOUT_PROOF: tuple[tuple[Callable[[Patch], None], Scenario], ...] = (
    (
        a_hidden_list_is_believed,
        day(
            at(0.2, EventKind.BOOK, "crm", slot=12),
            _HIDDEN,
            _LOST_CREATE,
            at(1.6, EventKind.BOOK, "clinic", slot=71),
        ),
    ),
    (
        one_proof_is_enough,
        day(
            *(at(0.2, EventKind.BOOK, "legacy", slot=slot) for slot in (32, 34, 36)),
            _REFUSED[3],
            _SHORT,
        ),
    ),
    (
        a_refused_id_is_gone,
        day(
            at(0.2, EventKind.BOOK, "legacy", slot=12),
            *_REFUSED,
            at(2.1, EventKind.HIDE_LIST, "legacy", slot=4),
        ),
    ),
)
