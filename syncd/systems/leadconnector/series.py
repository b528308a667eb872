"""Find the series of an instance of a recurring event.

See docs/platforms/leadconnector-v2.md#recurring-events.

An instance has the id of its master as a field, or in its own id: ``<master>_<start in ms>_<length
in s>``. That start is the original one of the series.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from syncd.model import UNNAMED_SERIES, from_millis
from syncd.systems.leadconnector.wire import Appointment
from syncd.systems.lenient import text

if TYPE_CHECKING:
    from datetime import datetime

_INSTANCE = re.compile(r"([^_]+)_(\d{11,13})_(\d+)")


def series(item: object) -> str:
    """Return the id of a meeting's series; '' for a single meeting or a block."""
    if not isinstance(item, Appointment):
        return ""
    master = text(item.master_event_id)
    id_match = _INSTANCE.fullmatch(text(item.id))
    if master or id_match:
        return master or str(id_match and id_match.group(1))
    recurring = item.is_recurring is True or text(item.is_recurring).casefold() == "true"
    return UNNAMED_SERIES if recurring else ""


def original_start(item: object) -> datetime | None:
    """Return when an instance was to start by its series, if its id says so; otherwise None."""
    id_match = _INSTANCE.fullmatch(text(item.id)) if isinstance(item, Appointment) else None
    try:
        return from_millis(int(id_match.group(2))) if id_match else None
    except (ValueError, OverflowError):
        return None


def fingerprint_part(item: Any) -> str:
    """Return the fingerprint part of a row's series; '' for a single meeting."""
    if item.is_recurring or item.master_event_id or "_" in text(item.id):
        series_id = series(item)
        return f"|series {series_id}" if series_id else ""
    return ""
