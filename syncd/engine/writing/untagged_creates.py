"""Find the block of a create whose response was lost, on a platform that strips tags."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from syncd.model import (
    Event,
    Intent,
    Kind,
)
from syncd.model.intervals import may_show
from syncd.store.store import Store
from syncd.systems.port import Account


def made_since(
    system: Account, intent: Intent, events: Sequence[Event], store: Store
) -> list[Event]:
    """Return the untagged blocks among ``events`` that the open create may have created.

    Each has exactly the intended interval, was last changed after the intent was opened (by the
    platform's clock), and was unknown before.
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
        and may_show(operation.after, event.value)
        and (event.updated_at is None or event.updated_at - skew >= since - _CLOCKS)
    ]
    return [event for event in found if not _was_there(event, store)]


_CLOCKS = timedelta(seconds=5)
"""Tolerance for a platform's clock beyond the measured skew; some platforms drop the seconds."""


_ANSWERED_WITHIN = timedelta(minutes=3)
"""The longest time that syncd waits for the response to a request."""


def _was_there(event: Event, store: Store) -> bool:
    """Return true if an earlier decision knew the event, so the event is not from the create."""
    records = store.records(event.system, [event.id])
    return any(
        record.created_by_us or record.base is not None or store.links(event.system, event.id)
        for record in records
    )
