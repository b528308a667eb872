"""Test that a run that is killed at any step and restarted ends like an uninterrupted one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from syncd.core.event_state import observation
from syncd.core.inputs import GuardLimits
from syncd.core.merging.rules import Choice, Rules
from syncd.engine.report.run_report import Report
from syncd.engine.writing import recovery
from syncd.model import Action, BulkCall, ConflictKind, Kind, Person, Status, Value
from syncd.systems.port import Capabilities
from tests.core.kit import SYSTEMS, v
from tests.engine.fakes import FakeSystem
from tests.engine.interrupts import LAG, Act, MortalRig, Scenario, interrupted_everywhere
from tests.engine.test_planted_bugs import (
    Plant,
    an_unanswered_write_is_repeated_blindly,
)
from tests.lab.simulate.plants import the_journal_is_not_written
from tests.planted.swap import swap

# Names of events are given by the systems in order: the first one of system a is a0.


def nothing(_shop: MortalRig) -> None:
    """Create a new business."""


def a_business_opens(rig: MortalRig) -> None:
    rig.a.book("p", v(9))
    rig.b.book("p", v(12))
    rig.a.book("q", v(9))
    rig.c.human_block("p", v(15))


def keys_are_stripped(rig: MortalRig) -> None:
    for system in rig.systems:
        system.strip_keys = True
        system.capabilities = replace(system.capabilities, key_survives=False)


def one(rig: MortalRig) -> None:
    rig.a.book("p", v(9))


def two(rig: MortalRig) -> None:
    rig.a.book("p", v(9))
    rig.a.book("p", v(12, 14))


def swaps_two(rig: MortalRig) -> None:
    rig.a.move("a0", v(12))
    rig.a.move("a1", v(9, 11))


def three(rig: MortalRig) -> None:
    for hour in (9, 10, 11):
        rig.a.book("p", v(hour))


def moves(**to: float) -> Act:
    """Book appointments in system a, each moved to an hour."""

    def act(rig: MortalRig) -> None:
        for event, hour in to.items():
            rig.a.move(event, v(hour))

    return act


def cancels(rig: MortalRig) -> None:
    rig.a.cancel("a0")


def deletes(rig: MortalRig) -> None:
    rig.a.delete("a0")


def twins(rig: MortalRig) -> None:
    rig.a.customers["ann"] = rig.b.customers["7"] = Person(emails=("ann@example.com",))
    rig.a.book("p", v(9), "ann")
    rig.b.book("p", v(9), "7")


def moves_the_twin(rig: MortalRig) -> None:
    rig.b.move("b0", v(12))


def twins_on_a_platform_that_resets(rig: MortalRig) -> None:
    twins(rig)
    rig.b.move("b0", v(9, status=Status.NEW))
    rig.b.capabilities = Capabilities(lag=LAG, update_replaces=True)
    rig.b.resets = True


def cancels_the_twin(rig: MortalRig) -> None:
    rig.b.cancel("b0")


def moves_both_apart(rig: MortalRig) -> None:
    rig.a.move("a0", v(12))
    rig.clock.pass_(minutes=1)
    rig.b.move("b0", v(15))


def twins_that_are_held(rig: MortalRig) -> None:
    twins(rig)
    rules = {p: Rules(prefer=SYSTEMS, moved_apart=Choice.HOLD) for p in "pq"}
    rig.engine.policy = replace(rig.engine.policy, rules=rules)


MOVES = frozenset({Action.MOVE_BLOCK, Action.MOVE_APPOINTMENT})
CANCEL = BulkCall("cancels", 50, "check the address")


def twins_and_a_queue(rig: MortalRig) -> None:
    """System b has a twin and a block of p; one call that is only queued moves both."""
    for system in (rig.b, rig.c):
        system.capabilities = Capabilities(
            lag=LAG,
            asynchronous=MOVES,
            bulk_only=MOVES,
            bulk=dict.fromkeys(MOVES, BulkCall("moves", 50)),
        )
        system.queued = True
    twins(rig)
    rig.a.book("p", v(11))


def twins_and_queued_cancels(rig: MortalRig) -> None:
    rig.b.capabilities = Capabilities(
        lag=LAG,
        asynchronous=frozenset({Action.SET_STATUS}),
        bulk_statuses={Status.CANCELLED: CANCEL},
        lists_cancelled=False,
    )
    rig.b.queued = rig.b.hides_cancelled = True
    # Otherwise a second call would wait until the first one in the account is compared.
    rig.b.facts.put("status_changes_only_status", "yes")
    twins(rig)


def our_block(system: FakeSystem) -> str:
    return next(e for e, h in system.events.items() if h.kind is Kind.BLOCK)


def edits_a_block(rig: MortalRig) -> None:
    rig.b.move(our_block(rig.b), v(15))


def removes_a_block(rig: MortalRig) -> None:
    rig.b.delete(our_block(rig.b))


def only_p(rig: MortalRig) -> None:
    one(rig)
    rig.b.book("q", v(9))
    rig.configure({"p": SYSTEMS})


def adds_q(rig: MortalRig) -> None:
    rig.configure({"p": SYSTEMS, "q": SYSTEMS})


def guarded(rig: MortalRig) -> None:
    rig.engine.policy = replace(rig.engine.policy, limits=GuardLimits(count=2))
    for hour in (9, 11, 13, 15):
        rig.a.book("p", v(hour))


def deletes_three(rig: MortalRig) -> None:
    for event in ("a0", "a1", "a2"):
        rig.a.delete(event)


async def accepting(rig: MortalRig) -> Report:
    """Accept the guard's stops as a person, by the run that `conflicts` shows."""
    report = await rig.engine.resync()
    stopped = [h for h in rig.store.open_conflicts() if h.conflict.kind is ConflictKind.GUARD]
    return await rig.engine.resync(accept=stopped[0].run) if stopped else report


def an_hour(start: datetime) -> Value:
    return Value(start, start + timedelta(hours=1))


def at_the_edge(rig: MortalRig) -> None:
    last = rig.clock.now() + rig.engine.policy.future
    rig.a.book("p", an_hour(last - timedelta(hours=2)))
    rig.a.book("p", an_hour(last - timedelta(minutes=30)))
    rig.a.book("p", an_hour(last + timedelta(hours=3)))


def moves_over_the_edge(rig: MortalRig) -> None:
    last = rig.clock.now() + rig.engine.policy.future
    rig.a.move("a0", an_hour(last + timedelta(hours=9)))
    rig.a.move("a2", an_hour(last - timedelta(hours=5)))


def human_block(rig: MortalRig) -> None:
    rig.a.human_block("p", v(9))


def frees_by_status(rig: MortalRig) -> None:
    rig.a.move("a0", v(9, status=Status.NOSHOW))


SCENARIOS = (
    Scenario("first sync", nothing, a_business_opens),
    Scenario("first sync, keys stripped", keys_are_stripped, a_business_opens),
    Scenario("first sync of a twin", nothing, twins),
    Scenario("move", one, moves(a0=12)),
    Scenario("swap of two", two, swaps_two),
    Scenario("chain of three", three, moves(a0=10, a1=11, a2=12)),
    Scenario("cancel", one, cancels),
    Scenario("delete", one, deletes),
    Scenario("no-show", one, frees_by_status),
    Scenario("twin move", twins, moves_the_twin),
    Scenario("twin cancel", twins, cancels_the_twin),
    Scenario("twin move, status reset", twins_on_a_platform_that_resets, moves(a0=12)),
    Scenario("conflict, latest", twins, moves_both_apart),
    Scenario("conflict, held", twins_that_are_held, moves_both_apart),
    Scenario("bulk move", twins_and_a_queue, moves(a0=9.5, a1=15)),
    Scenario("bulk cancel", twins_and_queued_cancels, cancels),
    Scenario("block edited", one, edits_a_block),
    Scenario("block removed", one, removes_a_block),
    Scenario("human's block moved", human_block, moves(a0=12)),
    Scenario("provider added", only_p, adds_q),
    Scenario("guard", guarded, deletes_three, accepting),
    Scenario("window edge", at_the_edge, moves_over_the_edge),
)


PROVED = {
    "first sync of a twin", "swap of two", "delete", "no-show", "twin cancel", "conflict, held",
    "bulk cancel", "block removed", "provider added", "first sync, keys stripped", "chain of three",
    "twin move, status reset", "conflict, latest", "bulk move", "guard", "window edge",
}  # fmt: skip
"""Scenarios that only `make prove` plays: they take long, or a sibling takes the same path."""


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(s, id=s.name, marks=[pytest.mark.prove] if s.name in PROVED else [])
        for s in SCENARIOS
    ],
)
def test_a_run_that_is_stopped_at_any_step_is_finished_by_the_next(
    scenario: Scenario, tmp_path: Path
) -> None:
    assert interrupted_everywhere(scenario, tmp_path) > 10


def test_a_reset_that_is_taken_for_an_edit_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "is_reset", lambda *_given: False)
    scenario = next(s for s in SCENARIOS if s.name == "twin move, status reset")
    with pytest.raises(AssertionError, match=r"stopped at step .* b\.putting back"):
        interrupted_everywhere(scenario, tmp_path)


@pytest.mark.prove
def test_a_queued_cancellation_that_is_taken_for_a_reset_and_sent_again_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap(monkeypatch, observation.is_pending, lambda _record: False)
    scenario = next(s for s in SCENARIOS if s.name == "bulk cancel")
    with pytest.raises(AssertionError, match="bulk cancel"):
        interrupted_everywhere(scenario, tmp_path)


@pytest.mark.parametrize(
    ("plant", "name"),
    [
        (an_unanswered_write_is_repeated_blindly, "first sync, keys stripped"),
        (the_journal_is_not_written, "first sync, keys stripped"),
    ],
)
def test_a_journal_that_is_not_stored_or_not_used_is_caught(
    plant: Plant, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    scenario = next(s for s in SCENARIOS if s.name == name)
    with pytest.raises(AssertionError, match=r"stopped at step .* after \w\.write create-block"):
        interrupted_everywhere(scenario, tmp_path)
