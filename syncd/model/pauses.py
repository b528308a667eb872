"""Pauses: calendars that are read but not written to, because an operator asked for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

CLEANED_UP = "cleaned up"
"""The reason of the pause that `syncd cleanup` sets, so that blocks are not created again."""

OBSERVE_REASON = 'mode = "observe" is set in [syncd]: nothing is written'
OBSERVE_REMEDY = "Remove that line, and restart the daemon if it is running."
"""The error and the remedy of every command that would write in observe mode."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause: nothing is written to these calendars from ``since`` on.

    ``system`` and ``provider`` name the calendars; an empty name means all. So the pause of a
    system has no provider, that of a provider no system, and that of one calendar has both. ``who``
    is the login name of the operator who paused the calendars.
    """

    system: str
    provider: str
    since: datetime
    who: str = ""
    reason: str = ""

    @property
    def kind(self) -> str:
        """Return what is paused: ``system``, ``provider`` or ``calendar``."""
        if self.system and self.provider:
            return "calendar"
        return "system" if self.system else "provider"

    @property
    def id(self) -> str:
        """Return the name of what is paused, as `syncd pause` and `syncd unpause` take it."""
        return "/".join(name for name in (self.provider, self.system) if name)

    def to_json(self) -> dict[str, object]:
        """Return one entry of ``paused`` in JSON. The keys are stable."""
        return {
            "kind": self.kind,
            "id": self.id,
            "system": self.system or None,
            "provider": self.provider or None,
            "since": self.since.isoformat().replace("+00:00", "Z"),
            "who": self.who,
            "reason": self.reason,
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Pause:
        """Parse an entry that `to_json` made, as a daemon sends it."""
        system, provider = entry["system"] or "", entry["provider"] or ""
        since = datetime.fromisoformat(entry["since"])
        return cls(system, provider, since, entry["who"], entry["reason"])

    def covers(self, provider: str, system: str) -> bool:
        """Return true if the pause applies to this calendar."""
        return self.system in {"", system} and self.provider in {"", provider}


def pause_of(pauses: Iterable[Pause], provider: str, system: str) -> Pause | None:
    """Return the earliest pause of a calendar, or None if it is not paused."""
    covering = [pause for pause in pauses if pause.covers(provider, system)]
    return min(covering, key=lambda pause: (pause.since, pause.id), default=None)
