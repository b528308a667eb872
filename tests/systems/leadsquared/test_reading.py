"""Reads: pages, slices, coverage."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from syncd.model import Kind, Status, Topic, Window
from syncd.systems.errors import (
    IncompleteReadError,
    RateLimitedError,
    RetryableError,
    UnauthorizedError,
)
from syncd.systems.leadsquared.plan import LIST as PATH
from syncd.systems.leadsquared.slots import requested_dates
from tests.systems.scripted import NOW, Script

from .conftest import LIST, Build, page, task

WINDOW = Window(NOW - timedelta(days=1), NOW + timedelta(days=2))


async def test_one_call_reads_all_users_and_proves_the_window(build: Build, script: Script) -> None:
    script.reply(LIST, page(task("t1"), task("t2", OwnerEmailAddress="BOB@example.com")))
    got = await build().read(WINDOW)
    assert [(r.id, r.provider) for r in got.rows] == [("t1", "alice"), ("t2", "bob")]
    assert {(c.provider, c.kinds, c.window) for c in got.coverage} == {
        ("alice", frozenset(Kind), WINDOW),
        ("bob", frozenset(Kind), WINDOW),
    }
    assert not got.faults
    assert not got.malformed
    (body,) = script.sent
    assert body["Users"] == ["Alice@example.com", "bob@example.com"]
    assert body["Paging"] == {"PageIndex": 1, "PageSize": 1000}
    assert (body["FromDate"], body["ToDate"]) == ("2026-02-27", "2026-03-06")


async def test_keys_are_sent_in_headers_only(build: Build, script: Script) -> None:
    script.reply(LIST, page())
    await build().read(WINDOW)
    (request,) = script.requests
    assert request.headers["x-LSQ-AccessKey"] == "u$r-access"
    assert request.headers["x-LSQ-SecretKey"] == "the-secret"
    assert not request.url.query


async def test_only_the_wanted_users_are_asked_for(build: Build, script: Script) -> None:
    script.reply(LIST, page(task("t2", OwnerEmailAddress="bob@example.com"), task("t1")))
    got = await build().read(WINDOW, ["bob"])
    assert script.sent[0]["Users"] == ["bob@example.com"]
    assert {c.provider for c in got.coverage} == {"bob"}


async def test_reading_nobody_asks_nothing(build: Build, script: Script) -> None:
    got = await build().read(WINDOW, [])
    assert not script.requests
    assert not got.coverage


@pytest.mark.parametrize("offset", [-12, 0, 14])
def test_the_requested_dates_enclose_the_window_in_every_zone(offset: int) -> None:
    for hour in range(24):
        start = NOW.replace(hour=hour, minute=59)
        window = Window(start, start + timedelta(hours=1))
        first, last = requested_dates(window)
        midnight = NOW.replace(hour=0) - timedelta(hours=offset)
        begins = midnight + (first - NOW.date())
        ends = midnight + (last - NOW.date())
        assert begins <= window.start - timedelta(days=1)
        assert ends >= window.end


async def test_a_long_window_is_cut_to_calls_within_the_limit_and_put_together(
    build: Build, script: Script
) -> None:
    script.reply(LIST, page())
    window = Window(NOW, NOW + timedelta(days=200))
    system = build()
    got = await system.read(window)
    planned = [
        (*map(str, (c.span.start.date(), c.span.end.date())), c.ids) for c in system.plan(window)
    ]
    made = [(b["FromDate"], b["ToDate"], tuple(b["Users"])) for b in script.sent]
    assert made == planned
    assert len(made) == system.calls_per_read(window) == 3
    assert {c.window for c in got.coverage} == {window}


async def test_a_full_page_brings_the_next_and_doubles_count_once(
    build: Build, script: Script
) -> None:
    rows = [task(f"t{n}") for n in range(1000)]
    script.reply(LIST, page(*rows, count=1001), page(task("t999"), task("t1000"), count=1001))
    got = await build().read(WINDOW)
    assert len(got.rows) == 1001
    assert len(got.coverage) == 2
    assert [b["Paging"]["PageIndex"] for b in script.sent] == [1, 2]


async def test_a_page_cap_below_the_requested_size_is_detected_by_the_count(
    build: Build, script: Script
) -> None:
    script.reply(LIST, page(task("t1"), count="2"), page(task("t2"), count="2"))
    got = await build().read(WINDOW)
    assert len(got.rows) == 2
    assert len(got.coverage) == 2


async def test_a_count_above_the_rows_proves_nothing(build: Build, script: Script) -> None:
    script.reply(LIST, page(task("t1"), count=3), page(count=3))
    got = await build().read(WINDOW)
    assert [r.id for r in got.rows] == ["t1"]
    assert not got.coverage
    assert [(m.topic, m.reason.split(":")[0]) for m in got.malformed] == [
        (Topic.LIST, "only 1 of 3 rows arrived")
    ]
    assert [(u.provider, u.incomplete) for u in got.unproven] == [("alice", True), ("bob", True)]
    assert not got.faults


async def test_a_full_page_that_repeats_for_ever_proves_nothing(
    build: Build, script: Script
) -> None:
    script.reply(LIST, page(*[task(f"t{n}") for n in range(1000)], count=None))
    got = await build().read(WINDOW)
    assert len(script.requests) == 2
    assert not got.coverage
    assert [m.topic for m in got.malformed] == [Topic.LIST]
    assert not got.faults


async def test_an_exactly_full_page_is_closed_by_an_empty_one(build: Build, script: Script) -> None:
    script.reply(LIST, page(*[task(f"t{n}") for n in range(1000)]), page(count=1000))
    got = await build().read(WINDOW)
    assert len(got.coverage) == 2
    assert not got.faults


async def test_a_page_that_fails_keeps_the_rows_and_proves_nothing(
    build: Build, script: Script
) -> None:
    rows = [task(f"t{n}") for n in range(1000)]
    script.reply(LIST, page(*rows, count=1200), httpx.Response(502))
    got = await build().read(WINDOW)
    assert len(got.rows) == 1000
    assert not got.coverage
    assert [type(f) for f in got.faults] == [RetryableError]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (httpx.Response(401, json={"Status": "Error"}), UnauthorizedError),
        (httpx.Response(200, json={}), IncompleteReadError),
        (httpx.Response(200, content=b""), IncompleteReadError),
        (
            httpx.Response(200, content=b'{"RecordCount":1,"List":[{"UserTaskId"'),
            IncompleteReadError,
        ),
        (httpx.Response(500, text="oops"), RetryableError),
    ],
)
async def test_a_read_that_brings_nothing_raises(
    build: Build, script: Script, answer: httpx.Response, fault: type[Exception]
) -> None:
    script.reply(LIST, answer)
    with pytest.raises(fault):
        await build().read(WINDOW)


async def test_a_rate_limit_inside_a_200_lowers_the_budget(build: Build, script: Script) -> None:
    words = "API calls exceeded the limit of 2 in 30 second(s)"
    body = {
        "Status": "Error",
        "ExceptionType": "MXAPIRateLimitExceededException",
        "ExceptionMessage": words,
    }
    script.reply(LIST, body)
    system = build()
    with pytest.raises(RateLimitedError) as raised:
        await system.read(WINDOW)
    assert raised.value.wait == 30
    assert system.traffic.limits == ((2, 30.0),)


@pytest.mark.parametrize("odd", [None, "x", 3, [1], {}, {"UserTaskId": None}])
async def test_a_row_without_id_proves_no_absence(build: Build, script: Script, odd: Any) -> None:
    script.reply(LIST, page(task("t1"), odd, count=2))
    got = await build().read(WINDOW)
    assert [r.id for r in got.rows] == ["t1"]
    assert not got.coverage
    assert [(m.event, m.topic) for m in got.malformed] == [(f"POST {PATH}", Topic.UNREADABLE)]
    assert [(u.provider, u.incomplete) for u in got.unproven] == [("alice", False), ("bob", False)]
    assert all(WINDOW.covered_by([u.window]) for u in got.unproven)
    assert not got.faults


async def test_a_row_without_owner_is_reported_and_others_still_prove_absence(
    build: Build, script: Script
) -> None:
    script.reply(LIST, page(task("t1", OwnerEmailAddress=None)))
    got = await build().read(WINDOW)
    assert [c.provider for c in got.coverage] == ["alice", "bob"]
    assert [(m.event, m.topic) for m in got.malformed] == [("t1", Topic.UNREADABLE)]


async def test_strangers_rows_and_cancelled_blocks_are_dropped(
    build: Build, script: Script
) -> None:
    nobody = {"RelatedEntity": 0, "RelatedEntityId": ""}
    off = task("t2", StatusCode=2, TaskType={"Name": "Busy"}, **nobody)
    script.reply(LIST, page(task("t1", OwnerEmailAddress="carol@example.com"), off))
    got = await build().read(WINDOW)
    assert not got.rows
    assert len(got.coverage) == 2


async def test_a_status_that_is_not_known_is_reported_and_spoils_no_proof(
    build: Build, script: Script
) -> None:
    script.reply(LIST, page(task("t1", StatusCode=-1), task("t2", StatusCode="Pending")))
    system = build()
    got = await system.read(WINDOW)
    assert {(m.event, m.topic, m.provider) for m in got.malformed} == {
        ("t1", Topic.UNKNOWN_STATUS, "alice")
    }
    assert all(system.event(row).value.busy for row in got.rows)
    assert len(got.coverage) == 2


async def test_a_word_that_is_mapped_later_has_its_row_read_again(
    build: Build, script: Script
) -> None:
    script.reply(LIST, page(task("t1", StatusCode="Deferred")))
    known = {row.id: row.fingerprint for row in (await build().read(WINDOW)).rows}
    system = build(statuses={"deferred": Status.CANCELLED})
    got = await system.read(WINDOW, None, known)
    assert [row.fingerprint == known[row.id] for row in got.rows] == [False]
    assert not system.event(got.rows[0]).value.busy
    assert not got.malformed


async def test_rows_far_from_the_window_are_dropped_and_near_ones_are_kept(
    build: Build, script: Script
) -> None:
    def at(task_id: str, start: str, end: str) -> dict[str, Any]:
        return task(task_id, DueDate=start, EndDate=end)

    script.reply(
        LIST,
        page(
            at("long before", "2026-02-27 09:00:00", "2026-02-27 10:00:00"),
            at("just before", "2026-02-28 09:00:00", "2026-02-28 10:00:00"),
            at("at its end", "2026-03-04 08:00:00", "2026-03-04 09:00:00"),
            at("unreadable", "soon", "2026-03-04 09:00:00"),
        ),
    )
    got = await build().read(WINDOW)
    assert [r.id for r in got.rows] == ["just before", "unreadable"]
    assert len(got.coverage) == 2


WEEKS = timedelta(days=60)


async def test_a_look_back_is_asked_for_and_proven_and_history_is_left_out(
    build: Build, script: Script
) -> None:
    leave = task("t1", DueDate="2026-01-20 08:00:00", EndDate="2026-03-05 08:00:00")
    over = task("t2", DueDate="2026-01-20 08:00:00", EndDate="2026-01-20 09:00:00")
    ownerless = over | {"UserTaskId": "t3", "OwnerEmailAddress": ""}
    script.reply(LIST, page(leave, over, ownerless))
    got = await build().read(WINDOW, look_back=WEEKS)
    assert [row.id for row in got.rows] == ["t1"]
    # What is over says nothing about the list, however odd it is.
    assert (got.malformed, got.faults) == ([], [])
    assert {c.window for c in got.coverage} == {WINDOW.from_earlier(WEEKS)}
    assert script.sent[0]["FromDate"] == "2025-12-29"


async def test_a_look_back_beyond_100_days_takes_a_call_more(build: Build, script: Script) -> None:
    script.reply(LIST, page())
    window = Window(NOW - timedelta(days=1), NOW + timedelta(days=60))
    got = await build().read(window, look_back=WEEKS)
    assert len(script.sent) == 2
    assert {c.window for c in got.coverage} == {window.from_earlier(WEEKS)}
