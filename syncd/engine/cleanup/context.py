"""Define the dependencies of a cleanup and the calendars that it cannot reach."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta

from syncd.core.ownership.cleanup import CleanupScope
from syncd.engine.policy import IdSource
from syncd.engine.reading.first_read import CalendarKey
from syncd.engine.writing.pauses import WritePauses
from syncd.model import Clock, Operation, WaitReason
from syncd.store.store import Store
from syncd.systems.port import System
from syncd.systems.stopping import Stopping


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The reason why a calendar cannot be reached, and the remedy."""

    reason: str
    remedy: str


class NoPauses(WritePauses):
    """Write pauses during a cleanup: no pause applies, because the operator wants the removal."""

    def reason_now(self, provider: str, system: str) -> WaitReason | None:
        """Return why nothing may be sent, else None; only observe mode stops a cleanup."""
        del provider, system
        return WaitReason.OBSERVE if self.observe else None


@dataclass(slots=True)
class CleanupContext:
    """The dependencies and the scope of a cleanup.

    - ``mapping``: the systems of each provider, including calendars that were removed from the
      configuration.
    - ``configured``: the calendars that the configuration names.
    - ``zones``: the time zone of each provider; ``zone`` applies to all others.
    - ``aliases``: for a calendar that was removed from the configuration, the provider to whom the
      same calendar is mapped now.
    - ``unreachable``: the systems, ("", system), and calendars that cannot be reached.
    - ``ahead``: how far ahead blocks are created.
    - ``on_write``: is called with each write and its outcome.
    - ``observe``: nothing is written at all.
    """

    systems: Mapping[str, System]
    mapping: Mapping[str, Collection[str]]
    store: Store
    clock: Clock
    ids: IdSource
    stopping: Stopping
    scope: CleanupScope
    configured: frozenset[CalendarKey] = frozenset()
    zones: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[CalendarKey, str] = field(default_factory=dict)
    unreachable: Mapping[CalendarKey, Unreachable] = field(default_factory=dict)
    ahead: timedelta = timedelta(days=60)
    on_write: Callable[[Operation, str], None] = lambda _operation, _what: None
    zone: str = "UTC"
    observe: bool = False

    def provider_of(self, provider: str, system: str) -> str:
        """Return the provider to whom the calendar, (provider, system), is mapped now."""
        return self.aliases.get((provider, system), provider)

    def why_unreachable(self, provider: str, system: str) -> Unreachable | None:
        """Return why a calendar cannot be reached; None if it can."""
        known = self.unreachable.get(("", system)) or self.unreachable.get((provider, system))
        if known is not None:
            return known
        if system in self.systems and system in self.mapping.get(provider, ()):
            return None
        return Unreachable(
            f"syncd no longer knows which calendar of {system} belonged to "
            f"{provider or 'its provider'}",
            "Put that calendar back into the configuration and run this command again.",
        )


Cleaner = Callable[[CleanupScope, Store], AbstractAsyncContextManager[CleanupContext]]
"""Opens the dependencies of a cleanup; its systems are separate from those of the engine."""


@dataclass(frozen=True, slots=True)
class CleanupSpec:
    """A requested cleanup; ``chosen``, ``by_tag`` and ``who`` are those of `clean_up`."""

    scope: CleanupScope
    chosen: frozenset[tuple[str, str]] = frozenset()
    by_tag: bool = False
    who: str = ""
    dry_run: bool = False
