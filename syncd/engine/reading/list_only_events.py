"""Find unlisted events whose state only lists can show."""

from __future__ import annotations

from collections.abc import Iterable

from syncd.engine.reading.completed_lookups import CompletedLookup
from syncd.engine.reading.observation import SystemRead
from syncd.model import (
    TrackedEvent,
)
from syncd.systems.lookup_results import Unknown


def list_only_events(
    read: SystemRead, sure: Iterable[TrackedEvent], completed: Iterable[CompletedLookup]
) -> Iterable[TrackedEvent]:
    """Return the unlisted events that no list shows and that cannot be read by id.

    ``sure`` are the unlisted events, ``completed`` the lookups of this read. Events of earlier
    reads are remembered until a list shows them or a lookup answers.
    """
    by_list = read.system.capabilities.gone_by_list
    list_only = read.probes.list_only
    for lookup in completed:
        if lookup.record.kind in by_list and isinstance(lookup.result, Unknown):
            list_only.add(lookup.record.id)
        else:
            list_only.discard(lookup.record.id)
    return [record for record in sure if record.id in list_only]
