"""Waiting writes and a wrong clock, in the output of the commands."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.lab.sandbox.write_access import allow_writes, forbid_writes
from tests.cli.conftest import CliHarness


def book(cli: CliHarness, *hours: int) -> None:
    for hour in hours:
        cli.world.book("legacy", "alice", cli.world.at(2, hour))


def causes(data: dict[str, Any]) -> list[tuple[str, str]]:
    return [(w["system"], w["why"]) for w in data["waiting"]]


def left(data: dict[str, Any]) -> dict[str, int]:
    return {kind: number for kind, number in data["left"].items() if number}


def words(text: str) -> str:
    """Return the text on one line."""
    return " ".join(text.split())


def test_refused_writes_wait_and_are_named_until_access_is_granted(cli: CliHarness) -> None:
    assert cli.run("resync", "--yes").code == 0
    clinic = cli.world.sandbox.clinic
    forbid_writes(clinic)
    book(cli, 18, 20)
    result = cli.run("resync", "--yes")
    assert result.code == 4
    assert (
        "clinic: 2 writes wait: the platform rejects the credentials or lets them only read"
        in words(result.err)
    )
    assert "everything agrees" not in result.out
    data = json.loads(cli.run("resync", "--json").out)
    assert causes(data) == [("clinic", "no_access")] * 2
    assert data["converged"] is False
    assert left(data) == {"waiting": 2}
    assert "returned HTTP 401" in data["systems"]["clinic"]["cause"]
    planned = cli.run("plan", "--json")
    data = json.loads(planned.out)
    assert (planned.code, data["plan"], causes(data)) == (4, [], [("clinic", "no_access")] * 2)
    shown = cli.run("plan")
    assert (
        "clinic: 2 writes wait: the platform rejects the credentials or lets them only read"
        in words(shown.err)
    )
    shown = cli.run("status")
    assert "clinic: 2 writes wait since" in words(shown.err)
    assert "the first for" in words(shown.err)
    data = json.loads(cli.run("status", "--json").out)
    assert causes(data) == [("clinic", "no_access")] * 2
    assert left(data) == {"waiting": 2}
    assert set(data["waiting"][0]) >= {"system", "provider", "event", "action", "why", "start"}
    allow_writes(clinic)
    assert cli.run("resync", "--yes").code == 0
    assert json.loads(cli.run("status", "--json").out)["waiting"] == []
    assert cli.disagreements() == []


def test_a_new_secret_clears_refused_writes_in_the_plan(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    crm = cli.world.sandbox.crm
    forbid_writes(crm)
    book(cli, 18)
    cli.run("resync", "--yes")
    allow_writes(crm)
    text = cli.path.read_text()
    cli.path.write_text(text.replace(crm.secret_key, "another-secret"))
    crm.secret_key = "another-secret"
    data = json.loads(cli.run("plan", "--json").out)
    assert (data["waiting"], [o["system"] for o in data["plan"]]) == ([], ["crm"])


def test_a_wrong_clock_is_reported_with_amount_and_remedy(cli: CliHarness) -> None:
    booked = cli.world.book("legacy", "alice", cli.world.at(2, 18))
    cli.run("resync", "--yes")
    for system in (cli.world.sandbox.clinic, cli.world.sandbox.legacy):
        system.faults.add(Fault(FaultKind.CLOCK_SKEW, seconds=720))
    cli.world.sandbox.legacy.cancel(booked)
    result = cli.run("resync", "--yes")
    assert result.code == 4
    clock = "the clock of this machine is 12 min behind at least two platforms"
    assert clock in words(result.err)
    assert "timedatectl" in result.err
    assert "crm: 1 write waits: the clock of this machine is wrong" in words(result.err)
    shown = cli.run("status")
    assert clock in words(shown.err)
    assert 700 < json.loads(cli.run("status", "--json").out)["clock_error_seconds"] < 740
    checked = cli.run("check", "--json")
    found = [f for f in json.loads(checked.out)["findings"] if "machine" in f["subject"]]
    assert checked.code == 0
    assert [f["level"] for f in found] == ["warning"]
    assert "12 min behind" in found[0]["message"]
    for system in (cli.world.sandbox.clinic, cli.world.sandbox.legacy):
        system.faults.clear()
    assert cli.run("resync", "--yes").code == 0
    assert cli.disagreements() == []
    assert "clock" not in cli.run("status").err


def test_a_wrong_clock_of_one_platform_delays_nothing(cli: CliHarness) -> None:
    booked = cli.world.book("legacy", "alice", cli.world.at(2, 18))
    cli.run("resync", "--yes")
    cli.world.sandbox.clinic.faults.add(Fault(FaultKind.CLOCK_SKEW, seconds=7200))
    cli.world.sandbox.legacy.cancel(booked)
    assert cli.run("resync", "--yes").code == 0
    assert cli.disagreements() == []
    assert datetime.now(UTC) < cli.world.at(2, 18)
