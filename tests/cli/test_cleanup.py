"""The command `syncd cleanup`, on the emulators."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from syncd.daemon.lock import StateLock
from tests.cli.conftest import CliHarness
from tests.cli.test_left_behind_view import without
from tests.cli.test_undo import blocks, synced


def test_a_provider_that_left_the_configuration_is_shown_and_cleaned_up(cli: CliHarness) -> None:
    synced(cli)
    before = blocks(cli)
    without(cli, "provider")
    dry = cli.run("cleanup", "--provider", "bob", "--dry-run")
    assert dry.code == 0, dry.err
    assert "bob · Europe/Berlin" in dry.out
    assert max(len(line) for line in dry.out.splitlines()) <= 80
    assert blocks(cli) == before
    result = cli.run("cleanup", "--provider", "bob", "--yes")
    assert (result.code, "none is left" in result.out) == (0, True), result.err
    assert blocks(cli) < before
    assert json.loads(cli.run("status", "--json").out)["left_behind"] == []


def test_a_cleanup_without_a_terminal_needs_yes(cli: CliHarness) -> None:
    synced(cli)
    before = blocks(cli)
    result = cli.run("cleanup")
    assert (result.code, "--yes" in result.err, blocks(cli)) == (2, True, before)


def lose_the_state(cli: CliHarness) -> None:
    """Delete the state and the file of created ids."""
    for file in cli.path.parent.glob("state.db*"):
        if file.is_file():
            file.unlink()


def copied(cli: CliHarness, system: str) -> tuple[str, str]:
    """Copy one of syncd's blocks into another calendar; return the ids of original and copy."""
    platform = cli.world.sandbox.systems[system]
    ours = next(b for b in platform.blocks() if not b.deleted and "Busy" in b.title)
    bob, start = cli.world.seed_users[system, "bob"], cli.world.at(9, 10)
    return ours.id, platform.copy_block(ours.id, bob.user, start, cli.world.at(9, 11))


def standing_ids(cli: CliHarness) -> set[str]:
    """Return the ids of all blocks."""
    platforms = cli.world.sandbox.systems.values()
    return {b.id for p in platforms for b in p.blocks() if not b.deleted}


def test_without_a_state_blocks_with_a_unique_tag_are_removed_and_copies_stay(
    cli: CliHarness,
) -> None:
    by_hand = standing_ids(cli)
    synced(cli)
    pairs = [copied(cli, system) for system in ("crm", "clinic", "legacy")]
    cli.run("resync", "--yes")
    lose_the_state(cli)
    before = standing_ids(cli)
    refused = cli.run("cleanup", "--yes")
    assert refused.code == 2, refused.out
    assert "nothing proves which blocks syncd made" in " ".join(refused.err.split())
    assert standing_ids(cli) == before
    dry = json.loads(cli.run("cleanup", "--dry-run", "--json").out)
    proposed = {t["event"] for c in dry["calendars"] for t in c["tagged"] if t["doubt"] is None}
    repeated = {t["event"] for c in dry["calendars"] for t in c["tagged"] if t["doubt"]}
    assert {event for pair in pairs for event in pair} <= repeated
    assert proposed
    assert not proposed & by_hand
    named = [f"{c['provider']}/{c['system']}" for c in dry["calendars"]]
    options = [part for name in named for part in ("--tagged", name)]
    result = cli.run("cleanup", "--yes", "--json", *options)
    assert result.code == 3, result.out + result.err
    after = standing_ids(cli)
    assert before - after == proposed
    assert {event for pair in pairs for event in pair} <= after


def test_with_a_state_only_blocks_with_a_known_id_are_removed(cli: CliHarness) -> None:
    by_hand = standing_ids(cli)
    synced(cli)
    copies = {copied(cli, system)[1] for system in ("crm", "clinic", "legacy")}
    result = cli.run("cleanup", "--yes")
    assert result.code == 0, result.out + result.err
    assert standing_ids(cli) == by_hand | copies
    assert "copied it from a block of syncd" in " ".join(result.err.split())


def test_with_only_the_created_ids_file_all_blocks_are_removed(cli: CliHarness) -> None:
    by_hand = standing_ids(cli)
    synced(cli)
    copies = {copied(cli, system)[1] for system in ("crm", "clinic", "legacy")}
    (cli.path.parent / "state.db").unlink()
    for file in cli.path.parent.glob("state.db-*"):
        file.unlink()
    result = cli.run("cleanup", "--yes")
    assert result.code == 0, result.out + result.err
    assert standing_ids(cli) == by_hand | copies


def test_a_system_that_fails_is_named_and_the_others_are_cleaned_up(
    cli: CliHarness,
) -> None:
    by_hand = standing_ids(cli)
    synced(cli)
    clinic = cli.world.sandbox.clinic
    token = clinic.token
    clinic.token = "another"
    result = cli.run("cleanup", "--yes")
    assert result.code == 4, result.out
    assert "clinic: alice" in " ".join(result.err.split())
    left = standing_ids(cli) - by_hand
    assert left
    assert left <= {b.id for b in clinic.blocks()}
    clinic.token = token
    assert cli.run("cleanup", "--yes").code == 0
    assert standing_ids(cli) == by_hand


def test_giving_up_a_system_forgets_its_blocks_and_is_recorded(cli: CliHarness) -> None:
    synced(cli)
    refused = cli.run("cleanup", "--give-up", "clinic", "--yes")
    assert (refused.code, "is still in the configuration" in refused.err) == (2, True)
    without(cli, "system")
    barred = cli.run("cleanup", "--system", "clinic", "--yes")
    assert barred.code == 4
    shown = " ".join(barred.err.split())
    assert "were in the configuration file" in shown
    assert "--give-up clinic" in shown
    result = cli.run("cleanup", "--give-up", "clinic", "--yes")
    assert (result.code, "syncd forgot" in result.out) == (0, True), result.err
    assert json.loads(cli.run("status", "--json").out)["left_behind"] == []
    assert "given-up" in cli.run("history", "--json").out
    unknown = cli.run("cleanup", "--give-up", "nowhere", "--yes")
    assert unknown.code == 2


def test_a_cleanup_with_the_state_of_another_account_removes_nothing(cli: CliHarness) -> None:
    synced(cli)
    before = standing_ids(cli)
    text = cli.path.read_text()
    clinic = cli.world.sandbox.clinic
    cli.path.write_text(text.replace(clinic.location_id, "anotherLocation"))
    result = cli.run("cleanup", "--system", "clinic", "--yes")
    assert result.code == 4
    assert "another installation or account" in " ".join(result.err.split())
    assert standing_ids(cli) == before


def test_an_unknown_name_is_refused_and_the_known_names_are_listed(cli: CliHarness) -> None:
    synced(cli)
    result = cli.run("cleanup", "--provider", "bobby", "--yes")
    assert (result.code, "alice, bob, carol" in " ".join(result.err.split())) == (2, True)


def test_a_cleanup_beside_another_command_names_the_holder_of_the_state(
    cli: CliHarness,
) -> None:
    synced(cli)
    before = standing_ids(cli)
    with StateLock(cli.path.parent / "state.db", role="resync"):
        result = cli.run("cleanup", "--yes")
        gave_up = cli.run("cleanup", "--give-up", "clinic", "--yes")
    assert (result.code, "in use by another syncd: resync" in " ".join(result.err.split())) == (
        6,
        True,
    )
    assert gave_up.code == 2
    assert standing_ids(cli) == before
    assert not json.loads(cli.run("status", "--json").out)["paused"]


@pytest.mark.prove
@pytest.mark.sockets
def test_of_two_cleanups_at_once_one_does_the_work(cli: CliHarness) -> None:
    by_hand = standing_ids(cli)
    synced(cli)
    command = [sys.executable, "-m", "syncd", "cleanup", "--system", "clinic", "--yes", "--json"]
    both = [
        subprocess.Popen(command, cwd=cli.path.parent, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ended = [process.communicate(timeout=120)[0] for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 6], [0, 0]), ended
    clinic = cli.world.sandbox.clinic
    assert {b.id for b in clinic.blocks() if not b.deleted} <= by_hand
    removed = [json.loads(text)["removed"] for text in ended if "removed" in text]
    assert sum(removed) == max(removed) > 0
