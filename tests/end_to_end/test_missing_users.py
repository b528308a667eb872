"""Nothing is freed in a calendar whose user is missing and which was not read in full."""

from __future__ import annotations

import pytest

from syncd.engine.report.run_report import RunExit
from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from tests.end_to_end.conftest import Site
from tests.end_to_end.test_hidden_lists import edit

NEW = {"crm": "alice.smith@example.com", "clinic": "alice-anew", "legacy": "alice-anew"}


async def remap(site: Site, old: str, new: str) -> None:
    """Correct the configuration, and restart."""
    await site.app.aclose()
    site.path.write_text(site.path.read_text().replace(f'"{old}"', f'"{new}"'))
    site.start()


def standing(site: Site) -> int:
    """Return the number of blocks on the platforms, whoever owns them now."""
    platforms = site.world.sandbox.systems.values()
    return sum(not block.deleted for platform in platforms for block in platform.blocks())


async def lose_the_state(site: Site) -> None:
    """Delete the database, and keep the file of created ids."""
    await site.app.aclose()
    for suffix in ("", "-wal", "-shm"):
        site.path.with_name(f"state.db{suffix}").unlink(missing_ok=True)
    site.start()


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_state_that_is_lost_while_a_user_is_missing_frees_nothing(
    site: Site, system: str
) -> None:
    await site.resync()
    old, blocks = site.world.seed_users[system, "alice"].user, standing(site)
    site.world.sandbox.systems[system].rename_user(old, NEW[system])
    await lose_the_state(site)
    reports = [await site.resync(), await site.resync()]
    for report in reports:
        assert report.exit is RunExit.UNANSWERED
        assert [(u.provider, u.system) for u in report.unknown] == [("alice", system)]
    assert standing(site) == blocks
    await remap(site, old, NEW[system])
    assert ((await site.resync()).exit, standing(site)) == (RunExit.DONE, blocks)


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_calendar_that_is_unmapped_by_mistake_frees_nothing(
    site: Site, system: str
) -> None:
    await site.resync()
    old, blocks = site.world.seed_users[system, "alice"].user, standing(site)
    await remap(site, old, "alcie@example.com")
    for near in (False, True, False):
        await site.app.engine.poll(near=near)
    assert ((await site.resync()).exit, standing(site)) == (RunExit.UNANSWERED, blocks)
    await remap(site, "alcie@example.com", old)
    assert ((await site.resync()).exit, standing(site)) == (RunExit.DONE, blocks)


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_row_that_cannot_be_read_is_no_sign_of_a_user(site: Site, system: str) -> None:
    """An otherwise empty list shows such a row; a missing user has no calendar."""
    await site.resync()
    old, blocks = site.world.seed_users[system, "alice"].user, standing(site)
    await remap(site, old, "alcie@example.com")
    platform = site.world.sandbox.systems[system]
    true = platform._respond
    edit(site, system, lambda rows: rows or [{"id": "odd", "UserTaskId": "odd"}])
    for near in (False, True, False):
        await site.app.engine.poll(near=near)
    assert standing(site) == blocks
    platform._respond = true  # type: ignore[method-assign]
    await remap(site, "alcie@example.com", old)
    assert ((await site.resync()).exit, standing(site)) == (RunExit.DONE, blocks)
