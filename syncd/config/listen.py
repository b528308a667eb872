"""Types of `listen`, where the daemon serves its status, and of `heartbeat`, a URL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import PlainSerializer, PlainValidator, ValidationInfo

from syncd.config.fields import context_of, is_loopback
from syncd.config.problems import InvalidValueError
from syncd.config.secrets import Secret, read_secret

_PORT = re.compile(r"(127(?:\.[0-9]{1,3}){3}|localhost):([0-9]{1,5})")
_LONGEST, _LAST_PORT = 100, 65535
_HOW = 'Write "127.0.0.1:9464", or "unix:/run/syncd/page.sock".'


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """A loopback host and port, or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    path: Path | None = None

    def __str__(self) -> str:
        """Return the address as it is written in the configuration."""
        return f"unix:{self.path}" if self.path else f"{self.host}:{self.port}"


def _address(value: object) -> ListenAddress:
    """Allow this machine's addresses only: the endpoints have no password."""
    if isinstance(value, ListenAddress):
        return value
    if not isinstance(value, str):
        raise InvalidValueError("not an address", _HOW)
    if value.startswith("unix:"):
        path = Path(value.removeprefix("unix:"))
        if not path.is_absolute() or len(str(path)) > _LONGEST:
            raise InvalidValueError(
                "the path of a socket must be absolute and at most 100 characters long", _HOW
            )
        return ListenAddress(path=path)
    match = _PORT.fullmatch(value)
    if match is None or not is_loopback(match[1]):
        raise InvalidValueError("not a loopback address with a port", _HOW)
    if not 1 <= int(match[2]) <= _LAST_PORT:
        raise InvalidValueError(f"{match[2]} is not a valid port", _HOW)
    return ListenAddress(match[1], int(match[2]))


def _heartbeat(value: object, info: ValidationInfo) -> Secret:
    """Read the heartbeat URL, a secret: anyone who knows the URL can silence the alarm."""
    secret = read_secret(value, context_of(info))
    if context_of(info).fetch:
        parts = urlsplit(secret.reveal())
        host = parts.hostname or ""
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
            raise InvalidValueError(
                "not an https address",
                "Write the address that the monitoring service gave you.",
            )
    return secret


Listen = Annotated[ListenAddress, PlainValidator(_address), PlainSerializer(str)]
HeartbeatAddress = Annotated[Secret, PlainValidator(_heartbeat), PlainSerializer(str)]
