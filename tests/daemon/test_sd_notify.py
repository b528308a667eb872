"""Notifications to systemd, and none without systemd."""

from __future__ import annotations

import errno
import os
import socket
import time
from pathlib import Path

import pytest

from syncd.daemon.sd_notify import Notifier


def test_an_abstract_socket_is_understood() -> None:
    name = f"syncd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}")
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).status("two\nlines")
        assert manager.recv(100) == b"STATUS=two lines"


def test_a_missing_listener_is_not_an_error(tmp_path: Path) -> None:
    Notifier({}).ready()
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()


def test_no_free_file_descriptor_is_not_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_args: object) -> socket.socket:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(socket, "socket", none_left)
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}).alive()


def test_the_watchdog_is_pinged_twice_per_interval() -> None:
    assert Notifier({"WATCHDOG_USEC": "120000000"}).watchdog == 60
    assert Notifier({"WATCHDOG_USEC": "0"}).watchdog is None
    assert Notifier({}).watchdog is None


def test_a_service_manager_that_does_not_listen_blocks_nothing(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        began = time.monotonic()
        for _ in range(2_000):
            notifier.status("x" * 1_000)
        assert time.monotonic() - began < 5
