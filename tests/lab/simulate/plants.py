"""Bugs of one line, planted in the engine, that the simulator must catch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from syncd.core import reconcile
from syncd.core.event_state import observation, write_results
from syncd.core.merging import merge as merging
from syncd.core.merging.merge import merge
from syncd.core.ownership.blocks import NO_OWNERSHIP, Ownership
from syncd.core.propagation import rejected_writes
from syncd.engine.deciding import decision_input, guard, guard_stops
from syncd.engine.deciding.customer_lookup import CustomerLookup
from syncd.engine.reading import absence, completed_lookups
from syncd.engine.reading import observe as reading
from syncd.engine.reading import systems as read_systems
from syncd.engine.writing import recovery
from syncd.lab.sandbox.leadconnector.slots import BusyTime
from syncd.lab.simulate.scenario import EventKind, Scenario, draw_scenario
from syncd.model import (
    Action,
    Changes,
    Coverage,
    Intent,
    IntentState,
    Kind,
    Operation,
    Status,
    StoredConflict,
    Value,
    Window,
    intervals,
)
from syncd.store import Store
from syncd.systems.leadconnector.account import Account
from syncd.systems.leadconnector.blocks import BlockFinder
from syncd.systems.rate_limiter import RateLimiter
from tests.lab.simulate.copied import a_tag_makes_a_meeting_ours, every_tag_is_ours
from tests.lab.simulate.days import EMPTIED, STALE, UNANSWERED
from tests.lab.simulate.days import at as _at
from tests.lab.simulate.days import day as _day
from tests.lab.simulate.plants_of_blocks import (
    FAR_OFF,
    LONG_AGO,
    blocks_are_never_removed,
    blocks_never_follow,
    ended_blocks_are_removed,
    taken_calendars_get_a_block_on_top,
    wrong_length,
)
from tests.lab.simulate.plants_of_proof import (
    absence_believed_at_once,
    one_proof_is_enough,
)
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]


def own_blocks_are_sources(patch: Patch) -> None:
    """Forget that a created block is syncd's own."""
    applied = write_results.applied

    def forgetful(operation: Operation, *args: Any, **named: Any) -> Changes:
        changes = applied(operation, *args, **named)
        if operation.action is Action.CREATE_BLOCK:
            changes.records = [replace(r, created_by_us=False, key=None) for r in changes.records]
        return changes

    swap(patch, applied, forgetful)
    patch.setattr(decision_input, "ownership_of", lambda *_given, **_named: NO_OWNERSHIP)
    patch.setattr(reconcile, "may_match", lambda *_given, **_named: True)


def coverage_ignored(patch: Patch) -> None:
    """Treat an incomplete read as complete, and believe absence at once."""
    follow = absence.check_unlisted
    absence_believed_at_once(patch)

    async def everything(read: Any, *args: Any, **kwargs: Any) -> None:
        kinds = frozenset(Kind)
        whole = [
            Coverage(read.system.name, p, kinds, Window(LONG_AGO, FAR_OFF), read.clock.now())
            for p in read.system.providers
        ]
        read.snapshot = replace(read.snapshot, coverage=whole)
        await follow(read, *args, **kwargs)

    patch.setattr(reading, "check_unlisted", everything)


def queued_write_awaited_for_ever(patch: Patch) -> None:
    """Never ask again about a bulk job that dropped a row."""
    patch.setattr(recovery, "DEADLINE", timedelta(days=99))


def nobody_is_anybody(patch: Patch) -> None:
    """Recognise no twin."""
    swap(patch, CustomerLookup.hashes, lambda _self, _person: frozenset())


def cancelled_is_busy(patch: Patch) -> None:
    """A cancelled meeting keeps its time closed."""
    swap(patch, Status.busy, property(lambda self: self is not Status.INVALID))


def customers_are_notified(patch: Patch) -> None:
    """Notify the customer of a move."""
    init = Account.__init__

    def loud(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **{**kwargs, "notify": True})

    swap(patch, Account.__init__, loud)


def another_providers_event_is_still_ours(patch: Patch) -> None:
    """Keep an event that was reassigned to another provider with the first."""
    patch.setattr(reconcile, "reassign_events", lambda *_given: None)


def secrets_in_the_journal(patch: Patch) -> None:
    """Store the token in a write's error text."""
    applied = Store.apply

    def apply(self: Store, *steps: Changes) -> None:
        for changes in steps:
            changes.intents = [replace(i, error="Bearer pit-sandbox") for i in changes.intents]
        applied(self, *steps)

    swap(patch, Store.apply, apply)


def merge_is_deaf_to_moves(patch: Patch) -> None:
    """Keep the agreed time of a meeting that moved."""

    def deaf(booking: Any, *args: Any, **kwargs: Any) -> Any:
        merged = merge(booking, *args, **kwargs)
        return replace(merged, agreed=booking.agreed) if merged.accepted else merged

    patch.setattr(reconcile, "merge", deaf)


def the_guard_is_off(patch: Patch) -> None:
    """Never stop for a mass change."""
    patch.setattr(guard, "check_changes", lambda *_given, **_named: None)
    patch.setattr(guard, "check_system", lambda *_given, **_named: {})


def the_guard_only_tells(patch: Patch) -> None:
    """Report the guard's conflict, but stop nothing."""
    swap(patch, guard.GuardState.stopped_in, lambda *_given: frozenset())


def acceptance_is_forgotten(patch: Patch) -> None:
    """Stop accepted changes again in the next cycle."""
    ended = Store.ended_conflicts

    def forgetful(store: Store, provider: str, outcome: str) -> list[StoredConflict]:
        return [] if outcome == guard_stops.ACCEPTED else ended(store, provider, outcome)

    swap(patch, ended, forgetful)


def the_journal_is_not_written(patch: Patch) -> None:
    """Send requests that are not in the journal."""
    applied = Store.apply

    def apply(self: Store, *steps: Changes) -> None:
        for changes in steps:
            changes.intents = [i for i in changes.intents if i.state is not IntentState.OPEN]
        applied(self, *steps)

    swap(patch, Store.apply, apply)


def history_is_not_kept(patch: Patch) -> None:
    """Store no history."""
    applied = Store.apply

    def apply(self: Store, *steps: Changes) -> None:
        for changes in steps:
            changes.history = []
        applied(self, *steps)

    swap(patch, Store.apply, apply)


def an_echo_is_an_edit(patch: Patch) -> None:
    """Treat a rounded time as a person's change."""

    def exactly(meant: Value, seen: Value) -> bool:
        return meant.interval == seen.interval

    swap(patch, intervals.may_show_time, exactly)


def a_stale_read_is_believed(patch: Patch) -> None:
    """Believe a list that is older than the last write."""

    def believing(record: Any, event: Any, fingerprint: str, seen_at: Any, _lag: Any) -> Any:
        return observation.apply_observation(record, event, fingerprint, seen_at, -_LONG)

    patch.setattr(reading, "apply_observation", believing)
    patch.setattr(completed_lookups, "apply_observation", believing)


_LONG = timedelta(days=1)


def an_unanswered_write_is_repeated_blindly(patch: Patch) -> None:
    """Repeat a write without a reply, without looking it up."""

    async def forget(system: Any, intents: Sequence[Intent], context: Any) -> int:
        intents_of_system = [
            i for i in intents if i.operation.system == system.name and i.state is IntentState.OPEN
        ]
        dropped = [replace(i, state=IntentState.DROPPED) for i in intents_of_system]
        context.store.apply(Changes(intents=dropped))
        return 0

    patch.setattr(read_systems, "recover", forget)
    patch.setattr(decision_input, "ownership_of", lambda *_given, **_named: NO_OWNERSHIP)


def keys_are_not_searched(patch: Patch) -> None:
    """Never search for the tag of a block whose reply was lost."""

    async def created(_system: Any, intent: Intent, desk: Any) -> bool:
        dropped = replace(intent, state=IntentState.DROPPED, error="never happened")
        desk.store.apply(Changes(intents=[dropped]))
        return True

    patch.setattr(recovery, "recover_create", created)
    patch.setattr(decision_input, "ownership_of", lambda *_given, **_named: Ownership(whole=False))


def a_queued_write_counts_as_done(patch: Patch) -> None:
    """Move the base when a job is only queued."""

    def accepted(operation: Operation, record: Any, at: Any) -> Changes:
        return write_results.applied(
            operation, record, (), event=operation.event or "", shown=operation.after, at=at
        )

    patch.setattr(write_results, "queued", accepted)


def the_budget_is_boundless(patch: Patch) -> None:
    """Make calls without a rate limit."""

    async def at_once(_limiter: RateLimiter, **_named: Any) -> float:
        return 0.0

    swap(patch, RateLimiter.acquire, at_once)
    swap(patch, RateLimiter.release, lambda _limiter: None)


def silence_decides(patch: Patch) -> None:
    """Decide a held conflict when one of its systems does not answer."""
    patch.setattr(reconcile, "undecidable_conflicts", lambda *_given: {})
    patch.setattr(reconcile, "blocks_under_doubt", lambda _draft, _calendars: set())


def everybody_is_one(patch: Patch) -> None:
    """All customers are taken for the same."""
    swap(patch, CustomerLookup.hashes, lambda _self, _person: frozenset({"anybody"}))


def deleted_is_only_unknown(patch: Patch) -> None:
    """Never believe a deletion: the meeting goes on elsewhere."""
    patch.setattr(merging, "effective_value", _still_on)


def _still_on(record: Any) -> Any:
    return record.observed or record.base or record.before_write


def an_empty_list_is_proof(patch: Patch) -> None:
    """Take an empty block list of v2 as proof that there are none."""
    listed = BlockFinder.listed

    async def believing(self: BlockFinder, *args: Any, **kwargs: Any) -> Any:
        return replace(await listed(self, *args, **kwargs), shows=True, each_shows=True)

    swap(patch, BlockFinder.listed, believing)
    one_proof_is_enough(patch)


def calendars_ignore_blocks(patch: Patch) -> None:
    """The platforms offer what a block should close: an exposure that must be noticed."""
    of = BusyTime.for_user
    swap(patch, BusyTime.for_user, lambda taken, *rest: of(replace(taken, blocks=()), *rest))


def a_hold_ends_by_the_clock(patch: Patch) -> None:
    """Write what waited for a person as soon as nothing is left to decide."""
    patch.setattr(rejected_writes, "is_too_late", lambda *_given: False)


_BOOKED = (_at(1, EventKind.BOOK, "clinic", slot=70),)
_TWINS = (*_BOOKED, _at(2, EventKind.TWIN, "crm", slot=1))

ABOUT_PROMISES: tuple[tuple[Plant, Scenario], ...] = (
    (own_blocks_are_sources, draw_scenario(0)),
    (absence_believed_at_once, draw_scenario(0)),
    (coverage_ignored, draw_scenario(0)),
    (
        queued_write_awaited_for_ever,
        _day(
            *_TWINS,
            _at(7, EventKind.FAULT, "crm", fault="fail-jobs", times=1),
            _at(7.1, EventKind.MOVE, "clinic", slot=30),
        ),
    ),
    (nobody_is_anybody, draw_scenario(1)),
    (
        everybody_is_one,
        _day(
            *_BOOKED,
            _at(2, EventKind.TWIN, "crm", slot=10),
            _at(4, EventKind.MOVE, "clinic", slot=30),
        ),
    ),
    (cancelled_is_busy, draw_scenario(0)),
    (deleted_is_only_unknown, draw_scenario(0)),
    (blocks_are_never_removed, draw_scenario(0)),
    (blocks_never_follow, draw_scenario(0)),
    (ended_blocks_are_removed, draw_scenario(0)),
    (taken_calendars_get_a_block_on_top, draw_scenario(0)),
    (customers_are_notified, draw_scenario(1)),
    (another_providers_event_is_still_ours, draw_scenario(8)),
    (secrets_in_the_journal, draw_scenario(0)),
    (merge_is_deaf_to_moves, draw_scenario(0)),
    (wrong_length, draw_scenario(0)),
    (the_guard_is_off, draw_scenario(2, complaints=False)),
    (the_guard_only_tells, draw_scenario(2, complaints=False)),
    (acceptance_is_forgotten, draw_scenario(2)),
    (the_journal_is_not_written, draw_scenario(0)),
    (history_is_not_kept, draw_scenario(0)),
    (an_echo_is_an_edit, draw_scenario(0, faults=("rounding",))),
    (a_stale_read_is_believed, STALE),
    (an_unanswered_write_is_repeated_blindly, UNANSWERED),
    (the_budget_is_boundless, draw_scenario(15, faults=())),
    (an_empty_list_is_proof, EMPTIED),
    (calendars_ignore_blocks, draw_scenario(2)),
    (every_tag_is_ours, _day(*_BOOKED, _at(3, EventKind.COPY_OURS, "crm", slot=30, number=1))),
    (
        a_tag_makes_a_meeting_ours,
        _day(*_BOOKED, _at(3, EventKind.COPY_TO_MEETING, "crm", slot=30, number=1)),
    ),
    (
        keys_are_not_searched,
        _day(
            _at(0.99, EventKind.CRASH, "", number=30),
            *_BOOKED,
            _at(6, EventKind.CANCEL, "clinic"),
        ),
    ),
    (
        a_queued_write_counts_as_done,
        _day(
            *_TWINS,
            _at(7, EventKind.FAULT, "crm", fault="fail-jobs", times=1),
            _at(7.1, EventKind.MOVE, "clinic", slot=30),
        ),
    ),
    (
        silence_decides,
        _day(
            *_TWINS,
            _at(3.01, EventKind.MOVE, "clinic", slot=30),
            _at(3.02, EventKind.MOVE, "crm", slot=40),
            _at(6, EventKind.FAULT, "clinic", fault="error", times=100),
            _at(6.1, EventKind.CRASH, "", number=1),
            moved_apart="hold",
        ),
    ),
    (
        a_hold_ends_by_the_clock,
        _day(
            _at(1, EventKind.BOOK, "crm", slot=24),
            _at(2, EventKind.BOOK, "crm", slot=70),
            _at(8, EventKind.EDIT_OURS, "clinic", slot=10, number=1),
            double_booked="hold",
            block_edited="reschedule",
        ),
    ),
)
"""Each bug with a day on which it breaks a promise."""
