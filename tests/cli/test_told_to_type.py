"""Remedies name existing options, and questions describe what the command does."""

from __future__ import annotations

import pytest

from tests.cli.conftest import CliHarness
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
def test_without_a_terminal_the_remedy_names_an_existing_option(
    cli: CliHarness, command: tuple[str, ...], look: str
) -> None:
    cli.run("pause", "clinic")
    said = cli.run(*command)
    told = " ".join(said.err.split())
    assert (said.code, "there is no terminal to ask on" in told, "--yes" in told) == (2, True, True)
    assert look in told
    assert ("--dry-run" in told) == (look == "--dry-run")


def test_unpause_in_observe_mode_asks_without_writes(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("syncd.cli.consent.can_ask", lambda: True)
    monkeypatch.setattr("syncd.cli.terminal.confirmed", asked.append)
    cli.run("pause", "clinic")
    observe(cli)
    assert cli.run("unpause", "clinic").code == 4
    assert asked == ["Unpause? Nothing would be written now."]


def test_a_resync_in_observe_mode_mentions_no_pause(cli: CliHarness) -> None:
    observe(cli)
    told = " ".join(cli.run("resync", "--yes").out.split())
    assert "done, except for writes that are held back" in told
    assert "paused" not in told


def test_a_cleanup_dry_run_lists_tagged_blocks_and_their_option(cli: CliHarness) -> None:
    synced(cli)
    copied(cli, "clinic")
    lose_the_state(cli)
    before = standing_ids(cli)
    said = cli.run("cleanup", "--system", "clinic", "--dry-run")
    told = " ".join(said.out.split())
    assert "clinic: bob · Europe/Berlin" in said.out
    assert "tag occurs once" in told
    assert "nothing was changed" in told
    assert "--tagged bob/clinic" in told
    assert "0 blocks would be removed" not in told
    assert standing_ids(cli) == before


def test_tagged_blocks_that_were_not_chosen_are_listed_last(cli: CliHarness) -> None:
    synced(cli)
    lose_the_state(cli)
    said = cli.run("cleanup", "--yes", "--system", "clinic", "--tagged", "bob/clinic")
    told = " ".join(said.err.split())
    assert said.code == 3, said.out + said.err
    assert "only its tag shows that it is syncd's (--tagged alice/clinic)" in told
    assert "--tagged bob/clinic" not in told


def test_restore_of_a_file_that_is_no_backup_has_a_fitting_remedy(cli: CliHarness) -> None:
    synced(cli)
    file = cli.path.parent / "notes.txt"
    file.write_text("no state\n" * 100)
    told = " ".join(cli.run("restore", file, "--yes").err.split())
    assert "is damaged, or not a syncd state" in told
    assert "that `syncd backup` made" in told
    assert "start without a state" not in told
