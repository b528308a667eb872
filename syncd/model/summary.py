"""Reported items as a person is shown them: faults of a whole account once, acknowledged ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from syncd.model.reported import Acknowledgement, ReportedItem, Topic
from syncd.model.state import HeldConflict

MIN_GROUPED = 5
"""So many records, at least, make a fault of every record one of the account."""

_LACKS = frozenset({Topic.UNREADABLE, Topic.ASSUMED, Topic.UNASSIGNED})
"""The topics of records that lack a field."""

Acknowledgements = Mapping[str, Acknowledgement]
"""What was acknowledged, by subject."""


def summarise(
    items: Sequence[ReportedItem],
    marks: Acknowledgements,
    is_every: Callable[[str, Collection[str]], bool],
) -> list[ReportedItem]:
    """Return the items as they are shown: one for what all records of a system have in common.

    ``is_every`` tells whether these events are all that the system is known to have now. It is
    only asked about groups of at least `MIN_GROUPED` items with one topic and reason. An account
    whose every record is unreadable stays unreadable: its time is open, and a person is needed.
    """
    groups: dict[tuple[str, Topic, str], list[ReportedItem]] = defaultdict(list)
    for item in items:
        if item.topic in _LACKS and item.event:
            groups[item.system, item.topic, item.reason].append(item)
    shared = {
        group
        for group, members in groups.items()
        if len(members) >= MIN_GROUPED and is_every(group[0], {item.event for item in members})
    }
    alone = [i for i in items if (i.system, i.topic, i.reason) not in shared]
    return [_marked(item, marks) for item in (*alone, *(_joined(groups[g]) for g in shared))]


def acknowledgement_of(held: HeldConflict, marks: Acknowledgements) -> Acknowledgement | None:
    """Return the mark of a conflict that a person acknowledged, unless it must be decided."""
    mark = marks.get(held.id)
    known = mark is not None and mark.inputs == held.conflict.inputs
    return mark if known and not held.conflict.held else None


def stale_acknowledgements(
    marks: Acknowledgements, items: Iterable[ReportedItem], conflicts: Iterable[HeldConflict]
) -> list[str]:
    """Return the subjects of the marks whose item or conflict has ended or has changed."""
    standing = {item.digest for item in items if item.acknowledged_at is not None}
    standing |= {held.id for held in conflicts if acknowledgement_of(held, marks) is not None}
    return sorted(marks.keys() - standing)


def _marked(item: ReportedItem, marks: Acknowledgements) -> ReportedItem:
    mark = marks.get(item.digest)
    return (
        item
        if mark is None or mark.inputs != item.inputs
        else replace(item, acknowledged_at=mark.at)
    )


def _joined(members: Sequence[ReportedItem]) -> ReportedItem:
    first = members[0]
    return replace(
        first,
        event="",
        topic=Topic.ACCOUNT if first.topic.still_blocks else first.topic,
        calendars=tuple(sorted({name for item in members for name in item.calendars})),
        since=min(item.since for item in members),
        seen_at=max(item.seen_at for item in members),
        events=tuple(sorted(item.event for item in members)),
    )
