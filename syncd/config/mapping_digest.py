"""Detect remapped calendars, by a digest of what each calendar is mapped to."""

from __future__ import annotations

from collections.abc import Mapping

from syncd.config.settings import Settings
from syncd.core.inputs import inputs_digest


def mapping_digests(settings: Settings) -> dict[tuple[str, str], str]:
    """Return a digest of the account and ids of each calendar, by (provider, system).

    Used to notice that a calendar is mapped to another account or id. Options such as `write` do
    not change the digest.
    """
    digests: dict[tuple[str, str], str] = {}
    for provider, table in settings.providers.items():
        for name, calendar in table.calendars.items():
            system = settings.systems[name]
            account = system.type, system.base_url, getattr(system, "location_id", "")
            ids = calendar.model_dump(exclude={"write"}, exclude_none=True)
            digests[provider, name] = inputs_digest(*account, *sorted(ids.items()))
    return digests


def remapped_calendars(
    settings: Settings, known: Mapping[tuple[str, str], str]
) -> set[tuple[str, str]]:
    """Return the calendars whose digest differs from the ``known`` one of their last read."""
    now = mapping_digests(settings)
    return {calendar for calendar, mapping in known.items() if mapping != now.get(calendar)}
