"""Changes of platform users: a new address or id, an empty list of users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.lab.sandbox.platform import Platform
from syncd.lab.sandbox.records import PlatformUi
from syncd.lab.simulate.scenario import SimEvent

USER_LISTS = ".*[Uu]sers"
"""The paths of the lists of users, on all three platforms."""


@dataclass(slots=True)
class ChangedUsers:
    """Users with a changed name, by system and provider, with the end of the change.

    Nobody corrects syncd's configuration on such a day. The old name comes back after some hours,
    at the latest when all faults end.
    """

    renamed: dict[tuple[str, str], tuple[str, str, datetime]] = field(default_factory=dict)
    since: list[datetime] = field(default_factory=list)
    """When each change began: syncd propagates later what it could not see from then on."""

    def rename(
        self, step: SimEvent, provider: str, user: str, platform: PlatformUi, now: datetime
    ) -> str:
        """Give a user another name, or the old one back; return the name."""
        key = (step.system, provider)
        if key in self.renamed:
            return self.back(key, platform)
        new = f"{provider}.anew@example.com" if "@" in user else f"{provider}anew{step.slot}"
        until = now + timedelta(hours=1 + step.slot % 4)
        self.renamed[key] = (user, new, until)
        self.since.append(now)
        return platform.rename_user(user, new)

    def back(self, key: tuple[str, str], platform: PlatformUi) -> str:
        """Give a user the old name back; return it."""
        old, new, _ = self.renamed.pop(key)
        return platform.rename_user(new, old)

    def due(self, now: datetime | None = None) -> list[tuple[str, str]]:
        """Return the users whose old name comes back by now; all of them without a time."""
        return [key for key, (*_, until) in self.renamed.items() if now is None or until <= now]

    def hide(self, step: SimEvent, platforms: Mapping[str, Platform], now: datetime) -> str:
        """Let a list of users be empty for a while."""
        hours = 1 + step.slot % 4
        until = now + timedelta(hours=hours)
        platforms[step.system].faults.add(Fault(FaultKind.EMPTY, path=USER_LISTS, until=until))
        self.since.append(now)
        return f"list no users for {hours} hours"
