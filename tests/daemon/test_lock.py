"""One writer per state, also across processes, and no lock after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from syncd.daemon.lock import Holder, StateLock, StateLockedError, holder
from syncd.store import StateError

HOLD = """
import sys, time
from pathlib import Path
from syncd.daemon.lock import StateLock
with StateLock(Path(sys.argv[1]), role="daemon"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path: Path) -> subprocess.Popen[str]:
    """Another process that holds the state's lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "state.db")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_gets_the_holder_of_the_state(
    other: subprocess.Popen[str], tmp_path: Path
) -> None:
    state = tmp_path / "state.db"
    with other:
        with (
            pytest.raises(StateLockedError, match=f"daemon, process {other.pid}"),
            StateLock(state, "x"),
        ):
            pass
        assert holder(state) == Holder("daemon", other.pid)
        other.kill()


def test_a_killed_process_leaves_no_lock(other: subprocess.Popen[str], tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with other:
        other.send_signal(signal.SIGKILL)
    assert holder(state) is None
    with StateLock(state, "resync"):
        assert holder(state) == Holder("resync", os.getpid())


def test_a_released_lock_can_be_taken_again(tmp_path: Path) -> None:
    state = tmp_path / "folder" / "state.db"
    for _ in range(2):
        with StateLock(state, "resync"):
            pass
    assert holder(state) is None
    assert (state.parent / "state.db.lock").stat().st_mode & 0o777 == 0o600


def test_a_missing_state_has_no_holder(tmp_path: Path) -> None:
    assert holder(tmp_path / "nope.db") is None
    (tmp_path / "odd.db.lock").write_text("what is this")
    assert holder(tmp_path / "odd.db") is None


def test_a_lock_is_not_taken_over_by_a_child_process(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with StateLock(state, "resync"):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with child:
        time.sleep(0.05)
        with StateLock(state, "again"):
            child.kill()


@pytest.mark.parametrize("there", [True, False])
def test_a_lock_that_is_a_link_is_refused_and_its_target_kept(tmp_path: Path, there: bool) -> None:
    other = tmp_path / "other"
    if there:
        other.write_text("daemon 1")
    (tmp_path / "syncd.db.lock").symlink_to(other)
    assert holder(tmp_path / "syncd.db") is None
    with pytest.raises(StateError, match="it is a link"):
        StateLock(tmp_path / "syncd.db", role="resync").__enter__()
    assert other.exists() == there
    assert not there or other.read_text() == "daemon 1"


def test_a_lock_that_is_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "syncd.db.lock")
    assert holder(tmp_path / "syncd.db") is None
    with pytest.raises(StateError, match="not a regular file"):
        StateLock(tmp_path / "syncd.db", role="resync").__enter__()


def test_a_lock_is_not_emptied_before_it_is_held(
    other: subprocess.Popen[str], tmp_path: Path
) -> None:
    lock = tmp_path / "state.db.lock"
    with other:
        with pytest.raises(StateLockedError), StateLock(tmp_path / "state.db", "x"):
            pass
        assert lock.read_text() == f"daemon {other.pid}\n"
        other.kill()


def test_a_lock_that_cannot_be_made_is_reported_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="the lock file beside the state cannot be opened"):
        StateLock(tmp_path / "file" / "syncd.db", role="resync").__enter__()
