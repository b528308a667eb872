"""Whom to decide on next, and around which events. Kept in memory: a restart decides on all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from syncd.model import Buffer, Id


@dataclass(slots=True)
class DirtyProviders:
    """The providers that are due: as a whole, or around events that are news.

    Only who was settled when its news arrived is decided on in part, until nothing is left to do
    there: nothing waits for it in the rest. What is left unmatched asks for the whole.
    """

    _whole: set[str] = field(default_factory=set)
    _around: dict[str, set[Id]] = field(default_factory=dict)
    _unmatched: set[str] = field(default_factory=set)
    _buffers: dict[str, Mapping[str, Buffer]] = field(default_factory=dict)

    def mark_whole(self, providers: Iterable[str]) -> None:
        """Decide on all of these providers."""
        self._whole.update(providers)

    def mark(self, news: Mapping[str, Iterable[Id]]) -> None:
        """Decide on these providers, at least around these events."""
        for provider, events in news.items():
            self._around.setdefault(provider, set()).update(events)

    def has_other_buffers(self, system: str, buffers: Mapping[str, Buffer]) -> bool:
        """Whether blocks for a system's bookings are to cover other buffers than before."""
        before = self._buffers.get(system, {})
        self._buffers[system] = dict(buffers)
        return before != buffers

    def due(self, provider: str) -> bool:
        """Whether there may be something to do for it."""
        return provider in self._whole or provider in self._around

    def partial(self, providers: Iterable[str]) -> dict[str, frozenset[Id]]:
        """Those of these providers that can be decided on in part, with the events."""
        return {
            provider: frozenset(self._around[provider])
            for provider in providers
            if provider in self._around
            and provider not in self._whole
            and provider not in self._unmatched
        }

    def clear(self, provider: str, *, unmatched: bool) -> None:
        """Nothing is left to do for this one; but what is ``unmatched`` waits for any news."""
        self._whole.discard(provider)
        self._around.pop(provider, None)
        (self._unmatched.add if unmatched else self._unmatched.discard)(provider)
