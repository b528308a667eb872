"""`status` after a lost state lists orphaned blocks."""

from __future__ import annotations

import json

from tests.cli.conftest import Desk


def test_status_lists_orphaned_blocks_after_a_lost_state(desk: Desk) -> None:
    assert desk.say("resync", "--yes").code == 0
    for each in desk.path.parent.glob("state.db*"):
        if each.is_file():  # the folder of nightly backups stays
            each.unlink()
    for system in desk.world.sandbox.systems.values():
        for meeting in system.appointments():
            system.delete(meeting.id)
    assert desk.say("resync", "--yes").code == 0
    told = json.loads(desk.say("status", "--json").out)
    assert told["orphans"] == len(told["orphaned"]) > 0
    assert set(told["orphaned"][0]) == {"provider", "system", "event", "start", "end"}
    assert "have a syncd tag that this state does not know" in desk.say("status").err
