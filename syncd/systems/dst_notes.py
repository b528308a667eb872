"""Describe wall times that do not exist or happen twice, and how syncd reads them."""

from __future__ import annotations

from datetime import datetime

from syncd.model import resolve_wall_time
from syncd.systems.lenient import text

_NOTES = {
    "gap": "does not exist on that day, because clocks go forward: read as one shift later",
    "fold": "happens twice on that day, because clocks go back: read as the first",
}


def dst_note(zone_name: str, *values: object) -> str:
    """Return a note about the first of these wall times that a clock change affects; '' if none.

    ``values`` are ISO times as sent; ``zone_name`` is their time zone.
    """
    for value in values:
        written = text(value)
        try:
            wall = datetime.fromisoformat(written)
            note = "" if wall.tzinfo else resolve_wall_time(wall, zone_name).note
        except ValueError:
            continue
        if note:
            return f"{written} in {zone_name} {_NOTES[note]}"
    return ""
