"""What the last read of a system showed, to notice an event that its lists hide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.model import Coverage, Event, Value


@dataclass(frozen=True, slots=True)
class LastRead:
    """The ids that were listed, and what the read proved to be complete."""

    ids: frozenset[str]
    coverage: Sequence[Coverage]

    def hides(self, found: Event, value: Value | None) -> bool:
        """Whether an event that was found by its id should have been listed and was not.

        ``value`` is what was known of it before: one that has moved since proves nothing.
        """
        if value is None or value.interval != found.value.interval or found.id in self.ids:
            return False
        return any(
            c.provider == found.provider and found.kind in c.kinds and c.window.holds(found.value)
            for c in self.coverage
        )
