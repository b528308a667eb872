"""Bugs of one line, to be planted in the engine: what the simulator is there to catch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from syncd.core import blocks, decide, diff, match, outcome
from syncd.core.diff import News, absorb, vanish
from syncd.core.merge import merge
from syncd.daemon.work import Work
from syncd.engine import cycle, execute, observe, recover
from syncd.engine.cycle import Engine
from syncd.engine.persons import Persons
from syncd.model import Changes, Coverage, IntentState, Kind, Status, Value, Window
from syncd.store import Store
from syncd.systems.leadconnector.account import Account
from syncd.systems.leadsquared.writing import Writing as CrmWriting
from syncd.systems.limits import Budget
from syncd.systems.port import Accepted, Done

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]


def echo_filter_off(patch: Patch) -> None:
    """What syncd wrote itself is news."""

    def deaf(record: Any, *given: Any) -> Any:
        after, news = absorb(record, *given)
        if news is News.ECHO:
            return replace(after, base=record.base), News.CHANGED
        return after, news

    patch.setattr(observe, "absorb", deaf)
    patch.setattr(recover, "absorb", deaf)


def stale_read_believed(patch: Patch) -> None:
    """A list that shows the time before a write is taken for a change."""

    def believing(record: Any, event: Any, print_: str, at: Any, _lag: Any) -> Any:
        return absorb(record, event, print_, at, timedelta(0))

    patch.setattr(observe, "absorb", believing)


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


_LONG_AGO = cycle._EPOCH
_FAR_OFF = _LONG_AGO + timedelta(days=99_999)


def journal_not_written(patch: Patch) -> None:
    """No intent is committed before its request."""
    applied = Store.apply

    def apply(self: Store, changes: Changes) -> None:
        changes.intents = [i for i in changes.intents if i.state is not IntentState.OPEN]
        applied(self, changes)

    patch.setattr(Store, "apply", apply)


def ambiguous_retried_blindly(patch: Patch) -> None:
    """A write without an answer is planned anew at once, and its block is nobody's."""

    async def forget(system: Any, intents: Any, desk: Any) -> int:
        mine = [i for i in intents if i.operation.system == system.name]
        dropped = [replace(i, state=IntentState.DROPPED) for i in mine]
        desk.store.apply(Changes(intents=dropped))
        return 0

    patch.setattr(cycle, "recover", forget)
    patch.setattr(Store, "knows_key", lambda _self, _key: False)


def keys_not_searched(patch: Patch) -> None:
    """A block found after a lost reply is not adopted, by key or by interval."""

    async def never(system: Any, intent: Any, desk: Any) -> bool:
        recover._drop(intent, desk, "planted")
        return bool(system)

    patch.setattr(recover, "_created", never)
    patch.setattr(decide, "_adopt", lambda _draft, _case: None)


def base_moved_on_accepted(patch: Patch) -> None:
    """A queued write counts as done."""

    def accepted(operation: Any, record: Any, at: Any) -> Changes:
        shown = operation.after
        return outcome.done(operation, record, (), event=operation.event, shown=shown, at=at)

    patch.setattr(outcome, "accepted", accepted)
    patch.setattr(cycle, "confirm", lambda intents, desk: desk.store.apply(
        Changes(intents=[replace(i, state=IntentState.DONE) for i in intents
                         if i.state is IntentState.ACCEPTED])))  # fmt: skip


def queued_write_awaited_for_ever(patch: Patch) -> None:
    """A bulk job that dropped a row is never asked again."""
    patch.setattr(recover, "DEADLINE", timedelta(days=99))


def every_write_is_done(patch: Patch) -> None:
    """LeadSquared's bulk jobs are taken for done by the adapter."""
    write = CrmWriting.write

    async def done(self: Any, operations: Any) -> Any:
        reply = await write(self, operations)
        if isinstance(reply, Accepted):
            return Done([(o.event, None) for o in operations])
        return reply

    patch.setattr(CrmWriting, "write", done)


def nobody_is_anybody(patch: Patch) -> None:
    """No twin is ever recognised."""
    patch.setattr(Persons, "hashes", lambda _self, _person: frozenset())


def everybody_is_somebody(patch: Patch) -> None:
    """Whoever is there at the same time is the same person."""
    patch.setattr(Persons, "hashes", lambda _self, _person: frozenset({"x"}))


def cancelled_is_busy(patch: Patch) -> None:
    """A cancelled meeting keeps its time closed."""
    patch.setattr(Status, "busy", property(lambda self: self is not Status.INVALID))


def budget_off(patch: Patch) -> None:
    """Nobody waits for the rate limit."""
    patch.setattr(Budget, "_wait", lambda _self, **_named: 0.0)


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


def news_is_never_decided_again(patch: Patch) -> None:
    """A provider is decided on once, whatever changes later."""
    decide_ = Engine._decide

    async def once(self: Any, chosen: Any, observed: Any, report: Any, accept: Any) -> Any:
        for observation in observed.values():
            observation.touched.clear()
        return await decide_(self, chosen, observed, report, accept)

    patch.setattr(Engine, "_decide", once)


def the_far_window_is_never_read(patch: Patch) -> None:
    """What is further off than two days is not looked at after the start."""

    async def nothing(_self: Any) -> None:
        return None

    patch.setattr(Work, "far", nothing)


def a_stopped_write_stops_all(patch: Patch) -> None:
    """After a write without an answer, nothing is written to that system any more."""
    patch.setattr(cycle, "recover", _leave_open)


async def _leave_open(_system: Any, intents: Any, _desk: Any) -> int:
    return len(intents)


def rounding_is_a_change(patch: Patch) -> None:
    """A platform's coarser grid is taken for somebody's move."""
    patch.setattr(diff, "is_rounding", lambda _wanted, _seen: False)


def another_providers_event_is_still_ours(patch: Patch) -> None:
    """An event that was given to somebody else still counts for the first."""
    patch.setattr(decide, "_reassign", lambda _draft: None)


def a_new_id_is_a_new_meeting(patch: Patch) -> None:
    """A meeting that came back under a new id leaves its twin behind."""
    patch.setattr(match, "_relink", lambda *_given: ([], [], []))


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


def outcome_without_base(patch: Patch) -> None:
    """What was written is not remembered as accepted."""
    changed = outcome._changed

    def forgetful(operation: Any, record: Any, *given: Any) -> Changes:
        changes = changed(operation, record, *given)
        base = record.base if record else None
        changes.records = [replace(r, base=base, written=None) for r in changes.records]
        return changes

    patch.setattr(outcome, "_changed", forgetful)
    assert execute


PLANTS: tuple[Plant, ...] = (
    echo_filter_off,
    stale_read_believed,
    own_blocks_are_sources,
    absence_believed_at_once,
    coverage_ignored,
    journal_not_written,
    ambiguous_retried_blindly,
    keys_not_searched,
    base_moved_on_accepted,
    queued_write_awaited_for_ever,
    every_write_is_done,
    nobody_is_anybody,
    everybody_is_somebody,
    cancelled_is_busy,
    budget_off,
    blocks_are_never_removed,
    blocks_never_follow,
    taken_calendars_get_a_block_on_top,
    customers_are_notified,
    news_is_never_decided_again,
    the_far_window_is_never_read,
    a_stopped_write_stops_all,
    rounding_is_a_change,
    another_providers_event_is_still_ours,
    a_new_id_is_a_new_meeting,
    secrets_in_the_journal,
    wrong_length,
    merge_is_deaf_to_moves,
    outcome_without_base,
)
