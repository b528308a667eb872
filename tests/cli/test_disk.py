"""A disk that is full, or may not be written to: a real one, made for the test and small."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from syncd.model import Changes
from syncd.store import Store
from syncd.store.database import database
from tests.cli.conftest import CliHarness, Result
from tests.store.kit import note

pytestmark = pytest.mark.sockets

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mount") is None, reason="only root may mount a disk"
)


@pytest.fixture
def disk(cli: CliHarness) -> Iterator[Path]:
    """A disk of 16 MB, on which the configuration keeps its state."""
    place = cli.path.parent / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m,mode=0700", "syncd-test", str(place)], check=False
    )
    if mounted.returncode:
        pytest.skip("no disk may be mounted here")
    cli.path.write_text(cli.path.read_text().replace("state.db", "disk/state.db"))
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def flat(result: Result) -> str:
    """The error, wherever it was folded."""
    return " ".join(result.err.split())


def writes(cli: CliHarness) -> int:
    """How many requests that change something reached the platforms."""
    calls = [c for s in cli.world.sandbox.systems.values() for c in s.calls]
    return sum("Retrieve" not in c.path for c in calls if c.method in {"POST", "PUT", "DELETE"})


def fill(disk: Path) -> Path:
    """Leave no room at all."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return ballast


@needs_root
def test_on_a_full_disk_nothing_is_written_to_any_system_and_later_all_is(
    cli: CliHarness, disk: Path
) -> None:
    Store.open(disk / "state.db").close()
    ballast = fill(disk)
    before = writes(cli)
    result = cli.run("resync", "--yes")
    assert result.code == 1
    assert "the disk is full" in flat(result)
    assert "Free some space" in flat(result)
    assert writes(cli) == before
    ballast.unlink()
    done = json.loads(cli.run("resync", "--yes", "--json").out)
    assert (done["converged"], cli.disagreements()) == (True, [])


@needs_root
def test_a_disk_that_fills_up_at_work_makes_no_write_twice(cli: CliHarness, disk: Path) -> None:
    Store.open(disk / "state.db").close()
    ballast = fill(disk)
    # Room for the first few steps of the journal only.
    with ballast.open("r+b") as file:
        file.truncate(ballast.stat().st_size - 160 * 1024)
    result = cli.run("resync", "--yes")
    assert (result.code, "the disk is full" in flat(result)) == (1, True)
    ballast.unlink()
    assert json.loads(cli.run("resync", "--yes", "--json").out)["converged"]
    assert cli.disagreements() == []
    assert set(json.loads(cli.run("resync", "--json").out)["operations"].values()) == {0}


@needs_root
def test_a_backup_to_a_full_disk_leaves_no_half_file(cli: CliHarness, disk: Path) -> None:
    cli.path.write_text(cli.path.read_text().replace("disk/state.db", "state.db"))
    cli.run("resync", "--yes")
    fill(disk)
    result = cli.run("backup", disk / "copy.db")
    assert result.code == 1
    assert "full" in flat(result) or "No space left" in flat(result)
    assert [p.name for p in disk.iterdir()] == ["ballast"]


@needs_root
@pytest.mark.parametrize("made", [False, True])
def test_a_disk_that_is_read_only_is_told_and_no_system_is_written_to(
    cli: CliHarness, disk: Path, *, made: bool
) -> None:
    if made:
        Store.open(disk / "state.db").close()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    before = writes(cli)
    result = cli.run("resync", "--yes")
    assert result.code == 1
    assert "Read-only file system" in flat(result) or "cannot be opened for writing" in flat(result)
    assert "unexpected" not in flat(result)
    assert writes(cli) == before


def test_a_state_that_another_program_locks_is_told_and_no_system_is_written_to(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_WAIT", 0.05)
    state = cli.path.parent / "state.db"
    store = Store.open(state)
    store.apply(Changes(history=[note("seen")]))
    store.close()
    before = writes(cli)
    with closing(sqlite3.connect(state, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        result = cli.run("resync", "--yes")
        assert result.code == 1
        assert "another program has locked it" in flat(result)
        assert writes(cli) == before
        other.execute("ROLLBACK")
    assert json.loads(cli.run("resync", "--yes", "--json").out)["converged"]
