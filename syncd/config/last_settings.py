"""Convert settings to and from the form that is stored for `syncd cleanup`.

The stored form is used for systems and calendars that were removed from the configuration. It
contains no secrets: of a credential only the source is stored (the name of a variable, file or
credential). A credential in the configuration file itself is lost when the system is removed from
the file.

The stored form contains no e-mail addresses either: only a digest is stored, and the address is
found again in the account's list of users.
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

CREDENTIAL_SOURCES = "secrets"
"""The key under which the sources of a system's credentials are stored."""

_HOLD_EMAIL = "hold_email"
_DIGEST_PREFIX, _UNKNOWN_DOMAIN = "address-", "@not-kept.invalid"


def digest_of(address: str) -> str:
    """Return the digest that is stored in the database instead of an e-mail address."""
    normalized = address.strip().casefold().encode()
    digest = blake2b(normalized, digest_size=12, person=b"syncd calendar").hexdigest()
    return _DIGEST_PREFIX + digest


def with_address(calendar: CalendarSettings, addresses: Iterable[str]) -> CalendarSettings | None:
    """Return the calendar with the digest replaced by the e-mail address of its user.

    ``addresses`` are the addresses of the account's users. Returns None if no address has the
    digest.
    """
    if not isinstance(calendar, LeadSquaredCalendar):
        return calendar
    if not calendar.user.startswith(_DIGEST_PREFIX):
        return calendar
    digest = calendar.user.partition("@")[0]
    address = next((a for a in addresses if digest_of(a) == digest), None)
    return None if address is None else calendar.model_copy(update={"user": address})


class UnreachableSystemError(Exception):
    """A system or calendar that was removed from the configuration cannot be reached any more.

    Example: the variable with its credential is no longer set. Raised when `syncd cleanup` reads
    the last settings; ``reason`` says why, ``remedy`` what the operator can do.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        """Create the error from a reason and a remedy."""
        super().__init__(f"{reason}. {remedy}")
        self.reason, self.remedy = reason, remedy


def system_settings_text(system: SystemSettings) -> dict[str, Any]:
    """Return a system's settings in a form that can be stored, without secrets."""
    hidden = {key: value for key, value in system if isinstance(value, Secret)}
    plain = system.model_dump(mode="json", exclude={*hidden, _HOLD_EMAIL}, exclude_defaults=True)
    sources = {key: None if s.source is None else dict(s.source) for key, s in hidden.items()}
    return {**plain, CREDENTIAL_SOURCES: sources}


def calendar_settings_text(
    provider: ProviderSettings, calendar: CalendarSettings
) -> dict[str, Any]:
    """Return a calendar's settings, with its provider's kind and time zone, in the stored form."""
    table = calendar.model_dump(mode="json", exclude_defaults=True)
    if isinstance(calendar, LeadSquaredCalendar):
        table["user"] = digest_of(calendar.user)
    return {"kind": provider.kind, "zone": provider.zone, "calendar": table}


def is_another(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Return true if the stored calendar and the configured one share no user and no calendar."""
    ids = _calendar_ids(before.get("calendar", {})), _calendar_ids(now.get("calendar", {}))
    return all(ids) and not ids[0] & ids[1]


def _calendar_ids(calendar: Mapping[str, Any]) -> set[str]:
    """Return the ids by which events belong to a calendar: its user, else its calendars."""
    if calendar.get("user"):
        return {calendar["user"]}
    ids = [*calendar.get("calendars", ()), calendar.get("calendar"), calendar.get("resource")]
    return {id for id in ids if id}


def read_context_of(settings: Settings, env: Mapping[str, str]) -> ReadContext:
    """Return the directory and variables with which the secrets of these settings are read."""
    if settings.path is None:
        return ReadContext(settings.syncd.state_path.parent, env)
    home = settings.path.parent.absolute()
    variables, _ = read_environment({"syncd": {"env_file": settings.syncd.env_file}}, home)
    return ReadContext(home, {**variables, **env})


def system_of(name: str, stored: Mapping[str, Any], ctx: ReadContext) -> SystemSettings:
    """Return the settings of a system that was removed from the configuration.

    ``stored`` is the stored form of the settings. Raises UnreachableSystemError.
    """
    sources = stored.get(CREDENTIAL_SOURCES, {})
    remedy = (
        f"Put [systems.{name}] back into the configuration (no provider needs to be mapped to it) "
        "and run the command again. If the account no longer exists, run "
        f"`syncd cleanup --give-up {name}`."
    )
    if any(source is None for source in sources.values()):
        raise UnreachableSystemError(
            f"the credentials of {name} were in the configuration file and are not stored", remedy
        )
    if stored.get("blocks") == "hold":
        raise UnreachableSystemError(
            f'the e-mail address of the hold contact of {name} ("{_HOLD_EMAIL}") is not stored',
            remedy,
        )
    model = PLATFORMS.get(str(stored.get("type")))
    if model is None:
        raise UnreachableSystemError(
            f"this version of syncd does not know the type of {name}", remedy
        )
    plain = {key: value for key, value in stored.items() if key != CREDENTIAL_SOURCES}
    try:
        return model[0].model_validate({**plain, **sources}, context=ctx)
    except InvalidValueError as invalid:
        raise UnreachableSystemError(
            f"{name} cannot be reached: {invalid.reason}", remedy
        ) from None
    except ValidationError as error:
        first = next(iter(translate(error, model[0], ("systems", name))))
        raise UnreachableSystemError(f"{name} cannot be reached: {first.reason}", remedy) from None


def calendar_of(
    provider: str, system: str, platform: str, stored: Mapping[str, Any]
) -> CalendarSettings:
    """Return the settings of a calendar that was removed from the configuration.

    ``platform`` is the type of the system, ``stored`` the stored form of the settings. Raises
    UnreachableSystemError.
    """
    try:
        table = dict(stored.get("calendar", {}))
        if platform == "leadsquared":
            # A syntactically valid address, until `with_address` replaces it.
            table["user"] += _UNKNOWN_DOMAIN
        return PLATFORMS[platform][1].model_validate(table)
    except (ValidationError, KeyError, TypeError):
        raise UnreachableSystemError(
            f"the state does not show which calendar of {system} was mapped to {provider}",
            f"Put the calendar back under [providers.{provider}.calendars], and run the command "
            "again.",
        ) from None
