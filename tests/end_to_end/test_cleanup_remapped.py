"""A provider gets another calendar: what stands in the former one is told, and cleaned up."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.core.cleanup import CleanupScope
from syncd.engine.left_behind import report_left_behind
from syncd.engine.report import RunExit
from syncd.store.left_behind import MissingFrom
from tests.end_to_end.test_cleanup import blocks, clean, of
from tests.end_to_end.virtual import VirtualShop, play


def remap(shop: VirtualShop, system: str) -> None:
    """Give bob another user and calendar in a system."""
    world = shop.world
    seat = world.seed_users[system, "bob"]
    text = shop.path.read_text()
    if system == "crm":
        world.sandbox.crm.add_user("Bob", "bob.two@example.com")
        shop.path.write_text(text.replace(f'"{seat.user}"', '"bob.two@example.com"'))
        return
    platform = world.sandbox.clinic if system == "clinic" else world.sandbox.legacy
    user = platform.add_user("Bob", "bob.two@example.com")
    calendar = platform.add_calendar("Bob", "personal", [user], platform.add_group("More"))
    text = text.replace(f'"{seat.user}"', f'"{user}"')
    shop.path.write_text(text.replace(f'"{seat.calendar}"', f'"{calendar}"'))


@pytest.mark.parametrize("system", ["clinic", "legacy", "crm"])
@pytest.mark.parametrize("ran", [False, True])
def test_what_stands_in_a_former_calendar_is_cleaned_up(
    tmp_path: Path, system: str, ran: bool
) -> None:
    async def scene(shop: VirtualShop) -> None:
        by_hand = blocks(shop)
        await shop.resync()
        former = {b for b in of(shop, "bob") - by_hand if b[0] == system}
        assert former
        remap(shop, system)
        if ran:
            await shop.restart()
            await shop.resync()
            await shop.resync()
        cleaned = await clean(shop, CleanupScope(provider="bob"))
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())
        assert not former & blocks(shop)
        assert by_hand <= blocks(shop)

    play(tmp_path, scene)


@pytest.mark.parametrize("system", ["clinic", "legacy"])
def test_what_stands_in_a_former_calendar_is_told_until_it_is_cleaned_up(
    tmp_path: Path, system: str
) -> None:
    async def scene(shop: VirtualShop) -> None:
        by_hand = blocks(shop)
        await shop.resync()
        former = {b for b in of(shop, "bob") - by_hand if b[0] == system}
        remap(shop, system)
        await shop.restart()
        for _ in range(3):
            await shop.resync()
        assert former <= blocks(shop)
        (told,) = report_left_behind(shop.app.engine)
        assert (told.gone, told.system, told.blocks) == (MissingFrom.FORMER, system, len(former))
        others = blocks(shop) - former
        cleaned = await clean(shop, CleanupScope(system, told.provider))
        assert (cleaned.exit, cleaned.paused) == (RunExit.DONE, [])
        assert blocks(shop) == others
        assert report_left_behind(shop.app.engine) == []

    play(tmp_path, scene)


@pytest.mark.parametrize("system", ["clinic", "legacy", "crm"])
def test_a_provider_who_gets_the_former_calendar_back_has_no_block_twice(
    tmp_path: Path, system: str
) -> None:
    async def scene(shop: VirtualShop) -> None:
        by_hand = blocks(shop)
        await shop.resync()
        bobs = {b for b in of(shop, "bob") - by_hand if b[0] == system}
        text = shop.path.read_text()
        remap(shop, system)
        await shop.restart()
        for _ in range(2):
            await shop.resync()
        shop.path.write_text(text)
        await shop.restart()
        for _ in range(3):
            await shop.resync()
        assert {b for b in of(shop, "bob") - by_hand if b[0] == system} == bobs

    play(tmp_path, scene)


def rename_bob(shop: VirtualShop) -> None:
    """Bob gets another address in LeadSquared, and the configuration names that one."""
    crm, address = shop.world.sandbox.crm, shop.world.seed_users["crm", "bob"].user
    crm.rename_user(address, "robert@example.com")
    text = shop.path.read_text().replace(f'"{address}"', '"robert@example.com"')
    shop.path.write_text(text)


def test_a_renamed_address_is_no_other_calendar(tmp_path: Path) -> None:
    async def scene(shop: VirtualShop) -> None:
        by_hand = blocks(shop)
        await shop.resync()
        rename_bob(shop)
        made = blocks(shop) - by_hand
        await shop.restart()
        for _ in range(2):
            await shop.resync()
        assert blocks(shop) - by_hand == made
        assert report_left_behind(shop.app.engine) == []
        cleaned = await clean(shop)
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())
        assert blocks(shop) == by_hand

    play(tmp_path, scene)


def test_a_renamed_address_is_cleaned_up_before_any_run(tmp_path: Path) -> None:
    async def scene(shop: VirtualShop) -> None:
        by_hand = blocks(shop)
        await shop.resync()
        rename_bob(shop)
        cleaned = await clean(shop)
        assert blocks(shop) == by_hand
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())

    play(tmp_path, scene)
