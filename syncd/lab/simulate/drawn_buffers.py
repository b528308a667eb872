"""Draw whether v2 calendars have buffers that blocks elsewhere must cover."""

from __future__ import annotations

from random import Random

from syncd.core.merging.rules import Choice

_DAYS = 0.3
_BUFFERS = ((5, 10), (10, 0), (0, 5), (5, 5))
"""Minutes before and after.

Meetings begin and end on half hours or seven minutes later, so a block with its buffer never has
the time of another meeting, and the oracle can tell them apart.
"""


def draw_buffers(seed: int, choices: frozenset[str]) -> tuple[int, int]:
    """Return the buffers of a day in minutes, (0, 0) on most days."""
    random = Random(f"buffered {seed}")  # noqa: S311 - chance that can be repeated, not a secret
    drawn = random.choice(_BUFFERS) if random.random() < _DAYS else (0, 0)
    # A meeting that follows a block which somebody moved may begin at any minute.
    return (0, 0) if Choice.RESCHEDULE in choices else drawn
