"""`syncd probe` with real emulators."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from syncd.lab.sandbox.faults import Fault, FaultKind
from tests.cli.conftest import CliHarness
from tests.cli.terminal_session import TerminalSession

pytestmark = pytest.mark.sockets


def standing(cli: CliHarness) -> list[str]:
    """Return the systems that still have a block of a probe."""
    return [
        name
        for name, platform in cli.world.sandbox.systems.items()
        for block in platform.blocks()
        if not block.deleted and "syncd probe" in block.title
    ]


def test_a_dry_run_shows_the_probe_and_creates_nothing(cli: CliHarness) -> None:
    result = cli.run("probe", "--dry-run")
    assert result.code == 0
    assert 'one task titled "syncd probe" in the calendar of alice' in result.out
    assert "at most 20 calls, and 2 for free slots of 1 calendar" in result.out
    assert max(map(len, result.out.splitlines())) <= 80
    planned = json.loads(cli.run("probe", "clinic", "--dry-run", "--json").out)["planned"]
    assert set(planned) == {"clinic"}
    assert planned["clinic"]["calls"] == 20
    assert not any(p.calls for p in cli.world.sandbox.systems.values())


def test_a_probe_without_a_terminal_needs_yes(cli: CliHarness) -> None:
    result = cli.run("probe", "clinic")
    assert result.code == 2
    assert "--yes" in result.err
    assert cli.run("probe", "other", "--yes").code == 2


def test_a_probe_prints_each_fact_within_80_columns(cli: CliHarness) -> None:
    cli.world.sandbox.clinic.set_fact("block_by_id", "yes")
    result = cli.run("probe", "clinic", "--yes")
    assert result.code == 0, result.err
    assert max(map(len, result.out.splitlines())) <= 80
    assert "one read proves a block gone" in " ".join(result.out.split())
    assert "the event of the probe was removed" in result.out
    assert standing(cli) == []
    again = json.loads(cli.run("probe", "clinic", "--yes", "--json").out)
    clinic = again["systems"]["clinic"]
    assert clinic["facts"]["block_by_id"]["measured"] == "yes"
    assert clinic["canary"]["removed"]
    assert clinic["calls"] <= clinic["calls_allowed"] == 22


def test_measured_facts_are_forgotten_on_request(cli: CliHarness) -> None:
    cli.run("probe", "clinic", "--yes")
    found = json.loads(cli.run("probe", "clinic", "--forget", "--json").out)
    assert "block_update_replaces" in found["forgotten"]["clinic"]
    result = cli.run("probe", "--forget")
    assert (result.code, "clinic: 0 measured facts forgotten" in result.out) == (0, True)


def test_a_refused_probe_exits_with_4(cli: CliHarness) -> None:
    cli.world.sandbox.clinic.faults.add(Fault(FaultKind.ERROR, method="PUT"))
    result = cli.run("probe", "clinic", "--yes")
    assert result.code == 4
    assert "not measured: the platform answered 503" in " ".join(result.out.split())
    assert standing(cli) == []


@pytest.mark.prove
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_probe_is_cleaned_up_by_the_next_run(
    cli: CliHarness, number: signal.Signals
) -> None:
    for platform in cli.world.sandbox.systems.values():
        platform.set_fact("list_lag", "5")
    command = [sys.executable, "-m", "syncd", "probe", "clinic", "--yes"]
    with subprocess.Popen(command, env=dict(os.environ), cwd=Path.cwd()) as process:
        deadline = time.monotonic() + 20
        while not standing(cli) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert standing(cli) == ["clinic"]
        process.send_signal(number)
        process.wait(20)
    if number == signal.SIGINT:
        assert process.returncode == 4
    else:
        assert standing(cli) == ["clinic"]
        result = cli.run("status")
        assert '"syncd probe" of alice' in " ".join(result.err.split())
        assert [p["system"] for p in json.loads(cli.run("status", "--json").out)["probes"]] == [
            "clinic"
        ]
        assert cli.run("resync", "--yes").code == 0
    assert standing(cli) == []
    assert json.loads(cli.run("status", "--json").out)["probes"] == []


@pytest.mark.prove
@pytest.mark.parametrize("left", ["daemon", "client", "nobody"])
def test_a_running_daemon_carries_out_the_probe(cli: CliHarness, left: str) -> None:
    assert cli.run("resync", "--yes").code == 0
    if left != "nobody":
        cli.world.sandbox.clinic.set_fact("list_lag", "5")
    syncd = [sys.executable, "-m", "syncd"]
    with subprocess.Popen([*syncd, "run"], stdout=subprocess.DEVNULL) as daemon:
        try:
            deadline = time.monotonic() + 60
            while not Path("state.db.sock").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            command = [*syncd, "probe", "clinic", "--yes", "--json"]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
                if left != "nobody":
                    while not standing(cli) and time.monotonic() < deadline:
                        time.sleep(0.01)
                    assert standing(cli) == ["clinic"]
                    (daemon if left == "daemon" else client).send_signal(signal.SIGINT)
                out, _ = client.communicate(timeout=60)
            while standing(cli) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert standing(cli) == []
            if left == "nobody":
                assert client.returncode == 0
                assert json.loads(out)["systems"]["clinic"]["facts"]["keeps_tag"]["measured"]
            else:
                assert client.returncode != 0
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(30)


@pytest.mark.prove
def test_a_probe_asks_on_a_terminal_and_a_no_creates_nothing(cli: CliHarness) -> None:
    session = TerminalSession(Path.cwd(), "probe", "clinic")
    try:
        session.answer("Create this block in each system, measure, and remove it?", "n")
        assert session.wait() == 4
    finally:
        session.kill()
    assert not any(c.method == "POST" for c in cli.world.sandbox.clinic.calls)
