"""The daemon checks its requests itself, and removes no foreign file."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from syncd.config.listen import ListenAddress
from syncd.daemon import http_status
from syncd.daemon.control_socket import RequestRejectedError
from syncd.daemon.jobs import Jobs
from syncd.daemon.lock import holder, lock_path
from tests.daemon.kit import FakeEngine

NOW = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
"""Today, so that each worker of the tests collects the same cases."""


def at(days: float) -> str:
    return (NOW + timedelta(days=days)).isoformat()


@pytest.mark.parametrize(
    ("start", "end", "why"),
    [
        (at(0), at(70 * 365), "the maximum is 732 days"),
        (at(0), "9999-12-31T00:00:00Z", "732 days"),
        (at(0), at(732.1), "732 days"),
        ("9999-12-30T00:00:00Z", "9999-12-31T00:00:00Z", "too far from now"),
        ("0001-01-01T00:00:00Z", "0001-01-02T00:00:00Z", "too far"),
        ("9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59-13:00", "must end after"),
        (at(2), at(1), "must end after"),
        (at(1), at(1), "must end after"),
        (7, [], "not a valid window"),
    ],
)
async def test_an_absurd_window_is_refused_through_the_socket(
    start: object, end: object, why: str
) -> None:
    engine = FakeEngine()
    with pytest.raises(RequestRejectedError, match=why) as refused:
        await Jobs(engine).on_request({"from": start, "to": end}, lambda _text: None)
    assert refused.value.remedy
    assert engine.asked == []


async def test_the_longest_allowed_window_is_accepted() -> None:
    engine = FakeEngine()
    await Jobs(engine).on_request({"from": at(-366), "to": at(366)}, lambda _text: None)
    assert engine.asked


@pytest.mark.parametrize("key", ["provider", "accept"])
async def test_an_id_of_a_megabyte_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(RequestRejectedError) as refused:
        await Jobs(FakeEngine()).on_request({key: "x" * 1_000_000}, lambda _text: None)
    assert len(refused.value.reason) < 200


@pytest.mark.parametrize("pid", ["9" * 60, "-1", "0", "4194305", "1e9", "x", ""])
def test_a_lock_with_an_absurd_process_id_has_no_holder(tmp_path: Path, pid: str) -> None:
    state = tmp_path / "state.db"
    lock_path(state, ".lock").write_text(f"daemon {pid}\n")
    assert holder(state) is None


@pytest.mark.parametrize("kind", ["file", "link", "folder", "pipe", "socket in use"])
def test_only_a_stale_socket_is_removed(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "p"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        match kind:
            case "file":
                path.write_text("holiday photos")
            case "link":
                (tmp_path / "photos").write_text("holiday photos")
                path.symlink_to("photos")
            case "folder":
                path.mkdir()
            case "pipe":
                os.mkfifo(path)
            case _:
                other.bind(str(path))
                other.listen()
        before = path.lstat()
        assert http_status._listen(ListenAddress(path=path)) is None
        after = path.lstat()
    assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "p"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as old:
        old.bind(str(path))
    listener = http_status._listen(ListenAddress(path=path))
    assert listener is not None
    with closing(listener), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.connect(str(path))
