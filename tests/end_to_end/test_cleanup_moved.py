"""A clean-up removes syncd's blocks even if people moved or renamed them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from syncd.core.ownership.cleanup import CleanupScope, OwnershipDoubt
from syncd.engine.report.run_report import RunExit
from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.lab.sandbox.merged_users import merge_users
from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from tests.end_to_end.test_cleanup import blocks, clean, of
from tests.end_to_end.test_cleanup_unread import lose_state
from tests.end_to_end.virtual import VirtualSite, play


def give(site: VirtualSite, system: str, block: str, who: str) -> None:
    """Move a block into another provider's calendar by hand."""
    sandbox, user = site.world.sandbox, site.world.seed_users[system, who].user
    if system == "crm":
        task = sandbox.crm.tasks.get(block)
        assert task is not None
        owner = next(u.id for u in sandbox.crm.users.values() if u.email == user)
        sandbox.crm.tasks.put(block, replace(task, owner=owner))
        return
    platform = sandbox.clinic if system == "clinic" else sandbox.legacy
    closure = platform.stored_blocks.get(block)
    assert closure is not None
    platform.stored_blocks.put(block, replace(closure, user=user))


@pytest.mark.parametrize("fault", [None, FaultKind.LOSE_BEFORE, FaultKind.LOSE_AFTER])
def test_a_block_that_was_moved_into_anothers_calendar_goes_with_its_provider(
    tmp_path: Path, fault: FaultKind | None
) -> None:
    async def scene(site: VirtualSite) -> None:
        by_hand = blocks(site)
        await site.resync()
        made = blocks(site) - by_hand
        bobs = of(site, "bob") & made
        for system in SYSTEM_NAMES:
            give(site, system, min(b for s, b in bobs if s == system), "alice")
        if fault is not None:
            for system in SYSTEM_NAMES:
                refused = Fault(fault, path=".*Delete|.*(events|appointments)/.+", times=4)
                site.world.sandbox.systems[system].faults.add(refused)
            await clean(site, CleanupScope(provider="bob"))
            for system in SYSTEM_NAMES:
                site.world.sandbox.systems[system].faults.clear()
            await site.restart(killed=True)
        cleaned = await clean(site, CleanupScope(provider="bob"))
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())
        assert blocks(site) == by_hand | (made - bobs)
        if fault is None:
            assert sum(c.removed for c in cleaned.calendars.values()) == len(bobs)

    play(tmp_path, scene)


@pytest.mark.parametrize("ran", [False, True])
def test_a_provider_with_another_name_gets_no_block_again_after_a_cleanup_of_the_old_name(
    tmp_path: Path, ran: bool
) -> None:
    async def scene(site: VirtualSite) -> None:
        by_hand = blocks(site)
        await site.resync()
        made = blocks(site) - by_hand
        carols = of(site, "carol") & made
        text = site.path.read_text().replace("[providers.carol", "[providers.caroline")
        site.path.write_text(text)
        await site.restart()
        if ran:
            await site.resync()
        cleaned = await clean(site, CleanupScope(provider="carol"))
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())
        # Once they were read under the new name, they are no business of the old one.
        remaining = made if ran else made - carols
        assert blocks(site) == by_hand | remaining
        await site.restart()
        await site.resync()
        await site.resync()
        assert blocks(site) == by_hand | remaining
        assert bool(cleaned.paused) is not ran

    play(tmp_path, scene)


def test_marked_blocks_that_no_meeting_explains_are_not_called_nothing(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        await site.resync()
        await lose_state(site, created=False)
        world = site.world
        for system in SYSTEM_NAMES:
            platform = world.sandbox.systems[system]
            for each in platform.appointments():
                if each.user == world.seed_users[system, "alice"].user:
                    platform.cancel(each.id)
        for _ in range(2):
            await site.resync()
        cleaned = await clean(site)
        tagged = {t.event.id for c in cleaned.calendars.values() for t in c.tagged}
        assert tagged
        assert tagged <= {block for _, block in blocks(site)}
        assert cleaned.exit is RunExit.CONFLICTS
        assert cleaned.to_json()["done"] is False

    play(tmp_path, scene)


def test_blocks_that_a_person_chose_prove_nothing_of_the_others(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        by_hand = blocks(site)
        await site.resync()
        alices = of(site, "alice") - by_hand
        made = blocks(site) - by_hand
        await lose_state(site, created=False)
        await clean(site, chosen=alices)
        assert blocks(site) == by_hand | (made - alices)
        again = await clean(site)
        proposed = {
            (t.event.system, t.event.id)
            for c in again.calendars.values()
            for t in c.tagged
            if t.doubt is None
        }
        assert (again.by_tag, again.exit) == (True, RunExit.CONFLICTS)
        assert proposed == made - alices

    play(tmp_path, scene)


def test_an_empty_list_of_a_missing_user_proves_no_deletion(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        by_hand = blocks(site)
        await site.resync()
        carols = {b for b in of(site, "carol") - by_hand if b[0] == "clinic"}
        clinic = site.world.sandbox.clinic
        clinic.rename_user(site.world.seed_users["clinic", "carol"].user, "another-id")
        cleaned = await clean(site, CleanupScope("clinic", "carol"))
        assert carols <= blocks(site)
        (calendar,) = cleaned.calendars.values()
        assert (cleaned.exit, calendar.left) == (RunExit.UNANSWERED, len(carols))
        assert "no longer has the user of this calendar" in calendar.why
        old = f'"{site.world.seed_users["clinic", "carol"].user}"'
        site.path.write_text(site.path.read_text().replace(old, '"another-id"'))
        cleaned = await clean(site, CleanupScope("clinic", "carol"))
        assert not carols & blocks(site)

    play(tmp_path, scene)


def test_a_block_that_got_a_customer_stays_and_is_reported_each_time(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        by_hand = blocks(site)
        await site.resync()
        crm = site.world.sandbox.crm
        block = min(b for s, b in blocks(site) - by_hand if s == "crm")
        task = crm.tasks.get(block)
        assert task is not None
        crm.tasks.put(block, replace(task, lead=site.world.seed_users["crm", "bob"].contact))
        for _ in range(2):
            cleaned = await clean(site)
            reported = {(t.event.id, t.doubt) for c in cleaned.calendars.values() for t in c.tagged}
            assert reported == {(block, OwnershipDoubt.CUSTOMER)}
            assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())
            assert blocks(site) == by_hand | {("crm", block)}

    play(tmp_path, scene)


def test_a_block_whose_user_was_merged_away_stays_when_the_other_one_is_cleaned_up(
    tmp_path: Path,
) -> None:
    """The lists show Bob's blocks as Alice's, and nothing proves that his time is free."""

    async def scene(site: VirtualSite) -> None:
        await site.resync()
        made = blocks(site)
        bobs = {each for each in of(site, "bob") & made if each[0] == "legacy"}
        sandbox, seats = site.world.sandbox, site.world.seed_users
        merged = merge_users(
            sandbox.legacy, seats["legacy", "bob"].user, seats["legacy", "alice"].user
        )
        await clean(site, CleanupScope(provider="alice"))
        assert bobs
        assert bobs <= blocks(site)
        merged.undo()

    play(tmp_path, scene)
