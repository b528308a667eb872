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
    result = cli.run(*command)
    text = " ".join(result.err.split())
    assert (result.code, "there is no terminal for the question" in text, "--yes" in text) == (
        2,
        True,
        True,
    )
    assert look in text
    assert ("--dry-run" in text) == (look == "--dry-run")


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
    text = " ".join(cli.run("resync", "--yes").out.split())
    assert "done, except for writes that are held back" in text
    assert "paused" not in text


def test_a_cleanup_dry_run_lists_tagged_blocks_and_their_option(cli: CliHarness) -> None:
    synced(cli)
    copied(cli, "clinic")
    lose_the_state(cli)
    before = standing_ids(cli)
    result = cli.run("cleanup", "--system", "clinic", "--dry-run")
    text = " ".join(result.out.split())
    assert "clinic: bob · Europe/Berlin" in result.out
    assert "tag occurs once" in text
    assert "nothing was changed" in text
    assert "--tagged bob/clinic" in text
    assert "0 blocks would be removed" not in text
    assert standing_ids(cli) == before


def test_tagged_blocks_that_were_not_chosen_are_listed_last(cli: CliHarness) -> None:
    synced(cli)
    lose_the_state(cli)
    result = cli.run("cleanup", "--yes", "--system", "clinic", "--tagged", "bob/clinic")
    text = " ".join(result.err.split())
    assert result.code == 3, result.out + result.err
    assert "only its tag shows that it is syncd's (--tagged alice/clinic)" in text
    assert "--tagged bob/clinic" not in text


def test_restore_of_a_file_that_is_no_backup_has_a_fitting_remedy(cli: CliHarness) -> None:
    synced(cli)
    file = cli.path.parent / "notes.txt"
    file.write_text("no state\n" * 100)
    text = " ".join(cli.run("restore", file, "--yes").err.split())
    assert "is damaged, or not a syncd state" in text
    assert "that `syncd backup` made" in text
    assert "start without a state" not in text
