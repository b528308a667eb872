"""The small languages of the configuration: durations, times, zones, addresses, shares, names."""

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
_NO_TEXT = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: controls, format characters, halves of characters, line separators."""
_JOINERS = frozenset("\u200c\u200d")
"""Format characters that words of some scripts, and emojis of several parts, consist of."""
_NAME = re.compile(r"[a-z0-9_-]+")
_NOWHERE = ReadContext(Path(), {})
"""For settings that a program builds itself: their paths stay as they are."""


def parse_duration(value: object) -> timedelta:
    """Read "90s", "15m", "2h" or "1d"; a timedelta stays as it is. Raises InvalidValueError."""
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        written = f'"{value}"' if isinstance(value, str) else "a value that is no text"
        raise InvalidValueError(f"{written} is no duration", _HOW)
    return int(found[1]) * _UNITS[found[2]]


def span(least: str, most: str) -> PlainValidator:
    """Make a duration's validator, with both bounds included."""

    def check(value: object) -> timedelta:
        duration = parse_duration(value)
        if not parse_duration(least) <= duration <= parse_duration(most):
            reason = "it is too short" if duration < parse_duration(least) else "it is too long"
            raise InvalidValueError(reason, f"Write a duration from {least} to {most}.")
        return duration

    return PlainValidator(check)


def _time(value: object) -> time:
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        return time(int(found[1]), int(found[2]), int(found[3] or 0))
    if isinstance(value, time) and value.tzinfo is None:
        return value
    raise InvalidValueError("it is no time of day", 'Write hours and minutes, "03:30".')


def _zone(value: str) -> str:
    try:
        zone(value)
    except ValueError:
        raise InvalidValueError(
            f'"{value}" is no time zone', 'Write an IANA name like "Europe/Berlin" or "UTC".'
        ) from None
    return value


def _base_url(value: str) -> str:
    """Only a loopback host may be spoken to in the clear; the address itself holds no secret."""
    example = 'Write an address like "https://host.example/v2".'
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InvalidValueError("it is no web address", example) from None
    if parts.scheme not in {"http", "https"} or not host or not value.isprintable():
        raise InvalidValueError("it is no web address", example)
    if parts.username is not None or parts.query or parts.fragment or " " in value:
        reason = "it holds more than host, port and path"
        raise InvalidValueError(
            reason, "Leave out user, password, ? and #; keys have settings of their own."
        )
    if parts.scheme == "http" and not is_loopback(host):
        reason = "over plain http everybody on the way could read the credentials"
        raise InvalidValueError(
            reason, "Write https; plain http is only for this machine (127.0.0.1)."
        )
    return value.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or its number."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _share(value: object) -> float:
    if isinstance(value, str) and (found := _SHARE.fullmatch(value)):
        share = float(found[1]) / 100
    elif isinstance(value, int | float) and not isinstance(value, bool):
        share = float(value)
    else:
        raise InvalidValueError("it is no share", 'Write a fraction or a percentage: 0.2 or "20%".')
    if not 0 <= share <= 1:
        raise InvalidValueError("it is not between 0 and 1", 'Write 0 to 1, or "0%" to "100%".')
    return share


def _email(value: str) -> str:
    name, at, host = value.strip().rpartition("@")
    spaced = any(letter.isspace() for letter in value.strip())
    if not (name and at and host) or spaced or _control(value.strip()) is not None:
        raise InvalidValueError("it is no e-mail address", 'Write one, like "alice@example.com".')
    return value.strip()


def _one_line(value: str) -> str:
    """Refuse control characters: platforms refuse a title with a line break, or cut it there."""
    if (letter := _control(value)) is not None:
        reason = f"it holds a line break or another control character (U+{ord(letter):04X})"
        raise InvalidValueError(reason, "Write it in one line of plain text.")
    return value


def _plain_text(value: str) -> str:
    """Refuse control characters but for line breaks, which descriptions and notes may have."""
    if (letter := _control(value.replace("\n", ""))) is not None:
        reason = f"it holds a control character (U+{ord(letter):04X})"
        raise InvalidValueError(reason, "Write plain text; line breaks are allowed.")
    return value


def _control(value: str) -> str | None:
    """Return the first character that is no text, if there is one."""
    found = (c for c in value if unicodedata.category(c) in _NO_TEXT and c not in _JOINERS)
    return next(found, None)


def _state(value: str, info: ValidationInfo) -> str:
    """Anchor a path, and the file of an SQLite URL, at the configuration's own directory."""
    home = around(info).home
    if "://" not in value:
        return str(home / Path(value).expanduser())
    from syncd.config.urls import resolve_sqlite_url  # noqa: PLC0415 - only URLs need SQLAlchemy

    return resolve_sqlite_url(value, home)


def is_name(word: str) -> bool:
    """Whether a system or a provider may be called that."""
    return _NAME.fullmatch(word) is not None


def _ca_file(value: str, info: ValidationInfo) -> str:
    """Find the certificates of a private authority, and try them."""
    path = around(info).home / Path(value).expanduser()
    remedy = "Name a file of PEM certificates."
    import ssl  # noqa: PLC0415 - hardly ever needed, and no `status` waits for it

    try:
        found = ssl.create_default_context(cafile=path).get_ca_certs()
    except FileNotFoundError:
        raise InvalidValueError(f"the file {path} does not exist", remedy) from None
    except (OSError, ValueError) as error:
        raise InvalidValueError(f"the file {path} cannot be used ({error})", remedy) from None
    if not found:
        raise InvalidValueError(f"the file {path} holds no certificate of an authority", remedy)
    return str(path)


def _secret(value: object, info: ValidationInfo) -> Secret:
    return read_secret(value, around(info))


def around(info: ValidationInfo) -> ReadContext:
    """What the configuration that is being read refers to."""
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
