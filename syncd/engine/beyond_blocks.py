"""What syncd made besides blocks, and what a cleanup leaves: it is named, so that nobody misses it.

`syncd provision` makes things that people book by now, and `syncd provision --prune` takes back
what the configuration no longer states. Bookings of other systems are tied to their contacts.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from syncd.core.cleanup import Scope
from syncd.store.provisioned import Making, provisioned
from syncd.store.store import Store
from syncd.store.tables import RELATION

TIE = "tie"
"""The sort of a booking that is tied to its contact: these have no names, and are counted."""

_TIES = select(RELATION.c.system, func.count().label("number")).group_by(RELATION.c.system)


@dataclass(frozen=True, slots=True)
class Stays:
    """One thing that stays, or so many ties. ``sure``: syncd knows that it was made."""

    system: str
    sort: str
    name: str = ""
    number: int = 1
    sure: bool = True

    def to_json(self) -> dict[str, object]:
        """One entry of ``stays`` in JSON: its keys are stable."""
        return {
            "system": self.system,
            "sort": self.sort,
            "name": self.name or None,
            "number": self.number,
            "sure": self.sure,
        }


def what_stays(store: Store, scope: Scope) -> list[Stays]:
    """Return what stays in the systems of a scope; of one provider alone nothing is made.

    Raises StateError.
    """
    if scope.provider:
        return []
    things = [
        Stays(each.system, each.sort, each.name, sure=each.state is Making.MADE)
        for _, each in sorted(provisioned(store).items())
        if each.state is not Making.KEPT
    ]
    ties = [Stays(row["system"], TIE, number=row["number"]) for row in store.tell(_TIES, {})]
    return [each for each in [*things, *ties] if scope.covers("", each.system)]
