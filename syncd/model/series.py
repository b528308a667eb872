"""Which records are instances of one recurring event."""

from __future__ import annotations

from syncd.model.state import TrackedEvent
from syncd.model.types import UNNAMED_SERIES


def series_of(record: TrackedEvent) -> tuple[str, ...]:
    """The name of a record's series, () for a single event.

    Where the platform shows no master id, the instances of a person and service are one series.
    """
    if record.series != UNNAMED_SERIES:
        return (record.system, record.series) if record.series else ()
    if record.person is None:
        return ()
    return (record.system, record.person, record.service or "", UNNAMED_SERIES)
