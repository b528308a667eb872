"""Consent and plan files through real processes, without a terminal and beside a daemon."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.cli.terminal_session import TerminalSession
from tests.cli.test_question import OTHERS
from tests.end_to_end.test_process import Place, place, ready

pytestmark = [pytest.mark.slow, pytest.mark.prove]

__all__ = ["place"]


async def test_a_first_resync_with_closed_input_writes_nothing(place: Place) -> None:
    before = place.blocks()
    code, _, err = await place.ask("resync")
    assert (code, "there is no terminal for the question" in err) == (2, True)
    assert place.blocks() == before
    code, _, _ = await place.ask("resync", "--yes")
    assert (code, place.wrong()) == (0, [])
    code, _, err = await place.ask("resync")
    assert (code, "--yes" in err) == (0, True)


async def test_a_plan_beside_a_daemon_is_carried_out_by_it_or_refused_whole(place: Place) -> None:
    file = place.path.parent / "plan.json"
    code, out, err = await place.ask("plan", "--out", str(file))
    assert code == 0, err
    assert place.blocks() == 3
    async with place.syncd("run") as daemon:
        await ready(daemon)
        # The daemon has written it all by itself.
        code, out, err = await place.ask("resync", "--plan", str(file))
        assert (code, "refused as a whole" in out) == (4, True), out + err
        assert "planned, no longer needed" in out
        written = place.blocks()
        file.unlink()
        code, out, err = await place.ask("plan", "--out", str(file))
        assert json.loads(file.read_text())["operations"] == []
        code, out, err = await place.ask("resync", "--plan", str(file), "--json")
        assert (code, json.loads(out)["plan"]["refused"]) == (0, False), out + err
        assert place.blocks() == written


async def test_an_undo_beside_a_daemon_shows_the_plan_and_asks(place: Place) -> None:
    _, out, _ = await place.ask("resync", "--yes", "--json")
    run = json.loads(out)["run"]
    written = standing(place)
    async with place.syncd("run") as daemon:
        await ready(daemon)
        code, _, err = await place.ask("undo", run)
        assert (code, "there is no terminal for the question" in err, standing(place)) == (
            2,
            True,
            written,
        )
        code, screen = await asyncio.to_thread(answered, place, run, "n")
        assert (code, "Nothing was written." in screen, standing(place)) == (4, True, written)
        assert "- removed" in screen
        code, screen = await asyncio.to_thread(answered, place, run, "y")
        assert (code, standing(place)) == (0, OTHERS), screen


def standing(place: Place) -> int:
    """Return the number of blocks in all systems."""
    systems = place.world.sandbox.systems.values()
    return sum(not b.deleted for s in systems for b in s.blocks())


def answered(place: Place, run: str, answer: str) -> tuple[int, str]:
    """Undo a run on a terminal; return exit code and screen."""
    session = TerminalSession(place.path.parent, "undo", run)
    try:
        session.answer("Undo these writes? [y/N]", answer)
        return session.wait(), session.screen
    finally:
        session.kill()
