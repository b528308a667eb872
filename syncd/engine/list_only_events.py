"""Find missing events whose state only lists can show."""

from __future__ import annotations

from collections.abc import Iterable

from syncd.engine.lookup_answers import LookupAnswer
from syncd.engine.observation import SystemRead
from syncd.model import (
    TrackedEvent,
)
from syncd.systems.port import Unknown


def list_only_events(
    read: SystemRead, sure: Iterable[TrackedEvent], answers: Iterable[LookupAnswer]
) -> Iterable[TrackedEvent]:
    """Return the missing events that no list shows and that cannot be read by id.

    ``sure`` are the missing events, ``answers`` the lookups of this read. Events of earlier reads
    are remembered until a list shows them or a lookup answers.
    """
    by_list = read.system.capabilities.gone_by_list
    list_only = read.probes.list_only
    for answer in answers:
        if answer.record.kind in by_list and isinstance(answer.result, Unknown):
            list_only.add(answer.record.id)
        else:
            list_only.discard(answer.record.id)
    return [record for record in sure if record.id in list_only]
