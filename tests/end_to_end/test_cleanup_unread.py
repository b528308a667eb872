"""A cleanup never calls a calendar clean that it could not read, or whose blocks it forgot."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from syncd.core.cleanup import CleanupScope
from syncd.engine.report import RunExit
from syncd.sandbox.faults import Fault, FaultKind
from syncd.sandbox.scenario import SYSTEM_NAMES
from tests.end_to_end.test_cleanup import blocks, clean
from tests.end_to_end.test_hidden_lists import edit
from tests.end_to_end.virtual import VirtualShop, play

DAY = 86400.0


async def lose_state(shop: VirtualShop, *, created: bool) -> None:
    """Begin a new process without the state; with ``created`` the file of created ids is left."""
    await shop.app.aclose()
    for file in shop.path.parent.glob("state.db*"):
        if file.is_file() and not (created and file.name.endswith(".created")):
            file.unlink()
    shop.app = shop.start()


@pytest.mark.parametrize("created", [True, False])
def test_without_a_state_a_system_that_cannot_be_read_is_no_clean_system(
    tmp_path: Path, created: bool
) -> None:
    async def scene(shop: VirtualShop) -> None:
        await shop.resync()
        before = blocks(shop)
        await lose_state(shop, created=created)
        for name in SYSTEM_NAMES:
            fault = Fault(FaultKind.ERROR, status=500)
            shop.world.sandbox.systems[name].faults.add(fault)
        cleaned = await clean(shop)
        assert cleaned.exit is RunExit.UNANSWERED
        assert all(calendar.why for calendar in cleaned.calendars.values())
        assert blocks(shop) == before

    play(tmp_path, scene)


def test_with_the_file_of_created_ids_alone_blocks_of_last_week_go_too(tmp_path: Path) -> None:
    async def scene(shop: VirtualShop) -> None:
        by_hand = blocks(shop)
        await shop.resync()
        await asyncio.sleep(11 * DAY)
        await lose_state(shop, created=True)
        cleaned = await clean(shop)
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())
        assert blocks(shop) == by_hand

    play(tmp_path, scene)


def test_with_the_file_of_created_ids_alone_an_empty_list_proves_nothing(tmp_path: Path) -> None:
    async def scene(shop: VirtualShop) -> None:
        by_hand = blocks(shop)
        await shop.resync()
        await lose_state(shop, created=True)
        for name in SYSTEM_NAMES:
            shop.world.sandbox.systems[name].faults.add(Fault(FaultKind.EMPTY))
        cleaned = await clean(shop)
        left = blocks(shop) - by_hand
        told = sum(c.left + c.unsure for c in cleaned.calendars.values())
        assert (cleaned.exit, told) == (RunExit.UNANSWERED, len(left))
        for name in SYSTEM_NAMES:
            shop.world.sandbox.systems[name].faults.clear()
        cleaned = await clean(shop)
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())
        assert blocks(shop) == by_hand

    play(tmp_path, scene)


@pytest.mark.parametrize("name", SYSTEM_NAMES)
def test_with_the_file_of_created_ids_alone_rows_that_cannot_be_read_prove_nothing(
    tmp_path: Path, name: str
) -> None:
    """They are no sign that a list works, and the blocks that it lacks are told."""

    async def scene(shop: VirtualShop) -> None:
        by_hand = blocks(shop)
        await shop.resync()
        await lose_state(shop, created=True)
        platform, key = shop.world.sandbox.systems[name], _IDS[name]
        true = platform._answer
        edit(shop, name, lambda _rows: [{key: _ODD}])
        cleaned = await clean(shop)
        told = sum(c.left + c.unsure for c in cleaned.calendars.values())
        assert told == len(blocks(shop) - by_hand), str(cleaned.to_json())
        platform._answer = true  # type: ignore[method-assign]
        cleaned = await clean(shop)
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())
        assert blocks(shop) == by_hand

    play(tmp_path, scene)


_IDS = {"crm": "UserTaskId", "clinic": "id", "legacy": "id"}
_ODD = "\ufffd\ufffd"


def test_a_system_that_is_read_and_takes_no_writes_is_named_and_cleaned_up_later(
    tmp_path: Path,
) -> None:
    async def scene(shop: VirtualShop) -> None:
        by_hand = blocks(shop)
        await shop.resync()
        before = blocks(shop)
        sandbox = shop.world.sandbox
        sandbox.clinic.faults.add(Fault(FaultKind.ERROR, method="DELETE", status=403))
        sandbox.legacy.faults.add(Fault(FaultKind.UNAUTHORISED, method="DELETE"))
        sandbox.crm.faults.add(Fault(FaultKind.ERROR, path=".*DeleteTasks", status=500))
        cleaned = await clean(shop)
        assert cleaned.exit is RunExit.UNANSWERED
        assert blocks(shop) == before
        left = sum(calendar.left for calendar in cleaned.calendars.values())
        assert left == len(before - by_hand)
        assert all(c.why and not c.proven for c in cleaned.calendars.values() if c.left)
        for name in SYSTEM_NAMES:
            sandbox.systems[name].faults.clear()
        assert (await clean(shop)).exit is RunExit.DONE
        assert blocks(shop) == by_hand

    play(tmp_path, scene)


def test_blocks_that_somebody_deleted_are_gone_where_their_ids_are_refused(tmp_path: Path) -> None:
    async def scene(shop: VirtualShop) -> None:
        by_hand = blocks(shop)
        legacy = shop.world.sandbox.legacy
        legacy.refuses_deleted = True
        await shop.resync()
        for system, event in blocks(shop) - by_hand:
            if system == "legacy":
                legacy.remove_block(event)
        cleaned = await clean(shop, CleanupScope("legacy"))
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())
        assert sum(c.gone for c in cleaned.calendars.values()) > 0
        assert {b for b in blocks(shop) if b[0] == "legacy"} == {
            b for b in by_hand if b[0] == "legacy"
        }

    play(tmp_path, scene)


def test_standing_blocks_that_are_refused_and_not_listed_are_never_called_gone(
    tmp_path: Path,
) -> None:
    async def scene(shop: VirtualShop) -> None:
        by_hand = blocks(shop)
        legacy = shop.world.sandbox.legacy
        await shop.resync()
        ours = {b for b in blocks(shop) - by_hand if b[0] == "legacy"}
        legacy.faults.add(Fault(FaultKind.EMPTY))
        legacy.faults.add(Fault(FaultKind.ERROR, path="/appointments/.+", status=400))
        cleaned = await clean(shop, CleanupScope("legacy"))
        told = sum(c.left + c.unsure for c in cleaned.calendars.values())
        assert (cleaned.exit, told) == (RunExit.UNANSWERED, len(ours))
        assert sum(c.gone for c in cleaned.calendars.values()) == 0
        legacy.faults.clear()
        cleaned = await clean(shop, CleanupScope("legacy"))
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())
        assert not ours & blocks(shop)

    play(tmp_path, scene)
