"""What each calendar is mapped to, in short: whether the configuration says another one by now."""

from __future__ import annotations

from collections.abc import Mapping

from syncd.config.settings import Settings
from syncd.core.inputs import inputs_digest


def mapping_digests(settings: Settings) -> dict[tuple[str, str], str]:
    """A digest of what each calendar, (provider, system), is mapped to: not of how it is used."""
    found: dict[tuple[str, str], str] = {}
    for provider, said in settings.providers.items():
        for name, calendar in said.calendars.items():
            system = settings.systems[name]
            account = system.type, system.base_url, getattr(system, "location_id", "")
            seats = calendar.model_dump(exclude={"write"}, exclude_none=True)
            found[provider, name] = inputs_digest(*account, *sorted(seats.items()))
    return found


def remapped_calendars(
    settings: Settings, known: Mapping[tuple[str, str], str]
) -> set[tuple[str, str]]:
    """The calendars that are mapped to something else than what they were last read as."""
    now = mapping_digests(settings)
    return {place for place, mapping in known.items() if mapping != now.get(place)}
