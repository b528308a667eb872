"""Each kind of fault, as a client over a real socket sees it."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx
import pytest

from syncd.lab.sandbox.faults import Fault, FaultKind, Faults
from syncd.lab.sandbox.platform import LostResponse
from tests.lab.sandbox.kit import APPOINTMENTS, BLOCKS, NOW, QUIET, Clinic, at, berlin


async def test_under_lag_lists_show_the_past_and_reads_by_id_the_present(clinic: Clinic) -> None:
    old = clinic.book(at(9))
    clinic.clock.advance(60)
    new = clinic.book(at(11))
    clinic.platform.cancel(old)
    clinic.fault(FaultKind.LAG, seconds=30)
    (row,) = (await clinic.events()).json()["events"]
    assert (row["id"], row["appointmentStatus"]) == (old, "confirmed")
    by_id = (await clinic.client.get(f"{APPOINTMENTS}/{old}")).json()["appointment"]
    assert by_id["appointmentStatus"] == "cancelled"
    clinic.clock.advance(30)
    assert await clinic.ids() == [old, new]


async def test_under_lag_a_deleted_block_is_still_listed(clinic: Clinic) -> None:
    id = clinic.platform.block(clinic.alice, at(9), at(10), "Lunch")
    clinic.clock.advance(60)
    clinic.platform.remove_block(id)
    clinic.fault(FaultKind.LAG, seconds=30)
    assert await clinic.ids("/calendars/blocked-slots", userId=clinic.alice) == [id]


@pytest.mark.parametrize(
    ("kind", "made"),
    [(FaultKind.LOSE_BEFORE, 0), (FaultKind.LOSE_AFTER, 1), (FaultKind.RESET_BODY, 1)],
)
async def test_a_lost_reply_leaves_the_client_without_an_answer(
    clinic: Clinic, kind: FaultKind, made: int
) -> None:
    clinic.fault(kind, method="POST", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await clinic.client.post(BLOCKS, json=clinic.busy(at(9)))
    assert len(clinic.platform.blocks()) == made
    assert [call.status for call in clinic.platform.calls] == [0]
    assert (await clinic.client.post(BLOCKS, json=clinic.busy(at(9)))).status_code == 201


@pytest.mark.parametrize(
    "kind", [FaultKind.LOSE_BEFORE, FaultKind.LOSE_AFTER, FaultKind.RESET_BODY]
)
async def test_a_lost_reply_is_the_same_error_without_sockets(
    clinic: Clinic, kind: FaultKind
) -> None:
    clinic.fault(kind)
    transport = httpx.ASGITransport(clinic.platform)
    async with httpx.AsyncClient(transport=transport, base_url="http://clinic") as client:
        with pytest.raises(LostResponse) as lost:
            await client.get("/calendars/")
    assert isinstance(lost.value, httpx.RemoteProtocolError)


async def test_a_reset_body_is_half_sent(clinic: Clinic) -> None:
    clinic.book(at(9))
    clinic.fault(FaultKind.RESET_BODY)
    async with clinic.client.stream("GET", f"/calendars/{clinic.calendar}") as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            await answer.aread()


@pytest.mark.parametrize(("spelling", "body"), [("", "<html>"), ("empty", "")])
async def test_a_server_error_has_no_effect(clinic: Clinic, spelling: str, body: str) -> None:
    clinic.fault(FaultKind.ERROR, status=502, spelling=spelling)
    answer = await clinic.client.post(BLOCKS, json=clinic.busy(at(9)))
    assert answer.status_code == HTTPStatus.BAD_GATEWAY
    assert answer.text[:6] == body
    assert clinic.platform.blocks() == []


async def test_unauthorised_answers_in_the_platforms_form(clinic: Clinic) -> None:
    clinic.fault(FaultKind.UNAUTHORISED)
    answer = await clinic.events()
    assert (answer.status_code, answer.json()["message"]) == (401, "Invalid JWT")


async def test_an_empty_list_is_well_formed_and_reads_by_id_still_work(clinic: Clinic) -> None:
    id = clinic.book(at(9))
    clinic.fault(FaultKind.EMPTY)
    answer = await clinic.events()
    assert (answer.status_code, answer.json()["events"]) == (200, [])
    assert (await clinic.client.get(f"{APPOINTMENTS}/{id}")).is_success


@pytest.mark.parametrize(("rows", "left"), [(0, 0), (1, 0), (2, 1), (3, 2), (9, 6)])
async def test_a_short_page_omits_its_last_third(clinic: Clinic, rows: int, left: int) -> None:
    ids = [clinic.book(at(9 + n)) for n in range(rows)]
    clinic.fault(FaultKind.SHORT_PAGE)
    assert await clinic.ids() == ids[:left]


async def test_rows_can_be_listed_twice(clinic: Clinic) -> None:
    id = clinic.book(at(9))
    clinic.fault(FaultKind.DUPLICATE_ROWS)
    assert await clinic.ids() == [id, id]


async def test_the_rate_limited_fault_needs_no_limit(clinic: Clinic) -> None:
    clinic.fault(FaultKind.RATE_LIMITED, times=2)
    statuses = [(await clinic.events()).status_code for _ in range(3)]
    assert statuses == [429, 429, 200]
    assert clinic.platform.limit is not None
    assert clinic.platform.limit.refused == 0


async def test_a_slow_answer_takes_the_given_seconds(clinic: Clinic) -> None:
    clinic.fault(FaultKind.SLOW, seconds=20)
    assert (await clinic.events()).is_success
    assert clinic.clock.now() == NOW + timedelta(seconds=20)


async def test_written_times_can_be_rounded(clinic: Clinic) -> None:
    clinic.fault(FaultKind.ROUNDING, seconds=900)
    start = at(9) + timedelta(minutes=20)
    await clinic.client.post(BLOCKS, json=clinic.busy(start))
    await clinic.client.post(APPOINTMENTS, json=clinic.appointment(start, **QUIET))
    (block,), (appointment,) = clinic.platform.blocks(), clinic.platform.appointments()
    assert (block.start, block.end) == (at(9.25), at(10.25))
    assert (appointment.start, appointment.end) == (at(9.25), at(9.75))


async def test_markers_can_be_stripped(clinic: Clinic) -> None:
    clinic.fault(FaultKind.STRIP_KEYS)
    answer = await clinic.client.post(BLOCKS, json=clinic.busy(at(9), title="Busy [s:abc]"))
    assert answer.json()["title"] == clinic.platform.blocks()[0].title == "Busy"


async def test_the_platforms_clock_can_be_wrong(clinic: Clinic) -> None:
    clinic.fault(FaultKind.CLOCK_SKEW, seconds=-120)
    id = clinic.book(at(9))
    answer = await clinic.client.get(f"{APPOINTMENTS}/{id}")
    wrong = NOW - timedelta(seconds=120)
    assert parsedate_to_datetime(answer.headers["date"]) == wrong
    assert answer.json()["appointment"]["dateUpdated"] == "2026-03-02T05:58:00.000Z"


async def test_the_date_header_is_right_without_a_fault(clinic: Clinic) -> None:
    answer = await clinic.events()
    assert answer.headers.get_list("date") == ["Mon, 02 Mar 2026 06:00:00 GMT"]


async def test_an_appointment_that_a_person_moves_can_get_a_new_id(clinic: Clinic) -> None:
    id = clinic.book(at(9))
    clinic.fault(FaultKind.NEW_ID_ON_MOVE)
    moved = clinic.platform.move(id, at(11), at(12))
    assert moved != id
    assert await clinic.ids() == [moved]
    old = (await clinic.client.get(f"{APPOINTMENTS}/{id}")).json()["appointment"]
    assert (old["deleted"], old["startTime"]) == (True, berlin(at(9)))


async def test_a_fault_hits_only_the_requests_that_it_names(clinic: Clinic) -> None:
    clinic.fault(FaultKind.ERROR, path=r"/calendars/events$", method="GET")
    assert (await clinic.events()).status_code == HTTPStatus.SERVICE_UNAVAILABLE
    blocks = await clinic.events("/calendars/blocked-slots")
    assert blocks.status_code == HTTPStatus.OK
    assert (await clinic.client.post(BLOCKS, json=clinic.busy(at(9)))).is_success


async def test_a_fault_ends_at_its_time(clinic: Clinic) -> None:
    clinic.fault(FaultKind.ERROR, until=NOW + timedelta(seconds=5))
    assert (await clinic.events()).status_code == HTTPStatus.SERVICE_UNAVAILABLE
    clinic.clock.advance(5)
    assert (await clinic.events()).status_code == HTTPStatus.OK


def test_take_counts_hits_until_none_are_left() -> None:
    faults = Faults()
    faults.add(Fault(FaultKind.SLOW_JOBS, times=2, seconds=1))
    faults.add(Fault(FaultKind.SLOW_JOBS, times=1, seconds=2))
    taken = [faults.take(FaultKind.SLOW_JOBS, "GET", "/") for _ in range(4)]
    assert [fault.seconds if fault else None for fault in taken] == [1, 1, 2, None]
    assert faults.injected == {FaultKind.SLOW_JOBS: 3}


def test_active_does_not_count_a_hit() -> None:
    faults = Faults()
    faults.add(Fault(FaultKind.EMPTY, times=1))
    assert faults.active(FaultKind.EMPTY) == faults.take(FaultKind.EMPTY)
    assert faults.active(FaultKind.EMPTY) is None


def test_faults_are_cleared_by_kind_or_all() -> None:
    faults = Faults()
    for kind in (FaultKind.EMPTY, FaultKind.ERROR, FaultKind.SLOW):
        faults.add(Fault(kind))
    faults.clear(FaultKind.EMPTY)
    assert faults.active(FaultKind.EMPTY) is None
    assert faults.active(FaultKind.ERROR) is not None
    faults.clear()
    assert faults.active(FaultKind.ERROR) is faults.active(FaultKind.SLOW) is None


def test_an_invalid_path_pattern_is_refused() -> None:
    with pytest.raises(ValueError, match="not a regular expression"):
        Faults().add(Fault(FaultKind.EMPTY, path="("))
