"""Asking the daemon that holds the state to do something."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncd.daemon.control_socket import short_path
from syncd.daemon.lock import holder

_PATIENCE = 10.0
"""Seconds that a daemon may take to open its door after it has taken the lock."""


@dataclass(frozen=True, slots=True)
class DaemonReply:
    """What the daemon did: the command's own JSON object, and its exit code."""

    result: dict[str, Any]
    exit: int


class DaemonError(Exception):
    """The daemon did not answer, or refused; carries the remedy."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Say what happened and what helps."""
        super().__init__(f"{reason}. {remedy}")
        self.reason, self.remedy = reason, remedy


class RequestError(DaemonError):
    """What was asked of the daemon makes no sense."""


def send_request(
    state: Path,
    command: str,
    arguments: Mapping[str, Any],
    on_progress: Callable[[str], None],
) -> DaemonReply:
    """Have the daemon carry out a command; its progress is passed on as it comes.

    Raises DaemonError.
    """
    request = {"command": command, "arguments": dict(arguments)}
    with _connect(state) as connection, connection.makefile("rb") as stream:
        try:
            # Not through the stream: closing that would try again to send to a daemon that is gone.
            connection.sendall(json.dumps(request).encode() + b"\n")
            for line in stream:
                said = json.loads(line)
                if "progress" in said:
                    on_progress(said["progress"])
                elif "error" in said:
                    kind = RequestError if said.get("refused") else DaemonError
                    raise kind(said["error"], said["remedy"])
                else:
                    return DaemonReply(said["result"], said["exit"])
        except (ConnectionError, ValueError, KeyError):
            pass
    raise DaemonError(
        "the daemon ended before it was done",
        "Nothing is lost: run the command again, or see its log (journalctl -u syncd).",
    )


def _connect(state: Path) -> socket.socket:
    deadline = time.monotonic() + _PATIENCE
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with short_path(state) as path:
                connection.connect(path)
        except PermissionError:
            connection.close()
            raise DaemonError(
                "the daemon belongs to another user",
                "Run the command as that user (sudo -u syncd syncd …), or as root.",
            ) from None
        except OSError:
            connection.close()
            if holder(state) is None or time.monotonic() > deadline:
                raise DaemonError(
                    "the daemon does not answer", "See `syncd status`, or run it again."
                ) from None
            time.sleep(0.1)
        else:
            return connection
