"""Check that the socket path in `listen` is not the path of a file that syncd needs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from syncd.config.problems import Finding
from syncd.config.settings import Settings

_AT = ("syncd", "listen")
_REMEDY = 'Write a path that nothing else uses, like "unix:/run/syncd/page.sock".'


def check_listen(settings: Settings) -> Iterator[Finding]:
    """Yield the problems of the socket path in `listen`."""
    general = settings.syncd
    path = None if general.listen is None else general.listen.path
    if path is None or settings.path is None:
        return
    listen, state = _real(path), _real(general.state_path)
    # Beside the database are its logs, lock, socket, file of created ids and backups.
    if any(
        each.parent == state.parent and each.name.startswith(state.name)
        for each in (listen, *listen.parents)
    ):
        yield Finding(_AT, "this path is reserved for files of the state", _REMEDY)
        return
    files = {
        "the configuration": settings.path,
        "env_file": general.env_file,
        "ca_file": general.ca_file,
    }
    for name, file in files.items():
        if file is not None and listen == _real(settings.path.parent / file):
            yield Finding(_AT, f"this is the path of {name}", _REMEDY)
            return
    if _is_other(path):
        yield Finding(_AT, "this path exists and is not a socket", _REMEDY)


def _real(path: Path) -> Path:
    """Resolve the symbolic links in the parent directories of a path."""
    return Path(os.path.realpath(path.expanduser().parent)) / path.name


def _is_other(path: Path) -> bool:
    try:
        return not stat.S_ISSOCK(path.lstat().st_mode)
    except OSError:
        return False
