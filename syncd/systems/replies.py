"""The results of `System.write`: done, accepted into a queue, or not sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.model import Value
    from syncd.systems.errors import RejectedError
    from syncd.systems.lookup_results import LookupResult


@dataclass(frozen=True, slots=True)
class Done:
    """The write was carried out.

    ``events`` has one pair for each event: its id, and its value as read after the write, or None
    if it was not read. ``restored`` names the fields that the write reset and that the adapter then
    set again; ``unrestored`` names the fields that it could not set again.
    """

    events: Sequence[tuple[str, Value | None]]
    restored: Sequence[str] = ()
    unrestored: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The platform queued the write under the id ``job``; only a later read can confirm it.

    ``refused`` maps the ids of events that the call did not change to the reason; the other events
    are queued.
    """

    job: str
    refused: Mapping[str, RejectedError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TargetChanged:
    """Nothing was sent: the event no longer had the value on which the decision was based.

    ``current`` is the result of the read that the adapter made immediately before the write.
    """

    current: LookupResult


Reply = Done | Accepted | TargetChanged
