"""Describe wall times that do not exist or happen twice, and how syncd reads them."""

from __future__ import annotations

from datetime import datetime

from syncd.model import resolve_wall_time
from syncd.systems.lenient import text

_NOTES = {
    "gap": "does not exist, because clocks go forward that day: syncd adds the skipped time",
    "fold": "happens twice, because clocks go back that day: syncd uses the first one",
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
