"""`syncd undo` with emulated platforms."""

from __future__ import annotations

import json

from tests.cli.conftest import Desk


def synced(desk: Desk) -> str:
    """Resync, and return the id of the run."""
    run = json.loads(desk.say("resync", "--yes", "--json").out)["run"]
    assert isinstance(run, str)
    return run


def blocks(desk: Desk) -> int:
    """Return the number of blocks in all systems."""
    platforms = desk.world.sandbox.systems.values()
    return sum(not b.deleted for p in platforms for b in p.blocks())


def test_a_run_is_previewed_undone_and_not_written_again(desk: Desk) -> None:
    by_hand = blocks(desk)
    run = synced(desk)
    made = blocks(desk) - by_hand
    dry = desk.say("undo", run, "--dry-run")
    assert dry.code == 0
    assert f"{made} writes would be made" in dry.out
    assert "alice · Europe/Berlin" in dry.out
    assert max(len(line) for line in dry.out.splitlines()) <= 100
    assert blocks(desk) - by_hand == made
    said = desk.say("undo", run, "--json", "--yes")
    data = json.loads(said.out)
    assert (said.code, data["left"], data["done"]) == (0, [], True)
    assert data["undoes"] == run
    assert data["operations"]["remove-block"] == made
    assert blocks(desk) == by_hand
    assert json.loads(desk.say("status", "--json").out)["exposures"] == made
    again = json.loads(desk.say("resync", "--yes", "--json").out)
    assert sum(again["operations"].values()) == 0
    assert again["exposures"] == made
    assert "was removed by `syncd undo`" in " ".join(desk.say("status").out.split())


def test_one_booking_is_undone_and_a_changed_one_is_skipped(desk: Desk) -> None:
    desk.say("resync", "--yes")
    world = desk.world
    first = world.book("clinic", "alice", world.at(3, 15))
    world.book("clinic", "alice", world.at(3, 16))
    run = synced(desk)
    bookings = json.loads(desk.say("bookings", "-p", "alice", "--json").out)
    by_event = {r["event"]: b["id"] for b in bookings for r in b["replicas"]}
    clinic = world.sandbox.clinic
    clinic.move(first, world.at(3, 11), world.at(3, 12))
    said = desk.say("undo", run, "--yes", "--booking", by_event[first][:8])
    assert said.code == 3
    assert "it was changed in clinic after the run" in said.out
    rest = desk.say("undo", run, "--yes")
    assert rest.code == 3
    assert "1 booking undone, 1 skipped" in rest.out
    assert "free Thu" in rest.out


def test_undo_of_an_unknown_or_empty_run_is_refused(desk: Desk) -> None:
    synced(desk)
    idle = synced(desk)
    for run, words in (("zzz", "there is no run 'zzz'"), (idle, "wrote nothing")):
        said = desk.say("undo", run, "--yes")
        assert (said.code, words in " ".join(said.err.split())) == (2, True)
