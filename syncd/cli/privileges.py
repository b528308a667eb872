"""Root at work on another user's state: become that user before the state is touched.

Whoever owns a folder can put links into it, or a link in its place, and so choose which file a
program opens. A program that is that user by then opens nothing that the user could not open alone.
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

from syncd.config.trust import leaves_root
from syncd.store.errors import StateError
from syncd.store.files import file_exists_error

_NAME_FILE = "Name a file that syncd wrote."


@dataclass(frozen=True, slots=True)
class Owner:
    """A user to become. A user without an entry in passwd has no ``name``."""

    uid: int
    gid: int
    name: str | None
    home: str

    def __str__(self) -> str:
        """For messages."""
        return f"user {self.uid}" if self.name is None else f"user {self.name}"


def file_owner(path: Path) -> Owner | None:
    """Return the user to become before what is at a path is opened; None to go on as it is.

    Decided by the first folder on the way that is not root's: nobody else can have put it there,
    and its owner can replace all that is below. Raises `StateError` if that may be several users.
    """
    if os.geteuid() != 0:
        return None
    foreign = leaves_root(path)
    if foreign is None:
        return None
    if foreign.shared:
        raise StateError(
            str(path),
            f"other users may write to {foreign.place}, so root cannot safely work there",
            "Take that right away (chmod go-w), use a folder of root's own with mode 0700, or run "
            "the command as the user that the file belongs to.",
        )
    found = foreign.found
    try:
        user = pwd.getpwuid(found.st_uid)
    except KeyError:
        return Owner(found.st_uid, found.st_gid or found.st_uid, None, "/")
    return Owner(user.pw_uid, user.pw_gid, user.pw_name, user.pw_dir)


def become_owner(folder: Path, *needed: Path) -> None:
    """Become the user who can replace a folder, if this is root. Raises `StateError`."""
    owner = file_owner(folder)
    if owner is not None:
        become(owner, folder, *needed)


def become(owner: Owner, folder: Path, *needed: Path) -> None:
    """Become a user for good, with nothing of root's left. Raises `StateError` if that fails.

    Everything of root's that the command needs is open by now. The files of the program itself and
    ``needed`` are looked at, since what is missing would be missed much later.
    """
    asked = folder
    while not folder.is_dir():
        folder = folder.parent
    packages = (find_spec(name) for name in ("syncd", "sqlalchemy"))
    program = [Path(os.__file__), *(Path(s.origin) for s in packages if s and s.origin)]
    _change_to(owner, asked)
    for file in (*program, *needed):
        if not os.access(file, os.R_OK):
            raise StateError(
                str(asked),
                f"it belongs to {owner}, who cannot read {file}",
                f"Run as root, syncd works here as {owner}: let that user read the file, or run "
                "a syncd that is installed where every user can read it (/opt).",
            )
    if not os.access(folder, os.R_OK | os.X_OK):
        raise StateError(
            str(asked),
            f"{owner}, to whom the way to it belongs, cannot look into {folder}",
            f"Run as root, syncd works here as {owner}. Let all folders on the way belong to the "
            "user of the state, or let others pass through them (chmod o+x).",
        )


def _change_to(owner: Owner, folder: Path) -> None:
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
            f"it belongs to {owner}, whom root cannot become here ({error.strerror})",
            "Run the command as that user.",
        ) from None
    _expect_no_way_back(owner)
    os.umask(0o077)
    os.environ.update(HOME=owner.home, USER=owner.name or "", LOGNAME=owner.name or "")


def _expect_no_way_back(owner: Owner) -> None:
    """End the process unless root is gone for good."""
    with suppress(PermissionError):
        os.setresuid(0, 0, 0)
    with suppress(PermissionError):
        os.setresgid(0, 0, 0)
    if os.getresuid() != (owner.uid,) * 3 or os.getresgid() != (owner.gid,) * 3:
        sys.stderr.write("syncd: root could be regained after it was given up; stopped\n")
        os._exit(1)


# --- files that lie elsewhere -----------------------------------------------------------------


def open_input(file: Path) -> int | None:
    """Open a file that only root controls the way to, for a user that may not open it.

    None where somebody else could have put a link on the way: that is left to the user.
    """
    if os.geteuid() != 0 or leaves_root(file.parent) is not None:
        return None
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        why = f"it cannot be read ({error.strerror})"
        raise StateError(str(file), why, _NAME_FILE) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise StateError(str(file), "it is not a plain file", _NAME_FILE)
    return handle


def belongs_to(file: Path, owner: Owner | None) -> bool:
    """Return whether a file is to be made by that user, or by root if there is none."""
    foreign = leaves_root(file.parent)
    if foreign is None or owner is None:
        return foreign is None and owner is None
    return foreign.found.st_uid == owner.uid


@contextmanager
def new_file(target: Path, *, overwrite: bool) -> Iterator[int]:
    """Open a new file of root's with mode 0600, which takes its name when all went well.

    All is done relative to the open folder, and no link that somebody else may have made is
    followed on the way there. Raises `StateError`.
    """
    fresh = f".{target.name}.new-{os.getpid()}"
    try:
        folder = _open_folder(target)
        try:
            if not overwrite and _has(folder, target.name):
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
            f"it cannot be written ({error.strerror})",
            "Name a file in a folder that exists and has room, with no link on the way.",
        ) from error


@contextmanager
def new_output(target: Path) -> Iterator[Callable[[str], None]]:
    """Make a new file with mode 0600 at once, so that root makes it before it becomes another user.

    What is yielded adds text to it. If the block fails, the file is removed again where this user
    still may. Raises `StateError`; a file that is there already is never touched.
    """
    done = False
    handle = _make(target)

    def add(text: str) -> None:
        left = memoryview(text.encode())
        try:
            while left:
                left = left[os.write(handle, left) :]
        except OSError as error:
            raise _not_kept(target, error) from error

    try:
        yield add
        try:
            os.fsync(handle)
        except OSError as error:
            raise _not_kept(target, error) from error
        done = True
    finally:
        os.close(handle)
        if not done:
            with suppress(OSError):
                target.unlink()


def _not_kept(target: Path, error: OSError) -> StateError:
    return StateError(
        str(target),
        f"it cannot be written ({error.strerror}), and was not kept",
        "Free some space, or name a file on another disk.",
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
        remedy = "Name another one, or remove it."
        raise StateError(str(target), "this file is there already", remedy) from None
    except OSError as error:
        raise StateError(
            str(target),
            f"it cannot be written ({error.strerror})",
            "Name a file in a folder that exists and may be written to, with no link on the way.",
        ) from error


def write_text(file: Path, text: str) -> None:
    """Write a file; as root, not through a link that another user may have made."""
    if os.geteuid() != 0 or belongs_to(file, None):
        file.write_text(text)
        return
    with new_file(file, overwrite=True) as handle, os.fdopen(handle, "w", closefd=False) as out:
        out.write(text)


def run_as(owner: Owner | None, folder: Path, work: Callable[[], object]) -> int:
    """Do something in a process of its own as that user, and return its exit code.

    What is wrong is told there, as this process keeps root and takes nothing from that one.
    """
    from syncd.cli import terminal  # noqa: PLC0415 - only `backup` comes here

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
        terminal.console(err=True).print(terminal.plain(f"syncd: {error}"), style="red")
    except OSError as error:
        terminal.warn(f"syncd: the backup cannot be written: {error.strerror}")
    finally:
        sys.stderr.flush()
        os._exit(code)


def _has(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _open_folder(file: Path) -> int:
    """Open the folder of a file, without following a link where it is not root's alone."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    foreign = leaves_root(file.parent)
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
