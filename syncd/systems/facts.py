"""What was found out about an account while it was used, kept across restarts (`model.Fact`)."""

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

RENEWED = timedelta(days=1)
"""A fact that is confirmed again is written anew only after this long."""


@dataclass(slots=True)
class FactStore:
    """The facts of one system. The adapter notes them; whoever holds the state stores them."""

    system: str
    clock: Clock
    _known: dict[str, Fact] = field(default_factory=dict)
    _unsaved: set[str] = field(default_factory=set)
    _loaded: dict[str, Fact] = field(default_factory=dict)
    _noted: dict[str, float] = field(default_factory=dict)
    """When each was noted last, by the clock that nobody sets."""
    version: int = 0
    """Changes whenever the value of a fact does, so that what follows from them can be kept."""

    def load(self, facts: Iterable[Fact]) -> None:
        """Take over what was stored."""
        self._loaded = {fact.name: fact for fact in facts}
        for former, name in _RENAMED.items():
            if former in self._loaded and name not in self._loaded:
                self._loaded[name] = replace(self._loaded[former], name=name)
        self._known |= self._loaded
        for name, fact in self._loaded.items():
            age = self.clock.now() - fact.at
            if age >= -RENEWED:
                self._noted[name] = self.clock.monotonic() - max(0.0, age.total_seconds())
        self.version += 1

    def loaded(self, name: str) -> Fact | None:
        """Return a fact as it was stored by an earlier process, whatever was noted since."""
        return self._loaded.get(name)

    def all(self) -> Sequence[Fact]:
        """Return all facts as they are known now, however old."""
        return list(self._known.values())

    def stored(self, name: str) -> Fact | None:
        """Return a fact as it is known now, however old; None if it is not known."""
        return self._known.get(name)

    def get(self, name: str, lifetime: timedelta) -> str:
        """The value of a fact that is not older than its lifetime; '' if there is none.

        Where this machine's clock was set since, the time that has passed counts.
        """
        fact = self._known.get(name)
        if fact is None:
            return ""
        noted = self._noted.get(name)
        fresh = noted is not None and self.clock.monotonic() - noted <= lifetime.total_seconds()
        fresh = fresh or -RENEWED <= self.clock.now() - fact.at <= lifetime
        return fact.value if fresh else ""

    def standing(self, name: str) -> str:
        """Return the value of a fact of whatever age; '' if there is none."""
        fact = self._known.get(name)
        return "" if fact is None else fact.value

    def put(self, name: str, value: str, *, renewed: timedelta = RENEWED) -> None:
        """Note a fact, or confirm it; '' withdraws it.

        One that is confirmed is written anew once it is older than ``renewed``.
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
        """The facts that were noted since this was last asked."""
        found = [replace(self._known[name]) for name in sorted(self._unsaved)]
        self._unsaved.clear()
        return found

    def unstored(self, facts: Iterable[Fact]) -> None:
        """Note that these facts could not be stored: they are to be asked for again."""
        self._unsaved |= {fact.name for fact in facts}
