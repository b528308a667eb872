"""`buffers = "close"` against the sandbox: what blocks cover, and what never changes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from starlette.responses import Response
from starlette.types import Scope

from syncd.lab.sandbox import Fault, FaultKind
from syncd.lab.sandbox.platform import PlatformRequest
from syncd.lab.sandbox.replies import JSONResponse
from syncd.model import Buffer
from tests.end_to_end.conftest import Site

BEFORE, AFTER = timedelta(minutes=30), timedelta(minutes=15)
HOUR = timedelta(hours=1)
Span = tuple[datetime, datetime]


async def close_buffers(site: Site, before: float = 30, after: float = 15) -> None:
    """Give Alice's calendar buffers, and configure blocks to cover them."""
    site.world.sandbox.clinic.set_buffers(calendar(site), before, after)
    text = site.path.read_text()
    if "buffers" not in text:
        table = "[systems.clinic]\n"
        site.path.write_text(text.replace(table, f'{table}buffers = "close"\n'))
    await site.reload()


def calendar(site: Site) -> str:
    """Return Alice's calendar in the clinic."""
    return site.world.seed_users["clinic", "alice"].calendar


def start(site: Site) -> datetime:
    """Return an hour without any event of Alice's."""
    return site.world.at(2, 20)


def around(site: Site, begin: datetime) -> dict[str, set[Span]]:
    """Return syncd's blocks that touch three hours around a time, by system."""
    first, last = begin - 2 * HOUR, begin + 3 * HOUR
    state = site.app.engine.store.state("alice")
    ours = [r.observed for r in state.records if r.created_by_us and r.observed]
    systems = [r.system for r in state.records if r.created_by_us and r.observed]
    found: dict[str, set[Span]] = {"crm": set(), "clinic": set(), "legacy": set()}
    for system, value in zip(systems, ours, strict=True):
        if value.start < last and first < value.end:
            found[system].add(value.interval)
    return found


async def test_blocks_elsewhere_cover_the_buffers_and_follow_when_they_change(site: Site) -> None:
    begin = start(site)
    site.world.book("clinic", "alice", begin, 60)
    plain = {(begin, begin + HOUR)}
    await close_buffers(site)
    report = await site.resync()
    wide = {(begin - BEFORE, begin + HOUR + AFTER)}
    assert around(site, begin) == {"crm": wide, "clinic": set(), "legacy": wide}
    assert report.converged
    # Taken back: the blocks become as long as the meeting again.
    site.path.write_text(site.path.read_text().replace('buffers = "close"\n', ""))
    await site.reload()
    await site.resync()
    assert around(site, begin) == {"crm": plain, "clinic": set(), "legacy": plain}


async def test_a_buffer_that_changes_while_the_daemon_runs_is_followed(site: Site) -> None:
    begin = start(site)
    site.world.book("clinic", "alice", begin, 60)
    await close_buffers(site)
    await site.resync()
    site.world.sandbox.clinic.set_buffers(calendar(site), 0, 60)
    # As after a quarter of an hour: the calendars are read again.
    site.app.systems["clinic"]._system._cache._directory.forget("")  # type: ignore[attr-defined]
    await site.app.engine.poll(near=False)
    assert around(site, begin)["legacy"] == {(begin, begin + 2 * HOUR)}


async def test_a_twin_keeps_its_time_and_a_moved_meeting_takes_it_along_without_the_buffer(
    site: Site,
) -> None:
    begin = start(site)
    await close_buffers(site)
    event = site.world.book("clinic", "alice", begin, 60)
    twin = site.world.book("crm", "alice", begin, 60)
    await site.resync()
    wide = {(begin - BEFORE, begin + HOUR + AFTER)}
    assert around(site, begin) == {"crm": set(), "clinic": set(), "legacy": wide}
    moved = begin - 5 * HOUR
    site.world.sandbox.clinic.move(event, moved, moved + HOUR)
    await site.resync()
    tasks = {a.id: (a.start, a.end) for a in site.world.sandbox.crm.appointments()}
    assert tasks[twin] == (moved, moved + HOUR)
    assert (moved - BEFORE, moved + HOUR + AFTER) in around(site, moved)["legacy"]


async def test_a_restart_while_the_location_is_down_frees_no_buffer(site: Site) -> None:
    begin = start(site)
    site.world.book("clinic", "alice", begin, 60)
    await close_buffers(site)
    await site.resync()
    wide = {(begin - BEFORE, begin + HOUR + AFTER)}
    assert around(site, begin)["crm"] == wide
    site.world.sandbox.clinic.faults.add(Fault(FaultKind.ERROR, status=400))
    await site.restart()
    await site.resync()
    assert around(site, begin)["crm"] == wide


async def test_a_quiet_poll_takes_no_call_more_for_buffers(site: Site) -> None:
    counts = []
    for closes in (False, True):
        if closes:
            await close_buffers(site)
        await site.resync()
        before = site.calls()
        await site.app.engine.poll(near=True)
        await site.app.engine.poll(near=False)
        counts.append({name: n - before[name] for name, n in site.calls().items()})
    assert counts[0] == counts[1]


async def test_a_booking_of_another_system_in_the_buffer_is_no_double_booking(site: Site) -> None:
    begin = start(site)
    await close_buffers(site)
    site.world.book("clinic", "alice", begin, 60)
    # Made before the block was: it lies in the buffer, and does not overlap the meeting.
    site.world.book("crm", "alice", begin - BEFORE, 30)
    report = await site.resync()
    assert report.conflicts == 0
    wide = (begin - BEFORE, begin + HOUR + AFTER)
    assert around(site, begin)["crm"] == {wide}
    assert around(site, begin)["legacy"] == {wide, (begin - BEFORE, begin)}


async def test_holds_that_a_location_refuses_with_the_buffer_are_made_without_it(
    site: Site,
) -> None:
    text = site.path.read_text()
    address = "hold@example.com"
    site.world.sandbox.legacy.add_contact("Hold", address)
    table = "[systems.legacy]\n"
    said = f'{table}blocks = "hold"\nhold_email = "{address}"\n'
    site.path.write_text(text.replace(table, said))
    await close_buffers(site, 20, 0)  # begins where v1 has no slot
    begin = site.world.at(2, 14)
    site.world.book("clinic", "alice", begin, 30)
    await site.resync()
    await site.resync()
    state = site.app.engine.store.state("alice")
    ours = {r.observed.interval for r in state.records
            if r.created_by_us and r.observed and r.system == "legacy"}  # fmt: skip
    assert (begin, begin + timedelta(minutes=30)) in ours
    assert not [c for c in state.conflicts if c.conflict.held]


@pytest.mark.parametrize(
    "told",
    [
        {"preBuffer": "half an hour"},
        {"preBufferUnit": "days"},
        {"preBuffer": -30},
        {"preBuffer": None, "slotBuffer": None},
    ],
)
async def test_a_buffer_that_cannot_be_read_any_more_frees_no_time(
    site: Site, told: dict[str, object]
) -> None:
    """The platform's next release spells buffers differently, or leaves them out."""
    begin = start(site)
    site.world.book("clinic", "alice", begin, 60)
    await close_buffers(site)
    await site.resync()
    clinic = site.world.sandbox.clinic
    answer = clinic._respond

    def spelt_otherwise(request: PlatformRequest, scope: Scope) -> Response:
        response = answer(request, scope)
        if request.method == "GET" and request.path.rstrip("/") == "/calendars":
            body = json.loads(bytes(response.body))
            for row in body["calendars"]:
                row.update(told)
            return JSONResponse(body)
        return response

    clinic._respond = spelt_otherwise  # type: ignore[method-assign]
    await site.restart()
    report = await site.resync()
    assert around(site, begin)["legacy"] == {(begin - BEFORE, begin + HOUR + AFTER)}
    assert report.operations.total() == 0


async def booked_back_to_back(site: Site) -> set[Span]:
    """Book four meetings back to back whose buffers overlap; return their hours."""
    begin = site.world.at(2, 10)
    await close_buffers(site, 30, 30)
    hours = [begin + number * HOUR for number in range(4)]
    for hour in hours:
        site.world.book("clinic", "alice", hour, 60)
    for _ in range(4):
        await site.resync()
    return {(hour, hour + HOUR) for hour in hours}


async def test_meetings_back_to_back_are_closed_where_no_block_may_overlap_another(
    site: Site,
) -> None:
    """LeadSquared does not say that the time is taken, only that it refuses."""
    site.world.sandbox.crm.refuses_overlaps = True
    taken = await booked_back_to_back(site)
    assert taken <= around(site, site.world.at(2, 11))["crm"]
    assert (await site.resync()).operations.total() == 0
    assert not [c for c in site.app.engine.store.state("alice").conflicts if c.conflict.held]


async def test_holds_back_to_back_are_made_without_their_buffers(site: Site) -> None:
    address = "hold@example.com"
    site.world.sandbox.legacy.add_contact("Hold", address)
    table = "[systems.legacy]\n"
    said = f'{table}blocks = "hold"\nhold_email = "{address}"\n'
    site.path.write_text(site.path.read_text().replace(table, said))
    taken = await booked_back_to_back(site)
    closed = around(site, site.world.at(2, 11))["legacy"]
    for first, last in taken:
        assert any(start <= first and last <= end for start, end in closed)
    assert (await site.resync()).operations.total() == 0


async def test_planted_a_block_without_the_buffer_is_seen(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Buffer, "expand", lambda _self, value: value)
    with pytest.raises(AssertionError):
        await test_blocks_elsewhere_cover_the_buffers_and_follow_when_they_change(site)
