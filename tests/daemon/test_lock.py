"""One writer per state, also between processes, and none after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from syncd.daemon.lock import Holder, StateHeld, StateLock, holder
from syncd.store import StateError, Store

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


def test_a_second_process_is_told_who_holds_the_state(
    other: subprocess.Popen[str], tmp_path: Path
) -> None:
    state = tmp_path / "state.db"
    with other:
        with pytest.raises(StateHeld, match=f"daemon, process {other.pid}"), StateLock(state, "x"):
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


def test_a_lock_that_was_given_back_can_be_taken_again(tmp_path: Path) -> None:
    state = tmp_path / "folder" / "state.db"
    for _ in range(2):
        with StateLock(state, "resync"):
            pass
    assert holder(state) is None
    assert (state.parent / "state.db.lock").stat().st_mode & 0o777 == 0o600


def test_nobody_holds_a_state_that_is_not_there(tmp_path: Path) -> None:
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_lock_that_root_makes_can_be_opened_by_the_services_user(tmp_path: Path) -> None:
    os.chown(tmp_path, 4242, 4242)
    state = tmp_path / "syncd.db"
    with StateLock(state, role="resync"):
        Store.open(state).close()
    found = {p.name: (p.stat().st_uid, p.stat().st_gid) for p in tmp_path.iterdir()}
    assert found == {"syncd.db": (4242, 4242), "syncd.db.lock": (4242, 4242)}


def test_a_lock_that_cannot_be_made_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="the lock beside it cannot be opened"):
        StateLock(tmp_path / "file" / "syncd.db", role="resync").__enter__()
