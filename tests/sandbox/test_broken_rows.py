"""Rows that lack something are shown so by lists, and by id as far as they can be."""

from __future__ import annotations

import json

import pytest

from syncd.sandbox.broken_rows import Lack, broken, first_broken

V2 = {"events": [{"id": "e1", "endTime": "x", "assignedUserId": "u", "contact": {"id": "e2"}}]}
CRM = [{"UserTaskId": "e1", "EndDate": "x", "OwnerId": "o", "TaskType": {"id": "e1"}}]


def shown(body: object, lack: Lack, event: str = "e1") -> object:
    return json.loads(broken(json.dumps(body).encode(), {event: lack}))


@pytest.mark.parametrize(
    ("body", "lack", "row"),
    [
        (V2, Lack.END, {"id": "e1", "assignedUserId": "u", "contact": {"id": "e2"}}),
        (V2, Lack.ID, {"endTime": "x", "assignedUserId": "u", "contact": {"id": "e2"}}),
        (V2, Lack.OWNER, {"id": "e1", "endTime": "x", "contact": {"id": "e2"}}),
        (V2, Lack.OBJECT, "a row"),
    ],
)
def test_a_row_of_a_list_lacks_what_it_is_told_to(body: object, lack: Lack, row: object) -> None:
    assert shown(body, lack) == {"events": [row]}


def test_a_row_that_is_read_by_id_keeps_its_id_and_stays_an_object() -> None:
    one = {"event": V2["events"][0]}
    assert shown(one, Lack.ID) == one
    assert shown(one, Lack.OBJECT) == one
    assert shown(one, Lack.END) != one


def test_only_the_event_itself_is_broken_and_nothing_else_of_that_id() -> None:
    assert shown(CRM, Lack.OWNER) == [
        {"UserTaskId": "e1", "EndDate": "x", "TaskType": {"id": "e1"}}
    ]
    assert shown(V2, Lack.OBJECT, "e2") == V2
    assert broken(b"no json e9", {"e1": Lack.END}) == b"no json e9"


def test_the_first_row_of_a_list_is_found_in_any_platforms_answer() -> None:
    for body in (V2, CRM):
        said = json.dumps(body).encode()
        assert first_broken(said, Lack.OBJECT) == broken(said, {"e1": Lack.OBJECT})
    assert first_broken(b"{}", Lack.END) == b"{}"
    assert first_broken(b"<html>", Lack.END) == b"<html>"
