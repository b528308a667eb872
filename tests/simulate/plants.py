"""Bugs of one line, to be planted in the engine: what the simulator is there to catch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncd.core import blocks, decide, outcome
from syncd.core.diff import News, vanish
from syncd.core.merge import merge
from syncd.engine import observe, recover
from syncd.engine.persons import Persons
from syncd.model import Changes, Coverage, Kind, Status, Value, Window
from syncd.sandbox.leadconnector.slots import Taken
from syncd.store import Store
from syncd.systems.leadconnector.account import Account

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]


def own_blocks_are_sources(patch: Patch) -> None:
    """The block that was made is not remembered as syncd's own."""
    made = outcome._created

    def created(*given: Any) -> Changes:
        changes = made(*given)
        changes.records = [replace(r, mine=False, key=None) for r in changes.records]
        return changes

    patch.setattr(outcome, "_created", created)


def absence_believed_at_once(patch: Patch) -> None:
    """What is not listed is gone."""

    async def ask(_system: Any, record: Any, clock: Any, seen: Any, changes: Any) -> bool:
        observe._take(seen, changes, record, vanish(record, clock.now()), News.CHANGED)
        return True

    patch.setattr(observe, "_ask", ask)


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_FAR_OFF = _LONG_AGO + timedelta(days=99_999)


def coverage_ignored(patch: Patch) -> None:
    """An incomplete read counts as a complete one, and so does its absence."""
    follow = observe._follow_up
    absence_believed_at_once(patch)

    async def everything(system: Any, store: Any, clock: Any, snapshot: Any, *rest: Any) -> None:
        kinds = frozenset(Kind)
        whole = [
            Coverage(system.name, p, kinds, Window(_LONG_AGO, _FAR_OFF), clock.now())
            for p in system.providers
        ]
        await follow(system, store, clock, replace(snapshot, coverage=whole), *rest)

    patch.setattr(observe, "_follow_up", everything)


_FAR_OFF = _LONG_AGO + timedelta(days=99_999)


def queued_write_awaited_for_ever(patch: Patch) -> None:
    """A bulk job that dropped a row is never asked again."""
    patch.setattr(recover, "DEADLINE", timedelta(days=99))


def nobody_is_anybody(patch: Patch) -> None:
    """No twin is ever recognised."""
    patch.setattr(Persons, "hashes", lambda _self, _person: frozenset())


def cancelled_is_busy(patch: Patch) -> None:
    """A cancelled meeting keeps its time closed."""
    patch.setattr(Status, "busy", property(lambda self: self is not Status.INVALID))


def blocks_are_never_removed(patch: Patch) -> None:
    """A block whose meeting is off stays."""
    patch.setattr(blocks, "_over", lambda _block, _now: True)


def blocks_never_follow(patch: Patch) -> None:
    """A moved meeting gets a new block, and the old one stays."""
    patch.setattr(blocks, "_over", lambda _block, _now: True)
    patch.setattr(blocks, "_shown", lambda _block: None)


def taken_calendars_get_a_block_on_top(patch: Patch) -> None:
    """A calendar that has the meeting itself is blocked all the same."""
    patch.setattr(decide, "_holds", lambda *_given: False)


def customers_are_notified(patch: Patch) -> None:
    """A move of an appointment tells the customer."""
    init = Account.__init__

    def loud(self: Any, *given: Any, **named: Any) -> None:
        init(self, *given, **{**named, "notify": True})

    patch.setattr(Account, "__init__", loud)


def another_providers_event_is_still_ours(patch: Patch) -> None:
    """An event that was given to somebody else still counts for the first."""
    patch.setattr(decide, "_reassign", lambda _draft: None)


def secrets_in_the_journal(patch: Patch) -> None:
    """A write's error text holds the token."""
    applied = Store.apply

    def apply(self: Store, changes: Changes) -> None:
        changes.intents = [replace(i, error="Bearer pit-sandbox") for i in changes.intents]
        applied(self, changes)

    patch.setattr(Store, "apply", apply)


def wrong_length(patch: Patch) -> None:
    """A block is a minute too short."""
    made = blocks._busy

    def short(interval: Any) -> Value:
        return made((interval[0], interval[1] - timedelta(minutes=1)))

    patch.setattr(blocks, "_busy", short)


def merge_is_deaf_to_moves(patch: Patch) -> None:
    """A moved meeting keeps its agreed time."""

    def deaf(booking: Any, *given: Any) -> Any:
        merged = merge(booking, *given)
        return replace(merged, agreed=booking.agreed) if merged.accepted else merged

    patch.setattr(decide, "merge", deaf)


def calendars_ignore_blocks(patch: Patch) -> None:
    """The platforms offer what a block should close: an exposure that must be noticed."""
    frees = Taken.frees
    patch.setattr(Taken, "frees", lambda taken, *rest: frees(replace(taken, blocks=()), *rest))


PLANTS: tuple[tuple[Plant, int, tuple[str, ...] | None], ...] = (
    (own_blocks_are_sources, 0, None),
    (absence_believed_at_once, 0, None),
    (coverage_ignored, 0, None),
    (queued_write_awaited_for_ever, 1, ("fail-jobs",)),
    (nobody_is_anybody, 0, None),
    (cancelled_is_busy, 0, None),
    (blocks_are_never_removed, 0, None),
    (blocks_never_follow, 0, None),
    (taken_calendars_get_a_block_on_top, 0, None),
    (customers_are_notified, 2, None),
    (another_providers_event_is_still_ours, 8, None),
    (secrets_in_the_journal, 0, None),
    (merge_is_deaf_to_moves, 0, None),
    (wrong_length, 0, None),
    (calendars_ignore_blocks, 2, None),
)
"""Each with a seed that finds it, and the faults of that story (None: all)."""
