"""Store the last configuration of systems and calendars, without secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, select

from syncd.model.former_calendars import is_former, provider_of_former
from syncd.store.tables.tables import LAST_SETTINGS

if TYPE_CHECKING:
    from syncd.store.store import Store

_ALL = select(LAST_SETTINGS).order_by(LAST_SETTINGS.c.system, LAST_SETTINGS.c.provider)
_DELETE = delete(LAST_SETTINGS).where(LAST_SETTINGS.c.system == bindparam("of_system"))


@dataclass(frozen=True, slots=True)
class LastSettings:
    """The last configuration of a system or, if ``provider`` is set, of its calendar in the system.

    Stored so that `syncd cleanup` can still reach a calendar that was removed from the
    configuration.
    """

    system: str
    provider: str
    settings: Mapping[str, Any]
    at: datetime


def last_settings(store: Store) -> dict[tuple[str, str], LastSettings]:
    """Load the last configuration of each system and calendar, by (system, provider).

    The provider is '' for the system itself. Raises StateError.
    """
    return {
        (row["system"], row["provider"]): LastSettings(
            row["system"], row["provider"], row["said"], row["at"]
        )
        for row in store.query(_ALL, {})
    }


def former_calendars(store: Store, system: str) -> dict[str, str]:
    """Return the name of each provider's latest former calendar in a system. Raises StateError."""
    stored = [each for each in last_settings(store).values() if each.system == system]
    former = [each for each in stored if is_former(each.provider)]
    former.sort(key=lambda each: each.at)
    return {provider_of_former(each.provider): each.provider for each in former}


def save_last_settings(store: Store, current: Iterable[LastSettings]) -> None:
    """Store those of the current settings that differ from the stored ones. Raises StateError."""
    known = last_settings(store)
    new = [
        each
        for each in current
        if (each.system, each.provider) not in known
        or known[each.system, each.provider].settings != each.settings
    ]
    if new:
        values = [
            {"system": s.system, "provider": s.provider, "said": s.settings, "at": s.at}
            for s in new
        ]
        store.replace(LAST_SETTINGS, values)


def forget_last_settings(store: Store, system: str) -> None:
    """Delete the last settings of a system and of its calendars. Raises StateError."""
    store.replace(LAST_SETTINGS, [], _DELETE, {"of_system": system})
