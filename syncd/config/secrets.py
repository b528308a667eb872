"""Credentials: where they are read from, and how they stay out of sight."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from syncd.config.problems import InvalidValueError, did_you_mean
from syncd.config.trust import open_secret

_WAYS = '{ env = "NAME" }, { file = "PATH" } or { credential = "NAME" }'
_ENV_NAME = re.compile(r"[A-Z]{1,20}(_[A-Z]{1,20}|_?[0-9]{1,3}(?![0-9])){0,8}")
"""What can only be a variable's name: keys of platforms mix letters and digits, or are long."""
_WAY = re.compile(r"[a-z]{1,12}")
_LONGEST = 64 * 1024
"""Characters in a file with a secret."""


@dataclass(frozen=True, slots=True)
class SecretWarning:
    """What is unwise, though it works, about the way a secret is kept."""

    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Secret:
    """A credential. Only `reveal` shows it; every other way to print it gives asterisks."""

    _value: str = field(repr=False)
    concern: SecretWarning | None = field(default=None, compare=False, repr=False)
    source: Mapping[str, str] | None = field(default=None, compare=False, repr=False)
    """Where it was read from, as the configuration says it; None if it stands there itself."""

    def reveal(self) -> str:
        """Return the credential itself, to be sent to its platform and nowhere else."""
        return self._value

    def __str__(self) -> str:
        """Asterisks."""
        return "***"


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What a configuration refers to: the directory it is in, and the environment."""

    home: Path
    env: Mapping[str, str]
    fetch: bool = True
    """Whether secrets are read; what only looks at the state can do without them."""


def read_secret(source: object, around: ReadContext) -> Secret:
    """Fetch a secret from the place that the configuration names.

    Raises InvalidValueError, never with it.
    """
    match source:
        case Secret():
            return source
        case str():
            remedy = f"Keep it outside the file: {_WAYS}."
            return Secret(
                _usable(source.strip(), "it", "Write the secret, or better: " + _WAYS + "."),
                SecretWarning("the secret stands in the file itself", remedy),
            )
        case dict() if len(source) == 1:
            (way, name), *_ = source.items()
            if way not in _READERS:
                # The two may have been exchanged: a secret is not repeated.
                shown = f'"{way}"' if _WAY.fullmatch(str(way)) else "such a place"
                reason = f"a secret cannot be read from {shown}"
                raise InvalidValueError(reason, did_you_mean(str(way), _READERS))
            if not isinstance(name, str) or not name.strip():
                reason = f"the name after {way} is no text, or is empty"
                raise InvalidValueError(reason, f"Write one of {_WAYS}.")
            if not around.fetch:
                return Secret(f"not fetched: {way} {name}")
            return replace(_READERS[way](name, around), source={way: name})
        case _:
            raise InvalidValueError(
                "it says no place to read a secret from", f"Write one of {_WAYS}."
            )


def _from_env(name: str, around: ReadContext) -> Secret:
    # Somebody may have put the secret where its variable's name belongs: then it is not repeated.
    if _ENV_NAME.fullmatch(name):
        what, remedy = (
            f"the environment variable {name}",
            f"Set {name} for the user that runs syncd.",
        )
    else:
        what = "the environment variable that it names"
        remedy = "Set it, or if this is the secret itself: put the variable's name here instead."
    if name not in around.env:
        raise InvalidValueError(f"{what} is not set", remedy)
    return Secret(_usable(around.env[name].strip(), what, remedy))


def _from_file(name: str, around: ReadContext) -> Secret:
    path = around.home / Path(name).expanduser()
    # A secret may hold a slash, too: what leads nowhere is not repeated.
    shown = "/" in name and len(name) < _LONGEST and _is_folder(path.parent)
    what = f"the file {path}" if shown else f"the file that it names in {around.home}"
    remedy = "Put the secret, and nothing else, into that file, and let syncd's user read it."
    content, mode = _content(path, what, remedy)
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        may = "read" if mode & stat.S_IROTH else "changed"
        raise InvalidValueError(
            f"{what} can be {may} by every user of this machine", "Set its mode to 0600."
        )
    concern = None
    if mode & stat.S_IWGRP:
        concern = SecretWarning(f"{what} can be changed by its group", "Set its mode to 0600.")
    return Secret(_usable(content, what, remedy), concern)


def _from_credential(name: str, around: ReadContext) -> Secret:
    directory = around.env.get("CREDENTIALS_DIRECTORY", "")
    if not directory:
        raise InvalidValueError(
            "systemd handed over no credentials ($CREDENTIALS_DIRECTORY is not set)",
            "Run syncd as its systemd unit, and add LoadCredential= to that.",
        )
    if Path(name).name != name:
        raise InvalidValueError(
            "a credential's name is no path", "Write the name alone; for a path: file."
        )
    what = "the credential that it names"
    remedy = "Add LoadCredential=NAME:PATH to the unit, with the NAME written here."
    content, _ = _content(Path(directory) / name, what, remedy)
    return Secret(_usable(content, what, remedy))


_READERS: Mapping[str, Callable[[str, ReadContext], Secret]] = {
    "env": _from_env,
    "file": _from_file,
    "credential": _from_credential,
}


def _content(path: Path, what: str, remedy: str) -> tuple[str, int]:
    """Read a file, and return its text and its mode. Raises InvalidValueError."""
    try:
        with os.fdopen(open_secret(path), encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(_LONGEST + 1)
    except FileNotFoundError:
        raise InvalidValueError(f"{what} does not exist", remedy) from None
    except UnicodeDecodeError:
        raise InvalidValueError(f"{what} holds no text", remedy) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "its name cannot be used"
        raise InvalidValueError(f"{what} cannot be read ({why})", remedy) from None
    if len(text) > _LONGEST:
        raise InvalidValueError(f"{what} is too large for a secret", remedy)
    return text.strip(), mode


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _usable(value: str, what: str, remedy: str) -> str:
    """Refuse what no HTTP header can carry."""
    if not value:
        raise InvalidValueError(f"{what} is empty", remedy)
    if not (value.isascii() and value.isprintable()):
        raise InvalidValueError(
            f"{what} holds more than one line, or letters that no token has", remedy
        )
    return value
