"""How systems and calendars were last configured, as stored; secrets are never among it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, select

from syncd.model.former_calendars import is_former, provider_of_former
from syncd.store.tables import LAST_SETTINGS

if TYPE_CHECKING:
    from syncd.store.store import Store

_ALL = select(LAST_SETTINGS).order_by(LAST_SETTINGS.c.system, LAST_SETTINGS.c.provider)
_FORGET = delete(LAST_SETTINGS).where(LAST_SETTINGS.c.system == bindparam("of_system"))


@dataclass(frozen=True, slots=True)
class LastSettings:
    """What the configuration said of a system or, with a ``provider``, of its calendar there."""

    system: str
    provider: str
    settings: Mapping[str, Any]
    at: datetime


def last_settings(store: Store) -> dict[tuple[str, str], LastSettings]:
    """Load all, by (system, provider). Raises StateError."""
    found = (LastSettings(**row) for row in store.query(_ALL, {}))
    return {(each.system, each.provider): each for each in found}


def former_calendars(store: Store, system: str) -> dict[str, str]:
    """Return the name of the last calendar that each provider had before. Raises StateError."""
    kept = [each for each in last_settings(store).values() if each.system == system]
    found = [each for each in kept if is_former(each.provider)]
    found.sort(key=lambda each: each.at)
    return {provider_of_former(each.provider): each.provider for each in found}


def save_last_settings(store: Store, said: Iterable[LastSettings]) -> None:
    """Store those that differ from what is known. Raises StateError."""
    known = last_settings(store)
    new = [
        each
        for each in said
        if (each.system, each.provider) not in known
        or known[each.system, each.provider].settings != each.settings
    ]
    if new:
        store.replace(LAST_SETTINGS, [asdict(each) for each in new])


def forget_last_settings(store: Store, system: str) -> None:
    """Drop what is known of a system and of its calendars. Raises StateError."""
    store.replace(LAST_SETTINGS, [], _FORGET, {"of_system": system})
