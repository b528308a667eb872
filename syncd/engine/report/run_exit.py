"""Kinds of remaining work after a run, and the exit code that follows from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from syncd.model import ReportedItem, Topic


class RunExit(StrEnum):
    """How a run ended, the most severe first (docs/design.md#exit-codes)."""

    GUARDED = "guarded"
    UNANSWERED = "unanswered"
    CONFLICTS = "conflicts"
    DONE = "done"

    @property
    def code(self) -> int:
        """Return the exit code of the process."""
        return {"guarded": 5, "unanswered": 4, "conflicts": 3, "done": 0}[self.value]

    @classmethod
    def of(cls, remaining: Iterable[Remaining]) -> RunExit:
        """Return the most severe exit for these kinds of remaining work; DONE if there is none."""
        return min((each.exit for each in remaining), key=list(cls).index, default=cls.DONE)


class Remaining(StrEnum):
    """A kind of work that remains after a run, or that `status` finds; it decides the exit code.

    - STOPPED: calendars or systems that the guard stopped.
    - INTERRUPTED: 1 if the operator or a signal ended the run early.
    - SYSTEMS: systems that did not respond. If only their writes fail, those writes count as
      WAITING.
    - UNKNOWN_OWNERS: calendars with events whose owner is not proven.
    - LISTS: incomplete lists, unless acknowledged.
    - WRITES: writes without an outcome.
    - UNMADE: writes that were decided on and not made; a further run makes them.
    - WAITING: writes that are wanted and cannot be made now.
    - REMOVALS: events that may be gone and wait for another read.
    - UNPROVEN: events that are gone by id, while their lists do not prove it.
    - CONFLICTS: held conflicts.
    - DOUBLE_BOOKINGS: overlapping pairs of meetings, neither held nor acknowledged.
    - UNREADABLE: unreadable records, unless acknowledged.
    - DAMAGED: records in which a write changed too much, unless acknowledged.
    - REPORTED: all other reported items, unless acknowledged.
    - EXPOSURES: intervals that are still offered although the provider is busy elsewhere.
    """

    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    SYSTEMS = "systems"
    UNKNOWN_OWNERS = "unknown_owners"
    LISTS = "lists"
    WRITES = "writes"
    UNMADE = "unmade"
    WAITING = "waiting"
    REMOVALS = "removals"
    UNPROVEN = "unproven"
    CONFLICTS = "conflicts"
    DOUBLE_BOOKINGS = "double_bookings"
    UNREADABLE = "unreadable"
    DAMAGED = "damaged"
    REPORTED = "reported"
    EXPOSURES = "exposures"

    @property
    def exit(self) -> RunExit:
        """Return the exit of a run in which this kind of work remains."""
        return EXIT_OF_REMAINING.get(self, RunExit.UNANSWERED)


EXIT_OF_REMAINING = {
    Remaining.STOPPED: RunExit.GUARDED,
    Remaining.CONFLICTS: RunExit.CONFLICTS,
    Remaining.DOUBLE_BOOKINGS: RunExit.CONFLICTS,
    Remaining.UNREADABLE: RunExit.CONFLICTS,
    Remaining.DAMAGED: RunExit.CONFLICTS,
    Remaining.REPORTED: RunExit.DONE,
    Remaining.EXPOSURES: RunExit.DONE,
}


def remaining_of_items(items: Iterable[ReportedItem]) -> dict[Remaining, int]:
    """Count the records of the reported items that are not acknowledged, by kind of work."""
    counts = Counter[Remaining]()
    for item in items:
        if item.acknowledged_at is None:
            counts[REMAINING_OF_TOPIC.get(item.topic, Remaining.REPORTED)] += item.event_count
    return dict(counts)


REMAINING_OF_TOPIC = {Topic(str(kind)): kind for kind in (Remaining.UNREADABLE, Remaining.DAMAGED)}
REMAINING_OF_TOPIC[Topic.LIST] = Remaining.LISTS
