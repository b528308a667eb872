"""What matching found: relinked events, twins, and what is not decided."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.model import (
    Conflict,
    Replica,
    TrackedEvent,
)


@dataclass(frozen=True, slots=True)
class Relink:
    """A vanished appointment (``old``) that exists under a new id (``new``); its booking follows.

    ``rebooked``: the appointment was cancelled and booked again.
    """

    replica: Replica
    old: TrackedEvent
    new: TrackedEvent
    rebooked: bool = False


@dataclass(frozen=True, slots=True)
class TwinLink:
    """An appointment of a meeting that another system also has.

    ``record`` joins the stored booking with the id ``booking``, or the one opened for ``first``.
    """

    booking: str | None
    first: TrackedEvent | None
    record: TrackedEvent


@dataclass(frozen=True, slots=True)
class MatchResult:
    """The result of matching; each unlinked event is in exactly one list.

    - ``opened``: the events that open a booking.
    - ``undecided``: the events that wait until the operator resolves one of ``conflicts``.
    - ``unknown_customer``: the appointments that wait, mostly until their customer is looked up.
    - ``expected``: the relinks to make once the guard allows it, or the old event is proven to be
      gone. The new events of these relinks are also in ``unknown_customer``.
    """

    relinked: tuple[Relink, ...] = ()
    twins: tuple[TwinLink, ...] = ()
    opened: tuple[TrackedEvent, ...] = ()
    undecided: tuple[TrackedEvent, ...] = ()
    unknown_customer: tuple[TrackedEvent, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    expected: tuple[Relink, ...] = ()
