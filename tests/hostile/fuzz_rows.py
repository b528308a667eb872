"""Rows of lists, drawn field by field: rows of v1, and the list shapes of LeadSquared.

`fuzzed.SPOILED` changes a few nodes of a true answer. Here most fields of a row are odd at once,
with values that are nearly valid: times in every spelling, owners of several kinds, lists in place
of objects.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.hostile.fuzzed import JSON, ODD_VALUES, Spoiled

TIMES = st.one_of(
    st.datetimes().map(lambda at: at.isoformat()),
    st.datetimes().map(lambda at: at.isoformat() + "Z"),
    st.datetimes().map(lambda at: at.strftime("%Y-%m-%d %H:%M:%S")),
    st.datetimes().map(lambda at: at.strftime("%m/%d/%Y %I:%M %p")),
    st.integers(-(10**18), 10**18),
    st.integers(-(10**15), 10**15).map(lambda ms: f"/Date({ms})/"),
    st.sampled_from([
        "2027-06-14T10:00:00+99:00", "2027-06-14T24:00:00", "2027-06-31", "2027-W24-1", "20270614",
        "2027-06-14T10:00:00.123456789Z", "2027-06-14T10:00:00 Europe/Berlin", "10:00", "0", "-1",
        "2027-06-14T10:00:00+00:00:01",
        "\uff12\uff10\uff12\uff17-06-14T10:00:00", "9999-12-31T23:59:59-23:59",
    ]),
)  # fmt: skip
WORDS = st.sampled_from([
    "confirmed", "cancelled", "CANCELLED", " booked ", "new", "deleted", "noshow", "invalid", "0",
    "1", "true", "Completed", "Pending", "", "alice", "bob", "alice@example.com",
    "ALICE@EXAMPLE.COM", "Appointment", "Busy", "Europe/Berlin", "Mars/Olympus", "UTC", "GMT+25",
])  # fmt: skip
VALUES = st.one_of(TIMES, WORDS, st.sampled_from(ODD_VALUES), JSON)

OF_LEGACY = (
    "id", "calendarId", "calendarServiceId", "calendarProviderId", "assignedUserId", "userId",
    "contactId", "contact", "status", "appoinmentStatus", "appointmentStatus", "title", "notes",
    "calendarNotes", "startTime", "endTime", "selectedTimezone", "createdAt", "updatedAt",
    "isRecurring", "isFullDay", "isAllDay", "allDay",
)  # fmt: skip
OF_CRM = (
    "UserTaskId", "Name", "Description", "RelatedEntity", "RelatedEntityId", "DueDate", "EndDate",
    "StatusCode", "OwnerId", "OwnerEmailAddress", "CreatedOn", "ModifiedOn", "TaskType",
    "CustomFields", "RecurrenceId", "IsRecurring",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A row of the true list with some fields changed, or a row made of the drawn fields."""

    of: int
    fields: dict[str, Any]
    dropped: Sequence[str] = ()
    instead: Any = None

    def made(self, rows: Sequence[Any]) -> Any:
        """Return the changed row."""
        if self.instead is not None:
            return self.instead
        true = rows[self.of % len(rows)] if rows else {}
        return {k: v for k, v in (true | self.fields).items() if k not in self.dropped}


def _rows(names: Sequence[str]) -> st.SearchStrategy[list[Row]]:
    row = st.builds(
        Row,
        of=st.integers(0, 50),
        fields=st.dictionaries(st.sampled_from(names), VALUES, max_size=6),
        dropped=st.lists(st.sampled_from(names), max_size=3),
        instead=st.none() | st.none() | st.none() | JSON,
    )
    return st.lists(row, max_size=4)


@dataclass(frozen=True)
class Rows(Spoiled):
    """Replaces rows of lists with drawn rows, in a drawn shape. Other answers stay."""

    rows: Sequence[Row] = ()
    shape: str = "list"
    keeps: bool = True
    count: Any = None

    def body(self, true: bytes) -> bytes:
        """Return the changed list; an answer that is no list is returned unchanged."""
        try:
            tree = json.loads(true)
        except ValueError:
            return true
        key = next(
            (k for k in ("List", "appointments") if isinstance(tree, dict) and k in tree), ""
        )
        bare = isinstance(tree, list) and tree and isinstance(tree[0], dict)
        if not key and not bare:
            return true
        rows = tree[key] if key else tree
        made = [*(rows if self.keeps else ()), *(row.made(rows) for row in self.rows)]
        return json.dumps(self._shaped(tree if key else {}, key or "List", made)).encode()

    def _shaped(self, tree: dict[str, Any], key: str, rows: list[Any]) -> Any:
        counted = tree | {key: rows} | ({"RecordCount": self.count} if self.count else {})
        return _SHAPES[self.shape](counted, key, rows)


_SHAPES: Mapping[str, Callable[[dict[str, Any], str, list[Any]], Any]] = {
    "list": lambda tree, _key, _rows: tree,
    "bare": lambda _tree, _key, rows: rows,
    "by number": lambda tree, key, rows: tree | {key: {str(n): r for n, r in enumerate(rows)}},
    "of lists": lambda tree, key, rows: tree | {key: [[row] for row in rows]},
    "as text": lambda tree, key, rows: tree | {key: json.dumps(rows)},
    "one": lambda tree, key, rows: tree | {key: rows[0] if rows else None},
    "within": lambda tree, _key, _rows: {"Data": tree, "Status": "Success"},
    "in a list": lambda tree, _key, _rows: [tree],
    "twice": lambda tree, key, rows: tree | {key.lower(): rows, key.upper(): None},
    "error": lambda tree, _key, _rows: tree | {"Status": "Error", "ExceptionType": "MXException"},
}


def _lists(names: Sequence[str]) -> st.SearchStrategy[Rows]:
    return st.builds(
        Rows,
        rows=_rows(names),
        # Half of them are lists as they should be: else few rows would be looked at.
        shape=st.just("list") | st.sampled_from(sorted(_SHAPES)),
        keeps=st.booleans(),
        count=st.none() | st.sampled_from(ODD_VALUES),
        every=st.just(1),
    )


LISTS = {"crm": _lists(OF_CRM), "legacy": _lists(OF_LEGACY)}
"""The possible list contents by system."""
