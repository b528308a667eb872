"""What a cleanup works with, and what it cannot reach."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from syncd.core.cleanup import CleanupScope
from syncd.engine.policy import IdSource
from syncd.engine.write_pauses import WritePauses
from syncd.model import Clock, Operation, WaitReason
from syncd.store.store import Store
from syncd.systems.port import System
from syncd.systems.stopping import Stopping

Place = tuple[str, str]
"""(provider, system): one calendar."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Why a calendar cannot be reached, and what helps."""

    reason: str
    remedy: str


class NoPauses(WritePauses):
    """What a person has removed for good is removed in spite of a pause."""

    def reason_now(self, provider: str, system: str) -> WaitReason | None:
        """Return why nothing may be sent; only observe mode holds a cleanup back."""
        del provider, system
        return WaitReason.OBSERVE if self.observe else None


@dataclass(slots=True)
class CleanupContext:
    """What a cleanup works with. ``mapping``: a provider's systems, those that left included.

    ``aliases`` names, for a calendar that left, the provider who has that calendar now.
    ``unreachable`` are the systems, ('', system), and calendars that cannot be reached. ``ahead``
    is how far blocks are made. ``configured`` are the calendars that the configuration names.
    ``observe``: nothing is written at all.
    """

    systems: Mapping[str, System]
    mapping: Mapping[str, Collection[str]]
    store: Store
    clock: Clock
    ids: IdSource
    stopping: Stopping
    scope: CleanupScope
    configured: frozenset[Place] = frozenset()
    zones: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[Place, str] = field(default_factory=dict)
    unreachable: Mapping[Place, Unreachable] = field(default_factory=dict)
    ahead: timedelta = timedelta(days=60)
    on_write: Callable[[Operation, str], None] = lambda _operation, _what: None
    zone: str = "UTC"
    observe: bool = False

    def provider_of(self, provider: str, system: str) -> str:
        """Who has a calendar now in which a block was made for a provider."""
        return self.aliases.get((provider, system), provider)

    def mark_unreachable(self, provider: str, system: str) -> Unreachable | None:
        """Why a calendar cannot be reached; None if it can."""
        known = self.unreachable.get(("", system)) or self.unreachable.get((provider, system))
        if known is not None:
            return known
        if system in self.systems and system in self.mapping.get(provider, ()):
            return None
        return Unreachable(
            f"it is not known any more which calendar of {system} that of "
            f"{provider or 'its provider'} was",
            "Put the entry back into the configuration, and run this again.",
        )
