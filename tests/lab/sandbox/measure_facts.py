"""Measure over HTTP the side of each uncertain fact of an emulated platform."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from syncd.lab.sandbox.scenario import ZONE
from syncd.model.platform_facts import PlatformKind
from tests.lab.sandbox.measure_writes import WRITES
from tests.lab.sandbox.seeded_accounts import (
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
    Accounts,
    Json,
    iso,
    ms,
    utc_text,
    yes_or_no,
)

MANY = 1001
V2, V1, LSQ = PlatformKind.V2, PlatformKind.V1, PlatformKind.LEADSQUARED
_ONE_DAY = {"FromDate": utc_text(NOW), "ToDate": utc_text(NOW + DAY)}


# --- LeadConnector v2 -----------------------------------------------------------------------------


async def update_replaces(accounts: Accounts) -> str:
    shown = await accounts.update(accounts.book("clinic", title="Knee pain", status="new"))
    return yes_or_no((shown["title"], shown["appointmentStatus"]) == ("", "confirmed"))


async def block_update_replaces(accounts: Accounts) -> str:
    id = await accounts.make_block()
    await accounts.clinic.put(f"{BLOCKS}/{id}", json=accounts.block_body())
    (row,) = await accounts.events(BLOCKED)
    return yes_or_no(not row["title"])


async def block_by_id(accounts: Accounts) -> str:
    answer = await accounts.clinic.get(f"{APPOINTMENTS}/{await accounts.make_block()}")
    return yes_or_no(answer.is_success)


async def second_delete(accounts: Accounts) -> str:
    path = f"{EVENTS}/{await accounts.make_block()}"
    assert (await accounts.clinic.delete(path)).is_success
    return str((await accounts.clinic.delete(path)).status_code)


async def block_closes_calendars(accounts: Accounts) -> str:
    async def offered() -> int:
        span = {"startDate": ms(NOW), "endDate": ms(NOW + DAY)}
        path = f"/calendars/{accounts.seed_user('clinic').calendar}/free-slots"
        answer = (await accounts.clinic.get(path, params=span)).json()
        return sum(len(day["slots"]) for key, day in answer.items() if key != "traceId")

    before = await offered()
    await accounts.make_block()
    return yes_or_no(await offered() < before)


async def group_lists_all(accounts: Accounts) -> str:
    (group,) = accounts.sandbox.clinic.groups
    ids = {accounts.book("clinic", who) for who in ("alice", "bob", "carol")}
    shown = {row["id"] for row in await accounts.events(groupId=group)}
    assert shown
    return yes_or_no(shown == ids)


async def instance_writes(accounts: Accounts) -> str:
    first, other = (accounts.book("clinic", series="s", id=id) for id in ("one", "two"))
    await accounts.update(first)
    shown = await accounts.clinic.get(f"{APPOINTMENTS}/{other}")
    return yes_or_no(datetime.fromisoformat(shown.json()["appointment"]["startTime"]) == NINE)


async def version_v3(accounts: Accounts) -> str:
    location = {"locationId": accounts.sandbox.clinic.location_id}
    answer = await accounts.clinic.get("/calendars/", params=location, headers={"Version": "v3"})
    return yes_or_no(answer.is_success)


async def lists_service_bookings(accounts: Accounts) -> str:
    seat, clinic = accounts.seed_user("clinic"), accounts.sandbox.clinic
    id = clinic.book_service(seat.calendar, seat.user, NINE, TEN, seat.contact)
    asked = {"locationId": clinic.location_id, "startTime": ms(NOW), "endTime": ms(NOW + DAY)}
    answer = await accounts.clinic.get("/calendars/services/bookings", params=asked)
    assert [row["bookingId"] for row in answer.json()["bookings"]] == [id]
    return yes_or_no([row["id"] for row in await accounts.events()] == [id])


async def lists_overlapping(accounts: Accounts) -> str:
    await accounts.make_block()
    return yes_or_no(await accounts.events(BLOCKED, start=NINE + timedelta(minutes=30)))


async def keeps_tag(accounts: Accounts) -> str:
    await accounts.make_block(TAG)
    (row,) = await accounts.events(BLOCKED)
    return yes_or_no(row["title"] == TAG)


async def lag_of(accounts: Accounts, listed: Callable[[], Awaitable[object]]) -> str:
    """Return after how many seconds a list shows a new event."""
    for seconds in range(60):
        if await listed():
            return str(seconds)
        accounts.clock.advance(1)
    return "never"


async def list_lag(accounts: Accounts) -> str:
    await accounts.make_block()
    return await lag_of(accounts, lambda: accounts.events(BLOCKED))


def with_host(accounts: Accounts) -> str:
    """Enter a meeting of Alice and Bob as a person does."""
    return accounts.book("clinic", hosts=[accounts.seed_user("clinic", "bob").user])


async def refusal(accounts: Accounts, **owner: str) -> str:
    location = {"locationId": accounts.sandbox.clinic.location_id}
    window = {"startTime": ms(NOW), "endTime": ms(NOW + DAY)}
    answer = await accounts.clinic.get(EVENTS, params=location | window | owner)
    return yes_or_no(not answer.is_success)


async def cap_of(
    accounts: Accounts, system: str, listed: Callable[[], Awaitable[list[Json]]]
) -> str:
    """Enter more events than any cap, and count those that a list shows."""
    for _ in range(MANY):
        accounts.book(system)
    shown = len(await listed())
    return "none" if shown == MANY else str(shown)


async def list_cap(accounts: Accounts) -> str:
    return await cap_of(accounts, "clinic", accounts.events)


async def tells_times(accounts: Accounts) -> str:
    accounts.book("clinic")
    (row,) = await accounts.events()
    return yes_or_no("dateUpdated" in row)


async def hosts_listed(accounts: Accounts) -> str:
    with_host(accounts)
    return yes_or_no(await accounts.events(userId=accounts.seed_user("clinic", "bob").user))


async def users_name_owner(accounts: Accounts) -> str:
    with_host(accounts)
    (row,) = await accounts.events()
    return yes_or_no(accounts.seed_user("clinic").user in row["users"])


async def update_keeps_hosts(accounts: Accounts) -> str:
    shown = await accounts.update(
        with_host(accounts), assignedUserId=accounts.seed_user("clinic").user
    )
    return yes_or_no(accounts.seed_user("clinic", "bob").user in shown["users"])


# --- LeadConnector v1 -----------------------------------------------------------------------------


async def lists_blocks(accounts: Accounts) -> str:
    accounts.block("legacy")
    return yes_or_no(await accounts.legacy_events())


async def makes_blocks(accounts: Accounts) -> str:
    return yes_or_no((await accounts.make_legacy_block()).is_success)


async def update_keeps_end(accounts: Accounts) -> str:
    id = accounts.block("legacy")
    moved = {"selectedTimezone": ZONE, "selectedSlot": iso(NINE), "endAt": iso(ELEVEN)}
    assert (await accounts.legacy.put(f"/appointments/{id}", json=moved)).is_success
    row = (await accounts.legacy.get(f"/appointments/{id}")).json()
    return yes_or_no(datetime.fromisoformat(row["endTime"]) == ELEVEN)


async def refuses_deleted(accounts: Accounts) -> str:
    id = accounts.block("legacy")
    await accounts.legacy.delete(f"/appointments/{id}")
    return yes_or_no((await accounts.legacy.get(f"/appointments/{id}")).status_code == 400)


async def old_overlapping(accounts: Accounts) -> str:
    accounts.book("legacy")
    return yes_or_no(await accounts.legacy_events(start=NINE + timedelta(minutes=30)))


async def old_tag(accounts: Accounts) -> str:
    id = (await accounts.make_legacy_block(title=TAG)).json()["id"]
    return yes_or_no((await accounts.legacy.get(f"/appointments/{id}")).json()["title"] == TAG)


async def old_lag(accounts: Accounts) -> str:
    accounts.book("legacy")
    return await lag_of(accounts, accounts.legacy_events)


async def old_refusal(accounts: Accounts, **owner: str) -> str:
    window = {"startDate": ms(NOW), "endDate": ms(NOW + DAY)}
    answer = await accounts.legacy.get("/appointments/", params=window | owner)
    return yes_or_no(not answer.is_success)


async def old_unknown_users(accounts: Accounts) -> str:
    return await old_refusal(accounts, userId="nobody")


async def old_unknown_groups(accounts: Accounts) -> str:
    return await old_refusal(accounts, teamId="nothing")


async def old_cap(accounts: Accounts) -> str:
    return await cap_of(accounts, "legacy", accounts.legacy_events)


async def old_times(accounts: Accounts) -> str:
    id = accounts.book("legacy")
    row = (await accounts.legacy.get(f"/appointments/{id}")).json()
    return yes_or_no("updatedAt" in row)


async def checks_slots(accounts: Accounts) -> str:
    night = NOW + timedelta(hours=18)
    span = {"selectedSlot": iso(night), "endAt": iso(night + timedelta(hours=1))}
    answer = await accounts.make_legacy_block(email="kim@example.com", **span)
    return yes_or_no(not answer.is_success)


# --- LeadSquared ----------------------------------------------------------------------------------


async def rows_carry(accounts: Accounts, field: str) -> str:
    await accounts.make_task()
    (row,) = await accounts.tasks()
    return yes_or_no(field in row)


_BEGINNINGS = {
    "account": datetime(2026, 3, 9, 23, 0, tzinfo=UTC),
    "UTC": datetime(2026, 3, 10, 0, 0, tzinfo=UTC),
    "Pacific/Kiritimati": datetime(2026, 3, 9, 10, 0, tzinfo=UTC),
    "Etc/GMT+12": datetime(2026, 3, 10, 12, 0, tzinfo=UTC),
}
"""The start of 10 March, by the zone of the filter."""


async def date_zone(accounts: Accounts) -> str:
    seat = accounts.seed_user("crm")
    for begins in _BEGINNINGS.values():
        end = begins + timedelta(minutes=10)
        accounts.sandbox.crm.book(seat.calendar, seat.user, begins, end, seat.contact)
    rows = await accounts.tasks("2026-03-10", "2026-03-12")
    first = min(datetime.fromisoformat(f"{row['DueDate']}+00:00") for row in rows)
    return next(side for side, begins in _BEGINNINGS.items() if begins == first)


async def lists_cancelled(accounts: Accounts) -> str:
    accounts.book("crm", status="cancelled")
    return yes_or_no(await accounts.tasks())


async def completing_changes_end(accounts: Accounts) -> str:
    id = accounts.book("crm")
    await accounts.crm.get("Task.svc/MarkComplete", params={"id": id})
    (row,) = (await accounts.crm.get("Task.svc/Retrieve.GetById", params={"id": id})).json()
    return yes_or_no(row["EndDate"] != utc_text(TEN))


async def lists_completed(accounts: Accounts) -> str:
    accounts.book("crm", status="showed")
    return yes_or_no(await accounts.tasks())


async def deletes_later(accounts: Accounts) -> str:
    id = accounts.block("crm")
    await accounts.crm.post("Task.svc/DeleteTasks", json={"TaskIds": [id]})
    return yes_or_no(await accounts.tasks())


async def refuses_overlaps(accounts: Accounts) -> str:
    assert (await accounts.make_task()).is_success
    return yes_or_no(not (await accounts.make_task()).is_success)


async def refuses_unknown_rows(accounts: Accounts) -> str:
    return yes_or_no(not (await accounts.move_tasks(accounts.book("crm"), "no task")).is_success)


async def shows_conflicts(accounts: Accounts) -> str:
    types = (await accounts.crm.get("Task.svc/RetrieveTaskType")).json()
    return yes_or_no(all("AllowConflicts" in row for row in types))


async def cancel_path(accounts: Accounts) -> str:
    path = "Task.svc/BulkCancelAppointments"
    answer = await accounts.crm.post(path, json={"TaskIds": [accounts.book("crm")]})
    return path if answer.is_success else "elsewhere"


async def home_host(accounts: Accounts) -> str:
    return yes_or_no(not (await accounts.crm.get("Task.svc/RetrieveTaskType")).is_success)


async def phone_spelling(accounts: Accounts) -> str:
    accounts.sandbox.crm.add_contact("Lee Example", phone="+4930555020")
    asked = {"phone": "4930555020"}
    answer = await accounts.crm.get("LeadManagement.svc/RetrieveLeadByPhoneNumber", params=asked)
    return "digits" if answer.json() else "dashed"


async def rate_spelling(accounts: Accounts) -> str:
    answers = [await accounts.crm.get("Task.svc/RetrieveTaskType") for _ in range(26)]
    assert answers[0].json() != answers[-1].json()
    return str(answers[-1].status_code)


async def task_overlapping(accounts: Accounts) -> str:
    accounts.book("crm")
    return yes_or_no(await accounts.tasks(utc_text(NINE + timedelta(minutes=30))))


async def task_tag(accounts: Accounts) -> str:
    await accounts.make_task()
    (row,) = await accounts.tasks()
    return yes_or_no(row["Name"] == TAG)


async def unknown_addresses(accounts: Accounts) -> str:
    body = {**_ONE_DAY, "Users": ["nobody@example.com"]}
    return yes_or_no(not (await accounts.crm.post(LIST, json=body)).is_success)


async def task_cap(accounts: Accounts) -> str:
    accounts.sandbox.crm.largest_page = 2 * MANY
    return await cap_of(accounts, "crm", accounts.tasks)


async def one_of_a_recurrence(accounts: Accounts) -> str:
    first, other = (accounts.book("crm", series="s", id=id) for id in ("one", "two"))
    await accounts.move_tasks(first)
    (row,) = (await accounts.crm.get("Task.svc/Retrieve.GetById", params={"id": other})).json()
    return yes_or_no(row["DueDate"].startswith(utc_text(NINE)))


async def slot_names(accounts: Accounts) -> str:
    body = {**_ONE_DAY, "Users": [accounts.seed_user("crm").user]}
    answer = await accounts.crm.post(
        "Task.svc/RetrieveAvailableSlots/ByUserEmailAddress", json=body
    )
    slot = answer.json()["List"][0]["UserSlots"][0]["AvailableSlots"][0]
    return "/".join(slot)


async def bulk_rows(accounts: Accounts) -> str:
    taken = [
        most
        for most in (100, 101, 1000, 1001)
        if (await accounts.move_tasks(*(f"no task {n}" for n in range(most)))).is_success
    ]
    return str(max(taken))


async def task_lag(accounts: Accounts) -> str:
    await accounts.make_task()
    return await lag_of(accounts, accounts.tasks)


CHECKS: Mapping[tuple[PlatformKind, str], Callable[[Accounts], Awaitable[str]]] = {
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
"""Functions that measure each fact from the platform's answers."""
