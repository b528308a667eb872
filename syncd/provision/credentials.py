"""Where a new credential is kept, and what the configuration then says of it.

Everything is written whole or not at all, with mode 0600, before the configuration names it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from syncd.config.environment import environment_line


class Way(StrEnum):
    """Where credentials are kept: beside the configuration, with systemd, or by somebody else."""

    ENV_FILE = "env-file"
    CREDENTIAL = "credential"
    NAMES = "names"


@dataclass(frozen=True, slots=True)
class Given:
    """A credential as it was given; ``variable`` names where it already is, '' for nowhere."""

    value: str = field(repr=False)
    variable: str = ""


Source = Mapping[str, str]
"""What the configuration says: ``{"env": NAME}`` or ``{"credential": NAME}``."""


def source_of(way: Way, system: str, key: str, given: Given) -> Source:
    """What the configuration says of one secret."""
    match way:
        case Way.ENV_FILE:
            return {"env": f"{system}_{key}".upper().replace("-", "_")}
        case Way.CREDENTIAL:
            return {"credential": f"{system}_{key}".replace("-", "_")}
        case Way.NAMES:
            return {"env": given.variable}


def keep_in_file(path: Path, values: Mapping[str, str]) -> None:
    """Set variables in an environment file; other lines stay. Raises OSError."""
    before = path.read_text(encoding="utf-8") if path.exists() else _HEAD
    kept = [line for line in before.splitlines() if line.split("=", 1)[0].strip() not in values]
    lines = [*kept, *(environment_line(name, value) for name, value in values.items())]
    write_whole(path, "\n".join(lines) + "\n", 0o600)


_HEAD = "# Credentials for syncd: keep this file to its user alone, and out of every repository.\n"


def keep_as_credentials(folder: Path, values: Mapping[str, str]) -> None:
    """Write one file for each credential, for LoadCredential= of the unit. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, value in values.items():
        write_whole(folder / name, value, 0o600)


def write_whole(path: Path, text: str, mode: int | None = None) -> None:
    """Replace a file at once, or not at all; without a mode it keeps its own. Raises OSError."""
    if mode is None:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(handle, mode)  # not by name, which may be another file by now
            file.write(text)
            file.flush()
            os.fsync(handle)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
