"""Whether the records of one meeting name one person, once a record names another than before.

A twin is linked because it names the same person. Only when the person's id of a record changes is
anybody looked up again: a cycle without such a change asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from syncd.core.matching import PersonIndex
from syncd.core.workspace import Workspace
from syncd.model import Id, Kind, Replica, Role, TrackedEvent


@dataclass(frozen=True, slots=True)
class PersonComparison:
    """What a comparison found. ``other`` is the record that names another person; None if none.

    ``events`` are the records that were compared.
    """

    events: tuple[Id, ...]
    other: Id | None = None


def persons_to_compare(workspace: Workspace) -> list[TrackedEvent]:
    """Return the records whose persons must be known to compare those of their meetings."""
    return [record for pairs in _changed(workspace) for _, record in pairs]


def compare_persons(workspace: Workspace, who: PersonIndex) -> tuple[list[PersonComparison], int]:
    """Compare the persons of each meeting of which one changed; count those not known yet.

    A person without any known address differs from nobody.
    """
    found: list[PersonComparison] = []
    unknown = 0
    for pairs in _changed(workspace):
        missing = [r for _, r in pairs if (r.system, r.person or "") not in who]
        if missing:
            unknown += len(missing)
            continue
        hashes = [who[r.system, r.person or ""] for _, r in pairs]
        others = [
            (record.system, record.id)
            for (_, record), mine in zip(pairs, hashes, strict=True)
            if mine and hashes[0] and mine.isdisjoint(hashes[0])
        ]
        found.append(PersonComparison(tuple((r.system, r.id) for _, r in pairs), *others[:1]))
        for replica, record in pairs:
            if replica.person != record.person:
                workspace.link(replace(replica, person=record.person))
    return found, unknown


def _changed(workspace: Workspace) -> Iterator[list[tuple[Replica, TrackedEvent]]]:
    """Yield the records of each meeting of several that name a person, the origin first.

    Only where one names another than when they were last compared.
    """
    for booking in workspace.bookings.values():
        if booking.kind is not Kind.APPOINTMENT or not booking.agreed.busy:
            continue
        pairs = [
            p for p in workspace.pairs(booking.id) if p[1].observed is not None and p[1].person
        ]
        pairs.sort(key=lambda pair: pair[0].role is not Role.ORIGIN)
        if len(pairs) > 1 and any(_is_another(*pair) for pair in pairs):
            yield pairs


def _is_another(replica: Replica, record: TrackedEvent) -> bool:
    """Return whether a record names another person than when it was linked, or last compared."""
    return replica.person is not None and replica.person != record.person
