"""Each odd answer, sent over a real socket to the engine while two other systems work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from syncd.app import App, build
from syncd.config.load import load
from syncd.engine.report.run_report import Report, SystemStatus
from syncd.lab.sandbox.clock import ManualClock
from syncd.lab.sandbox.consistency import disagreements, event_summaries
from syncd.lab.sandbox.scenario import SYSTEM_NAMES, Clinic, config_text, seed_clinic
from syncd.lab.sandbox.server import Sandbox
from syncd.model import SystemState, floor_to
from tests.hostile.front import Front, fronted
from tests.hostile.rows import ROWS, Row

HOUR = timedelta(hours=1)
NOW = datetime(2027, 6, 14, 5, tzinfo=UTC)
AFTER_A_WAIT, A_DAY_LATER = timedelta(hours=2), timedelta(hours=26)

LISTS = {
    "crm": r"POST .*/Task.svc/RetrieveAppointments",
    "clinic": r"GET /calendars/events\?",
    "legacy": r"GET /v1/appointments/\?",
}
CREATES = {
    "crm": r"POST .*/Task.svc/Create",
    "clinic": r"POST /calendars/events/block-slots",
    "legacy": r"POST /v1/appointments/",
}
MOVES = {
    "crm": r"POST .*/Task.svc/BulkUpdate",
    "clinic": r"PUT /calendars/events/",
    "legacy": r"PUT /v1/appointments/",
}
SLOTS = {
    "crm": r"POST .*/Task.svc/RetrieveAvailableSlots",
    "clinic": r"GET /calendars/[^/]+/free-slots",
    "legacy": r"GET /v1/appointments/slots",
}


@dataclass
class HostileSite:
    """Three systems behind raw sockets, and a syncd for them."""

    world: Clinic
    fronts: dict[str, Front]
    app: App
    clock: ManualClock
    bookings: int = 0

    def book(self, system: str) -> tuple[str, datetime, datetime]:
        """Book a meeting for Alice at a free time within two days."""
        self.bookings += 1
        start = floor_to(self.clock.now(), HOUR) + timedelta(hours=30, minutes=15 * self.bookings)
        event = self.world.book(system, "alice", start, 15)
        return event, start, start + timedelta(minutes=15)

    async def poll(self) -> Report:
        """Run one near poll of the daemon."""
        return await self.app.engine.poll(near=True)

    async def settle(self, row: Row) -> None:
        """Let all systems answer correctly, and wait until every back-off of the row is over."""
        for front in self.fronts.values():
            front.respond_oddly(None)
        learned = row.name == "rate-spent"  # a rate that is believed for a day
        wait = A_DAY_LATER if learned else AFTER_A_WAIT
        self.clock.advance(wait.total_seconds())
        await self.app.engine.resync()

    def times(self, system: str, start: datetime, end: datetime) -> int:
        """Return how often an interval of Alice's is busy in a system."""
        found = event_summaries(self.world.sandbox.systems, self.world.owners)
        return sum(
            (s.system, s.provider, s.start, s.end) == (system, "alice", start, end) and s.busy
            for s in found
        )

    def standing(self) -> int:
        """Return the number of busy events that syncd did not make."""
        found = event_summaries(self.world.sandbox.systems, self.world.owners)
        return sum(s.busy and not s.ours for s in found)

    def blocks_in(self, system: str) -> int:
        """Return the number of syncd's blocks in a system."""
        found = event_summaries(self.world.sandbox.systems, self.world.owners)
        return sum(s.ours and s.system == system for s in found)

    def disagreements(self) -> list[str]:
        """Return the disagreements between the systems."""
        found = event_summaries(self.world.sandbox.systems, self.world.owners)
        return [str(each) for each in disagreements(found, SYSTEM_NAMES, self.clock.now())]


@asynccontextmanager
async def open_hostile_site(folder: Path) -> AsyncIterator[HostileSite]:
    """Yield a seeded site in which everything is in sync."""
    clock = ManualClock(NOW)
    sandbox = Sandbox(clock)
    sandbox.crm.limit = None
    sandbox.legacy.checks_slots = False
    world = seed_clinic(sandbox, clock.now())
    async with AsyncExitStack() as stack:
        fronts = {
            name: await stack.enter_async_context(fronted(app))
            for name, app in sandbox.systems.items()
        }
        sandbox.urls = {name: f.url + sandbox.base_path(name) for name, f in fronts.items()}
        path = folder / "syncd.toml"
        text = config_text(world, "state.db").replace("calls_per_5s = 25", "calls_per_5s = 100")
        path.write_text(text)
        app = build(load(path, {}), clock=clock)
        stack.push_async_callback(app.aclose)
        made = HostileSite(world, fronts, app, clock)
        assert (await app.engine.resync()).converged
        yield made


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[HostileSite]:
    async with open_hostile_site(tmp_path) as found:
        yield found


def others(system: str) -> tuple[str, str]:
    """Return the two systems that answer correctly."""
    one, two = (name for name in SYSTEM_NAMES if name != system)
    return one, two


LATER = pytest.mark.prove
ONE_NOW = ["crm", *(pytest.param(s, marks=LATER) for s in ("clinic", "legacy"))]
"""Each system with a third of the rows; the gate tries one."""
SIXTHS = [
    pytest.param(system, first, marks=() if (system, first) == ("crm", 0) else LATER)
    for system in SYSTEM_NAMES
    for first in (0, 3)
]
"""The same in two halves; the gate tries one. What a call makes of each row is in its transport's
tests (`test_transport.py`), which are all in the gate."""


@pytest.mark.parametrize(("system", "first"), SIXTHS)
async def test_an_odd_list_is_the_fault_of_its_system_only(
    site: HostileSite, system: str, first: int
) -> None:
    source, target = others(system)
    for row in ROWS[SYSTEM_NAMES.index(system) + first :: 6]:
        meetings, blocks = site.standing(), site.blocks_in(system)
        site.fronts[system].respond_oddly(row, LISTS[system])
        _, start, end = site.book(source)
        report = await site.poll()
        assert site.fronts[system].hits, row.name
        assert site.times(target, start, end) == 1, row.name
        assert site.standing() == meetings + 1, row.name
        assert site.blocks_in(system) >= blocks, row.name
        reported = report.systems[system]
        health = site.app.systems[system].health
        if not row.readable:
            assert (reported.state is SystemStatus.OK, bool(reported.cause)) == (False, True), (
                row.name
            )
            assert (health.state.answers, bool(health.cause)) == (False, True), row.name
        await site.settle(row)
        report = await site.poll()
        assert report.converged, (row.name, report)
        assert site.disagreements() == [], row.name
        assert site.app.systems[system].health.state is SystemState.OK, row.name


@pytest.mark.parametrize(("system", "first"), SIXTHS)
async def test_an_odd_answer_to_a_create_leaves_one_block(
    site: HostileSite, system: str, first: int
) -> None:
    source, target = others(system)
    for row in ROWS[SYSTEM_NAMES.index(system) + first :: 6]:
        meetings = site.standing()
        site.fronts[system].respond_oddly(row, CREATES[system])
        _, start, end = site.book(source)
        report = await site.poll()
        assert site.fronts[system].hits, row.name
        assert site.times(target, start, end) == 1, row.name
        if not (row.readable or row.refuses):
            pending = site.app.store.pending_intents()
            assert [i.operation.system for i in pending] == [system], row.name
            assert report.failures, row.name
        await site.settle(row)
        assert site.times(system, start, end) == 1, row.name
        assert (site.standing(), site.disagreements()) == (meetings + 1, []), row.name
        assert not site.app.store.pending_intents(), row.name


@pytest.mark.parametrize("system", ONE_NOW)
async def test_an_odd_answer_to_a_move_is_read_after(site: HostileSite, system: str) -> None:
    source, target = others(system)
    for row in [r for r in ROWS if r.odd is None or not r.odd.refuses][
        SYSTEM_NAMES.index(system) :: 12
    ]:
        event, start, end = site.book(source)
        assert (await site.app.engine.resync()).converged
        site.fronts[system].respond_oddly(row, MOVES[system])
        later = timedelta(days=2)
        site.world.sandbox.systems[source].move(event, start + later, end + later)
        await site.poll()
        assert site.times(target, start + later, end + later) == 1, row.name
        await site.settle(row)
        assert site.disagreements() == [], row.name


@pytest.mark.parametrize("system", ONE_NOW)
async def test_odd_free_slots_are_not_known_and_others_are(site: HostileSite, system: str) -> None:
    for row in ROWS[SYSTEM_NAMES.index(system) :: 9]:
        site.fronts[system].respond_oddly(row, SLOTS[system])
        await site.app.engine.read_free_slots()
        assert site.fronts[system].hits, row.name
        await site.settle(row)
