"""What of the lists needs a closer look: all that is not plainly as it is known already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.model.statuses import LEADCONNECTOR
from syncd.systems.leadconnector_v1.events import unchanged
from syncd.systems.leadconnector_v1.wire import Appointment
from syncd.systems.lenient import text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from syncd.systems.leadconnector_v1.events import CalendarOwners
    from syncd.systems.leadconnector_v1.reading import Items


class UnchangedFilter:
    """Sifts the lists of one read. ``same`` are the ids that were listed as they are known.

    ``note`` is told the rows that fall through.
    """

    def __init__(
        self,
        owners: CalendarOwners,
        known: Mapping[str, str],
        note: Callable[[Collection[Appointment]], None],
        holds: Collection[str] = (),
        plain: Collection[str] = LEADCONNECTOR.plain_busy,
    ) -> None:
        """Start with nothing."""
        self._plain = plain
        self._owners = owners
        self._known = known
        self._note = note
        self._holds = holds
        self._others: set[str] = set()
        self.same: set[str] = set()

    def changed_rows(self, items: Items) -> Items:
        """Leave what needs a look, and every later copy of it: the last one listed counts."""
        if not self._known:
            return items
        owners, known, others = self._owners, self._known, self._others
        plain = self._plain
        left: Items = []
        same: list[Appointment] = []
        for item in items:
            if not isinstance(item, Appointment):
                left.append(item)
            elif unchanged(item, owners, known, self._holds, plain) and item.id not in others:
                same.append(item)
            else:
                left.append(item)
                others.add(text(item.id))
        self.same.update([item.id for item in same])
        self._note(same)
        return left
