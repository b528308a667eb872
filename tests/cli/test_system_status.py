"""`status` and `check`: health, API calls and remedies per system."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from syncd.app import build
from syncd.config.load import load
from syncd.daemon.monitor import Monitor
from syncd.daemon.poll_scheduler import read_intervals
from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.machine import RealClock
from syncd.model import Fact
from syncd.store import Store
from tests.cli.conftest import CliHarness


def test_status_shows_a_failure_with_cause_remedy_and_next_attempt(cli: CliHarness) -> None:
    cli.world.sandbox.legacy.faults.add(Fault(FaultKind.UNAUTHORISED))
    assert cli.run("resync", "--yes").code == 4
    result = cli.run("status")
    assert "unauthorised" in result.out
    assert "legacy is unauthorised" in result.err
    assert "Renew the secret" in result.err
    assert "The next attempt is at" in " ".join(result.err.split())
    assert all(len(line) <= 100 for line in (result.out + result.err).splitlines())
    system = json.loads(cli.run("status", "--json").out)["systems"]["legacy"]
    assert (system["state"], system["calls"]) == ("unauthorised", None)
    assert system["since"] < system["asked_again_at"]


def test_a_manual_resync_ignores_the_back_off(cli: CliHarness) -> None:
    cli.world.sandbox.legacy.faults.add(Fault(FaultKind.UNAUTHORISED))
    cli.run("resync", "--yes")
    cli.world.sandbox.legacy.faults.clear()
    assert cli.run("resync", "--yes").code == 0
    assert json.loads(cli.run("status", "--json").out)["systems"]["legacy"]["state"] == "ok"


def store_poll_plan(cli: CliHarness) -> None:
    """Store the poll plan, as the daemon does after each job."""
    settings = load(cli.path, {})
    app = build(settings)
    monitor = Monitor(
        app.systems, app.store, settings.syncd.state_path, read_intervals(settings), RealClock()
    )
    monitor._plan()
    app.store.close()


def test_status_shows_planned_and_remaining_calls(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    store_poll_plan(cli)
    calls = json.loads(cli.run("status", "--json").out)["systems"]["crm"]["calls"]
    assert calls["planned_per_minute"] == 8.0  # every 10 s, and two slices in a minute
    assert calls["allowed_per_minute"] == 1200.0
    assert "8.0 of 1200" in cli.run("status").out


@pytest.mark.prove
def test_polling_over_the_rate_limit_is_a_warning(cli: CliHarness) -> None:
    text = cli.path.read_text().replace("calls_per_5s = 100", "calls_per_5s = 1")
    cli.path.write_text(text)
    result = cli.run("check")
    assert result.code == 0
    assert (
        "polling as configured needs 8 calls per minute, and the rate limit leaves 6.0"
        in " ".join(result.out.split())
    )
    assert "every 15s and the far window every 24m" in " ".join(result.out.split())
    store = Store.open("sqlite://")
    assert store.allowances() == {}
    store.close()


def test_status_shows_the_limit_that_a_platform_reported(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    store = Store.open(load(cli.path, {}).syncd.state_path)
    now = RealClock().now()
    store.save_health(
        Fact("crm", "refused rate", "6/5", now),
        Fact("legacy", "refused rate", "3/5", now - timedelta(days=2)),
    )
    store.close()
    result = cli.run("status")
    assert "crm allows 6 calls in 5 s (reported" in result.out
    assert "legacy allows" not in result.out
    systems = json.loads(cli.run("status", "--json").out)["systems"]
    assert (systems["crm"]["limits"]["calls"], systems["crm"]["limits"]["seconds"]) == (6, 5.0)
    assert systems["legacy"]["limits"] is None
