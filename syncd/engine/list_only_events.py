"""Missing events of which only lists can tell what became of them."""

from __future__ import annotations

from collections.abc import Iterable

from syncd.engine.lookup_answers import LookupAnswer
from syncd.engine.observation import SystemRead
from syncd.model import (
    TrackedEvent,
)
from syncd.systems.port import Unknown


def told_by_lists_only(
    read: SystemRead, sure: Iterable[TrackedEvent], answers: Iterable[LookupAnswer]
) -> Iterable[TrackedEvent]:
    """Return what no list shows, and of which only lists could say what became of it."""
    by_list = read.system.capabilities.gone_by_list
    untold = read.probes.untold
    for answer in answers:
        if answer.record.kind in by_list and isinstance(answer.sighting, Unknown):
            untold.add(answer.record.id)
        else:
            untold.discard(answer.record.id)
    return [record for record in sure if record.id in untold]
