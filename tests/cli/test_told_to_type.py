"""What a command tells a person to type exists there, and what it asks is what it does."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Desk
from tests.cli.test_cleanup import copied, lose_the_state, standing_ids
from tests.cli.test_pausing import observe
from tests.cli.test_undo import synced


@pytest.mark.parametrize(
    ("command", "look"),
    [
        (("cleanup",), "--dry-run"),
        (("undo", "aaaaaaaaaaaa"), "--dry-run"),
        (("probe",), "--dry-run"),
        (("unpause", "clinic"), "`syncd plan`"),
        (("restore", "none.db"), ""),
        (("forget-person", "somebody"), ""),
    ],
)
def test_where_nobody_can_be_asked_the_remedy_names_what_the_command_has(
    desk: Desk, command: tuple[str, ...], look: str
) -> None:
    desk.say("pause", "clinic")
    said = desk.say(*command)
    told = " ".join(said.err.split())
    assert (said.code, "nobody can be asked" in told, "--yes" in told) == (2, True, True)
    assert look in told
    assert ("--dry-run" in told) == (look == "--dry-run")


def test_unpause_does_not_ask_to_write_what_observe_mode_holds_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("syncd.cli.consent.can_ask", lambda: True)
    monkeypatch.setattr("syncd.cli.terminal.confirmed", asked.append)
    desk.say("pause", "clinic")
    observe(desk)
    assert desk.say("unpause", "clinic").code == 4
    assert asked == ["Unpause? Nothing would be written now."]


def test_a_resync_in_observe_mode_does_not_speak_of_a_pause(desk: Desk) -> None:
    observe(desk)
    told = " ".join(desk.say("resync", "--yes").out.split())
    assert "done, but for what is held back" in told
    assert "paused" not in told


def test_a_dry_run_by_tags_lists_what_is_proposed_and_how_to_name_it(desk: Desk) -> None:
    synced(desk)
    copied(desk, "clinic")
    lose_the_state(desk)
    before = standing_ids(desk)
    said = desk.say("cleanup", "--system", "clinic", "--dry-run")
    told = " ".join(said.out.split())
    assert "clinic: bob · Europe/Berlin" in said.out
    assert "tag stands once" in told
    assert "nothing was changed" in told
    assert "--tagged bob/clinic" in told
    assert "0 blocks would be removed" not in told
    assert standing_ids(desk) == before


def test_tagged_blocks_that_a_person_did_not_choose_are_named_at_the_end(desk: Desk) -> None:
    synced(desk)
    lose_the_state(desk)
    said = desk.say("cleanup", "--yes", "--system", "clinic", "--tagged", "bob/clinic")
    told = " ".join(said.err.split())
    assert said.code == 3, said.out + said.err
    assert "only its tag says it is syncd's (--tagged alice/clinic)" in told
    assert "--tagged bob/clinic" not in told


def test_a_file_that_is_no_backup_is_not_told_to_be_moved_away(desk: Desk) -> None:
    synced(desk)
    file = desk.path.parent / "notes.txt"
    file.write_text("no state\n" * 100)
    told = " ".join(desk.say("restore", file, "--yes").err.split())
    assert "is damaged, or not a syncd state" in told
    assert "that `syncd backup` made" in told
    assert "start without a state" not in told
