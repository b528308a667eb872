"""Wall-clock times that skip or repeat: what had to be decided to read them, in plain words."""

from __future__ import annotations

from datetime import datetime

from syncd.model import resolve_wall_time
from syncd.systems.lenient import text

_SAID = {
    "gap": "does not exist that day, as the clocks are set forward: read as so much later",
    "fold": "happens twice that day, as the clocks are set back: read as the first",
}


def dst_note(zone_name: str, *values: object) -> str:
    """Name the first of these ISO times that is a wall clock at a change; '' if there is none."""
    for value in values:
        written = text(value)
        try:
            wall = datetime.fromisoformat(written)
            note = "" if wall.tzinfo else resolve_wall_time(wall, zone_name).note
        except ValueError:
            continue
        if note:
            return f"{written} in {zone_name} {_SAID[note]}"
    return ""
