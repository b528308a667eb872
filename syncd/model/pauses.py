"""A pause: calendars that a person wants to be read, and not written to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

CLEANED_UP = "cleaned up"
"""The reason of a pause that `syncd cleanup` leaves, so that no block is made again."""

OBSERVE_REASON = 'mode = "observe" is set in [syncd]: nothing is written'
OBSERVE_REMEDY = "Take that line out, and restart the daemon if one runs."
"""What every command says that would write, and what helps."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is written to these calendars since then.

    ``system`` and ``provider`` name them; empty means every one. So a paused system has no
    provider, a paused provider no system; with both it is a single calendar.
    """

    system: str
    provider: str
    since: datetime
    who: str = ""
    reason: str = ""

    @property
    def kind(self) -> str:
        """What is paused: a system, a provider, or one calendar."""
        if self.system and self.provider:
            return "calendar"
        return "system" if self.system else "provider"

    @property
    def id(self) -> str:
        """Its name, as `syncd pause` and `syncd unpause` take it."""
        return "/".join(name for name in (self.provider, self.system) if name)

    def to_json(self) -> dict[str, object]:
        """One entry of ``paused`` in JSON: its keys are stable."""
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
    def from_json(cls, told: Mapping[str, Any]) -> Pause:
        """Read an entry that a daemon sent."""
        system, provider = told["system"] or "", told["provider"] or ""
        since = datetime.fromisoformat(told["since"])
        return cls(system, provider, since, told["who"], told["reason"])

    def covers(self, provider: str, system: str) -> bool:
        """Whether this calendar is among those that are paused."""
        return self.system in {"", system} and self.provider in {"", provider}


def pause_of(pauses: Iterable[Pause], provider: str, system: str) -> Pause | None:
    """Return the earliest pause of a calendar; None where it may be written to."""
    found = [pause for pause in pauses if pause.covers(provider, system)]
    return min(found, key=lambda pause: (pause.since, pause.id), default=None)
