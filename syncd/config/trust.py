"""Check which files root may open by name: files that no other user can replace."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

_MAX_LINKS = 40
"""The maximum number of symbolic links in a path, as in the kernel."""

_WRITABLE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class UntrustedPart:
    """The first component of a path that other users control.

    ``place`` is the path of the component, ``rest`` the part of the path after it.
    """

    place: Path
    rest: tuple[str, ...]
    found: os.stat_result

    @property
    def shared(self) -> bool:
        """True if root owns the place, but others may write to it."""
        return self.found.st_uid in _trusted()


def find_untrusted_part(path: Path) -> UntrustedPart | None:
    """Follow a path as the kernel does; return the first place that root does not control alone.

    Return None if root controls the whole path. For a path that does not exist yet, the folder in
    which the file would be created counts.
    """
    trusted = _trusted()
    todo = [*reversed((Path.cwd() / path).parts[1:])]
    folder, links = Path("/"), 0
    while True:
        found = folder.lstat()
        foreign = UntrustedPart(folder, tuple(reversed(todo)), found)
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
            return foreign if shared else None  # in a shared folder anyone may make the rest
        if not stat.S_ISLNK(found.st_mode):
            folder = entry
            continue
        links += 1
        if found.st_uid not in trusted or links > _MAX_LINKS:
            return UntrustedPart(entry, tuple(reversed(todo)), found)
        target = entry.readlink()
        todo += [part for part in reversed(target.parts) if part != "/"]
        folder = Path("/") if target.is_absolute() else folder


def _trusted() -> set[int]:
    """Return the trusted user ids: root, and the owner of "/" (root's id in a user namespace)."""
    return {0, Path("/").lstat().st_uid}


def open_secret(path: Path) -> int:
    """Open a regular file for reading; return the file descriptor.

    If root opens a path that another user controls, the file must belong to that user: no link can
    then lead root to a file that the user could not read. Raises OSError.
    """
    foreign = find_untrusted_part(path) if os.geteuid() == 0 else None
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # never waits at a pipe
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file")
    if foreign is not None and found.st_uid != foreign.found.st_uid:
        os.close(handle)
        raise PermissionError(
            errno.EACCES,
            f"user {foreign.found.st_uid} can replace the file, which belongs to another user",
        )
    return handle
