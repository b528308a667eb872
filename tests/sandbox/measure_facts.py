"""Find out over HTTP on which side of each uncertain fact an emulated platform is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from syncd.model.platform_facts import PlatformKind
from syncd.sandbox.scenario import ZONE
from tests.sandbox.measure_writes import WRITES
from tests.sandbox.seeded_accounts import (
    APPOINTMENTS,
    BLOCKED,
    BLOCKS,
    DAY,
    ELEVEN,
    EVENTS,
    LIST,
    NINE,
    NOW,
    TAG,
    TEN,
    Json,
    SeededAccounts,
    iso,
    ms,
    utc_text,
    yes_or_no,
)

MANY = 1001
V2, V1, LSQ = PlatformKind.V2, PlatformKind.V1, PlatformKind.LEADSQUARED


# --- LeadConnector v2 -----------------------------------------------------------------------------


async def update_replaces(desk: SeededAccounts) -> str:
    shown = await desk.update(desk.book("clinic", title="Knee pain", status="new"))
    return yes_or_no((shown["title"], shown["appointmentStatus"]) == ("", "confirmed"))


async def block_update_replaces(desk: SeededAccounts) -> str:
    id = await desk.make_block()
    await desk.clinic.put(f"{BLOCKS}/{id}", json=desk.block_body())
    (row,) = await desk.events(BLOCKED)
    return yes_or_no(not row["title"])


async def block_by_id(desk: SeededAccounts) -> str:
    answer = await desk.clinic.get(f"{APPOINTMENTS}/{await desk.make_block()}")
    return yes_or_no(answer.is_success)


async def second_delete(desk: SeededAccounts) -> str:
    path = f"{EVENTS}/{await desk.make_block()}"
    assert (await desk.clinic.delete(path)).is_success
    return str((await desk.clinic.delete(path)).status_code)


async def block_closes_calendars(desk: SeededAccounts) -> str:
    async def offered() -> int:
        span = {"startDate": ms(NOW), "endDate": ms(NOW + DAY)}
        path = f"/calendars/{desk.seed_user('clinic').calendar}/free-slots"
        answer = (await desk.clinic.get(path, params=span)).json()
        return sum(len(day["slots"]) for key, day in answer.items() if key != "traceId")

    before = await offered()
    await desk.make_block()
    return yes_or_no(await offered() < before)


async def group_lists_all(desk: SeededAccounts) -> str:
    (group,) = desk.sandbox.clinic.groups
    ids = {desk.book("clinic", who) for who in ("alice", "bob", "carol")}
    shown = {row["id"] for row in await desk.events(groupId=group)}
    assert shown
    return yes_or_no(shown == ids)


async def instance_writes(desk: SeededAccounts) -> str:
    first, other = (desk.book("clinic", series="s", id=id) for id in ("one", "two"))
    await desk.update(first)
    shown = await desk.clinic.get(f"{APPOINTMENTS}/{other}")
    return yes_or_no(datetime.fromisoformat(shown.json()["appointment"]["startTime"]) == NINE)


async def version_v3(desk: SeededAccounts) -> str:
    location = {"locationId": desk.sandbox.clinic.location_id}
    answer = await desk.clinic.get("/calendars/", params=location, headers={"Version": "v3"})
    return yes_or_no(answer.is_success)


async def lists_service_bookings(desk: SeededAccounts) -> str:
    seat, clinic = desk.seed_user("clinic"), desk.sandbox.clinic
    id = clinic.book_service(seat.calendar, seat.user, NINE, TEN, seat.contact)
    asked = {"locationId": clinic.location_id, "startTime": ms(NOW), "endTime": ms(NOW + DAY)}
    answer = await desk.clinic.get("/calendars/services/bookings", params=asked)
    assert [row["bookingId"] for row in answer.json()["bookings"]] == [id]
    return yes_or_no([row["id"] for row in await desk.events()] == [id])


async def lists_overlapping(desk: SeededAccounts) -> str:
    await desk.make_block()
    return yes_or_no(await desk.events(BLOCKED, start=NINE + timedelta(minutes=30)))


async def keeps_tag(desk: SeededAccounts) -> str:
    await desk.make_block(TAG)
    (row,) = await desk.events(BLOCKED)
    return yes_or_no(row["title"] == TAG)


async def lag_of(desk: SeededAccounts, listed: Callable[[], Awaitable[object]]) -> str:
    """Look at a list every second until it shows what was just made."""
    for seconds in range(60):
        if await listed():
            return str(seconds)
        desk.clock.advance(1)
    return "never"


async def list_lag(desk: SeededAccounts) -> str:
    await desk.make_block()
    return await lag_of(desk, lambda: desk.events(BLOCKED))


def with_host(desk: SeededAccounts) -> str:
    """Enter a meeting of Alice and Bob by hand."""
    return desk.book("clinic", hosts=[desk.seed_user("clinic", "bob").user])


async def refusal(desk: SeededAccounts, **owner: str) -> str:
    location = {"locationId": desk.sandbox.clinic.location_id}
    window = {"startTime": ms(NOW), "endTime": ms(NOW + DAY)}
    answer = await desk.clinic.get(EVENTS, params=location | window | owner)
    return yes_or_no(not answer.is_success)


async def cap_of(
    desk: SeededAccounts, system: str, listed: Callable[[], Awaitable[list[Json]]]
) -> str:
    """Enter more events than any cap allows, and count those that a list shows."""
    for _ in range(MANY):
        desk.book(system)
    shown = len(await listed())
    return "none" if shown == MANY else str(shown)


async def list_cap(desk: SeededAccounts) -> str:
    return await cap_of(desk, "clinic", desk.events)


async def tells_times(desk: SeededAccounts) -> str:
    desk.book("clinic")
    (row,) = await desk.events()
    return yes_or_no("dateUpdated" in row)


async def hosts_listed(desk: SeededAccounts) -> str:
    with_host(desk)
    return yes_or_no(await desk.events(userId=desk.seed_user("clinic", "bob").user))


async def users_name_owner(desk: SeededAccounts) -> str:
    with_host(desk)
    (row,) = await desk.events()
    return yes_or_no(desk.seed_user("clinic").user in row["users"])


async def update_keeps_hosts(desk: SeededAccounts) -> str:
    shown = await desk.update(with_host(desk), assignedUserId=desk.seed_user("clinic").user)
    return yes_or_no(desk.seed_user("clinic", "bob").user in shown["users"])


# --- LeadConnector v1 -----------------------------------------------------------------------------


async def lists_blocks(desk: SeededAccounts) -> str:
    desk.block("legacy")
    return yes_or_no(await desk.legacy_events())


async def makes_blocks(desk: SeededAccounts) -> str:
    return yes_or_no((await desk.make_legacy_block()).is_success)


async def update_keeps_end(desk: SeededAccounts) -> str:
    id = desk.block("legacy")
    moved = {"selectedTimezone": ZONE, "selectedSlot": iso(NINE), "endAt": iso(ELEVEN)}
    assert (await desk.legacy.put(f"/appointments/{id}", json=moved)).is_success
    row = (await desk.legacy.get(f"/appointments/{id}")).json()
    return yes_or_no(datetime.fromisoformat(row["endTime"]) == ELEVEN)


async def refuses_deleted(desk: SeededAccounts) -> str:
    id = desk.block("legacy")
    await desk.legacy.delete(f"/appointments/{id}")
    return yes_or_no((await desk.legacy.get(f"/appointments/{id}")).status_code == 400)


async def old_overlapping(desk: SeededAccounts) -> str:
    desk.book("legacy")
    return yes_or_no(await desk.legacy_events(start=NINE + timedelta(minutes=30)))


async def old_tag(desk: SeededAccounts) -> str:
    id = (await desk.make_legacy_block(title=TAG)).json()["id"]
    return yes_or_no((await desk.legacy.get(f"/appointments/{id}")).json()["title"] == TAG)


async def old_lag(desk: SeededAccounts) -> str:
    desk.book("legacy")
    return await lag_of(desk, desk.legacy_events)


async def old_refusal(desk: SeededAccounts, **owner: str) -> str:
    window = {"startDate": ms(NOW), "endDate": ms(NOW + DAY)}
    answer = await desk.legacy.get("/appointments/", params=window | owner)
    return yes_or_no(not answer.is_success)


async def old_unknown_users(desk: SeededAccounts) -> str:
    return await old_refusal(desk, userId="nobody")


async def old_unknown_groups(desk: SeededAccounts) -> str:
    return await old_refusal(desk, teamId="nothing")


async def old_cap(desk: SeededAccounts) -> str:
    return await cap_of(desk, "legacy", desk.legacy_events)


async def old_times(desk: SeededAccounts) -> str:
    id = desk.book("legacy")
    row = (await desk.legacy.get(f"/appointments/{id}")).json()
    return yes_or_no("updatedAt" in row)


async def checks_slots(desk: SeededAccounts) -> str:
    night = NOW + timedelta(hours=18)
    span = {"selectedSlot": iso(night), "endAt": iso(night + timedelta(hours=1))}
    answer = await desk.make_legacy_block(email="kim@example.com", **span)
    return yes_or_no(not answer.is_success)


# --- LeadSquared ----------------------------------------------------------------------------------


async def rows_carry(desk: SeededAccounts, field: str) -> str:
    await desk.make_task()
    (row,) = await desk.tasks()
    return yes_or_no(field in row)


_BEGINNINGS = {
    "account": datetime(2026, 3, 9, 23, 0, tzinfo=UTC),
    "UTC": datetime(2026, 3, 10, 0, 0, tzinfo=UTC),
    "Pacific/Kiritimati": datetime(2026, 3, 9, 10, 0, tzinfo=UTC),
    "Etc/GMT+12": datetime(2026, 3, 10, 12, 0, tzinfo=UTC),
}
"""When 10 March begins, by the zone of the filter."""


async def date_zone(desk: SeededAccounts) -> str:
    seat = desk.seed_user("crm")
    for begins in _BEGINNINGS.values():
        end = begins + timedelta(minutes=10)
        desk.sandbox.crm.book(seat.calendar, seat.user, begins, end, seat.contact)
    rows = await desk.tasks("2026-03-10", "2026-03-12")
    first = min(datetime.fromisoformat(f"{row['DueDate']}+00:00") for row in rows)
    return next(side for side, begins in _BEGINNINGS.items() if begins == first)


async def lists_cancelled(desk: SeededAccounts) -> str:
    desk.book("crm", status="cancelled")
    return yes_or_no(await desk.tasks())


async def completing_changes_end(desk: SeededAccounts) -> str:
    id = desk.book("crm")
    await desk.crm.get("Task.svc/MarkComplete", params={"id": id})
    (row,) = (await desk.crm.get("Task.svc/Retrieve.GetById", params={"id": id})).json()
    return yes_or_no(row["EndDate"] != utc_text(TEN))


async def lists_completed(desk: SeededAccounts) -> str:
    desk.book("crm", status="showed")
    return yes_or_no(await desk.tasks())


async def deletes_later(desk: SeededAccounts) -> str:
    id = desk.block("crm")
    await desk.crm.post("Task.svc/DeleteTasks", json={"TaskIds": [id]})
    return yes_or_no(await desk.tasks())


async def refuses_overlaps(desk: SeededAccounts) -> str:
    assert (await desk.make_task()).is_success
    return yes_or_no(not (await desk.make_task()).is_success)


async def refuses_unknown_rows(desk: SeededAccounts) -> str:
    return yes_or_no(not (await desk.move_tasks(desk.book("crm"), "no task")).is_success)


async def shows_conflicts(desk: SeededAccounts) -> str:
    types = (await desk.crm.get("Task.svc/RetrieveTaskType")).json()
    return yes_or_no(all("AllowConflicts" in row for row in types))


async def cancel_path(desk: SeededAccounts) -> str:
    path = "Task.svc/BulkCancelAppointments"
    answer = await desk.crm.post(path, json={"TaskIds": [desk.book("crm")]})
    return path if answer.is_success else "elsewhere"


async def home_host(desk: SeededAccounts) -> str:
    return yes_or_no(not (await desk.crm.get("Task.svc/RetrieveTaskType")).is_success)


async def phone_spelling(desk: SeededAccounts) -> str:
    desk.sandbox.crm.add_contact("Lee Example", phone="+4930555020")
    asked = {"phone": "4930555020"}
    answer = await desk.crm.get("LeadManagement.svc/RetrieveLeadByPhoneNumber", params=asked)
    return "digits" if answer.json() else "dashed"


async def rate_spelling(desk: SeededAccounts) -> str:
    answers = [await desk.crm.get("Task.svc/RetrieveTaskType") for _ in range(26)]
    assert answers[0].json() != answers[-1].json()
    return str(answers[-1].status_code)


async def task_overlapping(desk: SeededAccounts) -> str:
    desk.book("crm")
    return yes_or_no(await desk.tasks(utc_text(NINE + timedelta(minutes=30))))


async def task_tag(desk: SeededAccounts) -> str:
    await desk.make_task()
    (row,) = await desk.tasks()
    return yes_or_no(row["Name"] == TAG)


async def unknown_addresses(desk: SeededAccounts) -> str:
    asked = {
        "FromDate": utc_text(NOW),
        "ToDate": utc_text(NOW + DAY),
        "Users": ["nobody@example.com"],
    }
    return yes_or_no(not (await desk.crm.post(LIST, json=asked)).is_success)


async def task_cap(desk: SeededAccounts) -> str:
    desk.sandbox.crm.largest_page = 2 * MANY
    return await cap_of(desk, "crm", desk.tasks)


async def one_of_a_recurrence(desk: SeededAccounts) -> str:
    first, other = (desk.book("crm", series="s", id=id) for id in ("one", "two"))
    await desk.move_tasks(first)
    (row,) = (await desk.crm.get("Task.svc/Retrieve.GetById", params={"id": other})).json()
    return yes_or_no(row["DueDate"].startswith(utc_text(NINE)))


async def slot_names(desk: SeededAccounts) -> str:
    asked = {
        "FromDate": utc_text(NOW),
        "ToDate": utc_text(NOW + DAY),
        "Users": [desk.seed_user("crm").user],
    }
    answer = await desk.crm.post("Task.svc/RetrieveAvailableSlots/ByUserEmailAddress", json=asked)
    slot = answer.json()["List"][0]["UserSlots"][0]["AvailableSlots"][0]
    return "/".join(slot)


async def bulk_rows(desk: SeededAccounts) -> str:
    taken = [
        most
        for most in (100, 101, 1000, 1001)
        if (await desk.move_tasks(*(f"no task {n}" for n in range(most)))).is_success
    ]
    return str(max(taken))


async def task_lag(desk: SeededAccounts) -> str:
    await desk.make_task()
    return await lag_of(desk, desk.tasks)


CHECKS: Mapping[tuple[PlatformKind, str], Callable[[SeededAccounts], Awaitable[str]]] = {
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
    (V2, "refuses_unknown_users"): partial(refusal, userId="nobody"),
    (V2, "refuses_unknown_groups"): partial(refusal, groupId="nothing"),
    (V2, "list_cap"): list_cap,
    (V2, "tells_times"): tells_times,
    (V1, "lists_blocks"): lists_blocks,
    (V1, "makes_blocks"): makes_blocks,
    (V1, "update_keeps_end"): update_keeps_end,
    (V1, "refuses_deleted"): refuses_deleted,
    (V1, "lists_overlapping"): old_overlapping,
    (V1, "keeps_tag"): old_tag,
    (V1, "list_lag"): old_lag,
    (V1, "refuses_unknown_users"): old_unknown_users,
    (V1, "refuses_unknown_groups"): old_unknown_groups,
    (V1, "list_cap"): old_cap,
    (V1, "tells_times"): old_times,
    (V1, "checks_slots"): checks_slots,
    (LSQ, "rows_carry_owner"): partial(rows_carry, field="OwnerEmailAddress"),
    (LSQ, "rows_carry_end"): partial(rows_carry, field="EndDate"),
    (LSQ, "date_zone"): date_zone,
    (LSQ, "lists_cancelled"): lists_cancelled,
    (LSQ, "completing_changes_end"): completing_changes_end,
    (LSQ, "instance_writes"): one_of_a_recurrence,
    (LSQ, "slot_names"): slot_names,
    (LSQ, "bulk_rows"): bulk_rows,
    (LSQ, "list_lag"): task_lag,
    (LSQ, "lists_completed"): lists_completed,
    (LSQ, "deletes_later"): deletes_later,
    (LSQ, "refuses_overlaps"): refuses_overlaps,
    (LSQ, "refuses_unknown_rows"): refuses_unknown_rows,
    (LSQ, "refuses_unknown_users"): unknown_addresses,
    (LSQ, "shows_conflicts"): shows_conflicts,
    (LSQ, "cancel_path"): cancel_path,
    (LSQ, "home_host"): home_host,
    (LSQ, "phone_spelling"): phone_spelling,
    (LSQ, "rate_spelling"): rate_spelling,
    (LSQ, "lists_overlapping"): task_overlapping,
    (LSQ, "keeps_tag"): task_tag,
    (LSQ, "tells_times"): partial(rows_carry, field="ModifiedOn"),
    (LSQ, "list_cap"): task_cap,
    **WRITES,
}
"""What finds out each fact by what the platform answers."""
