"""List what syncd created besides blocks; a cleanup reports these objects and leaves them.

`syncd provision` creates rooms, teams and calendars, which people may use by now. Only `syncd
provision --prune` removes them. Bookings may also be linked to contacts of other systems.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from syncd.core.ownership.cleanup import CleanupScope
from syncd.store.queries.provisioned import ProvisionState, provisioned
from syncd.store.store import Store
from syncd.store.tables.tables import RELATION

TIE = "tie"
"""The ``sort`` of links between bookings and contacts; links have no names, only a number."""

_LINKS = select(RELATION.c.system, func.count().label("number")).group_by(RELATION.c.system)


@dataclass(frozen=True, slots=True)
class LeftInPlace:
    """One object that syncd created, or ``number`` links.

    ``sort`` is the kind of the object. ``sure`` is true if the platform confirmed that the object
    was created; otherwise the object may not exist.
    """

    system: str
    sort: str
    name: str = ""
    number: int = 1
    sure: bool = True

    def to_json(self) -> dict[str, object]:
        """Return one entry of ``stays`` in JSON; its keys are stable."""
        return {
            "system": self.system,
            "sort": self.sort,
            "name": self.name or None,
            "number": self.number,
            "sure": self.sure,
        }


def left_in_place(store: Store, scope: CleanupScope) -> list[LeftInPlace]:
    """Return the objects and links that a cleanup of this scope leaves in place.

    Empty for a scope of one provider, because the objects belong to a whole system. Raises
    StateError.
    """
    if scope.provider:
        return []
    objects = [
        LeftInPlace(each.system, each.sort, each.name, sure=each.state is ProvisionState.MADE)
        for _, each in sorted(provisioned(store).items())
        if each.state is not ProvisionState.KEPT
    ]
    links = [
        LeftInPlace(row["system"], TIE, number=row["number"]) for row in store.query(_LINKS, {})
    ]
    return [each for each in [*objects, *links] if scope.covers("", each.system)]
