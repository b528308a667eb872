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

from syncd.sandbox.faults import Fault, FaultKind
from tests.cli.conftest import Desk
from tests.cli.typist import Typist

pytestmark = pytest.mark.sockets


def standing(desk: Desk) -> list[str]:
    """Return the systems that still have a block of a probe."""
    return [
        name
        for name, platform in desk.world.sandbox.systems.items()
        for block in platform.blocks()
        if not block.deleted and "syncd probe" in block.title
    ]


def test_a_dry_run_shows_the_probe_and_creates_nothing(desk: Desk) -> None:
    said = desk.say("probe", "--dry-run")
    assert said.code == 0
    assert 'one task titled "syncd probe" in the calendar of alice' in said.out
    assert "at most 20 calls, and 2 for free slots of 1 calendar" in said.out
    assert max(map(len, said.out.splitlines())) <= 80
    planned = json.loads(desk.say("probe", "clinic", "--dry-run", "--json").out)["planned"]
    assert set(planned) == {"clinic"}
    assert planned["clinic"]["calls"] == 20
    assert not any(p.calls for p in desk.world.sandbox.systems.values())


def test_a_probe_without_a_terminal_needs_yes(desk: Desk) -> None:
    said = desk.say("probe", "clinic")
    assert said.code == 2
    assert "--yes" in said.err
    assert desk.say("probe", "other", "--yes").code == 2


def test_a_probe_prints_each_fact_within_80_columns(desk: Desk) -> None:
    desk.world.sandbox.clinic.set_fact("block_by_id", "yes")
    said = desk.say("probe", "clinic", "--yes")
    assert said.code == 0, said.err
    assert max(map(len, said.out.splitlines())) <= 80
    assert "one read proves a block gone" in " ".join(said.out.split())
    assert "the probe's block is removed" in said.out
    assert standing(desk) == []
    again = json.loads(desk.say("probe", "clinic", "--yes", "--json").out)
    clinic = again["systems"]["clinic"]
    assert clinic["facts"]["block_by_id"]["measured"] == "yes"
    assert clinic["canary"]["removed"]
    assert clinic["calls"] <= clinic["calls_allowed"] == 22


def test_measured_facts_are_forgotten_on_request(desk: Desk) -> None:
    desk.say("probe", "clinic", "--yes")
    found = json.loads(desk.say("probe", "clinic", "--forget", "--json").out)
    assert "block_update_replaces" in found["forgotten"]["clinic"]
    said = desk.say("probe", "--forget")
    assert (said.code, "clinic: 0 measured facts forgotten" in said.out) == (0, True)


def test_a_refused_probe_exits_with_4(desk: Desk) -> None:
    desk.world.sandbox.clinic.faults.add(Fault(FaultKind.ERROR, method="PUT"))
    said = desk.say("probe", "clinic", "--yes")
    assert said.code == 4
    assert "not measured: answered 503" in " ".join(said.out.split())
    assert standing(desk) == []


@pytest.mark.prove
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_probe_is_cleaned_up_by_the_next_run(desk: Desk, number: signal.Signals) -> None:
    for platform in desk.world.sandbox.systems.values():
        platform.set_fact("list_lag", "5")
    command = [sys.executable, "-m", "syncd", "probe", "clinic", "--yes"]
    with subprocess.Popen(command, env=dict(os.environ), cwd=Path.cwd()) as process:
        deadline = time.monotonic() + 20
        while not standing(desk) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert standing(desk) == ["clinic"]
        process.send_signal(number)
        process.wait(20)
    if number == signal.SIGINT:
        assert process.returncode == 4
    else:
        assert standing(desk) == ["clinic"]
        told = desk.say("status")
        assert '"syncd probe" of alice' in " ".join(told.err.split())
        assert [p["system"] for p in json.loads(desk.say("status", "--json").out)["probes"]] == [
            "clinic"
        ]
        assert desk.say("resync", "--yes").code == 0
    assert standing(desk) == []
    assert json.loads(desk.say("status", "--json").out)["probes"] == []


@pytest.mark.prove
@pytest.mark.parametrize("left", ["daemon", "client", "nobody"])
def test_a_running_daemon_carries_out_the_probe(desk: Desk, left: str) -> None:
    assert desk.say("resync", "--yes").code == 0
    if left != "nobody":
        desk.world.sandbox.clinic.set_fact("list_lag", "5")
    syncd = [sys.executable, "-m", "syncd"]
    with subprocess.Popen([*syncd, "run"], stdout=subprocess.DEVNULL) as daemon:
        try:
            deadline = time.monotonic() + 60
            while not Path("state.db.sock").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            command = [*syncd, "probe", "clinic", "--yes", "--json"]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
                if left != "nobody":
                    while not standing(desk) and time.monotonic() < deadline:
                        time.sleep(0.01)
                    assert standing(desk) == ["clinic"]
                    (daemon if left == "daemon" else client).send_signal(signal.SIGINT)
                out, _ = client.communicate(timeout=60)
            while standing(desk) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert standing(desk) == []
            if left == "nobody":
                assert client.returncode == 0
                assert json.loads(out)["systems"]["clinic"]["facts"]["keeps_tag"]["measured"]
            else:
                assert client.returncode != 0
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(30)


@pytest.mark.prove
def test_a_probe_asks_on_a_terminal_and_a_no_creates_nothing(desk: Desk) -> None:
    typist = Typist(Path.cwd(), "probe", "clinic")
    try:
        typist.answers("Create this block in each system, measure, and remove it?", "n")
        assert typist.ends() == 4
    finally:
        typist.kill()
    assert not any(c.method == "POST" for c in desk.world.sandbox.clinic.calls)
