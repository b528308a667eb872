"""What a configuration said of systems and calendars, kept so that they can be reached later.

Nothing of it is a secret: of a credential only the place is kept from which it is read (the name of
a variable, file or credential). One that stood in the configuration file itself is gone with it.
Nor is it an e-mail address: of a user that is named by one only a digest is kept, and the account's
own list of users tells the address.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

from pydantic import ValidationError

from syncd.config.environment import read_environment
from syncd.config.problems import InvalidValueError
from syncd.config.pydantic_errors import translate
from syncd.config.secrets import ReadContext, Secret
from syncd.config.settings import (
    PLATFORMS,
    CalendarSettings,
    LeadSquaredCalendar,
    ProviderSettings,
    Settings,
    SystemSettings,
)

SECRETS = "secrets"
"""The key under which the places of a system's credentials are kept."""


HELD_FOR = "hold_email"

_DIGEST, _NOT_KNOWN = "address-", "@not-kept.invalid"


def digest_of(address: str) -> str:
    """Return a short name for an e-mail address, which is in no database itself."""
    said = address.strip().casefold().encode()
    return _DIGEST + blake2b(said, digest_size=12, person=b"syncd calendar").hexdigest()


def with_address(calendar: CalendarSettings, addresses: Iterable[str]) -> CalendarSettings | None:
    """Return a calendar with the address of its user; None if no user of the account has it."""
    if not isinstance(calendar, LeadSquaredCalendar) or not calendar.user.startswith(_DIGEST):
        return calendar
    name = calendar.user.partition("@")[0]
    found = next((a for a in addresses if digest_of(a) == name), None)
    return None if found is None else calendar.model_copy(update={"user": found})


class UnreachableSystemError(Exception):
    """A system or calendar that left the configuration cannot be reached; carries the remedy."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Say why, and what helps."""
        super().__init__(f"{reason}. {remedy}")
        self.reason, self.remedy = reason, remedy


def system_settings_text(system: SystemSettings) -> dict[str, Any]:
    """Put a system's settings into a form that can be stored: no secret is in it."""
    hidden = {key: said for key, said in system if isinstance(said, Secret)}
    plain = system.model_dump(mode="json", exclude={*hidden, HELD_FOR}, exclude_defaults=True)
    places = {key: None if s.source is None else dict(s.source) for key, s in hidden.items()}
    return {**plain, SECRETS: places}


def calendar_settings_text(
    provider: ProviderSettings, calendar: CalendarSettings
) -> dict[str, Any]:
    """Put a calendar's settings, and whose they are, into a form that can be stored."""
    said = calendar.model_dump(mode="json", exclude_defaults=True)
    if isinstance(calendar, LeadSquaredCalendar):
        said["user"] = digest_of(calendar.user)
    return {"kind": provider.kind, "zone": provider.zone, "calendar": said}


def is_another(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether what was kept of a calendar names another one than what is said of it now."""
    seats = _seats_said(before.get("calendar", {})), _seats_said(now.get("calendar", {}))
    return all(seats) and not seats[0] & seats[1]


def _seats_said(calendar: Mapping[str, Any]) -> set[str]:
    """What makes an event this calendar's: its user, else its calendars."""
    if calendar.get("user"):
        return {calendar["user"]}
    places = [*calendar.get("calendars", ()), calendar.get("calendar"), calendar.get("resource")]
    return {place for place in places if place}


def read_context_of(settings: Settings, env: Mapping[str, str]) -> ReadContext:
    """Return where secrets are read from: as for the configuration itself."""
    if settings.path is None:
        return ReadContext(settings.syncd.state_path.parent, env)
    home = settings.path.parent.absolute()
    kept, _ = read_environment({"syncd": {"env_file": settings.syncd.env_file}}, home)
    return ReadContext(home, {**kept, **env})


def system_of(name: str, said: Mapping[str, Any], around: ReadContext) -> SystemSettings:
    """Make the settings of a system that left the configuration. Raises UnreachableSystemError."""
    places = said.get(SECRETS, {})
    back = (
        f"Put [systems.{name}] back into the configuration (no provider needs to be mapped to it) "
        f"and run this again; if the account is gone for good: syncd cleanup --give-up {name}."
    )
    if any(place is None for place in places.values()):
        raise UnreachableSystemError(
            f"the credentials of {name} stood in the configuration file and left with it", back
        )
    if said.get("blocks") == "hold":
        raise UnreachableSystemError(
            f'the address that {name} books its holds for ("{HELD_FOR}") is not kept', back
        )
    model = PLATFORMS.get(str(said.get("type")))
    if model is None:
        raise UnreachableSystemError(f"this version knows no system of the type of {name}", back)
    plain = {key: value for key, value in said.items() if key != SECRETS}
    try:
        return model[0].model_validate({**plain, **places}, context=around)
    except InvalidValueError as refused:
        raise UnreachableSystemError(f"{name} cannot be reached: {refused.reason}", back) from None
    except ValidationError as error:
        first = next(iter(translate(error, model[0], ("systems", name))))
        raise UnreachableSystemError(f"{name} cannot be reached: {first.reason}", back) from None


def calendar_of(
    provider: str, system: str, platform: str, said: Mapping[str, Any]
) -> CalendarSettings:
    """Make the settings of a calendar that left the configuration.

    Raises UnreachableSystemError.
    """
    try:
        table = dict(said.get("calendar", {}))
        if platform == "leadsquared":
            # An address in form, until `with_address` puts the user's own there.
            table["user"] += _NOT_KNOWN
        return PLATFORMS[platform][1].model_validate(table)
    except (ValidationError, KeyError, TypeError):
        raise UnreachableSystemError(
            f"it is not known any more which calendar of {system} was {provider}'s",
            f"Put it back under [providers.{provider}.calendars], and run this again.",
        ) from None
