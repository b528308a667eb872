"""Find what a create without an answer made, on a platform that strips tags."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from syncd.core.ownership import same_interval
from syncd.model import (
    Event,
    Intent,
    Kind,
)
from syncd.store.store import Store
from syncd.systems.port import (
    System,
)


def made_since(
    system: System, intent: Intent, events: Sequence[Event], store: Store
) -> list[Event]:
    """The untagged blocks that the create may have made, on a platform that strips tags.

    Each stands exactly where it was to be made, was changed last after the intent by the platform's
    own clock, and was not there when the calendar was read before.
    """
    operation = intent.operation
    skew = system.traffic.skew or timedelta(0)
    since = intent.opened_at - (_ANSWERED_WITHIN if intent.error else timedelta(0))
    found = [
        event
        for event in events
        if event.provider == operation.provider
        and event.kind is Kind.BLOCK
        and event.key is None
        and same_interval(operation.after, event.value)
        and (event.updated_at is None or event.updated_at - skew >= since - _CLOCKS)
    ]
    return [event for event in found if not _was_there(event, store)]


_CLOCKS = timedelta(seconds=5)
"""How far a platform's clock may be off beyond what was measured; some cut seconds off."""


_ANSWERED_WITHIN = timedelta(minutes=3)
"""The longest from a request to the moment at which its answer was given up."""


def _was_there(event: Event, store: Store) -> bool:
    """Whether a decision was made on the event before: then the create did not make it."""
    records = store.records(event.system, [event.id])
    return any(
        record.created_by_us or record.base is not None or store.links(event.system, event.id)
        for record in records
    )
