"""Check that the promise tests catch the bugs that they guard against.

A row plants one bug and names the test that must fail. A row whose test passes is a hole.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from syncd.core.decision import DecisionInput
from syncd.core.event_state.observation import apply_observation
from syncd.core.propagation import rejected_writes
from syncd.engine.deciding import decision_input
from syncd.engine.reading import completed_lookups, remapped_calendars, running_events
from syncd.engine.reading import observe as reading
from syncd.engine.reading import systems as read_systems
from syncd.engine.reading.running_events import RunningEvents
from syncd.engine.writing import recovery, writer
from syncd.model import Changes, Intent, IntentState, Operation, Window
from syncd.store import Store
from tests.engine import test_emptied as emptied
from tests.engine import test_guarded as guarded
from tests.engine import test_ownership as ownership
from tests.engine import test_promises as promises
from tests.engine import test_running_events as lasting
from tests.engine.conftest import Rig, open_rig
from tests.lab.simulate.copied import a_customer_ends_nothing, every_tag_is_ours
from tests.lab.simulate.plants import (
    a_queued_write_counts_as_done,
    history_is_not_kept,
    nobody_is_anybody,
    own_blocks_are_sources,
    the_guard_is_off,
    the_journal_is_not_written,
)
from tests.lab.simulate.plants_of_proof import absence_believed_at_once, one_proof_is_enough
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]
Check = Callable[[Rig], Awaitable[None]]


def what_a_read_touches_was_just_read(patch: Patch) -> None:
    """Plant: a read of a part of an event counts as a read of the event."""

    def was_just_read(operation: Operation, read: Any, _now: Any) -> bool:
        before = operation.before
        return before is not None and any(c.window.overlaps(before) for c in read)

    patch.setattr(writer, "was_just_read", was_just_read)


def a_new_mapping_lets_go_of_all_that_is_not_listed(patch: Patch) -> None:
    patch.setattr(remapped_calendars, "began_before_window", lambda *_given: False)


def one_empty_list_of_a_new_mapping_is_believed(patch: Patch) -> None:
    async def believed(*_given: object) -> bool:
        return False

    patch.setattr(remapped_calendars, "is_in_doubt", believed)


def running_events_are_followed_without_a_bound(patch: Patch) -> None:
    patch.setattr(running_events, "MAX_FOLLOWED", 10**6)


def a_resync_looks_back_as_a_far_read_does(patch: Patch) -> None:
    swap(patch, RunningEvents.look_back, lambda *_given: running_events.FAR_LOOK_BACK)


def doubts_are_never_forgotten(patch: Patch) -> None:
    def keeps_doubts(record: Any, *given: Any) -> Any:
        after, news = apply_observation(record, *given)
        return replace(after, absence_proofs=record.absence_proofs if record else 0), news

    patch.setattr(reading, "apply_observation", keeps_doubts)
    patch.setattr(completed_lookups, "apply_observation", keeps_doubts)


def coverage_is_ignored(patch: Patch) -> None:
    swap(patch, Window.contains, lambda _self, _value: True)
    swap(patch, Store.fingerprints, _every_fingerprint)
    absence_believed_at_once(patch)


def _every_fingerprint(
    self: Store, system: str, _window: Window, _providers: object = None
) -> dict[str, str]:
    records = [r for p in ("p", "q") for r in self.state(p).records if r.system == system]
    return {r.id: r.fingerprint for r in records if r.observed is not None}


def an_unanswered_write_is_repeated_blindly(patch: Patch) -> None:
    async def forget(system: Any, intents: Sequence[Intent], context: Any) -> int:
        mine = [i for i in intents if i.operation.system == system.name]
        dropped = [replace(i, state=IntentState.DROPPED) for i in mine]
        context.store.apply(Changes(intents=dropped))
        return 0

    patch.setattr(read_systems, "recover", forget)


def a_create_is_repeated_before_the_lag_has_passed(patch: Patch) -> None:
    opened = recovery.recover_create

    async def created(system: Any, intent: Intent, context: Any) -> bool:
        return await opened(
            system, replace(intent, opened_at=intent.opened_at - 9 * _LONG), context
        )

    patch.setattr(recovery, "recover_create", created)


_LONG = timedelta(hours=1)


def the_target_is_not_read_again(patch: Patch) -> None:
    async def still_right(_system: Any, batch: Sequence[Operation], *_: Any) -> Sequence[Operation]:
        return list(batch)

    patch.setattr(writer, "still_applies", still_right)


def a_queued_write_is_awaited_for_ever(patch: Patch) -> None:
    patch.setattr(recovery, "DEADLINE", timedelta(days=99))


def a_refused_write_is_tried_for_ever(patch: Patch) -> None:
    patch.setattr(rejected_writes, "MAX_FAILURES", 10_000)


def read_only_calendars_are_written_to(patch: Patch) -> None:
    build_input = decision_input.build_input

    def all_writable(*given: Any, **named: Any) -> DecisionInput:
        found = build_input(*given, **named)
        calendars = {s: replace(c, never_written=False) for s, c in found.calendars.items()}
        return replace(found, calendars=calendars)

    swap(patch, build_input, all_writable)


def the_first_of_two_with_one_tag_is_adopted(patch: Patch) -> None:
    candidates = recovery.create_candidates
    patch.setattr(recovery, "create_candidates", lambda *given: candidates(*given)[:1])


def nobody_looks_whose_a_block_is_before_a_write(patch: Patch) -> None:
    patch.setattr(writer, "foreign_blocks", lambda *_given: set())
    patch.setattr(writer, "was_just_read", lambda *_given: True)


def blocks_are_adopted_before_all_is_read(patch: Patch) -> None:
    patch.setattr(decision_input, "was_read_whole", lambda *_given: True)


async def missing_from_a_list(rig: Rig) -> None:
    await promises.test_absence_from_a_list_removes_nothing(rig, "hidden")


async def empty_list(rig: Rig) -> None:
    await promises.test_absence_from_a_list_removes_nothing(rig, "empty")


ROWS: tuple[tuple[Plant, Check], ...] = (
    (own_blocks_are_sources, promises.test_a_move_moves_each_block_once),
    (absence_believed_at_once, missing_from_a_list),
    (absence_believed_at_once, empty_list),
    (
        one_proof_is_enough,
        promises.test_an_end_needs_as_many_proofs_as_the_platform_demands,
    ),
    (
        doubts_are_never_forgotten,
        promises.test_two_doubts_with_a_sighting_between_them_are_no_proof,
    ),
    (
        coverage_is_ignored,
        promises.test_an_appointment_outside_of_the_window_that_was_read_is_not_gone,
    ),
    (
        an_unanswered_write_is_repeated_blindly,
        promises.test_a_lost_create_is_found_by_its_interval_where_keys_are_stripped,
    ),
    (
        the_journal_is_not_written,
        promises.test_a_lost_create_is_found_by_its_interval_where_keys_are_stripped,
    ),
    (
        a_create_is_repeated_before_the_lag_has_passed,
        promises.test_a_create_is_not_repeated_before_the_lag_has_passed,
    ),
    (
        the_target_is_not_read_again,
        promises.test_a_target_that_changed_since_the_read_is_not_overwritten,
    ),
    (the_guard_is_off, guarded.test_a_mass_deletion_stops_until_a_person_accepts_it),
    (the_guard_is_off, guarded.test_a_shift_of_everything_by_an_hour_stops),
    (
        a_queued_write_counts_as_done,
        promises.test_a_queued_move_counts_only_when_a_read_shows_it,
    ),
    (
        a_queued_write_is_awaited_for_ever,
        promises.test_a_queued_move_that_never_happens_is_planned_anew_after_ten_minutes,
    ),
    (
        a_refused_write_is_tried_for_ever,
        promises.test_three_refusals_become_a_held_conflict_and_the_rest_goes_on,
    ),
    (
        read_only_calendars_are_written_to,
        promises.test_a_read_only_calendar_is_never_written_to,
    ),
    (
        the_first_of_two_with_one_tag_is_adopted,
        ownership.test_two_blocks_with_the_tag_of_an_unanswered_create_are_both_left_alone,
    ),
    (every_tag_is_ours, ownership.test_after_a_lost_state_orphans_are_neither_sources_nor_removed),
    (
        every_tag_is_ours,
        ownership.test_copies_of_a_block_are_busy_time_of_whoever_made_them,
    ),
    (every_tag_is_ours, ownership.test_an_older_state_takes_no_copy_for_its_own),
    (
        a_customer_ends_nothing,
        ownership.test_our_block_with_a_customer_in_it_is_somebodys_appointment,
    ),
    (
        nobody_looks_whose_a_block_is_before_a_write,
        ownership.test_a_block_that_shows_a_customer_just_before_the_write_is_not_removed,
    ),
    (
        blocks_are_adopted_before_all_is_read,
        ownership.test_nothing_is_adopted_before_every_system_was_read_in_full,
    ),
    (what_a_read_touches_was_just_read, lasting.test_a_long_block_is_read_again_before_it_is_moved),
    (
        one_empty_list_of_a_new_mapping_is_believed,
        emptied.test_one_empty_list_of_a_new_mapping_releases_nothing,
    ),
    (a_new_mapping_lets_go_of_all_that_is_not_listed, lasting.newly_mapped_after_90_days),
    (
        running_events_are_followed_without_a_bound,
        lasting.test_more_running_events_than_the_bound_take_turns,
    ),
    (
        a_resync_looks_back_as_a_far_read_does,
        lasting.test_a_leave_entered_later_that_began_long_ago_waits_for_a_resync,
    ),
    (nobody_is_anybody, promises.test_a_twin_is_moved_and_no_block_lies_on_top_of_it),
    (
        history_is_not_kept,
        promises.test_the_history_shows_what_changed_where_and_by_which_rule,
    ),
)


@pytest.mark.prove
@pytest.mark.parametrize(
    ("plant", "check"), ROWS, ids=[f"{p.__name__}-{c.__name__}" for p, c in ROWS]
)
async def test_a_planted_bug_is_caught(
    plant: Plant, check: Check, tmp_path: Path, monkeypatch: Patch
) -> None:
    plant(monkeypatch)
    rig = open_rig(tmp_path / "state.db")
    caught = False
    try:
        await check(rig)
    except (AssertionError, pytest.fail.Exception):
        caught = True
    finally:
        rig.store.close()
    assert caught, f"{plant.__name__} passes {check.__name__}"
