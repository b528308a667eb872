"""Plant bugs in the probe; each is caught by a test that passes without it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from syncd.engine.probing.canaries import Canaries
from syncd.engine.reading import observe as observing
from syncd.model.platform_facts import NO
from syncd.systems import transport
from syncd.systems.errors import PlatformError
from syncd.systems.leadconnector import probing
from tests.engine import test_probing as tests
from tests.engine import test_probing_interrupts as interrupts
from tests.engine.probed import Office, an_office
from tests.planted.swap import swap

Plant = Callable[[pytest.MonkeyPatch], None]


def nothing_is_cleared(patch: pytest.MonkeyPatch) -> None:
    """Plant: the canary of a dead probe is not removed."""

    async def clear(_self: Canaries, only: str | None = None) -> None:
        del only

    swap(patch, Canaries.clear, clear)


def calls_are_not_counted(patch: pytest.MonkeyPatch) -> None:
    """Plant: the call limit is not enforced."""
    patch.setattr(transport, "take_call", lambda _system, _call: None)


def any_fault_is_an_answer(patch: pytest.MonkeyPatch) -> None:
    """Plant: any answer of the platform is stored as a fact."""
    inner = probing.ProbeSteps.by_id

    async def by_id(self: probing.ProbeSteps) -> Mapping[str, str]:
        try:
            return await inner(self)
        except PlatformError:
            return {"block_by_id": NO}

    swap(patch, inner, by_id)


def cycles_see_canaries(patch: pytest.MonkeyPatch) -> None:
    """Plant: a decision sees the canary of a probe."""
    patch.setattr(observing, "without_canaries", lambda snapshot, _known, _event: snapshot)


def the_end_keeps_the_block(patch: pytest.MonkeyPatch) -> None:
    """Plant: a stop signal prevents the removal of the canary."""
    patch.setattr(transport, "may_send_while_stopping", lambda: False)


async def _dies(office: Office, folder: Path) -> None:
    del office
    await interrupts.test_the_next_probe_removes_what_a_dead_one_left(folder)


async def _fails(office: Office, _folder: Path) -> None:
    await tests.test_calls_stay_within_what_was_agreed_to_whatever_fails(office, "")


async def _errs(office: Office, _folder: Path) -> None:
    await tests.test_a_server_error_is_no_answer_and_notes_no_fact(office)


async def _beside(office: Office, _folder: Path) -> None:
    await tests.test_cycles_beside_a_probe_do_not_see_its_blocks(office, ("clinic",))


async def _ends(office: Office, _folder: Path) -> None:
    await tests.test_a_stop_signal_removes_the_probe_block_at_once(office, "clinic")


Test = Callable[[Office, Path], Awaitable[None]]


@pytest.mark.parametrize(
    ("plant", "test"),
    [
        (nothing_is_cleared, _dies),
        (calls_are_not_counted, _fails),
        (any_fault_is_an_answer, _errs),
        pytest.param(cycles_see_canaries, _beside, marks=pytest.mark.prove),
        (the_end_keeps_the_block, _ends),
    ],
    ids=lambda each: each.__name__.strip("_"),
)
async def test_a_planted_bug_in_the_probe_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: Plant, test: Test
) -> None:
    plant(monkeypatch)
    (tmp_path / "office").mkdir()
    (tmp_path / "other").mkdir()
    office = an_office(tmp_path / "office")
    with pytest.raises(AssertionError):
        await test(office, tmp_path / "other")
    office.app.store.close()
