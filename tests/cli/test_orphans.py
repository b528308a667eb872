"""`status` after a lost state lists orphaned blocks."""

from __future__ import annotations

import json

from tests.cli.conftest import CliHarness


def test_status_lists_orphaned_blocks_after_a_lost_state(cli: CliHarness) -> None:
    assert cli.run("resync", "--yes").code == 0
    for each in cli.path.parent.glob("state.db*"):
        if each.is_file():  # the folder of nightly backups stays
            each.unlink()
    for system in cli.world.sandbox.systems.values():
        for meeting in system.appointments():
            system.delete(meeting.id)
    assert cli.run("resync", "--yes").code == 0
    data = json.loads(cli.run("status", "--json").out)
    assert data["orphans"] == len(data["orphaned"]) > 0
    assert set(data["orphaned"][0]) == {"provider", "system", "event", "start", "end"}
    assert "have a syncd tag that this state does not know" in cli.run("status").err
