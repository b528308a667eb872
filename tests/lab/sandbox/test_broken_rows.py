"""Lists show broken rows; reads by id show them as far as possible."""

from __future__ import annotations

import json

import pytest

from syncd.lab.sandbox.broken_rows import RowDefect, break_first_row, break_rows

V2 = {"events": [{"id": "e1", "endTime": "x", "assignedUserId": "u", "contact": {"id": "e2"}}]}
CRM = [{"UserTaskId": "e1", "EndDate": "x", "OwnerId": "o", "TaskType": {"id": "e1"}}]


def shown(body: object, lack: RowDefect, event: str = "e1") -> object:
    return json.loads(break_rows(json.dumps(body).encode(), {event: lack}))


@pytest.mark.parametrize(
    ("body", "lack", "row"),
    [
        (V2, RowDefect.END, {"id": "e1", "assignedUserId": "u", "contact": {"id": "e2"}}),
        (V2, RowDefect.ID, {"endTime": "x", "assignedUserId": "u", "contact": {"id": "e2"}}),
        (V2, RowDefect.OWNER, {"id": "e1", "endTime": "x", "contact": {"id": "e2"}}),
        (V2, RowDefect.OBJECT, "a row"),
    ],
)
def test_a_list_row_lacks_the_requested_field(body: object, lack: RowDefect, row: object) -> None:
    assert shown(body, lack) == {"events": [row]}


def test_a_row_read_by_id_keeps_its_id_and_stays_an_object() -> None:
    one = {"event": V2["events"][0]}
    assert shown(one, RowDefect.ID) == one
    assert shown(one, RowDefect.OBJECT) == one
    assert shown(one, RowDefect.END) != one


def test_only_the_event_row_is_broken_and_no_other_object_of_that_id() -> None:
    assert shown(CRM, RowDefect.OWNER) == [
        {"UserTaskId": "e1", "EndDate": "x", "TaskType": {"id": "e1"}}
    ]
    assert shown(V2, RowDefect.OBJECT, "e2") == V2
    assert break_rows(b"no json e9", {"e1": RowDefect.END}) == b"no json e9"


def test_the_first_row_of_a_list_is_found_in_any_platforms_answer() -> None:
    for body in (V2, CRM):
        said = json.dumps(body).encode()
        assert break_first_row(said, RowDefect.OBJECT) == break_rows(said, {"e1": RowDefect.OBJECT})
    assert break_first_row(b"{}", RowDefect.END) == b"{}"
    assert break_first_row(b"<html>", RowDefect.END) == b"<html>"
