"""LeadConnector v1 under faults, and changed by people, over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.sandbox.records import PlatformUi
from tests.lab.sandbox.kit import at, berlin
from tests.lab.sandbox.test_leadconnector_v1 import Legacy, serve_legacy


@pytest.fixture
async def legacy() -> AsyncIterator[Legacy]:
    """Serve a v1 location on a loopback socket."""
    async with serve_legacy() as served:
        yield served


async def test_people_can_take_every_action_of_the_web_application(legacy: Legacy) -> None:
    outside: PlatformUi = legacy.platform
    id = outside.book(legacy.service, legacy.alice, at(9), at(10), legacy.contact)
    assert outside.move(id, at(11), at(12), legacy.bob) == id
    outside.set_status(id, "showed")
    block = outside.block(legacy.alice, at(13), at(14), "Lunch")
    outside.move_block(block, at(14), at(15))
    assert [(a.start, a.user, a.status) for a in outside.appointments()] == [
        (at(11), legacy.bob, "showed")
    ]
    assert (await legacy.get(block))["startTime"] == berlin(at(14))
    outside.remove_block(block)
    outside.delete(id)
    assert [outside.blocks()[0].deleted, outside.appointments()[0].deleted] == [True, True]


async def test_a_booking_that_a_person_moves_keeps_its_zone(legacy: Legacy) -> None:
    body = legacy.booking(at(9), selectedTimezone="Asia/Calcutta")
    id = (await legacy.post(body)).json()["id"]
    legacy.platform.move(id, at(11), at(12))
    assert (await legacy.get(id))["startTime"] == "2026-03-02T15:30:00+05:30"


async def test_under_lag_lists_show_the_past_and_reads_by_id_the_present(legacy: Legacy) -> None:
    old = legacy.book(at(9))
    gone = legacy.platform.block(legacy.alice, at(15), at(16), "Lunch")
    legacy.clock.advance(60)
    new = legacy.book(at(11))
    legacy.platform.cancel(old)
    legacy.platform.remove_block(gone)
    legacy.fault(FaultKind.LAG, seconds=30)
    rows = await legacy.rows(userId=legacy.alice)
    assert [(row["id"], row["appoinmentStatus"]) for row in rows] == [
        (old, "confirmed"),
        (gone, "confirmed"),
    ]
    assert (await legacy.get(old))["appoinmentStatus"] == "cancelled"
    legacy.clock.advance(30)
    assert await legacy.ids(userId=legacy.alice) == [old, new]


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        (FaultKind.EMPTY, []),
        (FaultKind.SHORT_PAGE, [0, 1]),
        (FaultKind.DUPLICATE_ROWS, [0, 0, 1, 1, 2, 2]),
    ],
)
async def test_list_faults_apply(legacy: Legacy, kind: FaultKind, shown: list[int]) -> None:
    ids = [legacy.book(at(hour)) for hour in (9, 11, 13)]
    legacy.fault(kind, times=1)
    assert await legacy.ids() == [ids[index] for index in shown]
    assert await legacy.ids() == ids


async def test_keys_are_stripped_from_titles_and_notes(legacy: Legacy) -> None:
    legacy.fault(FaultKind.STRIP_KEYS)
    marked = {"title": "Busy [s:abc]", "calendarNotes": "Kept [s:abc]"}
    id = (await legacy.post(legacy.booking(at(9), **marked))).json()["id"]
    found = await legacy.get(id)
    assert (found["title"], found["notes"]) == ("Busy", "Kept")
    await legacy.post(legacy.busy(at(11), title="Away [s:abc]"))
    assert [block.title for block in legacy.platform.blocks()] == ["Away"]


async def test_written_times_are_rounded_down(legacy: Legacy) -> None:
    legacy.fault(FaultKind.ROUNDING, seconds=900)
    late = at(9) + timedelta(minutes=20)
    await legacy.post(legacy.busy(late))
    (block,) = legacy.platform.blocks()
    assert (block.start, block.end) == (at(9.25), at(10.25))


async def test_an_appointment_that_a_person_moves_can_get_a_new_id(legacy: Legacy) -> None:
    old = legacy.book(at(9))
    legacy.fault(FaultKind.NEW_ID_ON_MOVE)
    new = legacy.platform.move(old, at(11), at(12))
    assert new != old
    assert await legacy.ids() == [new]
    assert (await legacy.client.get(f"/appointments/{old}")).status_code == 404


async def test_a_skewed_clock_shows_in_update_times(legacy: Legacy) -> None:
    legacy.fault(FaultKind.CLOCK_SKEW, seconds=3600)
    legacy.book(at(9))
    (row,) = await legacy.rows()
    assert row["updatedAt"] == "2026-03-02T07:00:00.000Z"


@pytest.mark.parametrize(("kind", "made"), [(FaultKind.LOSE_BEFORE, 0), (FaultKind.LOSE_AFTER, 1)])
async def test_a_lost_reply_leaves_the_client_without_an_answer(
    legacy: Legacy, kind: FaultKind, made: int
) -> None:
    legacy.fault(kind, method="POST", path="/appointments", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await legacy.post(legacy.booking(at(9)))
    assert len(legacy.platform.appointments()) == made
