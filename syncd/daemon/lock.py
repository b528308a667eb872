"""The lock of a state: one writer at a time.

The lock ends with its process. The lock file names the process that holds the lock.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from syncd.store import StateError
from syncd.store.database.files import open_plain

_MAX_TEXT = 200
"""The maximum size of a lock file's text (bytes)."""

MAX_PROCESS_ID = 2**22
"""The highest process id that Linux assigns."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a state; ``role`` is ``daemon`` or the name of a command."""

    role: str
    pid: int


class StateLockedError(Exception):
    """Another syncd holds this state (exit code 6)."""

    def __init__(self, path: Path, holder: Holder) -> None:
        """Create the error for the state's path and its holder."""
        self.place = str(path)
        self.reason = f"{path} is in use by another syncd: {holder.role}, process {holder.pid}"
        self.remedy = "Wait until that process has ended, or stop it (systemctl stop syncd)."
        super().__init__(f"{self.reason}. {self.remedy}")
        self.role = holder.role
        self.pid = holder.pid


def lock_path(state: Path, suffix: str) -> Path:
    """Return the path of a file beside the state: the database's path with a suffix."""
    return state.with_name(state.name + suffix)


def holder(state: Path) -> Holder | None:
    """Return the process that the lock file names as the holder, or None if it has ended.

    This is information for the operator; only `StateLock` decides who may write.
    """
    recorded = _read(lock_path(state, ".lock"))
    if recorded is None:
        return None
    try:
        os.kill(recorded.pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # another user's process: it is alive
    return recorded


class StateLock:
    """A context manager that locks a state for writing.

    Entering raises `StateLockedError` or `StateError`. The kernel releases the lock when the
    process ends, also if it is killed.
    """

    def __init__(self, state: Path, role: str) -> None:
        """Create the lock without taking it; ``role`` is ``daemon`` or the name of a command."""
        self._state = state
        self._path = lock_path(state, ".lock")
        self._role = role
        self._file = -1

    def __enter__(self) -> Self:
        """Take the lock."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = open_plain(self._path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise StateError(
                str(self._state),
                f"the lock file beside the state cannot be opened ({error.strerror})",
                "Let the user that runs syncd write to the folder of the state, and free disk "
                "space if needed.",
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            current = _read(self._path) or Holder("unknown", 0)
            raise StateLockedError(self._state, current) from None
        # The text is information for people, so a full disk must not fail the lock.
        with suppress(OSError):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{self._role} {os.getpid()}\n".encode(), 0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release the lock. The file stays: if removed, two processes could lock two files."""
        os.ftruncate(self._file, 0)
        os.close(self._file)


def _read(path: Path) -> Holder | None:
    try:
        file = open_plain(path, os.O_RDONLY)
        try:
            role, _, pid = os.read(file, _MAX_TEXT).decode().strip().partition(" ")
        finally:
            os.close(file)
        number = int(pid)
        return Holder(role, number) if 0 < number <= MAX_PROCESS_ID else None
    except (StateError, OSError, ValueError):
        return None
