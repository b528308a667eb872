"""Store new credentials, and return the configuration entries that refer to them.

Each file is replaced atomically, with mode 0600, before the configuration refers to the file.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from syncd.config.environment import environment_line


class CredentialStorage(StrEnum):
    """Where credentials are stored: in an environment file, for systemd, or not by syncd."""

    ENV_FILE = "env-file"
    CREDENTIAL = "credential"
    NAMES = "names"


@dataclass(frozen=True, slots=True)
class EnteredCredential:
    """A credential that the operator entered.

    ``variable`` is the environment variable that already contains the credential ('': none).
    """

    value: str = field(repr=False)
    variable: str = ""


Source = Mapping[str, str]
"""The entry in the configuration: ``{"env": NAME}`` or ``{"credential": NAME}``."""


def source_of(way: CredentialStorage, system: str, key: str, given: EnteredCredential) -> Source:
    """Return the configuration entry that refers to one secret, for the chosen way of storage."""
    match way:
        case CredentialStorage.ENV_FILE:
            return {"env": f"{system}_{key}".upper().replace("-", "_")}
        case CredentialStorage.CREDENTIAL:
            return {"credential": f"{system}_{key}".replace("-", "_")}
        case CredentialStorage.NAMES:
            return {"env": given.variable}


def write_env_file(path: Path, values: Mapping[str, str]) -> None:
    """Set variables in an environment file; keep the other lines. Raises OSError."""
    before = path.read_text(encoding="utf-8") if path.exists() else _HEAD
    others = [line for line in before.splitlines() if line.split("=", 1)[0].strip() not in values]
    lines = [*others, *(environment_line(name, value) for name, value in values.items())]
    write_atomically(path, "\n".join(lines) + "\n", 0o600)


_HEAD = "# Credentials for syncd: let only its user read this file; never commit it.\n"


def write_credential_files(folder: Path, values: Mapping[str, str]) -> None:
    """Write one file per credential, for LoadCredential= in the unit. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, value in values.items():
        write_atomically(folder / name, value, 0o600)


def write_atomically(path: Path, text: str, mode: int | None = None) -> None:
    """Replace a file atomically; without ``mode``, keep its mode. Raises OSError."""
    if mode is None:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(handle, mode)  # by descriptor: the name may be another file by now
            file.write(text)
            file.flush()
            os.fsync(handle)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
