"""Blocks in a provider's former calendar are reported and can be cleaned up."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.core.ownership.cleanup import CleanupScope
from syncd.engine.cleanup.left_behind import report_left_behind
from syncd.engine.report.run_report import RunExit
from syncd.store.queries.left_behind import RemovedPart
from tests.end_to_end.test_cleanup import blocks, clean, of
from tests.end_to_end.virtual import VirtualSite, play


def remap(site: VirtualSite, system: str) -> None:
    """Map Bob to another user and calendar in a system."""
    world = site.world
    seat = world.seed_users[system, "bob"]
    text = site.path.read_text()
    if system == "crm":
        world.sandbox.crm.add_user("Bob", "bob.two@example.com")
        site.path.write_text(text.replace(f'"{seat.user}"', '"bob.two@example.com"'))
        return
    platform = world.sandbox.clinic if system == "clinic" else world.sandbox.legacy
    user = platform.add_user("Bob", "bob.two@example.com")
    calendar = platform.add_calendar("Bob", "personal", [user], platform.add_group("More"))
    text = text.replace(f'"{seat.user}"', f'"{user}"')
    site.path.write_text(text.replace(f'"{seat.calendar}"', f'"{calendar}"'))


@pytest.mark.prove
@pytest.mark.parametrize("system", ["clinic", "legacy", "crm"])
@pytest.mark.parametrize("ran", [False, True])
def test_blocks_in_a_former_calendar_are_cleaned_up(tmp_path: Path, system: str, ran: bool) -> None:
    async def scene(site: VirtualSite) -> None:
        by_hand = blocks(site)
        await site.resync()
        former = {b for b in of(site, "bob") - by_hand if b[0] == system}
        assert former
        remap(site, system)
        if ran:
            await site.restart()
            await site.resync()
            await site.resync()
        cleaned = await clean(site, CleanupScope(provider="bob"))
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())
        assert not former & blocks(site)
        assert by_hand <= blocks(site)

    play(tmp_path, scene)


@pytest.mark.parametrize("system", ["clinic", "legacy"])
def test_blocks_in_a_former_calendar_are_reported_until_cleaned_up(
    tmp_path: Path, system: str
) -> None:
    async def scene(site: VirtualSite) -> None:
        by_hand = blocks(site)
        await site.resync()
        former = {b for b in of(site, "bob") - by_hand if b[0] == system}
        remap(site, system)
        await site.restart()
        for _ in range(3):
            await site.resync()
        assert former <= blocks(site)
        (reported,) = report_left_behind(site.app.engine)
        assert (reported.removed, reported.system, reported.blocks) == (
            RemovedPart.FORMER,
            system,
            len(former),
        )
        others = blocks(site) - former
        cleaned = await clean(site, CleanupScope(system, reported.provider))
        assert (cleaned.exit, cleaned.paused) == (RunExit.DONE, [])
        assert blocks(site) == others
        assert report_left_behind(site.app.engine) == []

    play(tmp_path, scene)


@pytest.mark.prove
@pytest.mark.parametrize("system", ["clinic", "legacy", "crm"])
def test_mapping_the_former_calendar_again_makes_no_duplicate_blocks(
    tmp_path: Path, system: str
) -> None:
    async def scene(site: VirtualSite) -> None:
        by_hand = blocks(site)
        await site.resync()
        bobs = {b for b in of(site, "bob") - by_hand if b[0] == system}
        text = site.path.read_text()
        remap(site, system)
        await site.restart()
        for _ in range(2):
            await site.resync()
        site.path.write_text(text)
        await site.restart()
        for _ in range(3):
            await site.resync()
        assert {b for b in of(site, "bob") - by_hand if b[0] == system} == bobs

    play(tmp_path, scene)


def rename_bob(site: VirtualSite) -> None:
    """Change Bob's address in LeadSquared and in the configuration."""
    crm, address = site.world.sandbox.crm, site.world.seed_users["crm", "bob"].user
    crm.rename_user(address, "robert@example.com")
    text = site.path.read_text().replace(f'"{address}"', '"robert@example.com"')
    site.path.write_text(text)


def test_a_renamed_address_is_no_other_calendar(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        by_hand = blocks(site)
        await site.resync()
        rename_bob(site)
        made = blocks(site) - by_hand
        await site.restart()
        for _ in range(2):
            await site.resync()
        assert blocks(site) - by_hand == made
        assert report_left_behind(site.app.engine) == []
        cleaned = await clean(site)
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())
        assert blocks(site) == by_hand

    play(tmp_path, scene)


def test_a_renamed_address_is_cleaned_up_before_any_run(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        by_hand = blocks(site)
        await site.resync()
        rename_bob(site)
        cleaned = await clean(site)
        assert blocks(site) == by_hand
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())

    play(tmp_path, scene)
