"""Every answer of the table is sent through the real adapter."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from syncd.model import Action, Kind, Operation, Topic, Value, Window
from syncd.systems.errors import PlatformError, RejectedError, RejectionReason, UnreadableError
from syncd.systems.port import Snapshot
from tests.systems.leadsquared.conftest import LIST, Build, build, clock, page, script, task
from tests.systems.payloads.leadsquared import NAMES, PAGES, ROWS, SAID, USERS
from tests.systems.payloads.leadsquared_base import Page, Row, StatusCase
from tests.systems.payloads.leadsquared_seen import SEEN
from tests.systems.payloads.sources import LEADSQUARED, Basis, basis_of
from tests.systems.payloads.table import unused
from tests.systems.scripted import NOW, Script

__all__ = ["build", "clock", "script"]

WINDOW = Window(NOW - timedelta(days=1), NOW + timedelta(days=2))
ASKED = "GET UserManagement.svc/Users.Get"
DELETE = "POST Task.svc/DeleteTasks"
ALICE = {"ID": "u-alice", "EmailAddress": "alice@example.com", "StatusCode": 0}
BOB = {"ID": "u-bob", "EmailAddress": "bob@example.com", "StatusCode": 0}
PLAIN = {
    "OwnerId": "u-alice",
    "EndDate": "2026-03-02 11:15:00",
    "RelatedEntityId": "lead-7",
    "TaskType": {"Name": "Visit", "Category": 0},
}


def told(got: Snapshot) -> list[Topic]:
    return [each.topic for each in got.malformed]


@pytest.mark.parametrize("case", ROWS, ids=[row.name for row in ROWS])
async def test_a_row_is_read_as_the_table_says(build: Build, script: Script, case: Row) -> None:
    # A sound row beside it: what is odd is not the whole account's.
    sound = task("t2", **PLAIN)
    script.reply(LIST, page(task("t1", **{**PLAIN, **case.odd}), sound, count=None))
    script.reply(ASKED, [ALICE, BOB])
    system = build()
    got = await system.read(WINDOW)
    topics = told(got)
    event = None
    for row in got.rows:
        if row.id == "t1":
            try:
                event = system.event(row)
            except UnreadableError as odd:
                topics.append(odd.topic)
    assert [row.id for row in got.rows if row.id == "t2"] == ["t2"]
    assert topics == ([Topic(case.told)] if case.told else [])
    if case.read is None:
        assert event is None
        return
    assert event is not None
    minutes = (event.value.end - event.value.start) // timedelta(minutes=1)
    read = (event.provider, event.kind, event.value.status, minutes, event.customer or "")
    assert read == case.read


@pytest.mark.parametrize("case", PAGES, ids=[case.name for case in PAGES])
async def test_a_page_is_read_as_the_table_says(build: Build, script: Script, case: Page) -> None:
    script.reply(LIST, httpx.Response(200, content=case.body))
    system = build()
    if case.ids is None:
        with pytest.raises(PlatformError):
            await system.read(WINDOW)
        return
    got = await system.read(WINDOW)
    assert tuple(row.id for row in got.rows) == case.ids
    assert bool(got.coverage) is case.whole


async def fault_of(build: Build, case: StatusCase) -> str:
    system, value = build(), Value(NOW, NOW + timedelta(hours=1))
    removal = Operation(Action.REMOVE_BLOCK, "crm", "alice", Kind.BLOCK, "t1", value, None)
    try:
        if case.write:
            await system.write([removal])
        else:
            await system.read(WINDOW)
    except PlatformError as fault:
        gone = isinstance(fault, RejectedError) and fault.why is RejectionReason.GONE
        return "Rejected: gone" if gone else type(fault).__name__
    return ""


@pytest.mark.parametrize("case", SAID, ids=[case.name for case in SAID])
async def test_an_answer_means_what_the_table_says(
    build: Build, script: Script, case: StatusCase
) -> None:
    answer = httpx.Response(case.status, headers=case.headers, content=case.body)
    script.reply(DELETE if case.write else LIST, answer)
    script.reply(ASKED, [ALICE, BOB])
    assert await fault_of(build, case) == case.means


@pytest.mark.parametrize(("odd", "state"), [case[1:] for case in USERS], ids=[u[0] for u in USERS])
async def test_a_user_is_there_or_not_as_the_table_says(
    build: Build, script: Script, odd: dict[str, Any], state: str
) -> None:
    script.reply(ASKED, [{"EmailAddress": "alice@example.com"} | odd, BOB])
    assert (await build().users()).state_of("alice") == state


def test_at_least_thirty_answers_name_a_source_that_was_read() -> None:
    assert len(NAMES) == len(set(NAMES)) == len(SEEN)
    seen = [SEEN[name] for name in NAMES]
    traced = [each for each in seen if basis_of(each, LEADSQUARED) is Basis.TRACED]
    assert len(traced) >= 30
    assert unused(LEADSQUARED, seen) == set()
