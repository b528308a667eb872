"""No calendar is reported as clean that was not read, or whose blocks are unknown."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from syncd.core.ownership.cleanup import CleanupScope
from syncd.engine.report.run_report import RunExit
from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from tests.end_to_end.test_cleanup import blocks, clean
from tests.end_to_end.test_hidden_lists import edit
from tests.end_to_end.virtual import VirtualSite, play

DAY = 86400.0


async def lose_state(site: VirtualSite, *, created: bool) -> None:
    """Restart without the state; with ``created`` the file of created ids is kept."""
    await site.app.aclose()
    for file in site.path.parent.glob("state.db*"):
        if file.is_file() and not (created and file.name.endswith(".created")):
            file.unlink()
    site.app = site.start()


@pytest.mark.parametrize("created", [True, False])
def test_without_a_state_a_system_that_cannot_be_read_is_no_clean_system(
    tmp_path: Path, created: bool
) -> None:
    async def scene(site: VirtualSite) -> None:
        await site.resync()
        before = blocks(site)
        await lose_state(site, created=created)
        for name in SYSTEM_NAMES:
            fault = Fault(FaultKind.ERROR, status=500)
            site.world.sandbox.systems[name].faults.add(fault)
        cleaned = await clean(site)
        assert cleaned.exit is RunExit.UNANSWERED
        assert all(calendar.why for calendar in cleaned.calendars.values())
        assert blocks(site) == before

    play(tmp_path, scene)


def test_a_cleanup_reads_again_although_failed_reads_opened_the_breaker(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        by_hand = blocks(site)
        await site.resync()
        site.world.sandbox.crm.faults.add(Fault(FaultKind.ERROR, status=500, times=6))
        cleaned = await clean(site)
        assert (cleaned.exit, blocks(site)) == (RunExit.DONE, by_hand)

    play(tmp_path, scene)


def test_with_the_file_of_created_ids_alone_blocks_of_last_week_go_too(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        by_hand = blocks(site)
        await site.resync()
        await asyncio.sleep(11 * DAY)
        await lose_state(site, created=True)
        cleaned = await clean(site)
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())
        assert blocks(site) == by_hand

    play(tmp_path, scene)


def test_with_the_file_of_created_ids_alone_an_empty_list_proves_nothing(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        by_hand = blocks(site)
        await site.resync()
        await lose_state(site, created=True)
        for name in SYSTEM_NAMES:
            site.world.sandbox.systems[name].faults.add(Fault(FaultKind.EMPTY))
        cleaned = await clean(site)
        remaining = blocks(site) - by_hand
        total = sum(c.left + c.unproven for c in cleaned.calendars.values())
        assert (cleaned.exit, total) == (RunExit.UNANSWERED, len(remaining))
        for name in SYSTEM_NAMES:
            site.world.sandbox.systems[name].faults.clear()
        cleaned = await clean(site)
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())
        assert blocks(site) == by_hand

    play(tmp_path, scene)


@pytest.mark.parametrize("name", SYSTEM_NAMES)
def test_with_the_file_of_created_ids_alone_rows_that_cannot_be_read_prove_nothing(
    tmp_path: Path, name: str
) -> None:
    """Unreadable rows do not show that a list works; blocks missing from it are reported."""

    async def scene(site: VirtualSite) -> None:
        by_hand = blocks(site)
        await site.resync()
        await lose_state(site, created=True)
        platform, key = site.world.sandbox.systems[name], _IDS[name]
        true = platform._respond
        edit(site, name, lambda _rows: [{key: _ODD}])
        cleaned = await clean(site)
        total = sum(c.left + c.unproven for c in cleaned.calendars.values())
        assert total == len(blocks(site) - by_hand), str(cleaned.to_json())
        platform._respond = true  # type: ignore[method-assign]
        cleaned = await clean(site)
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())
        assert blocks(site) == by_hand

    play(tmp_path, scene)


_IDS = {"crm": "UserTaskId", "clinic": "id", "legacy": "id"}
_ODD = "\ufffd\ufffd"


def test_a_system_that_is_read_and_takes_no_writes_is_named_and_cleaned_up_later(
    tmp_path: Path,
) -> None:
    async def scene(site: VirtualSite) -> None:
        by_hand = blocks(site)
        await site.resync()
        before = blocks(site)
        sandbox = site.world.sandbox
        sandbox.clinic.faults.add(Fault(FaultKind.ERROR, method="DELETE", status=403))
        sandbox.legacy.faults.add(Fault(FaultKind.UNAUTHORISED, method="DELETE"))
        sandbox.crm.faults.add(Fault(FaultKind.ERROR, path=".*DeleteTasks", status=500))
        cleaned = await clean(site)
        assert cleaned.exit is RunExit.UNANSWERED
        assert blocks(site) == before
        remaining = sum(calendar.left for calendar in cleaned.calendars.values())
        assert remaining == len(before - by_hand)
        assert all(c.why and not c.proven for c in cleaned.calendars.values() if c.left)
        for name in SYSTEM_NAMES:
            sandbox.systems[name].faults.clear()
        assert (await clean(site)).exit is RunExit.DONE
        assert blocks(site) == by_hand

    play(tmp_path, scene)


def test_blocks_that_somebody_deleted_are_gone_where_their_ids_are_refused(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        by_hand = blocks(site)
        legacy = site.world.sandbox.legacy
        legacy.refuses_deleted = True
        await site.resync()
        for system, event in blocks(site) - by_hand:
            if system == "legacy":
                legacy.remove_block(event)
        cleaned = await clean(site, CleanupScope("legacy"))
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())
        assert sum(c.gone for c in cleaned.calendars.values()) > 0
        assert {b for b in blocks(site) if b[0] == "legacy"} == {
            b for b in by_hand if b[0] == "legacy"
        }

    play(tmp_path, scene)


def test_existing_blocks_that_are_refused_and_unlisted_do_not_count_as_deleted(
    tmp_path: Path,
) -> None:
    async def scene(site: VirtualSite) -> None:
        by_hand = blocks(site)
        legacy = site.world.sandbox.legacy
        await site.resync()
        ours = {b for b in blocks(site) - by_hand if b[0] == "legacy"}
        legacy.faults.add(Fault(FaultKind.EMPTY))
        legacy.faults.add(Fault(FaultKind.ERROR, path="/appointments/.+", status=400))
        cleaned = await clean(site, CleanupScope("legacy"))
        total = sum(c.left + c.unproven for c in cleaned.calendars.values())
        assert (cleaned.exit, total) == (RunExit.UNANSWERED, len(ours))
        assert sum(c.gone for c in cleaned.calendars.values()) == 0
        legacy.faults.clear()
        cleaned = await clean(site, CleanupScope("legacy"))
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())
        assert not ours & blocks(site)

    play(tmp_path, scene)
