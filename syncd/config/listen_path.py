"""Where the socket of the daemon's page must not be: in the place of a file that syncd needs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from syncd.config.problems import Finding
from syncd.config.settings import Settings

_AT = ("syncd", "listen")
_REMEDY = 'Write a path that nothing else has, like "unix:/run/syncd/page.sock".'


def check_listen(settings: Settings) -> Iterator[Finding]:
    """Yield what is wrong with the path that the page is to be served at."""
    general = settings.syncd
    path = None if general.listen is None else general.listen.path
    if path is None or settings.path is None:
        return
    asked, state = _real(path), _real(general.state_path)
    # Beside the database are its logs, lock, socket, file of created ids and backups.
    if any(
        each.parent == state.parent and each.name.startswith(state.name)
        for each in (asked, *asked.parents)
    ):
        yield Finding(_AT, "this path belongs to the state", _REMEDY)
        return
    own = {
        "the configuration": settings.path,
        "env_file": general.env_file,
        "ca_file": general.ca_file,
    }
    for what, file in own.items():
        if file is not None and asked == _real(settings.path.parent / file):
            yield Finding(_AT, f"this is the path of {what}", _REMEDY)
            return
    if _is_other(path):
        yield Finding(_AT, "there is something else than a socket", _REMEDY)


def _real(path: Path) -> Path:
    """A path with the links on the way to it resolved."""
    return Path(os.path.realpath(path.expanduser().parent)) / path.name


def _is_other(path: Path) -> bool:
    try:
        return not stat.S_ISSOCK(path.lstat().st_mode)
    except OSError:
        return False
