"""Series: the instances of one recurring event."""

from __future__ import annotations

from syncd.model.state import TrackedEvent
from syncd.model.types import UNNAMED_SERIES


def series_of(record: TrackedEvent) -> tuple[str, ...]:
    """Return the key of an event's series, or () for a single event.

    If the platform shows no master id, all instances of the same customer and service form one
    series.
    """
    if record.series != UNNAMED_SERIES:
        return (record.system, record.series) if record.series else ()
    if record.customer is None:
        return ()
    return (record.system, record.customer, record.service or "", UNNAMED_SERIES)
