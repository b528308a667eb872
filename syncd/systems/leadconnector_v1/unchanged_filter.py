"""Filter list rows: keep only those that may differ from their stored state."""

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
    """Filters the lists of one read. ``same`` collects the ids of unchanged rows.

    ``note`` is called with the unchanged rows of each list.
    """

    def __init__(
        self,
        owners: CalendarOwners,
        known: Mapping[str, str],
        note: Callable[[Collection[Appointment]], None],
        holds: Collection[str] = (),
        plain_statuses: Collection[str] = LEADCONNECTOR.plain_busy,
    ) -> None:
        """Keep the parts. ``known`` maps ids to fingerprints, ``holds`` are the hold contacts.

        ``plain_statuses`` are the status words that may be compared as text.
        """
        self._plain_statuses = plain_statuses
        self._owners = owners
        self._known = known
        self._note = note
        self._holds = holds
        self._changed_ids: set[str] = set()
        self.same: set[str] = set()

    def changed_rows(self, items: Items) -> Items:
        """Return the rows that must be parsed: changed rows, and later copies of the same rows.

        A list may show a row several times; the last copy counts.
        """
        if not self._known:
            return items
        owners, known, changed_ids = self._owners, self._known, self._changed_ids
        plain_statuses = self._plain_statuses
        changed: Items = []
        unchanged_rows: list[Appointment] = []
        for item in items:
            if not isinstance(item, Appointment):
                changed.append(item)
            elif (
                unchanged(item, owners, known, self._holds, plain_statuses)
                and item.id not in changed_ids
            ):
                unchanged_rows.append(item)
            else:
                changed.append(item)
                changed_ids.add(text(item.id))
        self.same.update([item.id for item in unchanged_rows])
        self._note(unchanged_rows)
        return changed
