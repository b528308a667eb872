"""Lists that show nothing, or not everything, although the events can be read by id."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from syncd.engine.reading.absence_lookups import AbsenceLookups
from syncd.engine.report.run_report import Report, RunExit
from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.lab.sandbox.platform import PlatformRequest
from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from syncd.model import Topic
from syncd.store.queries.reported import open_items
from tests.end_to_end.conftest import Site
from tests.end_to_end.virtual import VirtualSite, play

KEYS = {"crm": "List", "clinic": "events", "legacy": "appointments"}
LISTS = {
    "crm": ("/Task.svc/RetrieveAppointments/ByUserEmailAddress",),
    "clinic": ("/calendars/events", "/calendars/blocked-slots"),
    "legacy": ("/appointments/",),
}
ONES = {
    "crm": "Retrieve.GetById",
    "clinic": "/calendars/events/appointments/",
    "legacy": "/appointments/",
}

Rows = list[dict[str, Any]]
Edit = Callable[[Rows], Rows]


def edit(site: VirtualSite | Site, name: str, change: Edit, paths: Sequence[str] = ()) -> None:
    """Change the lists that a platform returns."""
    platform = site.world.sandbox.systems[name]
    answer = platform._respond

    def edited(request: PlatformRequest, scope: Any) -> Any:
        response = answer(request, scope)
        if request.path in (paths or LISTS[name]) and response.status_code == 200:
            data = json.loads(bytes(response.body))
            data[KEYS[name]] = change(data[KEYS[name]])
            if "RecordCount" in data:
                data["RecordCount"] = len(data[KEYS[name]])
            response.body = json.dumps(data).encode()
            response.headers["content-length"] = str(len(response.body))
        return response

    platform._respond = edited  # type: ignore[method-assign]


def asked_by_id(site: VirtualSite, name: str, since: int) -> Counter[str]:
    """Return how often each id was read since a call; paths without an id are not counted."""
    calls = site.world.sandbox.systems[name].calls[since:]
    ids = (
        call.query.get("id") or call.path.removeprefix(ONES[name])
        for call in calls
        if ONES[name] in call.path and call.path not in LISTS[name]
    )
    return Counter(each for each in ids if each)


def known(site: VirtualSite, name: str) -> int:
    """Return how many known events of a system its lists should show."""
    now, found = site.clock.now(), 0
    for provider in ("alice", "bob", "carol"):
        for record in site.app.store.events_of(name, provider):
            found += record.observed is not None and record.observed.end > now
    return found


def is_told(site: VirtualSite, name: str, count: int, report: Report) -> bool:
    """Check that the run reports how many known events a system does not show."""
    (item,) = (i for i in open_items(site.app.store, name) if i.topic is Topic.LIST)
    words = f"{name} does not show {count} known event"
    data = report.to_json()["not_shown"]
    return item.reason.startswith(words) and data == {name: count}


@pytest.mark.prove
@pytest.mark.parametrize("name", SYSTEM_NAMES)
@pytest.mark.parametrize("fresh", [True, False], ids=["just-written", "long-known"])
def test_a_resync_of_empty_lists_ends_soon_and_reports_missing_events(
    tmp_path: Path, name: str, fresh: bool
) -> None:
    async def scene(site: VirtualSite) -> None:
        assert (await site.resync()).exit is RunExit.DONE
        if not fresh:
            await site.clock.sleep(600)
        await site.restart()
        count, since, began = known(site, name), site.calls(name), site.clock.monotonic()
        edit(site, name, lambda _rows: [])
        report = await site.resync()
        assert site.clock.monotonic() - began < 60
        assert max(asked_by_id(site, name, since).values()) == 1
        assert report.exit is RunExit.UNANSWERED
        assert is_told(site, name, count, report)
        assert report.cycles <= 6
        assert report.operations.total() == 0
        # The next one comes to the same, and asks no id twice either.
        since = site.calls(name)
        report = await site.resync()
        assert max(asked_by_id(site, name, since).values()) == 1
        assert is_told(site, name, count, report)

    play(tmp_path, scene)


def test_empty_lists_of_blocks_alone_end_the_run_and_are_reported(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        await site.resync()
        await site.clock.sleep(600)
        since, began = site.calls("clinic"), site.clock.monotonic()
        edit(site, "clinic", lambda _rows: [], ["/calendars/blocked-slots"])
        report = await site.resync()
        assert site.clock.monotonic() - began < 60
        assert site.calls("clinic") - since < 120
        assert report.exit is RunExit.UNANSWERED
        blocks = [b for b in site.world.sandbox.clinic.blocks() if b.end > site.clock.now()]
        assert is_told(site, "clinic", len(blocks), report)

    play(tmp_path, scene)


def test_lists_of_rows_that_cannot_be_read_free_nothing_and_have_no_block_made_twice(
    tmp_path: Path,
) -> None:
    """A broken proxy answers one unreadable row to every list call (seed 50001)."""

    async def scene(site: VirtualSite) -> None:
        await site.resync()
        clinic = site.world.sandbox.clinic
        before = {b.id for b in clinic.blocks()}
        path = "/calendars/blocked-slots"
        odd = Fault(FaultKind.ODD_ANSWER, path=path, times=None, spelling="not-utf8")
        for _ in range(6):
            clinic.faults.add(odd)
            await site.clock.sleep(900)
            await site.app.engine.poll(near=False)
            clinic.faults.clear(FaultKind.ODD_ANSWER)
        await site.clock.sleep(900)
        await site.resync()
        assert {b.id for b in clinic.blocks()} == before

    play(tmp_path, scene)


def test_empty_lists_of_blocks_free_nothing_where_slots_may_not_know_of_blocks(
    tmp_path: Path,
) -> None:
    """A time is offered whether a block is there or not, and nobody has measured this."""

    async def scene(site: VirtualSite) -> None:
        sandbox = site.world.sandbox
        sandbox.clinic.block_closes_calendars = False
        start = site.clock.now().replace(hour=9) + timedelta(days=1)
        user = site.world.seed_users["clinic", "carol"].user
        sandbox.clinic.block(user, start, start + timedelta(hours=4), "Closed")
        await site.resync()
        closed = [b for b in sandbox.legacy.blocks() if b.start == start]
        assert closed
        edit(site, "clinic", lambda _rows: [], ["/calendars/blocked-slots"])
        for _ in range(6):
            await site.clock.sleep(900)
            await site.app.engine.poll(near=False)
        assert [b for b in sandbox.legacy.blocks() if b.start == start] == closed

    play(tmp_path, scene)


@pytest.mark.parametrize("name", SYSTEM_NAMES)
def test_a_list_that_hides_one_event_is_named_with_the_number(tmp_path: Path, name: str) -> None:
    async def scene(site: VirtualSite) -> None:
        await site.resync()
        await site.clock.sleep(600)
        hidden = next(
            m.id
            for m in site.world.sandbox.systems[name].appointments()
            if m.start > site.clock.now() and not m.deleted
        )
        key = "UserTaskId" if name == "crm" else "id"
        edit(site, name, lambda rows: [row for row in rows if row[key] != hidden])
        since = site.calls(name)
        report = await site.resync()
        assert asked_by_id(site, name, since)[hidden] == 1
        assert report.exit is RunExit.UNANSWERED
        assert is_told(site, name, 1, report)

    play(tmp_path, scene)


@pytest.mark.parametrize("name", SYSTEM_NAMES)
def test_lists_that_alternate_end_the_run_too(tmp_path: Path, name: str) -> None:
    async def scene(site: VirtualSite) -> None:
        await site.resync()
        await site.clock.sleep(600)
        turns = [0]

        def alternate(rows: Rows) -> Rows:
            turns[0] += 1
            return rows if turns[0] // 4 % 2 else []

        edit(site, name, alternate)
        since, began = site.calls(name), site.clock.monotonic()
        blocks = len(site.world.sandbox.systems["crm"].blocks())
        await site.resync()
        assert site.clock.monotonic() - began < 60
        assert max(asked_by_id(site, name, since).values(), default=0) <= 1
        assert len(site.world.sandbox.systems["crm"].blocks()) == blocks

    play(tmp_path, scene)


@pytest.mark.parametrize("name", SYSTEM_NAMES)
def test_a_deletion_that_takes_two_proofs_is_carried_in_one_resync(
    tmp_path: Path, name: str
) -> None:
    async def scene(site: VirtualSite) -> None:
        await site.resync()
        await site.clock.sleep(600)
        platform = site.world.sandbox.systems[name]
        if name == "legacy":
            site.world.sandbox.legacy.refuses_deleted = True
        gone = next(m for m in platform.appointments() if m.start > site.clock.now())
        platform.delete(gone.id)
        report = await site.resync()
        assert report.exit is RunExit.DONE
        assert report.operations.total() >= 1
        ours = site.world.sandbox.systems["clinic" if name == "crm" else "crm"].blocks()
        assert not any(
            b.start == gone.start and not b.deleted
            for b in ours
            if b.user in {gone.user, "alice@example.com"} and "[" in b.title
        )

    play(tmp_path, scene)


@pytest.mark.prove
def test_the_daemon_reads_hidden_events_by_id_less_and_less_often(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        await site.resync()
        await site.clock.sleep(600)
        edit(site, "clinic", lambda _rows: [])
        await site.resync()
        since = site.calls("clinic")
        for _ in range(60):
            await site.clock.sleep(60)
            await site.app.engine.poll(near=True)
        # In an hour: after 5 and 10 minutes, and then every quarter of an hour.
        assert max(asked_by_id(site, "clinic", since).values()) <= 5

    play(tmp_path, scene)


def test_the_planted_bug_that_asks_in_each_cycle_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AbsenceLookups, "is_due", lambda *_given: True)

    async def scene(site: VirtualSite) -> None:
        await site.resync()
        await site.clock.sleep(600)
        since = site.calls("legacy")
        edit(site, "legacy", lambda _rows: [])
        await site.resync()
        assert max(asked_by_id(site, "legacy", since).values()) > 1

    play(tmp_path, scene)
