"""Which files root may open by name: those that nobody else can replace, on the whole way there."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

_MOST_LINKS = 40
"""Links in one path; the kernel's own limit."""

_WRITABLE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Foreign:
    """Where a path leaves root's control: at ``place``, with ``rest`` still to go."""

    place: Path
    rest: tuple[str, ...]
    found: os.stat_result

    @property
    def shared(self) -> bool:
        """Whether it is root's own, but others may write to it."""
        return self.found.st_uid in _trusted()


def leaves_root(path: Path) -> Foreign | None:
    """Follow a path as the kernel does, up to where it is not root's alone.

    None if that is nowhere. What is not there yet counts by the folder that it would be made in.
    """
    trusted = _trusted()
    todo = [*reversed((Path.cwd() / path).parts[1:])]
    folder, links = Path("/"), 0
    while True:
        found = folder.lstat()
        foreign = Foreign(folder, tuple(reversed(todo)), found)
        if found.st_uid not in trusted:
            return foreign
        shared = bool(found.st_mode & _WRITABLE)
        if shared and not (found.st_mode & stat.S_ISVTX and todo):
            return foreign
        if not todo:
            return None
        name = todo.pop()
        if name == "..":
            folder = folder.parent
            continue
        entry = folder / name
        try:
            found = entry.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return foreign if shared else None  # the rest is made by whoever comes first
        if not stat.S_ISLNK(found.st_mode):
            folder = entry
            continue
        links += 1
        if found.st_uid not in trusted or links > _MOST_LINKS:
            return Foreign(entry, tuple(reversed(todo)), found)
        target = entry.readlink()
        todo += [part for part in reversed(target.parts) if part != "/"]
        folder = Path("/") if target.is_absolute() else folder


def _trusted() -> set[int]:
    """Root, and the owner of the root folder: in a user namespace that is how root is shown."""
    return {0, Path("/").lstat().st_uid}


def open_secret(path: Path) -> int:
    """Open a plain file for reading; as root, only what another user could read alone.

    Where that user controls the way, the file must be that user's: no link leads to another one.
    Raises OSError.
    """
    foreign = leaves_root(path) if os.geteuid() == 0 else None
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # never waits at a pipe
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a plain file")
    if foreign is not None and found.st_uid != foreign.found.st_uid:
        os.close(handle)
        raise PermissionError(
            errno.EACCES, f"user {foreign.found.st_uid} can replace it, and it is another user's"
        )
    return handle
