"""Summarise reported items for the operator: a fault of a whole account is shown as one item."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from syncd.model.reported import Acknowledgement, ReportedItem, Topic
from syncd.model.state import StoredConflict

MIN_GROUPED = 5
"""The minimum number of records with the same fault that are summarised as one."""

_LACKS = frozenset({Topic.UNREADABLE, Topic.ASSUMED, Topic.UNASSIGNED})
"""The topics of records with a missing field."""

Acknowledgements = Mapping[str, Acknowledgement]
"""Acknowledgements by subject."""


def summarise(
    items: Sequence[ReportedItem],
    marks: Acknowledgements,
    is_every: Callable[[str, Collection[str]], bool],
) -> list[ReportedItem]:
    """Join the items of a fault that every record of a system has; mark acknowledged items.

    ``is_every`` returns true if these event ids are all current events of a system. It is only
    called for groups of at least `MIN_GROUPED` items with the same topic and reason. A joined item
    gets the topic ACCOUNT, except for unreadable records: they block no time, so they stay
    UNREADABLE.
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


def acknowledgement_of(held: StoredConflict, marks: Acknowledgements) -> Acknowledgement | None:
    """Return the acknowledgement of a conflict.

    Return None if the conflict was not acknowledged, or waits for a decision. ``marks`` are the
    acknowledgements by subject.
    """
    mark = marks.get(held.id)
    known = mark is not None and mark.inputs == held.conflict.inputs
    return mark if known and not held.conflict.held else None


def stale_acknowledgements(
    marks: Acknowledgements, items: Iterable[ReportedItem], conflicts: Iterable[StoredConflict]
) -> list[str]:
    """Return the subjects of acknowledgements whose item or conflict ended or changed."""
    current = {item.digest for item in items if item.acknowledged_at is not None}
    current |= {held.id for held in conflicts if acknowledgement_of(held, marks) is not None}
    return sorted(marks.keys() - current)


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
