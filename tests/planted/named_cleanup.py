"""Planted bugs of clean-up, consent and clocks set back; each is caught by a named test."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from syncd.cli import consent, earlier_consent, plan_file
from syncd.core.mass_change.guard import change_key_of, observation_of
from syncd.engine.cleanup.outcomes import accept_refusals_as_gone, resend_unanswered
from syncd.engine.reading.own_block_survey import OwnBlockReader, OwnBlocks
from syncd.engine.reading.owners import OwnerTracker
from syncd.engine.tasks.breaker import BreakerSystem
from syncd.engine.writing.approved_operations import ApprovedOperations, ShownPlan
from syncd.model import Operation, is_recent
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def a_refusal_alone_proves_a_block_gone(patch: Patch) -> None:
    """A refused id proves a deletion although the list shows nothing of the calendar."""

    async def believe(
        looker: OwnBlockReader, seen: OwnBlocks, refused: Iterable[Operation], now: datetime
    ) -> list[Operation]:
        shown = replace(seen, shown={*looker.wanted})
        return await accept_refusals_as_gone(looker, shown, refused, now)

    swap(patch, accept_refusals_as_gone, believe)


def a_cleanup_leaves_the_breaker_open(patch: Patch) -> None:
    """After a failed read, a cleanup makes no call until the circuit breaker closes by itself."""
    swap(patch, BreakerSystem.reset_backoff, lambda _system: None)


def an_acceptance_covers_every_later_change(patch: Patch) -> None:
    """An accepted change stays accepted however often it is observed again."""
    swap(patch, observation_of, lambda record: (change_key_of(record), LONG_AGO))


def an_unanswered_removal_waits_for_ever(patch: Patch) -> None:
    """A removal whose answer was lost is never sent again."""
    swap(patch, resend_unanswered, lambda *_given: {})


def the_list_of_a_missing_user_is_believed(patch: Patch) -> None:
    """The empty list of a user is accepted without asking whether the user still exists."""

    async def nobody(_self: OwnBlockReader, _providers: object) -> set[str]:
        return set()

    swap(patch, OwnBlockReader.userless, nobody)


def an_unreadable_row_shows_its_user(patch: Patch) -> None:
    """An unreadable row proves that its user exists."""
    swap(patch, OwnerTracker.is_readable, lambda *_given: True)


def a_yes_counts_for_everything(patch: Patch) -> None:
    """A yes also covers writes that became wanted after the plan was shown."""

    def everything(self: ShownPlan, operations: Sequence[Operation]) -> list[Operation]:
        self.unseen = ()
        return [*operations]

    swap(patch, ShownPlan.admit, everything)


def an_instant_to_come_is_recent(patch: Patch) -> None:
    """After the clock was set back, a time stamp in the future counts as recent."""

    def recent_or_to_come(at: datetime | None, now: datetime, within: timedelta) -> bool:
        return at is not None and now - at < within

    swap(patch, is_recent, recent_or_to_come)


def nobody_needs_to_have_approved(patch: Patch) -> None:
    """A resync without a terminal writes with a state that never wrote."""
    swap(patch, earlier_consent.expect_earlier_consent, lambda *_given: None)


def every_calendar_is_known(patch: Patch) -> None:
    """A calendar that is new to the state is written to unasked."""
    patch.setattr(earlier_consent, "mapping_digests", lambda _settings: {})


def a_question_is_asked_of_nobody(patch: Patch) -> None:
    """Half a terminal counts as a whole one."""
    swap(patch, consent.can_ask, lambda: True)


def a_plan_is_only_compared_before_the_run(patch: Patch) -> None:
    """What changes between the comparison and the write is written with the plan."""

    def everything(self: ApprovedOperations, operations: Any) -> Any:
        self.matched = True
        return operations

    swap(patch, ApprovedOperations.filter, everything)


def an_edited_plan_is_believed(patch: Patch) -> None:
    """Nobody looks whether a plan file was changed."""

    def unchecked(file: Path, _opened: int | None) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(file.read_text())
        del data["digest"]
        return data

    swap(patch, plan_file.read_plan, unchecked)
