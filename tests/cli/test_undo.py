"""`syncd undo` with emulated platforms."""

from __future__ import annotations

import json

from tests.cli.conftest import CliHarness


def synced(cli: CliHarness) -> str:
    """Resync, and return the id of the run."""
    run = json.loads(cli.run("resync", "--yes", "--json").out)["run"]
    assert isinstance(run, str)
    return run


def blocks(cli: CliHarness) -> int:
    """Return the number of blocks in all systems."""
    platforms = cli.world.sandbox.systems.values()
    return sum(not b.deleted for p in platforms for b in p.blocks())


def test_a_run_is_previewed_undone_and_not_written_again(cli: CliHarness) -> None:
    by_hand = blocks(cli)
    run = synced(cli)
    made = blocks(cli) - by_hand
    dry = cli.run("undo", run, "--dry-run")
    assert dry.code == 0
    assert f"{made} writes would be made" in dry.out
    assert "alice · Europe/Berlin" in dry.out
    assert max(len(line) for line in dry.out.splitlines()) <= 100
    assert blocks(cli) - by_hand == made
    result = cli.run("undo", run, "--json", "--yes")
    data = json.loads(result.out)
    assert (result.code, data["left"], data["done"]) == (0, [], True)
    assert data["undoes"] == run
    assert data["operations"]["remove-block"] == made
    assert blocks(cli) == by_hand
    assert json.loads(cli.run("status", "--json").out)["exposures"] == made
    again = json.loads(cli.run("resync", "--yes", "--json").out)
    assert sum(again["operations"].values()) == 0
    assert again["exposures"] == made
    assert "`syncd undo` removed the block" in " ".join(cli.run("status").out.split())


def test_one_booking_is_undone_and_a_changed_one_is_skipped(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    world = cli.world
    first = world.book("clinic", "alice", world.at(3, 15))
    world.book("clinic", "alice", world.at(3, 16))
    run = synced(cli)
    bookings = json.loads(cli.run("bookings", "-p", "alice", "--json").out)
    by_event = {r["event"]: b["id"] for b in bookings for r in b["replicas"]}
    clinic = world.sandbox.clinic
    clinic.move(first, world.at(3, 11), world.at(3, 12))
    result = cli.run("undo", run, "--yes", "--booking", by_event[first][:8])
    assert result.code == 3
    assert "it was changed in clinic after the run" in result.out
    rest = cli.run("undo", run, "--yes")
    assert rest.code == 3
    assert "1 booking undone, 1 skipped" in rest.out
    assert "free Thu" in rest.out


def test_undo_of_an_unknown_or_empty_run_is_refused(cli: CliHarness) -> None:
    synced(cli)
    idle = synced(cli)
    for run, words in (("zzz", "there is no run 'zzz'"), (idle, "wrote nothing")):
        result = cli.run("undo", run, "--yes")
        assert (result.code, words in " ".join(result.err.split())) == (2, True)
