"""LeadSquared under faults, and changed through the control API."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest

from syncd.lab.sandbox.control import control_app
from syncd.lab.sandbox.faults import FaultKind
from tests.lab.sandbox.kit import NOW, at
from tests.lab.sandbox.test_leadsquared import ALICE, BOB, CREATE, DELETE, MOVE, Crm, crm

__all__ = ["crm"]


async def test_under_lag_lists_show_the_past_and_reads_by_id_the_present(crm: Crm) -> None:
    old, gone = crm.book(at(9)), crm.book(at(10))
    crm.clock.advance(60)
    new = crm.book(at(11))
    crm.platform.cancel(old)
    crm.platform.delete(gone)
    crm.fault(FaultKind.LAG, seconds=30)
    assert await crm.ids() == [old, gone]
    assert (await crm.get(old))[0]["StatusCode"] == 2
    assert await crm.get(gone) == []
    crm.clock.advance(30)
    assert await crm.ids() == [old, new]


async def test_lag_counts_from_the_due_time_of_a_job(crm: Crm) -> None:
    id = crm.book(at(9))
    await crm.send_times((id, at(14)))
    crm.fault(FaultKind.LAG, seconds=30)
    crm.clock.advance(31)
    (row,) = (await crm.listing()).json()["List"]
    assert row["DueDate"] == "2026-03-02 13:00:00.000"


async def test_jobs_can_be_slow(crm: Crm) -> None:
    id = crm.book(at(9))
    crm.fault(FaultKind.SLOW_JOBS, seconds=90)
    await crm.send_times((id, at(14)))
    crm.clock.advance(89)
    assert crm.starts() == {id: at(9)}
    crm.clock.advance(1)
    assert crm.starts() == {id: at(14)}


async def test_a_failing_job_silently_omits_its_last_row(crm: Crm) -> None:
    one, two = crm.book(at(9)), crm.book(at(10))
    crm.fault(FaultKind.FAIL_JOBS, times=1)
    answer = await crm.send_times((one, at(14)), (two, at(15)))
    assert answer.json()["Message"]["IsSuccessful"] is True
    crm.clock.advance(1)
    assert crm.starts() == {one: at(14), two: at(10)}


async def test_a_failing_delete_shows_only_in_its_counts(crm: Crm) -> None:
    one, two = await crm.create(at(9)), await crm.create(at(10))
    crm.fault(FaultKind.FAIL_JOBS, path=DELETE)
    answer = (await crm.client.post(DELETE, json={"TaskIds": [one, two]})).json()
    assert (answer["Status"], answer["TasksCount"], answer["DeletedTasksCount"]) == (
        "Success",
        2,
        1,
    )
    assert answer["FailureReason"]
    assert await crm.ids() == [two]


async def test_an_empty_list_counts_nothing(crm: Crm) -> None:
    id = crm.book(at(9))
    crm.fault(FaultKind.EMPTY, times=1)
    assert (await crm.listing()).json() == {"RecordCount": 0, "List": []}
    assert await crm.ids() == [id]


@pytest.mark.parametrize(("rows", "left"), [(1, 0), (3, 2), (9, 6)])
async def test_the_count_includes_the_rows_that_a_short_page_omits(
    crm: Crm, rows: int, left: int
) -> None:
    for n in range(rows):
        crm.book(at(9 + n))
    crm.fault(FaultKind.SHORT_PAGE)
    answer = (await crm.listing()).json()
    assert (answer["RecordCount"], len(answer["List"])) == (rows, left)


async def test_rows_can_be_listed_twice_and_are_counted_once(crm: Crm) -> None:
    id = crm.book(at(9))
    crm.fault(FaultKind.DUPLICATE_ROWS)
    answer = (await crm.listing()).json()
    assert [row["UserTaskId"] for row in answer["List"]] == [id, id]
    assert answer["RecordCount"] == 1


@pytest.mark.parametrize(("spelling", "shown"), [("", [0, 1, 3]), ("again", [0, 1, 1, 2])])
async def test_rows_can_shift_between_pages(crm: Crm, spelling: str, shown: list[int]) -> None:
    ids = [crm.book(at(9 + n)) for n in range(4)]
    crm.platform.largest_page = 2
    crm.fault(FaultKind.SHIFT_ROWS, spelling=spelling)
    pages = [(await crm.listing(Paging={"PageIndex": n, "PageSize": 2})).json() for n in (1, 2)]
    assert [ids.index(row["UserTaskId"]) for each in pages for row in each["List"]] == shown
    assert {each["RecordCount"] for each in pages} == {4}


async def test_written_times_can_be_rounded(crm: Crm) -> None:
    crm.fault(FaultKind.ROUNDING, seconds=900)
    id = crm.book(at(9))
    await crm.create(at(9) + timedelta(minutes=20))
    await crm.send_times((id, at(14) + timedelta(minutes=20)))
    crm.clock.advance(1)
    assert [(b.start, b.end) for b in crm.platform.blocks()] == [(at(9.25), at(10.25))]
    assert crm.starts() == {id: at(14.25)}


async def test_markers_can_be_stripped_from_every_text(crm: Crm) -> None:
    crm.fault(FaultKind.STRIP_KEYS)
    id = await crm.create(at(9), Name="Busy [s:abc]", CustomFields={"mx_Custom_1": "x [s:abc]"})
    (row,) = await crm.get(id)
    assert (row["Name"], row["Description"]) == ("Busy", "made by a test")
    assert row["CustomFields"] == {"mx_Custom_1": "x"}


async def test_the_platforms_clock_can_be_wrong(crm: Crm) -> None:
    crm.fault(FaultKind.CLOCK_SKEW, seconds=120)
    id = crm.book(at(9))
    await crm.send_times((id, at(14)))
    crm.clock.advance(10)
    answer = await crm.listing()
    assert parsedate_to_datetime(answer.headers["date"]) == NOW + timedelta(seconds=130)
    (row,) = answer.json()["List"]
    assert (row["CreatedOn"], row["ModifiedOn"]) == ("2026-03-02 06:02:00.000",) * 2
    assert crm.platform.appointments()[0].updated_at == NOW + timedelta(seconds=120.3)


async def test_an_appointment_that_a_person_moves_can_get_a_new_id(crm: Crm) -> None:
    id = crm.book(at(9))
    crm.fault(FaultKind.NEW_ID_ON_MOVE)
    moved = crm.platform.move(id, at(11), at(12))
    assert moved != id
    assert await crm.ids() == [moved]
    assert await crm.get(id) == []
    assert [a.deleted for a in crm.platform.appointments()] == [True, False]


@pytest.mark.parametrize(
    ("kind", "made"),
    [(FaultKind.LOSE_BEFORE, 0), (FaultKind.LOSE_AFTER, 1), (FaultKind.RESET_BODY, 1)],
)
async def test_a_lost_reply_leaves_the_client_without_an_answer(
    crm: Crm, kind: FaultKind, made: int
) -> None:
    crm.fault(kind, path=CREATE, times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await crm.client.post(CREATE, json=crm.busy(at(9)))
    assert len(crm.platform.blocks()) == made


async def test_a_move_with_a_lost_reply_is_still_queued(crm: Crm) -> None:
    id = crm.book(at(9))
    crm.fault(FaultKind.LOSE_AFTER, path=MOVE, times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await crm.send_times((id, at(14)))
    crm.clock.advance(1)
    assert crm.starts() == {id: at(14)}


@pytest.mark.parametrize(
    ("spelling", "status"), [("", 429), ("429", 429), ("403", 403), ("200", 200)]
)
async def test_the_rate_limited_fault_has_each_documented_form(
    crm: Crm, spelling: str, status: int
) -> None:
    crm.fault(FaultKind.RATE_LIMITED, spelling=spelling, times=1)
    answer = await crm.listing()
    assert answer.status_code == status
    assert answer.json()["ExceptionType"] == "MXAPIRateLimitExceededException"
    assert "of 25 in 5 second(s)" in answer.json()["ExceptionMessage"]
    assert "List" in (await crm.listing()).json()


async def test_unauthorised_answers_in_the_platforms_form(crm: Crm) -> None:
    crm.fault(FaultKind.UNAUTHORISED, times=1)
    answer = await crm.listing()
    assert (answer.status_code, answer.json()["Status"]) == (401, "Error")


async def test_the_control_api_works_as_on_the_other_platforms(crm: Crm) -> None:
    transport = httpx.ASGITransport(control_app({"crm": crm.platform}))
    span = {"start": at(9).isoformat(), "end": at(10).isoformat()}
    later = {"start": at(11).isoformat(), "end": at(12).isoformat()}
    async with httpx.AsyncClient(transport=transport, base_url="http://control/crm") as people:
        who = {"calendar": "Consultation", "user": ALICE, "contact": crm.lead}
        id = (await people.post("/book", json={**who, **span})).json()["id"]
        assert (await people.post("/move", json={"id": id, **later, "user": BOB})).is_success
        assert (await people.post("/cancel", json={"id": id})).is_success
        closed = {"user": ALICE, "title": "Lunch", **span}
        block = (await people.post("/block", json=closed)).json()["id"]
        copied = {"id": block, "user": BOB, **later}
        copy = (await people.post("/copy-block", json=copied)).json()["id"]
        assert (await people.post("/remove-block", json={"id": copy})).is_success
        assert (await people.post("/add-text", json={"id": id, "text": "Lunch"})).is_success
        assert (await people.post("/move-block", json={"id": block, **later})).is_success
        assert (await people.post("/remove-block", json={"id": block})).is_success
        wrong = await people.post("/set-status", json={"id": id, "status": "noshow"})
        assert wrong.status_code == 422
        assert (await people.post("/delete", json={"id": block})).status_code == 404
        odd = {"id": id, "lack": "no-end"}
        assert (await people.post("/break-row", json=odd)).is_success
        assert (await people.post("/repair-row", json={"id": id})).json() == {"id": id}
        assert crm.platform.broken_rows == {}
        unknown = await people.post("/break-row", json={**odd, "id": "nobody"})
        assert (unknown.status_code, unknown.json()) == (404, {"error": "there is no event nobody"})
        state = (await people.get("/state")).json()
    assert [(a["user"], a["status"]) for a in state["appointments"]] == [(BOB, "cancelled")]
    found = {(b["user"], b["start"], b["deleted"]) for b in state["blocks"]}
    assert found == {(ALICE, at(11).isoformat(), True), (BOB, at(11).isoformat(), True)}
