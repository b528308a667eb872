"""What was measured of the uncertain facts of one account, with the safe side of all others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model.platform_facts import YES, platform_fact

if TYPE_CHECKING:
    from syncd.systems.facts import Facts

_FOR_EVER = timedelta(days=36_500)
"""A measured fact counts until it is contradicted or forgotten; `check` asks for a new probe."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The facts of one account (`model.platform_facts`) as they may be relied on.

    ``platform`` is the system's type; ``facts`` holds what was measured, under the facts' names.
    """

    platform: str
    facts: Facts

    def value(self, name: str) -> str:
        """Return the measured value of a fact, or its safe side. Raises KeyError."""
        return self.facts.get(name, _FOR_EVER) or platform_fact(self.platform, name).safe

    def is_yes(self, name: str) -> bool:
        """Return whether a fact with the sides yes and no is "yes". Raises KeyError."""
        return self.value(name) == YES

    def note(self, name: str, value: str) -> None:
        """Store a measured value with its date. Raises KeyError for an unknown fact."""
        platform_fact(self.platform, name)
        self.facts.put(name, value)

    def contradict(self, name: str) -> None:
        """Drop a fact to its safe side, because an answer contradicted what was measured."""
        platform_fact(self.platform, name)
        self.facts.put(name, "")
