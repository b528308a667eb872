"""One writer per state: a lock that ends with its process, and says who holds it."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from syncd.store import StateError
from syncd.store.files import open_plain

_LONGEST = 200
"""Bytes that a lock's text may take."""

MAX_PROCESS_ID = 2**22
"""The highest process id that a kernel gives."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a state: ``daemon``, or the name of a command; and its process."""

    role: str
    pid: int


class StateHeldError(Exception):
    """Another syncd works with this state. Exit 6."""

    def __init__(self, path: Path, by: Holder) -> None:
        """Say who."""
        self.place = str(path)
        self.reason = f"{path} is in use by another syncd: {by.role}, process {by.pid}"
        self.remedy = "Wait until it has ended, or stop it (systemctl stop syncd)."
        super().__init__(f"{self.reason}. {self.remedy}")
        self.role = by.role
        self.pid = by.pid


def lock_path(state: Path, suffix: str) -> Path:
    """A file that belongs to a state: the database's own path with a suffix."""
    return state.with_name(state.name + suffix)


def holder(state: Path) -> Holder | None:
    """Who holds a state now, as far as the lock's text tells; for people to read."""
    found = _read(lock_path(state, ".lock"))
    if found is None:
        return None
    try:
        os.kill(found.pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # another user's process, and alive
    return found


class StateLock:
    """Hold a state for writing. Entering raises `StateHeldError`, or `StateError`.

    The kernel's lock is on the open file, so a killed process leaves none behind.
    """

    def __init__(self, state: Path, role: str) -> None:
        """Nothing is locked yet."""
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
                f"the lock beside it cannot be opened ({error.strerror})",
                "Let the user that runs syncd write to its folder, on a disk with room.",
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            by = _read(self._path) or Holder("unknown", 0)
            raise StateHeldError(self._state, by) from None
        # Who holds it is for people to read: a disk without room for that does not matter here.
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
        """Give it back. The file stays: removing it would let two processes lock two files."""
        os.ftruncate(self._file, 0)
        os.close(self._file)


def _read(path: Path) -> Holder | None:
    try:
        file = open_plain(path, os.O_RDONLY)
        try:
            role, _, pid = os.read(file, _LONGEST).decode().strip().partition(" ")
        finally:
            os.close(file)
        number = int(pid)
        return Holder(role, number) if 0 < number <= MAX_PROCESS_ID else None
    except (StateError, OSError, ValueError):
        return None
