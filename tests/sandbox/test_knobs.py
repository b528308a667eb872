"""Each row of the table of uncertain facts has a knob that changes what the platform answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from syncd.model.platform_facts import PLATFORM_FACTS, PlatformFact, PlatformKind
from syncd.sandbox.clock import ManualClock
from syncd.sandbox.direct import Direct
from syncd.sandbox.scenario import ZONE
from syncd.sandbox.server import Sandbox
from tests.sandbox.desk import (
    APPOINTMENTS,
    BLOCKED,
    BLOCKS,
    DAY,
    ELEVEN,
    EVENTS,
    NINE,
    NOW,
    TAG,
    TEN,
    Desk,
    a_desk,
    bare,
    iso,
    ms,
    yes,
)

V2, V1, LSQ = PlatformKind.V2, PlatformKind.V1, PlatformKind.LEADSQUARED


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """Serve three furnished accounts without bookings."""
    async with a_desk() as served:
        yield served


# --- LeadConnector v2: each of these finds out over HTTP on which side the platform is ------------


async def update_replaces(desk: Desk) -> str:
    shown = await desk.update(desk.book("clinic", title="Knee pain", status="new"))
    return yes((shown["title"], shown["appointmentStatus"]) == ("", "confirmed"))


async def block_update_replaces(desk: Desk) -> str:
    id = await desk.make_block()
    await desk.clinic.put(f"{BLOCKS}/{id}", json=desk.block_body())
    (row,) = await desk.events(BLOCKED)
    return yes(not row["title"])


async def block_by_id(desk: Desk) -> str:
    answer = await desk.clinic.get(f"{APPOINTMENTS}/{await desk.make_block()}")
    return yes(answer.is_success)


async def second_delete(desk: Desk) -> str:
    path = f"{EVENTS}/{await desk.make_block()}"
    assert (await desk.clinic.delete(path)).is_success
    return str((await desk.clinic.delete(path)).status_code)


async def block_closes_calendars(desk: Desk) -> str:
    async def offered() -> int:
        span = {"startDate": ms(NOW), "endDate": ms(NOW + DAY)}
        path = f"/calendars/{desk.seat('clinic').calendar}/free-slots"
        answer = (await desk.clinic.get(path, params=span)).json()
        return sum(len(day["slots"]) for key, day in answer.items() if key != "traceId")

    before = await offered()
    await desk.make_block()
    return yes(await offered() < before)


async def group_lists_all(desk: Desk) -> str:
    (group,) = desk.sandbox.clinic.groups
    ids = {desk.book("clinic", who) for who in ("alice", "bob", "carol")}
    shown = {row["id"] for row in await desk.events(groupId=group)}
    assert shown
    return yes(shown == ids)


async def instance_writes(desk: Desk) -> str:
    first, other = (desk.book("clinic", series="s", id=id) for id in ("one", "two"))
    await desk.update(first)
    shown = await desk.clinic.get(f"{APPOINTMENTS}/{other}")
    return yes(datetime.fromisoformat(shown.json()["appointment"]["startTime"]) == NINE)


async def version_v3(desk: Desk) -> str:
    location = {"locationId": desk.sandbox.clinic.location_id}
    answer = await desk.clinic.get("/calendars/", params=location, headers={"Version": "v3"})
    return yes(answer.is_success)


async def lists_service_bookings(desk: Desk) -> str:
    seat, clinic = desk.seat("clinic"), desk.sandbox.clinic
    id = clinic.book_service(seat.calendar, seat.user, NINE, TEN, seat.contact)
    asked = {"locationId": clinic.location_id, "startTime": ms(NOW), "endTime": ms(NOW + DAY)}
    answer = await desk.clinic.get("/calendars/services/bookings", params=asked)
    assert [row["bookingId"] for row in answer.json()["bookings"]] == [id]
    return yes([row["id"] for row in await desk.events()] == [id])


async def lists_overlapping(desk: Desk) -> str:
    await desk.make_block()
    return yes(await desk.events(BLOCKED, start=NINE + timedelta(minutes=30)))


async def keeps_tag(desk: Desk) -> str:
    await desk.make_block(TAG)
    (row,) = await desk.events(BLOCKED)
    return yes(row["title"] == TAG)


async def lag_of(desk: Desk, listed: Callable[[], Awaitable[object]]) -> str:
    """Look at a list every second until it shows what was just made."""
    for seconds in range(60):
        if await listed():
            return str(seconds)
        desk.clock.advance(1)
    return "never"


async def list_lag(desk: Desk) -> str:
    await desk.make_block()
    return await lag_of(desk, lambda: desk.events(BLOCKED))


def with_host(desk: Desk) -> str:
    """Enter a meeting of Alice and Bob by hand."""
    return desk.book("clinic", hosts=[desk.seat("clinic", "bob").user])


async def hosts_listed(desk: Desk) -> str:
    with_host(desk)
    return yes(await desk.events(userId=desk.seat("clinic", "bob").user))


async def users_name_owner(desk: Desk) -> str:
    with_host(desk)
    (row,) = await desk.events()
    return yes(desk.seat("clinic").user in row["users"])


async def update_keeps_hosts(desk: Desk) -> str:
    shown = await desk.update(with_host(desk), assignedUserId=desk.seat("clinic").user)
    return yes(desk.seat("clinic", "bob").user in shown["users"])


# --- LeadConnector v1 -----------------------------------------------------------------------------


async def lists_blocks(desk: Desk) -> str:
    desk.block("legacy")
    return yes(await desk.old())


async def makes_blocks(desk: Desk) -> str:
    return yes((await desk.make_old_block()).is_success)


async def update_keeps_end(desk: Desk) -> str:
    id = desk.block("legacy")
    moved = {"selectedTimezone": ZONE, "selectedSlot": iso(NINE), "endAt": iso(ELEVEN)}
    assert (await desk.legacy.put(f"/appointments/{id}", json=moved)).is_success
    row = (await desk.legacy.get(f"/appointments/{id}")).json()
    return yes(datetime.fromisoformat(row["endTime"]) == ELEVEN)


async def refuses_deleted(desk: Desk) -> str:
    id = desk.block("legacy")
    await desk.legacy.delete(f"/appointments/{id}")
    return yes((await desk.legacy.get(f"/appointments/{id}")).status_code == 400)


async def old_overlapping(desk: Desk) -> str:
    desk.book("legacy")
    return yes(await desk.old(start=NINE + timedelta(minutes=30)))


async def old_tag(desk: Desk) -> str:
    id = (await desk.make_old_block(title=TAG)).json()["id"]
    return yes((await desk.legacy.get(f"/appointments/{id}")).json()["title"] == TAG)


async def old_lag(desk: Desk) -> str:
    desk.book("legacy")
    return await lag_of(desk, desk.old)


# --- LeadSquared ----------------------------------------------------------------------------------


async def rows_carry(desk: Desk, field: str) -> str:
    await desk.make_task()
    (row,) = await desk.tasks()
    return yes(field in row)


async def rows_carry_owner(desk: Desk) -> str:
    return await rows_carry(desk, "OwnerEmailAddress")


async def rows_carry_end(desk: Desk) -> str:
    return await rows_carry(desk, "EndDate")


_BEGINNINGS = {
    "account": datetime(2026, 3, 9, 23, 0, tzinfo=UTC),
    "UTC": datetime(2026, 3, 10, 0, 0, tzinfo=UTC),
    "Pacific/Kiritimati": datetime(2026, 3, 9, 10, 0, tzinfo=UTC),
    "Etc/GMT+12": datetime(2026, 3, 10, 12, 0, tzinfo=UTC),
}
"""When 10 March begins, by the zone of the filter."""


async def date_zone(desk: Desk) -> str:
    seat = desk.seat("crm")
    for begins in _BEGINNINGS.values():
        end = begins + timedelta(minutes=10)
        desk.sandbox.crm.book(seat.calendar, seat.user, begins, end, seat.contact)
    rows = await desk.tasks("2026-03-10", "2026-03-12")
    first = min(datetime.fromisoformat(f"{row['DueDate']}+00:00") for row in rows)
    return next(side for side, begins in _BEGINNINGS.items() if begins == first)


async def lists_cancelled(desk: Desk) -> str:
    desk.book("crm", status="cancelled")
    return yes(await desk.tasks())


async def completing_changes_end(desk: Desk) -> str:
    id = desk.book("crm")
    await desk.crm.get("Task.svc/MarkComplete", params={"id": id})
    (row,) = (await desk.crm.get("Task.svc/Retrieve.GetById", params={"id": id})).json()
    return yes(row["EndDate"] != bare(TEN))


async def one_of_a_recurrence(desk: Desk) -> str:
    first, other = (desk.book("crm", series="s", id=id) for id in ("one", "two"))
    await desk.move_tasks(first)
    (row,) = (await desk.crm.get("Task.svc/Retrieve.GetById", params={"id": other})).json()
    return yes(row["DueDate"].startswith(bare(NINE)))


async def slot_names(desk: Desk) -> str:
    asked = {"FromDate": bare(NOW), "ToDate": bare(NOW + DAY), "Users": [desk.seat("crm").user]}
    answer = await desk.crm.post("Task.svc/RetrieveAvailableSlots/ByUserEmailAddress", json=asked)
    slot = answer.json()["List"][0]["UserSlots"][0]["AvailableSlots"][0]
    return "/".join(slot)


async def bulk_rows(desk: Desk) -> str:
    taken = [
        most
        for most in (100, 101, 1000, 1001)
        if (await desk.move_tasks(*(f"no task {n}" for n in range(most)))).is_success
    ]
    return str(max(taken))


async def task_lag(desk: Desk) -> str:
    await desk.make_task()
    return await lag_of(desk, desk.tasks)


CHECKS: Mapping[tuple[PlatformKind, str], Callable[[Desk], Awaitable[str]]] = {
    (V2, "update_replaces"): update_replaces,
    (V2, "block_update_replaces"): block_update_replaces,
    (V2, "block_by_id"): block_by_id,
    (V2, "second_delete"): second_delete,
    (V2, "block_closes_calendars"): block_closes_calendars,
    (V2, "group_lists_all"): group_lists_all,
    (V2, "instance_writes"): instance_writes,
    (V2, "version_v3"): version_v3,
    (V2, "lists_service_bookings"): lists_service_bookings,
    (V2, "lists_overlapping"): lists_overlapping,
    (V2, "keeps_tag"): keeps_tag,
    (V2, "list_lag"): list_lag,
    (V2, "hosts_listed"): hosts_listed,
    (V2, "users_name_owner"): users_name_owner,
    (V2, "update_keeps_hosts"): update_keeps_hosts,
    (V1, "lists_blocks"): lists_blocks,
    (V1, "makes_blocks"): makes_blocks,
    (V1, "update_keeps_end"): update_keeps_end,
    (V1, "refuses_deleted"): refuses_deleted,
    (V1, "lists_overlapping"): old_overlapping,
    (V1, "keeps_tag"): old_tag,
    (V1, "list_lag"): old_lag,
    (LSQ, "rows_carry_owner"): rows_carry_owner,
    (LSQ, "rows_carry_end"): rows_carry_end,
    (LSQ, "date_zone"): date_zone,
    (LSQ, "lists_cancelled"): lists_cancelled,
    (LSQ, "completing_changes_end"): completing_changes_end,
    (LSQ, "instance_writes"): one_of_a_recurrence,
    (LSQ, "slot_names"): slot_names,
    (LSQ, "bulk_rows"): bulk_rows,
    (LSQ, "list_lag"): task_lag,
}
"""What finds out each fact by what the platform answers."""

SIDES = [(row, side) for row in PLATFORM_FACTS for side in row.sides]
_SYSTEMS = {V2: "clinic", V1: "legacy", LSQ: "crm"}


@pytest.mark.parametrize(
    ("row", "side"), SIDES, ids=[f"{row.platform} {row.name} {side}" for row, side in SIDES]
)
async def test_the_answers_show_the_side_that_was_set(
    desk: Desk, row: PlatformFact, side: str
) -> None:
    platform = desk.sandbox.systems[_SYSTEMS[row.platform]]
    platform.set_fact(row.name, side)
    assert platform.fact(row.name) == side
    desk.clock.advance(1)  # what was written until then, every list shows
    assert await CHECKS[row.platform, row.name](desk) == side


def test_each_fact_of_the_table_has_a_check() -> None:
    assert set(CHECKS) == {(row.platform, row.name) for row in PLATFORM_FACTS}


@pytest.mark.parametrize("system", ["clinic", "legacy", "crm"])
async def test_the_other_facts_stay_when_one_is_set(desk: Desk, system: str) -> None:
    platform = desk.sandbox.systems[system]
    before = platform.facts()
    for row in (row for row in PLATFORM_FACTS if row.platform is platform.kind):
        for side in row.sides:
            platform.set_fact(row.name, side)
            assert platform.facts() == before | {row.name: side}
        platform.set_fact(row.name, before[row.name])


def test_a_wrong_name_or_side_is_answered_with_the_right_ones() -> None:
    clinic = Sandbox(ManualClock(NOW)).clinic
    with pytest.raises(ValueError, match="no fact 'slot_names'; there are update_replaces, "):
        clinic.set_fact("slot_names", "From/To")
    with pytest.raises(ValueError, match="second_delete has the sides 200, 400, 404, not 'any'"):
        clinic.set_fact("second_delete", "any")
    with pytest.raises(ValueError, match="no fact 'nothing'"):
        clinic.fact("nothing")


def test_a_knob_turned_to_something_else_is_on_no_side() -> None:
    crm = Sandbox(ManualClock(NOW)).crm
    crm.date_zone = "Asia/Tokyo"
    with pytest.raises(ValueError, match="date_zone is 'Asia/Tokyo' here"):
        crm.fact("date_zone")


async def test_people_set_facts_and_book_services_through_the_control_port(desk: Desk) -> None:
    seat = desk.seat("clinic")
    control = Direct(desk.sandbox.apps["control"])
    async with httpx.AsyncClient(base_url="http://127.0.0.1", transport=control) as people:
        path, fact = "/clinic/set-fact", {"name": "lists_service_bookings", "side": "yes"}
        assert (await people.post(path, json=fact)).json() == {"side": "yes"}
        shown = (await people.get("/clinic/facts")).json()["facts"]
        assert shown["lists_service_bookings"] == "yes"
        wrong = await people.post(path, json=fact | {"side": "maybe"})
        assert (wrong.status_code, "yes, no" in wrong.json()["error"]) == (422, True)
        span = {"start": iso(NINE), "end": iso(TEN), "contact": seat.contact}
        booked = {"calendar": seat.calendar, "user": seat.user, **span}
        made = await people.post("/clinic/book-service", json=booked)
        assert made.status_code == 201
        assert [row["id"] for row in await desk.events()] == [made.json()["id"]]
        elsewhere = await people.post("/legacy/book-service", json=booked)
        assert elsewhere.status_code == 422
