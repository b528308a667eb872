"""Track which providers need a decision, and around which events.

Kept in memory only: after a restart every provider needs a decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from syncd.model import Buffer, Id


@dataclass(slots=True)
class DirtyProviders:
    """The providers that need a decision, as a whole or around changed events.

    A partial decision is possible only for a provider that had nothing left to do when the change
    arrived. A provider with unmatched events always gets a whole decision.
    """

    _whole: set[str] = field(default_factory=set)
    _around: dict[str, set[Id]] = field(default_factory=dict)
    _unmatched: set[str] = field(default_factory=set)
    _buffers: dict[str, Mapping[str, Buffer]] = field(default_factory=dict)

    def mark_whole(self, providers: Iterable[str]) -> None:
        """Mark these providers for a whole decision."""
        self._whole.update(providers)

    def mark(self, news: Mapping[str, Iterable[Id]]) -> None:
        """Mark providers for a decision, at least around the changed events that ``news`` names."""
        for provider, events in news.items():
            self._around.setdefault(provider, set()).update(events)

    def has_other_buffers(self, system: str, buffers: Mapping[str, Buffer]) -> bool:
        """Return whether a system's buffers differ from the last call; keep the new buffers."""
        before = self._buffers.get(system, {})
        self._buffers[system] = dict(buffers)
        return before != buffers

    def due(self, provider: str) -> bool:
        """Return whether a provider needs a decision."""
        return provider in self._whole or provider in self._around

    def partial(self, providers: Iterable[str]) -> dict[str, frozenset[Id]]:
        """Return those of ``providers`` that need only a partial decision, with changed events."""
        return {
            provider: frozenset(self._around[provider])
            for provider in providers
            if provider in self._around
            and provider not in self._whole
            and provider not in self._unmatched
        }

    def clear(self, provider: str, *, unmatched: bool) -> None:
        """Note that a decision left nothing to do for a provider.

        ``unmatched``: some of the provider's events have no match yet, so that the next change
        requires a whole decision.
        """
        self._whole.discard(provider)
        self._around.pop(provider, None)
        (self._unmatched.add if unmatched else self._unmatched.discard)(provider)
