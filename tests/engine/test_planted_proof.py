"""Plant bugs that skip one part of an absence proof; a test catches each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from syncd.core.event_state.absence import AbsenceVerdict, Evidence, SlotResult, judge_absence
from syncd.engine.reading import evidence
from syncd.engine.reading import observe as reading
from syncd.engine.reading.lookups import Lookups
from syncd.engine.writing import writer
from syncd.model import Changes, UserState
from syncd.systems.errors import PlatformError, RejectedError
from tests.engine import test_proof as proof
from tests.engine.conftest import Rig, open_rig
from tests.lab.simulate.plants import the_guard_is_off
from tests.lab.simulate.plants_of_proof import a_hidden_list_is_believed, one_proof_is_enough
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def unseen(**assumed: Any) -> Callable[[Patch], None]:
    """Return a plant that assumes a part of the proof instead of reading it."""

    def plant(patch: Patch) -> None:
        def assuming(found: Evidence) -> AbsenceVerdict:
            return judge_absence(replace(found, **assumed))

        patch.setattr(evidence, "judge_absence", assuming)

    return plant


def a_refusal_takes_the_system_down(patch: Patch) -> None:
    """Plant: a refusal for one id counts as a fault of the system."""

    async def ask(self: Lookups, record: Any) -> Any:
        return await self.read.system.read_one(record.ref, record.observed), self.read.clock.now()

    swap(patch, Lookups.look_up, ask)


def a_target_that_cannot_be_read_is_written_to(patch: Patch) -> None:
    """Plant: a target whose read is refused is written to."""

    async def unread(_system: Any, store: Any, _clock: Any, ref: Any) -> Any:
        (record,) = store.records(ref.system, [ref.id])
        return record, Changes()

    patch.setattr(writer, "reread", unread)


def nobody_asks_for_what_was_created(patch: Patch) -> None:
    """Plant: after a lost state, an empty list is trusted."""

    async def nothing(*_given: Any) -> None:
        return None

    patch.setattr(reading, "ask_for_created", nothing)


def believes(doubt: Callable[[Rig], None]) -> Callable[[Rig], Awaitable[None]]:
    async def check(rig: Rig) -> None:
        await proof.test_no_deletion_is_believed_while_one_part_of_the_proof_is_missing(rig, doubt)

    return check


async def refused(rig: Rig) -> None:
    fault: Callable[[], PlatformError] = lambda: RejectedError("a", "GET event", status=400)  # noqa: E731
    await proof.test_a_refused_id_affects_only_its_event(rig, fault)


async def hides_one(rig: Rig) -> None:
    await proof.test_after_a_lost_state_a_list_that_hides_one_block_gets_no_second_one(rig, 0)


def with_the_guard_off(plant: Callable[[Patch], None]) -> Callable[[Patch], None]:
    """Disable the guard, which would stop a calendar that vanishes without a proof by id."""

    def both(patch: Patch) -> None:
        plant(patch)
        the_guard_is_off(patch)

    return both


ROWS: dict[str, tuple[Callable[[Patch], None], Callable[[Rig], Awaitable[None]]]] = {
    "the list need not show others": (
        with_the_guard_off(unseen(others_listed=True)),
        believes(proof.the_list_shows_no_other),
    ),
    "a hiding list is whole": (
        unseen(listed_whole=True, others_listed=True),
        believes(proof.the_list_hides_others),
    ),
    "no other id need be read": (unseen(key_reads=True), believes(proof.no_id_is_read)),
    "the user is there": (
        unseen(user=UserState.PRESENT),
        believes(proof.the_user_is_missing),
    ),
    "the time is free": (unseen(slot=SlotResult.OFFERED), believes(proof.the_time_is_not_offered)),
    "one list is enough": (
        one_proof_is_enough,
        proof.test_the_proof_is_two_lists_at_least_the_lag_apart,
    ),
    "a hidden list is believed": (
        a_hidden_list_is_believed,
        proof.test_a_resync_reports_a_list_that_hides_events,
    ),
    "a create is repeated because a hidden list lacks it": (
        a_hidden_list_is_believed,
        proof.test_a_list_that_hides_events_repeats_no_create,
    ),
    "nobody asks for what was created before a loss": (
        nobody_asks_for_what_was_created,
        proof.test_after_a_lost_state_created_ids_of_an_empty_list_are_looked_up,
    ),
    "a list that shows something is believed after a loss": (
        nobody_asks_for_what_was_created,
        hides_one,
    ),
    "a refused id takes the system down": (a_refusal_takes_the_system_down, refused),
    "a write goes on unread": (
        a_target_that_cannot_be_read_is_written_to,
        proof.test_a_write_waits_whose_target_is_refused_and_the_others_go_on,
    ),
}


@pytest.mark.parametrize(("plant", "check"), ROWS.values(), ids=ROWS)
async def test_a_planted_bug_is_caught(
    plant: Callable[[Patch], None],
    check: Callable[[Rig], Awaitable[None]],
    tmp_path: Path,
    monkeypatch: Patch,
) -> None:
    plant(monkeypatch)
    rig = open_rig(tmp_path / "state.db")
    try:
        with pytest.raises(AssertionError):
            await check(rig)
    finally:
        rig.store.close()
