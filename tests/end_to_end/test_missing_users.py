"""A calendar whose user is not there, and which syncd does not know in full: nothing is freed."""

from __future__ import annotations

import pytest

from syncd.engine.report import RunExit
from syncd.sandbox.scenario import SYSTEM_NAMES
from tests.end_to_end.conftest import Shop
from tests.end_to_end.test_hidden_lists import edit

NEW = {"crm": "alice.smith@example.com", "clinic": "alice-anew", "legacy": "alice-anew"}


async def remap(shop: Shop, old: str, new: str) -> None:
    """Correct the configuration, and start again."""
    await shop.app.aclose()
    shop.path.write_text(shop.path.read_text().replace(f'"{old}"', f'"{new}"'))
    shop.start()


def standing(shop: Shop) -> int:
    """How many blocks stand on the platforms, whoever's they are by now."""
    platforms = shop.world.sandbox.systems.values()
    return sum(not block.deleted for platform in platforms for block in platform.blocks())


async def lose_the_state(shop: Shop) -> None:
    """Delete the database; the file of created ids stays."""
    await shop.app.aclose()
    for suffix in ("", "-wal", "-shm"):
        shop.path.with_name(f"state.db{suffix}").unlink(missing_ok=True)
    shop.start()


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_state_that_is_lost_while_a_user_is_missing_frees_nothing(
    shop: Shop, system: str
) -> None:
    await shop.resync()
    old, blocks = shop.world.seed_users[system, "alice"].user, standing(shop)
    shop.world.sandbox.systems[system].rename_user(old, NEW[system])
    await lose_the_state(shop)
    reports = [await shop.resync(), await shop.resync()]
    for report in reports:
        assert report.exit is RunExit.UNANSWERED
        assert [(u.provider, u.system) for u in report.unknown] == [("alice", system)]
    assert standing(shop) == blocks
    await remap(shop, old, NEW[system])
    assert ((await shop.resync()).exit, standing(shop)) == (RunExit.DONE, blocks)


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_calendar_that_is_mapped_to_nobody_by_mistake_frees_nothing(
    shop: Shop, system: str
) -> None:
    await shop.resync()
    old, blocks = shop.world.seed_users[system, "alice"].user, standing(shop)
    await remap(shop, old, "alcie@example.com")
    for near in (False, True, False):
        await shop.app.engine.poll(near=near)
    assert ((await shop.resync()).exit, standing(shop)) == (RunExit.UNANSWERED, blocks)
    await remap(shop, "alcie@example.com", old)
    assert ((await shop.resync()).exit, standing(shop)) == (RunExit.DONE, blocks)


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_row_that_cannot_be_read_is_no_sign_of_a_user(shop: Shop, system: str) -> None:
    """A list that would be empty shows such a row: whose user is not there has no calendar."""
    await shop.resync()
    old, blocks = shop.world.seed_users[system, "alice"].user, standing(shop)
    await remap(shop, old, "alcie@example.com")
    platform = shop.world.sandbox.systems[system]
    true = platform._answer
    edit(shop, system, lambda rows: rows or [{"id": "odd", "UserTaskId": "odd"}])
    for near in (False, True, False):
        await shop.app.engine.poll(near=near)
    assert standing(shop) == blocks
    platform._answer = true  # type: ignore[method-assign]
    await remap(shop, "alcie@example.com", old)
    assert ((await shop.resync()).exit, standing(shop)) == (RunExit.DONE, blocks)
