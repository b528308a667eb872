"""The environment file: variables for credentials, beside the configuration that names them.

Its lines are NAME=value, quoted as a shell quotes, so that a shell and systemd's EnvironmentFile=
read the same file. What the environment itself sets counts more.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from syncd.config.problems import Finding
from syncd.config.trust import open_secret

_AT = ("syncd", "env_file")
_SETTING = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_OTHERS = stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH
_REMEDY = "Write NAME='value' lines into it, and let syncd's user read it."


def read_environment(raw: Mapping[str, Any], home: Path) -> tuple[Mapping[str, str], list[Finding]]:
    """Read the file that ``[syncd]`` names, if any; what is wrong with it, never what it holds."""
    general = raw.get("syncd")
    name = general.get("env_file") if isinstance(general, dict) else None
    if not isinstance(name, str) or not name:
        return {}, []  # absent, or of a type that the settings themselves complain of
    path = home / Path(name).expanduser()
    try:
        with os.fdopen(open_secret(path), encoding="utf-8") as file:
            text, mode = file.read(), os.fstat(file.fileno()).st_mode
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it holds no text"
        return {}, [Finding(_AT, f"the file {path} cannot be read ({why})", _REMEDY)]
    values = parse_environment(text)
    if values is None:
        reason = f"the file {path} holds something else than NAME='value' lines"
        return {}, [Finding(_AT, reason, _REMEDY)]
    if mode & _OTHERS:
        reason = f"the file {path} can be read or changed by other users of this machine"
        return values, [Finding(_AT, reason, f"chmod 600 {path}", warning=True)]
    return values, []


def parse_environment(text: str) -> dict[str, str] | None:
    """The variables of such a file; None where a line is none."""
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        return None
    found = [_SETTING.fullmatch(word) for word in words]
    if not all(found):
        return None
    return {match[1]: match[2] for match in found if match}


def environment_line(name: str, value: str) -> str:
    """One line of such a file."""
    return f"{name}={shlex.quote(value)}"
