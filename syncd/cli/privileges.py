"""Drop root privileges before a command opens files in another user's folder.

The owner of a folder can replace files in it by links and so choose which file a program opens. A
program that has become that user can open only files that the user could open anyway.
"""

from __future__ import annotations

import os
import pwd
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from syncd.config.trust import find_untrusted_part
from syncd.store.database.files import file_exists_error
from syncd.store.errors import StateError

_NAME_FILE = "Give a file that syncd wrote."


@dataclass(frozen=True, slots=True)
class UnixUser:
    """A user to become; ``name`` is None if the user has no entry in passwd."""

    uid: int
    gid: int
    name: str | None
    home: str

    def __str__(self) -> str:
        """Return the user for messages."""
        return f"user {self.uid}" if self.name is None else f"user {self.name}"


def file_owner(path: Path) -> UnixUser | None:
    """Return the user to become before a path is opened; None to stay the current user.

    It is the owner of the first folder on the path that is not root's: only root can have created
    that folder, and its owner can replace everything below it. Raises `StateError` if several users
    can write there.
    """
    if os.geteuid() != 0:
        return None
    foreign = find_untrusted_part(path)
    if foreign is None:
        return None
    if foreign.shared:
        raise StateError(
            str(path),
            f"other users may write to {foreign.place}, so root cannot safely use that folder",
            "Remove that permission (chmod go-w), use a folder owned by root with mode 0700, or "
            "run the command as the owner of the file.",
        )
    status = foreign.found
    try:
        user = pwd.getpwuid(status.st_uid)
    except KeyError:
        return UnixUser(status.st_uid, status.st_gid or status.st_uid, None, "/")
    return UnixUser(user.pw_uid, user.pw_gid, user.pw_name, user.pw_dir)


def become_owner(folder: Path, *needed: Path) -> None:
    """Become the user who can replace a folder, if this process is root. Raises `StateError`."""
    owner = file_owner(folder)
    if owner is not None:
        become(owner, folder, *needed)


def become(owner: UnixUser, folder: Path, *needed: Path) -> None:
    """Become a user for good, without any privilege of root. Raises `StateError` if that fails.

    The command must have opened all files that only root may read. The program's own files and
    ``needed`` are checked now, because a missing permission would otherwise show much later.
    """
    target = folder
    while not folder.is_dir():
        folder = folder.parent
    packages = (find_spec(name) for name in ("syncd", "sqlalchemy"))
    program = [Path(os.__file__), *(Path(s.origin) for s in packages if s and s.origin)]
    _change_to(owner, target)
    for file in (*program, *needed):
        if not os.access(file, os.R_OK):
            raise StateError(
                str(target),
                f"this folder belongs to {owner}, who cannot read {file}",
                f"If root runs syncd, it works on this folder as {owner}: let that user read the "
                "file, or install syncd where every user can read it (/opt).",
            )
    if not os.access(folder, os.R_OK | os.X_OK):
        raise StateError(
            str(target),
            f"{owner} owns a folder on this path, but has no access to {folder}",
            f"If root runs syncd, it works on this path as {owner}. Give all folders on the path "
            "to that user, or let others enter them (chmod o+x).",
        )


def _change_to(owner: UnixUser, folder: Path) -> None:
    try:
        if owner.name is None:
            os.setgroups([])
        else:
            os.initgroups(owner.name, owner.gid)
        os.setresgid(owner.gid, owner.gid, owner.gid)
        os.setresuid(owner.uid, owner.uid, owner.uid)
    except OSError as error:
        raise StateError(
            str(folder),
            f"this path belongs to {owner}, and root cannot become that user ({error.strerror})",
            "Run the command as that user.",
        ) from None
    _check_dropped(owner)
    os.umask(0o077)
    os.environ.update(HOME=owner.home, USER=owner.name or "", LOGNAME=owner.name or "")


def _check_dropped(owner: UnixUser) -> None:
    """End the process if root privileges could be regained."""
    with suppress(PermissionError):
        os.setresuid(0, 0, 0)
    with suppress(PermissionError):
        os.setresgid(0, 0, 0)
    if os.getresuid() != (owner.uid,) * 3 or os.getresgid() != (owner.gid,) * 3:
        sys.stderr.write(
            "syncd: root privileges could be regained after they were dropped; stopped\n"
        )
        os._exit(1)


# --- files outside the state ------------------------------------------------------------------


def open_input(file: Path) -> int | None:
    """Open a file whose path only root controls, for a command that becomes another user later.

    Return the file descriptor; None if this is not root, or if another user could have placed a
    link on the path: then the file is opened after root was given up. Raises `StateError`.
    """
    if os.geteuid() != 0 or find_untrusted_part(file.parent) is not None:
        return None
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        why = f"the file cannot be read ({error.strerror})"
        raise StateError(str(file), why, _NAME_FILE) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise StateError(str(file), "the path is not a regular file", _NAME_FILE)
    return handle


def belongs_to(file: Path, owner: UnixUser | None) -> bool:
    """Return true if a file is to be created by this user, or by root if ``owner`` is None."""
    foreign = find_untrusted_part(file.parent)
    if foreign is None or owner is None:
        return foreign is None and owner is None
    return foreign.found.st_uid == owner.uid


@contextmanager
def new_file(target: Path, *, overwrite: bool) -> Iterator[int]:
    """Yield the descriptor of a new file with mode 0600, to be written in a ``with`` block.

    The file gets its name ``target`` when the block ends without an error. All steps are relative
    to the open folder, and no link that another user may have placed on the path is followed.
    Raises `StateError`.
    """
    fresh = f".{target.name}.new-{os.getpid()}"
    try:
        folder = _open_folder(target)
        try:
            if not overwrite and _exists(folder, target.name):
                raise file_exists_error(target)
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(fresh, flags, 0o600, dir_fd=folder)
            try:
                yield handle
                os.fsync(handle)
                os.rename(fresh, target.name, src_dir_fd=folder, dst_dir_fd=folder)
                os.fsync(folder)
            finally:
                os.close(handle)
                with suppress(FileNotFoundError):
                    os.unlink(fresh, dir_fd=folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StateError(
            str(target),
            f"the file cannot be written ({error.strerror})",
            "Use a folder that exists and has free space, with no link on the path.",
        ) from error


@contextmanager
def new_output(target: Path) -> Iterator[Callable[[str], None]]:
    """Create a new file with mode 0600 at once, before root becomes another user.

    Yield a function that adds text to the file. If the block fails, the file is removed if this
    user still may do so. Raises `StateError`; an existing file is never touched.
    """
    done = False
    handle = _make(target)

    def add(text: str) -> None:
        rest = memoryview(text.encode())
        try:
            while rest:
                rest = rest[os.write(handle, rest) :]
        except OSError as error:
            raise _write_error(target, error) from error

    try:
        yield add
        try:
            os.fsync(handle)
        except OSError as error:
            raise _write_error(target, error) from error
        done = True
    finally:
        os.close(handle)
        if not done:
            with suppress(OSError):
                target.unlink()


def _write_error(target: Path, error: OSError) -> StateError:
    return StateError(
        str(target),
        f"the file could not be written ({error.strerror}) and was removed again",
        "Free some space, or use a file on another disk.",
    )


def _make(target: Path) -> int:
    try:
        folder = _open_folder(target)
        try:
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
            return os.open(target.name, flags, 0o600, dir_fd=folder)
        finally:
            os.close(folder)
    except FileExistsError:
        remedy = "Use another name, or remove the file."
        raise StateError(str(target), "this file exists already", remedy) from None
    except OSError as error:
        raise StateError(
            str(target),
            f"the file cannot be written ({error.strerror})",
            "Use a folder that exists and may be written to, with no link on the path.",
        ) from error


def write_text(file: Path, text: str) -> None:
    """Write a file; as root, follow no link that another user may have placed on the path."""
    if os.geteuid() != 0 or belongs_to(file, None):
        file.write_text(text)
        return
    with new_file(file, overwrite=True) as handle, os.fdopen(handle, "w", closefd=False) as out:
        out.write(text)


def run_as(owner: UnixUser | None, folder: Path, work: Callable[[], object]) -> int:
    """Call a function in a child process as a user, and return the child's exit code.

    ``owner`` None means the current user. The child prints its own errors: this process keeps root
    privileges and reads nothing from the child.
    """
    from syncd.cli import terminal  # noqa: PLC0415 - only `backup` calls this

    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        if owner is not None:
            become(owner, folder)
        work()
        code = 0
    except StateError as error:
        terminal.console(err=True).print(terminal.plain_text(f"syncd: {error}"), style="red")
    except OSError as error:
        terminal.warn(f"syncd: the backup cannot be written: {error.strerror}")
    finally:
        sys.stderr.flush()
        os._exit(code)


def _exists(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _open_folder(file: Path) -> int:
    """Open the folder of a file; follow links only on the part of the path that root controls."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    foreign = find_untrusted_part(file.parent)
    if foreign is None:
        return os.open(file.parent, flags)
    folder = os.open(foreign.place, flags | os.O_NOFOLLOW)
    for name in foreign.rest:
        try:
            below = os.open(name, flags | os.O_NOFOLLOW, dir_fd=folder)
        finally:
            os.close(folder)
        folder = below
    return folder
