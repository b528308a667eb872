"""What syncd learned about an account while running, kept across restarts (`model.Fact`).

Examples: rate limits, caps of lists, results of `syncd probe`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model import Fact

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from syncd.model import Clock

_RENAMED = {"blocks by id": "block_by_id"}
"""Names under which earlier versions stored a fact."""

RENEW_AFTER = timedelta(days=1)
"""A confirmed fact is written again only if the stored one is older than this."""


@dataclass(slots=True)
class FactStore:
    """The facts of one system: the adapter records them, the engine loads and stores them."""

    system: str
    clock: Clock
    _known: dict[str, Fact] = field(default_factory=dict)
    _unsaved: set[str] = field(default_factory=set)
    _loaded: dict[str, Fact] = field(default_factory=dict)
    _noted: dict[str, float] = field(default_factory=dict)
    """The monotonic time at which each fact was recorded last."""
    version: int = 0
    """Incremented when the value of a fact changes, so that derived values can be cached."""

    def load(self, facts: Iterable[Fact]) -> None:
        """Add the facts that earlier processes stored."""
        self._loaded = {fact.name: fact for fact in facts}
        for former, name in _RENAMED.items():
            if former in self._loaded and name not in self._loaded:
                self._loaded[name] = replace(self._loaded[former], name=name)
        self._known |= self._loaded
        for name, fact in self._loaded.items():
            age = self.clock.now() - fact.at
            if age >= -RENEW_AFTER:
                self._noted[name] = self.clock.monotonic() - max(0.0, age.total_seconds())
        self.version += 1

    def loaded(self, name: str) -> Fact | None:
        """Return a fact as an earlier process stored it, whatever this process recorded since."""
        return self._loaded.get(name)

    def all(self) -> Sequence[Fact]:
        """Return all facts known now, of any age."""
        return list(self._known.values())

    def stored(self, name: str) -> Fact | None:
        """Return a fact with its time, of any age; None if it is unknown."""
        return self._known.get(name)

    def get(self, name: str, lifetime: timedelta) -> str:
        """Return the value of a fact if it is at most ``lifetime`` old; '' otherwise.

        The age is measured on this machine's clock and on the monotonic clock; the fact counts if
        either shows it as young enough, so that setting the clock does not expire facts.
        """
        fact = self._known.get(name)
        if fact is None:
            return ""
        noted = self._noted.get(name)
        fresh = noted is not None and self.clock.monotonic() - noted <= lifetime.total_seconds()
        fresh = fresh or -RENEW_AFTER <= self.clock.now() - fact.at <= lifetime
        return fact.value if fresh else ""

    def value(self, name: str) -> str:
        """Return the value of a fact of any age; '' if it is unknown."""
        fact = self._known.get(name)
        return "" if fact is None else fact.value

    def put(self, name: str, value: str, *, renewed: timedelta = RENEW_AFTER) -> None:
        """Record a fact, or confirm it if the value is unchanged; the value '' withdraws the fact.

        A confirmed fact is stored again only if its stored time is older than ``renewed``.
        """
        before, now = self._known.get(name), self.clock.now()
        if not value and (before is None or not before.value):
            return
        self._noted[name] = self.clock.monotonic()
        if before is not None and before.value == value and abs(now - before.at) < renewed:
            return
        if before is None or before.value != value:
            self.version += 1
        self._known[name] = Fact(self.system, name, value, now)
        self._unsaved.add(name)

    def unsaved(self) -> Sequence[Fact]:
        """Return the facts recorded since the last call, for storing, and clear that list."""
        facts = [replace(self._known[name]) for name in sorted(self._unsaved)]
        self._unsaved.clear()
        return facts

    def mark_unsaved(self, facts: Iterable[Fact]) -> None:
        """Let the next `unsaved` return these facts again, because they could not be stored."""
        self._unsaved |= {fact.name for fact in facts}
