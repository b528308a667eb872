"""What a run can leave, and how it ends because of that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from syncd.model import ReportedItem, Topic


class RunExit(StrEnum):
    """How a run ended, in the order in which one hides another (docs/design.md#exit-codes)."""

    GUARDED = "guarded"
    UNANSWERED = "unanswered"
    CONFLICTS = "conflicts"
    DONE = "done"

    @property
    def code(self) -> int:
        """The process's exit code."""
        return {"guarded": 5, "unanswered": 4, "conflicts": 3, "done": 0}[self.value]

    @classmethod
    def of(cls, left: Iterable[Remaining]) -> RunExit:
        """Return how a run ended that left this: the first of GUARDED, UNANSWERED, CONFLICTS."""
        return min((each.exit for each in left), key=list(cls).index, default=cls.DONE)


class Remaining(StrEnum):
    """What a run can leave, and `status` can find: the one list that exit codes follow from.

    - STOPPED: calendars or systems that the guard stopped.
    - INTERRUPTED: 1 where a person or a signal ended the run before it was done.
    - SYSTEMS: systems that did not answer; of one that only took no writes, the writes wait.
    - UNKNOWN_OWNERS: calendars of whose events it is not known whose they are.
    - LISTS: lists that are not whole, unless acknowledged.
    - WRITES: writes whose outcome is not known yet.
    - UNMADE: writes that were decided on and not made; a further run makes them.
    - WAITING: writes that are wanted and cannot be made now.
    - REMOVALS: removals that wait for a second read.
    - UNPROVEN: events that are gone by id, while their lists do not prove it.
    - CONFLICTS: conflicts that are held.
    - DOUBLE_BOOKINGS: pairs of meetings that overlap, neither held nor acknowledged.
    - UNREADABLE: records that cannot be understood, unless acknowledged.
    - DAMAGED: records of which a write changed too much, unless acknowledged.
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
        """How a run ends that leaves it."""
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
    """Count reported items that nobody has acknowledged."""
    counts = Counter[Remaining]()
    for item in items:
        if item.acknowledged_at is None:
            counts[REMAINING_OF_TOPIC.get(item.topic, Remaining.REPORTED)] += item.record_count
    return dict(counts)


REMAINING_OF_TOPIC = {Topic(str(kind)): kind for kind in (Remaining.UNREADABLE, Remaining.DAMAGED)}
REMAINING_OF_TOPIC[Topic.LIST] = Remaining.LISTS
