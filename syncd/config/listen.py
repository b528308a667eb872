"""Where the daemon's page listens, and where its heartbeat goes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import PlainSerializer, PlainValidator, ValidationInfo

from syncd.config.fields import around, is_loopback
from syncd.config.problems import InvalidValueError
from syncd.config.secrets import Secret, read_secret

_PORT = re.compile(r"(127(?:\.[0-9]{1,3}){3}|localhost):([0-9]{1,5})")
_LONGEST, _LAST_PORT = 100, 65535
_HOW = 'Write "127.0.0.1:9464", or "unix:/run/syncd/page.sock".'


@dataclass(frozen=True, slots=True)
class Address:
    """A loopback host and port, or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    path: Path | None = None

    def __str__(self) -> str:
        """As it is written in the configuration."""
        return f"unix:{self.path}" if self.path else f"{self.host}:{self.port}"


def _address(value: object) -> Address:
    """The page has no password, so only this machine may reach it."""
    if isinstance(value, Address):
        return value
    if not isinstance(value, str):
        raise InvalidValueError("it is no address", _HOW)
    if value.startswith("unix:"):
        path = Path(value.removeprefix("unix:"))
        if not path.is_absolute() or len(str(path)) > _LONGEST:
            raise InvalidValueError(
                "a socket's path is absolute, and at most 100 letters long", _HOW
            )
        return Address(path=path)
    found = _PORT.fullmatch(value)
    if found is None or not is_loopback(found[1]):
        raise InvalidValueError(
            "the page can be served to this machine only: a loopback address and a port", _HOW
        )
    if not 1 <= int(found[2]) <= _LAST_PORT:
        raise InvalidValueError(f"there is no port {found[2]}", _HOW)
    return Address(found[1], int(found[2]))


def _heartbeat(value: object, info: ValidationInfo) -> Secret:
    """Whoever knows the address can silence the alarm: it is a secret."""
    said = read_secret(value, around(info))
    if around(info).fetch:
        parts = urlsplit(said.reveal())
        host = parts.hostname or ""
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
            raise InvalidValueError(
                "it is no https address", "Write what the watching service gave you."
            )
    return said


Listen = Annotated[Address, PlainValidator(_address), PlainSerializer(str)]
Heartbeat = Annotated[Secret, PlainValidator(_heartbeat), PlainSerializer(str)]
