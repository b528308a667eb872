"""Read the environment file (`env_file`): variables for the credentials of a configuration.

Its lines are NAME=value with shell quoting, so that a shell and systemd's EnvironmentFile= can read
the same file. Variables of the process environment take precedence.
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
_REMEDY = "Write NAME='value' lines into the file, and let the user that runs syncd read it."


def read_environment(raw: Mapping[str, Any], home: Path) -> tuple[Mapping[str, str], list[Finding]]:
    """Read the environment file that ``[syncd]`` names; return its variables and the problems.

    Without such a file both results are empty. The problems never contain a variable's value.
    """
    general = raw.get("syncd")
    name = general.get("env_file") if isinstance(general, dict) else None
    if not isinstance(name, str) or not name:
        return {}, []  # absent, or of a wrong type, which the settings report
    path = home / Path(name).expanduser()
    try:
        with os.fdopen(open_secret(path), encoding="utf-8") as file:
            text, mode = file.read(), os.fstat(file.fileno()).st_mode
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or "not a text file"
        return {}, [Finding(_AT, f"the file {path} cannot be read ({cause})", _REMEDY)]
    values = parse_environment(text)
    if values is None:
        reason = f"the file {path} contains lines that are not NAME='value'"
        return {}, [Finding(_AT, reason, _REMEDY)]
    if mode & _OTHERS:
        reason = f"the file {path} can be read or changed by other users of this machine"
        return values, [Finding(_AT, reason, f"Run chmod 600 {path}.", warning=True)]
    return values, []


def parse_environment(text: str) -> dict[str, str] | None:
    """Return the variables of an environment file; None if a line is not valid."""
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        return None
    matches = [_SETTING.fullmatch(word) for word in words]
    if not all(matches):
        return None
    return {match[1]: match[2] for match in matches if match}


def environment_line(name: str, value: str) -> str:
    """Return one line of an environment file."""
    return f"{name}={shlex.quote(value)}"
