"""List what syncd made besides blocks: a cleanup reports it and leaves it in place.

`syncd provision` creates rooms, teams and calendars, which people may use by now. Only
`syncd provision --prune` removes them. Bookings may also be linked to contacts of other systems.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from syncd.core.cleanup import CleanupScope
from syncd.store.provisioned import ProvisionState, provisioned
from syncd.store.store import Store
from syncd.store.tables import RELATION

TIE = "tie"
"""The sort of a booking that is linked to its contact. Links have no names and are counted."""

_TIES = select(RELATION.c.system, func.count().label("number")).group_by(RELATION.c.system)


@dataclass(frozen=True, slots=True)
class LeftInPlace:
    """One thing, or ``number`` links. ``sure``: the platform confirmed that it was created."""

    system: str
    sort: str
    name: str = ""
    number: int = 1
    sure: bool = True

    def to_json(self) -> dict[str, object]:
        """One entry of ``left_in_place`` in JSON: its keys are stable."""
        return {
            "system": self.system,
            "sort": self.sort,
            "name": self.name or None,
            "number": self.number,
            "sure": self.sure,
        }


def left_in_place(store: Store, scope: CleanupScope) -> list[LeftInPlace]:
    """Return what a cleanup of this scope leaves; a single provider has nothing of its own.

    Raises StateError.
    """
    if scope.provider:
        return []
    things = [
        LeftInPlace(each.system, each.sort, each.name, sure=each.state is ProvisionState.MADE)
        for _, each in sorted(provisioned(store).items())
        if each.state is not ProvisionState.KEPT
    ]
    ties = [LeftInPlace(row["system"], TIE, number=row["number"]) for row in store.query(_TIES, {})]
    return [each for each in [*things, *ties] if scope.covers("", each.system)]
