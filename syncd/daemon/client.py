"""Client of the control socket: ask the running daemon to carry out a command."""

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

_CONNECT_TIMEOUT = 10.0
"""Seconds that a daemon may take from locking the state to opening its control socket."""


@dataclass(frozen=True, slots=True)
class DaemonReply:
    """The daemon's response: the JSON object of the command, and the command's exit code."""

    result: dict[str, Any]
    exit: int


class DaemonError(Exception):
    """The daemon did not respond, or refused the command; carries the remedy."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Create the error from a reason and a remedy."""
        super().__init__(f"{reason}. {remedy}")
        self.reason, self.remedy = reason, remedy


class RequestError(DaemonError):
    """The daemon rejected the request as invalid."""


def send_request(
    state: Path,
    command: str,
    arguments: Mapping[str, Any],
    on_progress: Callable[[str], None],
) -> DaemonReply:
    """Send a command to the daemon, wait until it is carried out, and return the response.

    ``state`` is the state path, beside which the control socket lies. ``on_progress`` is called
    with each progress text. Raises DaemonError.
    """
    request = {"command": command, "arguments": dict(arguments)}
    with _connect(state) as connection, connection.makefile("rb") as stream:
        try:
            # Not through the stream: closing it would send again to a daemon that is gone.
            connection.sendall(json.dumps(request).encode() + b"\n")
            for line in stream:
                message = json.loads(line)
                if "progress" in message:
                    on_progress(message["progress"])
                elif "error" in message:
                    kind = RequestError if message.get("refused") else DaemonError
                    raise kind(message["error"], message["remedy"])
                else:
                    return DaemonReply(message["result"], message["exit"])
        except (ConnectionError, ValueError, KeyError):
            pass
    raise DaemonError(
        "the daemon stopped before the command was done",
        "Nothing is lost: run the command again, or see the log (journalctl -u syncd).",
    )


def _connect(state: Path) -> socket.socket:
    deadline = time.monotonic() + _CONNECT_TIMEOUT
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with short_path(state) as path:
                connection.connect(path)
        except PermissionError:
            connection.close()
            raise DaemonError(
                "the daemon runs as another user",
                "Run the command as that user (sudo -u syncd syncd …), or as root.",
            ) from None
        except OSError:
            connection.close()
            if holder(state) is None or time.monotonic() > deadline:
                raise DaemonError(
                    "the daemon does not respond",
                    "Run the command again. If the daemon still "
                    "does not respond, see its log (journalctl -u syncd).",
                ) from None
            time.sleep(0.1)
        else:
            return connection
