"""Types of configuration values: durations, times, zones, addresses, shares, names and secrets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import time, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    ValidationInfo,
)

from syncd.config.problems import InvalidValueError
from syncd.config.secrets import ReadContext, Secret, read_secret
from syncd.model import zone

_UNITS: Mapping[str, timedelta] = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_DURATION = re.compile(r"([0-9]{1,9})([smhd])")
_HOW = 'Write a whole number and a unit, s, m, h or d: "90s", "15m", "2h", "1d".'
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")
_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%")
_CONTROL_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: controls, format characters, surrogates, line separators."""
_JOINERS = frozenset("\u200c\u200d")
"""Format characters that occur in words of some scripts and in composed emojis."""
_NAME = re.compile(r"[a-z0-9_-]+")
_NOWHERE = ReadContext(Path(), {})
"""The context for settings that are built in code: relative paths stay relative."""


def parse_duration(value: object) -> timedelta:
    """Parse "90s", "15m", "2h" or "1d"; return a timedelta unchanged. Raises InvalidValueError."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        written = f'"{value}"' if isinstance(value, str) else "the value"
        raise InvalidValueError(f"{written} is not a valid duration", _HOW)
    return int(match[1]) * _UNITS[match[2]]


def duration_between(least: str, most: str) -> PlainValidator:
    """Make a validator for a duration from ``least`` to ``most``, both included."""

    def check(value: object) -> timedelta:
        duration = parse_duration(value)
        if not parse_duration(least) <= duration <= parse_duration(most):
            reason = (
                "the duration is too short"
                if duration < parse_duration(least)
                else "the duration is too long"
            )
            raise InvalidValueError(reason, f"Write a duration from {least} to {most}.")
        return duration

    return PlainValidator(check)


def _time(value: object) -> time:
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        return time(int(match[1]), int(match[2]), int(match[3] or 0))
    if isinstance(value, time) and value.tzinfo is None:
        return value
    raise InvalidValueError("not a valid time of day", 'Write hours and minutes, like "03:30".')


def _zone(value: str) -> str:
    try:
        zone(value)
    except ValueError:
        raise InvalidValueError(
            f'"{value}" is not a known time zone',
            'Write an IANA name like "Europe/Berlin" or "UTC".',
        ) from None
    return value


def _base_url(value: str) -> str:
    """Check a base URL: plain HTTP only to this machine, and no credentials in the URL."""
    example = 'Write an address like "https://host.example/v2".'
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InvalidValueError("not a valid web address", example) from None
    if parts.scheme not in {"http", "https"} or not host or not value.isprintable():
        raise InvalidValueError("not a valid web address", example)
    if parts.username is not None or parts.query or parts.fragment or " " in value:
        reason = "the address contains more than host, port and path"
        raise InvalidValueError(
            reason, "Remove user, password, ? and #; credentials have settings of their own."
        )
    if parts.scheme == "http" and not is_loopback(host):
        reason = "plain http would expose the credentials on the network"
        raise InvalidValueError(
            reason, "Write https; plain http is allowed only for this machine (127.0.0.1)."
        )
    return value.rstrip("/")


def is_loopback(host: str) -> bool:
    """Return true if a host is this machine: "localhost" or a loopback address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _share(value: object) -> float:
    if isinstance(value, str) and (match := _SHARE.fullmatch(value)):
        share = float(match[1]) / 100
    elif isinstance(value, int | float) and not isinstance(value, bool):
        share = float(value)
    else:
        raise InvalidValueError(
            "not a valid share", 'Write a fraction or a percentage: 0.2 or "20%".'
        )
    if not 0 <= share <= 1:
        raise InvalidValueError(
            "the share is not between 0 and 1", 'Write 0 to 1, or "0%" to "100%".'
        )
    return share


def _email(value: str) -> str:
    name, at, host = value.strip().rpartition("@")
    spaced = any(letter.isspace() for letter in value.strip())
    if not (name and at and host) or spaced or _control(value.strip()) is not None:
        raise InvalidValueError(
            "not a valid e-mail address", 'Write an address like "alice@example.com".'
        )
    return value.strip()


def _one_line(value: str) -> str:
    """Refuse control characters: platforms refuse or cut a title with a line break."""
    if (letter := _control(value)) is not None:
        reason = (
            f"the text contains a line break or another control character (U+{ord(letter):04X})"
        )
        raise InvalidValueError(reason, "Write one line of plain text.")
    return value


def _plain_text(value: str) -> str:
    """Refuse control characters other than line breaks."""
    if (letter := _control(value.replace("\n", ""))) is not None:
        reason = f"the text contains a control character (U+{ord(letter):04X})"
        raise InvalidValueError(reason, "Write plain text; line breaks are allowed.")
    return value


def _control(value: str) -> str | None:
    """Return the first control character, or None."""
    controls = (
        c for c in value if unicodedata.category(c) in _CONTROL_CATEGORIES and c not in _JOINERS
    )
    return next(controls, None)


def _state(value: str, info: ValidationInfo) -> str:
    """Resolve a path, or the file of an SQLite URL, against the configuration's directory."""
    home = context_of(info).home
    if "://" not in value:
        return str(home / Path(value).expanduser())
    from syncd.config.urls import resolve_sqlite_url  # noqa: PLC0415 - only URLs need SQLAlchemy

    return resolve_sqlite_url(value, home)


def is_name(word: str) -> bool:
    """Return true if a system or a provider may have this name."""
    return _NAME.fullmatch(word) is not None


def _ca_file(value: str, info: ValidationInfo) -> str:
    """Return the path of a file of CA certificates that can be loaded."""
    path = context_of(info).home / Path(value).expanduser()
    remedy = "Name a file of PEM certificates."
    import ssl  # noqa: PLC0415 - rarely needed, and `status` should not wait for it

    try:
        certificates = ssl.create_default_context(cafile=path).get_ca_certs()
    except FileNotFoundError:
        raise InvalidValueError(f"the file {path} does not exist", remedy) from None
    except (OSError, ValueError) as error:
        raise InvalidValueError(f"the file {path} cannot be used ({error})", remedy) from None
    if not certificates:
        raise InvalidValueError(f"the file {path} contains no CA certificate", remedy)
    return str(path)


def _secret(value: object, info: ValidationInfo) -> Secret:
    return read_secret(value, context_of(info))


def context_of(info: ValidationInfo) -> ReadContext:
    """Return the directory and environment of the configuration that is being read."""
    return info.context if isinstance(info.context, ReadContext) else _NOWHERE


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_one_line),
]
Words = Annotated[str, StringConstraints(max_length=5000), AfterValidator(_plain_text)]
TimeOfDay = Annotated[time, PlainValidator(_time)]
ZoneName = Annotated[str, AfterValidator(_zone)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
Share = Annotated[float, PlainValidator(_share)]
Email = Annotated[str, AfterValidator(_email)]
CaFile = Annotated[str, StringConstraints(min_length=1), AfterValidator(_ca_file)]
State = Annotated[str, StringConstraints(min_length=1), AfterValidator(_state)]
Hidden = Annotated[Secret, PlainValidator(_secret), PlainSerializer(str)]
