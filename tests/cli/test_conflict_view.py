"""`conflicts show` lists for each choice what is left for a person to do."""

from __future__ import annotations

import json
from datetime import timedelta

from tests.cli.conftest import CliHarness

HOUR = timedelta(hours=1)


def test_a_choice_names_the_appointment_that_leadsquared_cannot_cancel(cli: CliHarness) -> None:
    world = cli.world
    cli.path.write_text(cli.path.read_text() + '\n[rules]\nmoved_and_cancelled = "hold"\n')
    start = world.at(3, 15)
    mine, theirs = (world.book(system, "alice", start) for system in ("crm", "clinic"))
    cli.run("resync", "--yes")
    world.sandbox.crm.move(mine, start + HOUR, start + 2 * HOUR)
    world.sandbox.clinic.cancel(theirs)
    cli.run("resync", "--yes")
    (held,) = json.loads(cli.run("conflicts", "--json").out)
    assert held["kind"] == "moved_and_cancelled"
    data = json.loads(cli.run("conflicts", "show", held["id"], "--json").out)
    left = {choice["option"]: choice["left"] for choice in data["choices"]}
    (one,) = left["--take clinic"]
    assert (one["system"], one["event"]) == ("crm", mine)
    assert "cancel the appointment there by hand" in one["why"]
    assert left["--take crm"] == []
    assert {each["system"] for each in left["--dismiss"]} == {"crm", "clinic"}
    shown = " ".join(cli.run("conflicts", "show", held["id"]).out.split())
    assert "left for you to do" in shown
