"""Read credentials from their sources, and keep them out of logs and messages."""

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
"""A text that can only be a variable's name: platform keys mix letters and digits, or are long."""
_WAY = re.compile(r"[a-z]{1,12}")
_MAX_LENGTH = 64 * 1024
"""The maximum length of a file with a secret (characters)."""


@dataclass(frozen=True, slots=True)
class SecretWarning:
    """A warning that a secret can be used but is stored unsafely."""

    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Secret:
    """A credential. Only `reveal` returns it; printing it in any other way shows asterisks."""

    _value: str = field(repr=False)
    warning: SecretWarning | None = field(default=None, compare=False, repr=False)
    source: Mapping[str, str] | None = field(default=None, compare=False, repr=False)
    """The source as the configuration names it; None if the file contains the secret itself."""

    def reveal(self) -> str:
        """Return the credential in plain text, for requests to its platform only."""
        return self._value

    def __str__(self) -> str:
        """Return asterisks."""
        return "***"


@dataclass(frozen=True, slots=True)
class ReadContext:
    """The directory (``home``) and the environment of a configuration that is being read.

    Secrets are read only if ``fetch`` is true: commands that only read the state do not need them.
    """

    home: Path
    env: Mapping[str, str]
    fetch: bool = True


def read_secret(source: object, ctx: ReadContext) -> Secret:
    """Read a secret from the source that the configuration names.

    Raises InvalidValueError, whose text never contains the secret.
    """
    match source:
        case Secret():
            return source
        case str():
            remedy = f"Keep the secret outside of the file: {_WAYS}."
            return Secret(
                _usable(
                    source.strip(), "the secret", "Write the secret, or better: " + _WAYS + "."
                ),
                SecretWarning("the secret is in the configuration file itself", remedy),
            )
        case dict() if len(source) == 1:
            (way, name), *_ = source.items()
            if way not in _READERS:
                # Key and value may be swapped: do not repeat what may be a secret.
                shown = f'"{way}"' if _WAY.fullmatch(str(way)) else "this source"
                reason = f"a secret cannot be read from {shown}"
                raise InvalidValueError(reason, did_you_mean(str(way), _READERS))
            if not isinstance(name, str) or not name.strip():
                reason = f"the value of {way} is empty or not a text"
                raise InvalidValueError(reason, f"Write one of {_WAYS}.")
            if not ctx.fetch:
                return Secret(f"not fetched: {way} {name}")
            return replace(_READERS[way](name, ctx), source={way: name})
        case _:
            raise InvalidValueError(
                "the value does not name a source for the secret", f"Write one of {_WAYS}."
            )


def _from_env(name: str, ctx: ReadContext) -> Secret:
    # The secret itself may be written in place of the variable's name: then do not repeat it.
    if _ENV_NAME.fullmatch(name):
        what, remedy = (
            f"the environment variable {name}",
            f"Set {name} for the user that runs syncd.",
        )
    else:
        what = "the environment variable named here"
        remedy = (
            "Set the variable; if this value is the secret itself, write a variable's name instead."
        )
    if name not in ctx.env:
        raise InvalidValueError(f"{what} is not set", remedy)
    return Secret(_usable(ctx.env[name].strip(), what, remedy))


def _from_file(name: str, ctx: ReadContext) -> Secret:
    path = ctx.home / Path(name).expanduser()
    # A secret may contain a slash too: show the name only if it leads to an existing folder.
    shown = "/" in name and len(name) < _MAX_LENGTH and _is_folder(path.parent)
    what = f"the file {path}" if shown else f"the file named here, in {ctx.home}"
    remedy = "Put only the secret into that file, and let the user that runs syncd read it."
    content, mode = _content(path, what, remedy)
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        may = "read" if mode & stat.S_IROTH else "changed"
        raise InvalidValueError(
            f"{what} can be {may} by every user of this machine",
            "Set its mode to 0600.",
        )
    warning = None
    if mode & stat.S_IWGRP:
        warning = SecretWarning(f"{what} can be changed by its group", "Set its mode to 0600.")
    return Secret(_usable(content, what, remedy), warning)


def _from_credential(name: str, ctx: ReadContext) -> Secret:
    directory = ctx.env.get("CREDENTIALS_DIRECTORY", "")
    if not directory:
        raise InvalidValueError(
            "systemd passed no credentials ($CREDENTIALS_DIRECTORY is not set)",
            "Run syncd as its systemd unit, and add LoadCredential= to the unit.",
        )
    if Path(name).name != name:
        raise InvalidValueError(
            "the name of a credential cannot be a path",
            'Write the name alone, or use { file = "PATH" }.',
        )
    what = "the credential named here"
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
            text = file.read(_MAX_LENGTH + 1)
    except FileNotFoundError:
        raise InvalidValueError(f"{what} does not exist", remedy) from None
    except UnicodeDecodeError:
        raise InvalidValueError(f"{what} is not a text file", remedy) from None
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or "the name is not valid"
        raise InvalidValueError(f"{what} cannot be read ({cause})", remedy) from None
    if len(text) > _MAX_LENGTH:
        raise InvalidValueError(f"{what} is too large for a secret", remedy)
    return text.strip(), mode


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _usable(value: str, what: str, remedy: str) -> str:
    """Return a value that an HTTP header can contain. Raises InvalidValueError for others."""
    if not value:
        raise InvalidValueError(f"{what} is empty", remedy)
    if not (value.isascii() and value.isprintable()):
        raise InvalidValueError(
            f"{what} contains more than one line, or characters that no token has", remedy
        )
    return value
