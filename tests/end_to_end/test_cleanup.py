"""A clean-up removes everything that syncd made, nothing else, and nothing is made again."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from syncd.cleanup_access import open_cleanup
from syncd.config.load import load
from syncd.core.ownership.cleanup import CleanupScope
from syncd.engine.cleanup.clean_up import clean_up
from syncd.engine.cleanup.report import CleanupReport
from syncd.engine.report.run_report import RunExit
from syncd.lab.sandbox.asgi_transport import AsgiTransport
from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from tests.end_to_end.virtual import VirtualSite, play

Standing = Counter[tuple[str, str]]


def blocks(site: VirtualSite) -> set[tuple[str, str]]:
    """Return every block as (system, id)."""
    return {
        (name, block.id)
        for name, platform in site.world.sandbox.systems.items()
        for block in platform.blocks()
        if not block.deleted
    }


def of(site: VirtualSite, who: str) -> set[tuple[str, str]]:
    """Return the blocks of one provider."""
    seats = {(s, seat.user) for (s, p), seat in site.world.seed_users.items() if p == who}
    return {
        (name, block.id)
        for name, platform in site.world.sandbox.systems.items()
        for block in platform.blocks()
        if not block.deleted and (name, block.user) in seats
    }


def without(site: VirtualSite, who: str) -> None:
    """Remove a provider from the configuration."""
    text = site.path.read_text()
    start = text.index(f"[providers.{who}]")
    end = text.find("[providers.", start + 1)
    end = text.find("[providers.", text.index(f"[providers.{who}.calendars]") + 1)
    site.path.write_text(text[:start] + (text[end:] if end != -1 else ""))


def without_system(site: VirtualSite, system: str) -> None:
    """Remove a system, and every calendar in it, from the configuration."""
    text = site.path.read_text()
    text = re.sub(rf"\[systems\.{system}\]\n.*?\n\n", "", text, flags=re.DOTALL)
    site.path.write_text(re.sub(rf"(?m)^{system} = .*\n", "", text))


async def clean(
    site: VirtualSite,
    scope: CleanupScope = CleanupScope(),  # noqa: B008
    **asked: object,
) -> CleanupReport:
    """Clean up on the state of the site."""
    sandbox = site.world.sandbox
    settings = load(site.path, {})
    async with open_cleanup(
        settings,
        site.app.store,
        scope,
        clock=site.clock,
        transports={name: AsgiTransport(sandbox.apps[name]) for name in SYSTEM_NAMES},
    ) as job:
        return await clean_up(job, dry_run=False, **asked)  # type: ignore[arg-type]


def test_a_provider_that_left_is_cleaned_up_and_others_keep_their_blocks(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        by_hand = blocks(site)
        await site.resync()
        made = blocks(site) - by_hand
        carols = of(site, "carol") - by_hand
        assert carols
        without(site, "carol")
        await site.restart()
        await site.resync()
        cleaned = await clean(site, CleanupScope(provider="carol"))
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())
        assert blocks(site) == by_hand | (made - carols)
        assert {(p, s) for p, s in cleaned.calendars} == {("carol", s) for s in SYSTEM_NAMES}
        assert sum(c.removed for c in cleaned.calendars.values()) == len(carols)
        assert all(c.proven for c in cleaned.calendars.values())
        assert cleaned.paused == []
        await site.resync()
        assert blocks(site) == by_hand | (made - carols)

    play(tmp_path, scene)


@pytest.mark.parametrize("ran", [False, True])
def test_a_calendar_or_system_that_left_is_cleaned_up_with_known_settings(
    tmp_path: Path, ran: bool
) -> None:
    async def scene(site: VirtualSite) -> None:
        by_hand = blocks(site)
        await site.resync()
        made = {b for b in blocks(site) - by_hand if b[0] == "clinic"}
        text = site.path.read_text()
        text = text.replace(f'token = "{site.world.sandbox.clinic.token}"', 'token = {file="tok"}')
        (tmp_path / "tok").write_text(site.world.sandbox.clinic.token)
        (tmp_path / "tok").chmod(0o600)
        site.path.write_text(text)
        await site.restart()
        without_system(site, "clinic")
        await site.restart()
        if ran:
            await site.resync()
        cleaned = await clean(site, CleanupScope(system="clinic"))
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())
        assert not {b for b in blocks(site) - by_hand if b[0] == "clinic"}
        assert sum(c.removed for c in cleaned.calendars.values()) == len(made)

    play(tmp_path, scene)


def test_everything_is_cleaned_up_paused_and_does_not_come_back(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        by_hand = blocks(site)
        await site.resync()
        cleaned = await clean(site)
        assert cleaned.exit is RunExit.DONE, str(cleaned.to_json())
        assert blocks(site) == by_hand
        assert cleaned.paused == sorted(SYSTEM_NAMES)
        site.world.book("crm", "alice", site.world.at(3, 18))
        await site.resync()
        await site.restart()
        await site.resync()
        assert blocks(site) == by_hand

    play(tmp_path, scene)
