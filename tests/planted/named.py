"""Bugs that no simulated day can show, each to be caught by tests that are named for it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pytest

from syncd.core.cleanup import Tagged
from syncd.core.guard import marks_of
from syncd.core.reported import Outcome
from syncd.engine import deciding, stops
from syncd.engine.held_back import HeldBackLog
from syncd.engine.other_persons import follow_persons
from syncd.engine.owners import Owners
from syncd.engine.paused import Pauses
from syncd.model import Event, HeldBack, Kind, Record, WaitReason
from syncd.model.pauses import pause_of
from syncd.store import Store, files
from syncd.store import left_behind as left
from syncd.systems import limits
from syncd.systems.leadconnector import discover
from syncd.systems.leadconnector.blocks import Blocks
from syncd.systems.leadconnector_v1 import checks
from syncd.systems.leadsquared import wire

Patch = pytest.MonkeyPatch


def waits_have_no_cap(patch: Patch) -> None:
    """A platform is believed that asks for years of waiting."""
    patch.setattr(limits, "capped_wait", lambda seconds, **_given: seconds)


def files_of_the_state_may_be_links(patch: Patch) -> None:
    """What another user has put in the place of a lock is opened."""
    patch.setattr(files, "_check", lambda *_given: None)
    patch.setattr(os, "O_NOFOLLOW", 0)


def a_deletion_in_words_is_done(patch: Patch) -> None:
    """An answer that says why nothing was deleted counts as queued."""
    patch.setattr(wire.Wrote, "deleted", lambda *_given: None)


def nobody_is_found_where_no_user_is_listed(patch: Patch) -> None:
    """The members of teams do not stand in for an empty list of users."""

    async def nobody(*_given: Any) -> tuple[()]:
        return ()

    patch.setattr(discover, "members_of", nobody)


def blocks_are_always_listed(patch: Patch) -> None:
    """No block is asked for by its id."""

    async def unknown(*_given: Any) -> tuple[None, bool]:
        return None, False

    patch.setattr(Blocks, "_by_id", unknown)


def any_run_accepts_all(patch: Patch) -> None:
    """What is accepted is everything that is stopped, whatever the run listed."""

    def everything(store: Store, _run: str) -> frozenset[str]:
        return marks_of(held.conflict for held in stops.standing(store))

    patch.setattr(stops, "listed", everything)


def nothing_is_left_behind(patch: Patch) -> None:
    """Blocks of who left the configuration are mentioned nowhere."""
    patch.setattr("syncd.cli.remaining.left_behind", lambda *_given: ())
    patch.setattr("syncd.engine.leaving.left_behind", lambda *_given: ())
    patch.setattr(left, "left_behind", lambda *_given: ())


def a_cleanup_pauses_nothing(patch: Patch) -> None:
    """What was cleaned up may be written to, so that its blocks are made again."""
    patch.setattr("syncd.engine.cleanup.pause_cleaned", lambda *_given: [])


def a_repeated_tag_is_proposed(patch: Patch) -> None:
    """Without a state every tagged block is proposed, a person's copy as well."""

    def all_of_them(events: Iterable[Event], *_given: object) -> list[Tagged]:
        return [Tagged(e) for e in events if e.key is not None and e.kind is Kind.BLOCK]

    patch.setattr("syncd.engine.cleanup.tagged_blocks", all_of_them)


def other_persons_are_not_reported(patch: Patch) -> None:
    """Two systems may name different people for one meeting."""

    def nothing_found(store: Store, provider: str, _found: object, now: datetime) -> Outcome:
        return follow_persons(store, provider, [], now)

    patch.setattr(deciding, "follow_persons", nothing_found)


def error_words_are_private(patch: Patch) -> None:
    """The words of an error are taken for names."""
    patch.setattr("syncd.systems.redact._KEPT", re.compile(r"(?!)"))


def v1_is_in_support(patch: Patch) -> None:
    """Nobody says that v1 is out of support."""
    patch.setattr(checks, "OUT_OF_SUPPORT", ("the v1 API works", ""))


def what_comes_back_has_no_news(patch: Patch) -> None:
    """What was moved while its owner was in doubt is believed to be carried."""

    def as_decided(_owners: Owners, _before: Record | None, after: Record) -> Record:
        return after

    patch.setattr(Owners, "given_back", as_decided)


def a_pause_waits_for_the_next_decision(patch: Patch) -> None:
    """A write looks at the pauses that the decision was made by."""
    patch.setattr(Pauses, "why_now", Pauses.why)


def a_pause_is_answered_at_once(patch: Patch) -> None:
    """Who pauses does not wait for the writes that are under way."""

    async def landed(*_given: Any) -> None:
        return None

    patch.setattr(Pauses, "landed", landed)


def observe_mode_is_not_heeded(patch: Patch) -> None:
    """What the configuration says is read, and only pauses count."""

    def why(self: Pauses, *calendar: str) -> WaitReason | None:
        return WaitReason.PAUSED if pause_of(self.found, *calendar) else None

    patch.setattr(Pauses, "why", why)
    patch.setattr(Pauses, "why_now", why)


def each_cycle_logs_its_wishes_anew(patch: Patch) -> None:
    """What was wanted in the cycle before is not known any more."""

    def forgetful(log: HeldBackLog) -> dict[str, dict[str, HeldBack]]:
        log._stored = {}
        return log._stored

    patch.setattr(HeldBackLog, "_load", forgetful)
