"""Which recurring event a meeting is an instance of.

See docs/platforms/leadconnector-v2.md#recurring-events.

An instance names its master, or its id does: ``<master>_<start in ms>_<length in s>``, where the
start is that which the series gave it.
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
    """The id of a meeting's series; '' for a single one, and for a block."""
    if not isinstance(item, Appointment):
        return ""
    master = text(item.master_event_id)
    named = _INSTANCE.fullmatch(text(item.id))
    if master or named:
        return master or str(named and named.group(1))
    recurring = item.is_recurring is True or text(item.is_recurring).casefold() == "true"
    return UNNAMED_SERIES if recurring else ""


def original_start(item: object) -> datetime | None:
    """Where its series put an instance, if its id says so."""
    named = _INSTANCE.fullmatch(text(item.id)) if isinstance(item, Appointment) else None
    try:
        return from_millis(int(named.group(2))) if named else None
    except (ValueError, OverflowError):
        return None


def fingerprint_part(item: Any) -> str:
    """What a fingerprint says of a row's series: nothing of a single meeting, the common case."""
    if item.is_recurring or item.master_event_id or "_" in text(item.id):
        found = series(item)
        return f"|series {found}" if found else ""
    return ""
