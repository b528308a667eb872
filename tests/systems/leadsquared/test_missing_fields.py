"""Rows without an owner's address or an end, and completed tasks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from syncd.model import EventRef, Kind, Status, Topic, Value, Window
from syncd.systems.errors import UnreadableError
from syncd.systems.leadsquared.events import ASSUMED_LENGTH
from syncd.systems.lookup_results import Found, Unknown
from syncd.systems.port import Snapshot
from tests.systems.scripted import NOW, FakeClock, Script

from .conftest import LIST, ONE, Build, page, task

WINDOW = Window(NOW - timedelta(days=1), NOW + timedelta(days=2))
USERS = "GET UserManagement.svc/Users.Get"
START = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
BY_ID = {"OwnerEmailAddress": ..., "OwnerName": "Somebody"}
NO_END = {"EndDate": ...}
STAFF = [
    {"ID": "u-alice", "EmailAddress": "Alice@Example.com", "StatusCode": 0},
    {"ID": "u-bob", "EmailAddress": "bob@example.com", "StatusCode": 0},
    {"ID": "u-carol", "EmailAddress": "carol@example.com", "StatusCode": 1},
]


def by_id(task_id: str, owner: str, **more: Any) -> dict[str, Any]:
    """Return a row with an owner id and no owner address."""
    return task(task_id, OwnerId=owner, **BY_ID, **more)


def owners(got: Snapshot) -> dict[str, str]:
    return {row.id: row.provider for row in got.rows}


def reported(got: Snapshot) -> list[tuple[str, Topic, str]]:
    return [(each.event, each.topic, each.provider) for each in got.malformed]


def users_asked(script: Script) -> int:
    return sum("Users.Get" in request.url.path for request in script.requests)


async def test_a_row_with_only_an_owner_id_belongs_to_that_user(
    build: Build, script: Script
) -> None:
    script.reply(LIST, page(by_id("t1", "u-alice"), by_id("t2", "u-bob"), by_id("t3", "u-carol")))
    script.reply(USERS, STAFF)
    got = await build().read(WINDOW)
    assert owners(got) == {"t1": "alice", "t2": "bob"}
    assert not got.malformed
    assert {c.provider for c in got.coverage} == {"alice", "bob"}
    assert got.users == {"alice": "u-alice", "bob": "u-bob"}


async def test_rows_with_an_address_cost_no_list_of_users(build: Build, script: Script) -> None:
    script.reply(LIST, page(task("t1", OwnerId="u-alice")))
    await build().read(WINDOW)
    assert users_asked(script) == 0


async def test_users_are_read_once_an_hour_and_again_for_an_unknown_id_at_most_every_five_minutes(
    build: Build, script: Script, clock: FakeClock
) -> None:
    script.reply(USERS, STAFF)
    script.reply(LIST, page(by_id("t1", "u-alice")))
    system = build()
    for _ in range(3):
        await system.read(WINDOW)
    assert users_asked(script) == 1
    script.reply(LIST, page(by_id("t1", "u-alice"), by_id("t2", "u-new")))
    clock.passed += 301
    for _ in range(3):
        await system.read(WINDOW)
    assert users_asked(script) == 2
    script.reply(LIST, page(by_id("t1", "u-alice")))
    clock.passed += 3601
    await system.read(WINDOW)
    assert users_asked(script) == 3


@pytest.mark.parametrize("listed", [STAFF, [], httpx.Response(403), httpx.Response(500)])
async def test_an_unknown_owner_id_makes_the_row_unreadable(
    build: Build, script: Script, listed: Any
) -> None:
    script.reply(LIST, page(by_id("t1", "u-stranger"), task("t2")))
    script.reply(USERS, listed)
    got = await build().read(WINDOW)
    assert owners(got) == {"t2": "alice"}
    assert reported(got) == [("t1", Topic.UNREADABLE, "")]
    assert [c.provider for c in got.coverage] == ["alice", "bob"]  # its id is no other event's
    assert not got.faults


async def test_an_empty_or_failed_user_list_keeps_the_cache(
    build: Build, script: Script, clock: FakeClock
) -> None:
    script.reply(LIST, page(by_id("t1", "u-alice")))
    script.reply(USERS, STAFF, [], httpx.Response(403))
    system = build()
    for _ in range(3):
        assert owners(await system.read(WINDOW)) == {"t1": "alice"}
        clock.passed += 3700
    assert users_asked(script) == 3


REF = EventRef("crm", "alice", "t1", Kind.APPOINTMENT)


@pytest.mark.parametrize(
    ("row", "provider"),
    [
        (by_id("t1", "u-alice"), "alice"),
        (by_id("t1", "u-bob"), "bob"),
        (by_id("t1", "u-carol"), ""),
        (task("t1", OwnerEmailAddress=None), "alice"),
    ],
)
async def test_a_task_read_by_id_is_found_at_the_owner_that_it_names(
    build: Build, script: Script, row: dict[str, Any], provider: str
) -> None:
    script.reply(ONE, [row])
    script.reply(USERS, STAFF)
    found = await build().read_one(REF)
    assert isinstance(found, Found)
    assert found.event.provider == provider


async def test_a_task_read_by_id_whose_owner_nobody_knows_proves_nothing(
    build: Build, script: Script
) -> None:
    script.reply(ONE, [by_id("t1", "u-stranger")])
    script.reply(USERS, STAFF)
    assert isinstance(await build().read_one(REF), Unknown)


@pytest.mark.parametrize(
    "never",
    [..., None, "", "0001-01-01 00:00:00.000", "1/1/0001 12:00:00 AM", "/Date(-62135596800000)/"],
)
async def test_a_row_without_an_end_counts_as_an_hour_and_is_reported(
    build: Build, script: Script, never: Any
) -> None:
    script.reply(LIST, page(task("t1", EndDate=never), task("t2")))
    system = build()
    for known in ({}, {r.id: r.fingerprint for r in (await system.read(WINDOW)).rows}):
        got = await system.read(WINDOW, known=known)
        row = next(row for row in got.rows if row.id == "t1")
        event = system.event(row)
        assert (event.value, event.shows_end) == (Value(START, START + ASSUMED_LENGTH), False)
        assert reported(got) == [("t1", Topic.ASSUMED, "alice")]
        assert len(got.coverage) == 2


async def test_an_account_without_any_ends_has_one_report(build: Build, script: Script) -> None:
    rows = [task(f"t{n}", **NO_END) for n in range(5)]
    script.reply(LIST, page(*rows))
    system = build()
    got = await system.read(WINDOW)
    assert reported(got) == [("", Topic.ACCOUNT, "")]
    assert len(got.rows) == 5
    assert len(got.coverage) == 2
    system.measured.note("rows_carry_end", "yes")
    assert len((await system.read(WINDOW)).malformed) == 5


async def test_a_missing_owner_address_is_reported_if_rows_usually_have_it(
    build: Build, script: Script
) -> None:
    script.reply(LIST, page(by_id("t1", "u-alice"), task("t2")))
    script.reply(USERS, STAFF)
    system = build()
    assert not (await system.read(WINDOW)).malformed
    system.measured.note("rows_carry_owner", "yes")
    got = await system.read(WINDOW)
    assert reported(got) == [("t1", Topic.ASSUMED, "alice")]
    assert len(got.coverage) == 2


async def test_an_unreadable_row_assumes_nothing_and_contradicts_no_measured_fact(
    build: Build, script: Script
) -> None:
    unreadable = by_id("t1", "u-alice") | {"DueDate": "soon"}
    del unreadable["EndDate"]
    script.reply(LIST, page(unreadable, task("t2")))
    script.reply(USERS, STAFF)
    system = build()
    system.measured.note("rows_carry_end", "yes")
    system.measured.note("rows_carry_owner", "yes")
    got = await system.read(WINDOW)
    assert reported(got) == []
    assert system.capabilities.rows_carry_end
    assert system.capabilities.rows_carry_owner
    with pytest.raises(UnreadableError, match="a time is missing or unreadable"):
        system.event(next(row for row in got.rows if row.id == "t1"))


COMPLETED_AT = ("2026-03-02 10:41:07", "2026-03-01 17:00:00", "2026-03-02 10:30:00")


@pytest.mark.parametrize("end", [*COMPLETED_AT, "0001-01-01 00:00:00.000", "soon"])
async def test_the_end_of_a_completed_task_is_ignored(
    build: Build, script: Script, end: str
) -> None:
    script.reply(LIST, page(task("t1", StatusCode=1, EndDate=end, ModifiedOn=end)))
    system = build()
    (row,) = (await system.read(WINDOW)).rows
    event = system.event(row)
    assert event.value == Value(START, START + ASSUMED_LENGTH, Status.SHOWED)
    assert not event.shows_end


def ends(*spans: tuple[int, int] | None) -> Sequence[Value | None]:
    return [
        span and Value(START + timedelta(minutes=span[0]), START + timedelta(minutes=span[1]))
        for span in spans
    ]


@pytest.mark.parametrize(
    ("known", "minutes"),
    [
        (ends((0, 45)), 45),
        (ends((0, 120), (0, 45)), 120),
        (ends(None, (0, 45)), 45),
        (ends((-60, 30)), 90),
        (ends((-60, 30), (-30, 15)), 45),
        (ends(), 60),
        (ends(None), 60),
    ],
)
async def test_a_completed_task_keeps_its_known_length(
    build: Build, script: Script, known: Sequence[Value | None], minutes: int
) -> None:
    when = {"EndDate": COMPLETED_AT[0], "ModifiedOn": COMPLETED_AT[0]}
    script.reply(LIST, page(task("t1", StatusCode="1", **when)))
    system = build()
    (row,) = (await system.read(WINDOW)).rows
    value = system.event(row).with_end_of(*known).value
    assert value == Value(START, START + timedelta(minutes=minutes), Status.SHOWED)


async def test_an_event_with_an_end_keeps_it(build: Build, script: Script) -> None:
    script.reply(LIST, page(task("t1")))
    system = build()
    (row,) = (await system.read(WINDOW)).rows
    event = system.event(row)
    assert event.with_end_of(*ends((0, 120))) == event


async def test_a_completed_tasks_end_counts_if_completing_keeps_it(
    build: Build, script: Script
) -> None:
    script.reply(LIST, page(task("t1", StatusCode=1)))
    system = build()
    system.measured.note("completing_changes_end", "no")
    (row,) = (await system.read(WINDOW)).rows
    assert system.event(row).value.end == START + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("changed", "hours", "told"),
    [
        (-3.0, 0, True),
        (0.25, 0, True),
        (0.5, 0, False),
        (-3.0, 3, False),
        (None, 0, True),
        (None, 3, False),
    ],
)
async def test_a_future_end_of_a_completed_task_is_its_own(
    build: Build,
    script: Script,
    clock: FakeClock,
    changed: float | None,
    hours: int,
    told: bool,
) -> None:
    # Nobody knows its length yet, as after a loss of the state.
    at = "" if changed is None else f"{START + timedelta(hours=changed):%Y-%m-%d %H:%M:%S}"
    clock.passed += hours * 3600
    script.reply(LIST, page(task("t1", StatusCode=1, ModifiedOn=at)))
    system = build()
    (row,) = (await system.read(WINDOW)).rows
    assert system.event(row).shows_end is told
