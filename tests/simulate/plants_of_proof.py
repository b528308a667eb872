"""Planted bugs in what proves that a missing event is gone, each with a day that it breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from syncd.core.absence import ById, Evidence, Verdict, judge
from syncd.engine import absence, evidence, recover
from syncd.engine.questions import Questions
from syncd.simulate.story import Story, What
from syncd.systems.port import Gone
from tests.simulate.days import at, day

Patch = pytest.MonkeyPatch

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def absence_believed_at_once(patch: Patch) -> None:
    """What is not listed is gone."""

    async def ask(self: Questions, _record: Any) -> Any:
        return Gone(), self.read.clock.now()

    patch.setattr(Questions, "ask", ask)
    patch.setattr(evidence, "judge", lambda _evidence: Verdict.PROVEN)


def one_proof_is_enough(patch: Patch) -> None:
    """What one read does not list, and is not there by id, is gone."""

    def soon(found: Evidence) -> Verdict:
        return judge(replace(found, counted=99, since=_LONG_AGO))

    patch.setattr(evidence, "judge", soon)


def a_hidden_list_is_believed(patch: Patch) -> None:
    """What a list lacks was never made, although the list hides what the platform shows by id."""

    async def never(*_given: Any) -> bool:
        return False

    patch.setattr(recover, "_hides", never)
    patch.setattr(absence, "due_in_list", lambda *_given: None)


def a_refused_id_is_gone(patch: Patch) -> None:
    """An id that answers 400 is that of a deleted event."""

    def believing(found: Evidence) -> Verdict:
        refused = found.answer is ById.REFUSED
        return judge(replace(found, answer=ById.GONE if refused else found.answer))

    patch.setattr(evidence, "judge", believing)


_HIDDEN = at(1, What.HIDE_LIST, "crm", slot=4)
_LOST_CREATE = at(1.5, What.FAULT, "crm", 1, fault="odd-answer", times=1, spelling="deep")
_REFUSED = tuple(at(2, What.REFUSE_ID, "legacy", number=number) for number in range(4))

_SHORT = at(3, What.FAULT, "legacy", fault="short-page", times=3)

ABOUT_PROOF: tuple[tuple[Callable[[Patch], None], Story], ...] = (
    (
        a_hidden_list_is_believed,
        day(
            at(0.2, What.BOOK, "crm", slot=12),
            _HIDDEN,
            _LOST_CREATE,
            at(1.6, What.BOOK, "clinic", slot=71),
        ),
    ),
    (
        one_proof_is_enough,
        day(
            *(at(0.2, What.BOOK, "legacy", slot=slot) for slot in (32, 34, 36)),
            _REFUSED[3],
            _SHORT,
        ),
    ),
    (
        a_refused_id_is_gone,
        day(
            at(0.2, What.BOOK, "legacy", slot=12),
            *_REFUSED,
            at(2.1, What.HIDE_LIST, "legacy", slot=4),
        ),
    ),
)
