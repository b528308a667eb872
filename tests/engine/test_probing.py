"""`syncd probe` measures each value of each fact within its calls, and leaves no canary."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.engine.probing.plan import MAX_CALLS, plan_probe
from syncd.engine.report.run_report import Report, SystemStatus
from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.lab.sandbox.records import PlatformBlock
from syncd.model.platform_facts import (
    PLATFORM_FACTS,
    MeasuredBy,
    PlatformFact,
)
from syncd.systems.probing import CANARY_LENGTH
from tests.engine.probed import SYSTEM_OF, Office, an_office, outcome

ROWS = [row for row in PLATFORM_FACTS if row.measured is MeasuredBy.PROBE]
SIDES = [(row, side) for row in ROWS for side in row.sides]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Return three accounts that were never probed."""
    found = an_office(tmp_path)
    yield found
    found.app.store.close()


@pytest.mark.prove
@pytest.mark.parametrize(
    ("row", "side"), SIDES, ids=[f"{r.platform}-{r.name}-{side}" for r, side in SIDES]
)
async def test_a_probe_finds_the_side_that_the_account_has(
    office: Office, row: PlatformFact, side: str
) -> None:
    name = SYSTEM_OF[row.platform]
    office.platform(name).set_fact(row.name, side)
    office.clock.advance(60)
    probed = await office.probe(name)
    found = outcome(probed, name)
    assert found.measured.get(row.name) == side, found.why
    assert office.facts(name)[row.name] == side
    assert office.app.systems[name].measured.value(row.name) == side
    assert office.standing() == []
    assert office.open_canaries() == 0
    assert office.calls(name) <= found.allowed


async def test_all_facts_of_all_systems_are_measured_at_once(office: Office) -> None:
    probed = await office.probe()
    assert {o.system: o.why for o in probed.outcomes} == {"crm": {}, "clinic": {}, "legacy": {}}
    for row in ROWS:
        name = SYSTEM_OF[row.platform]
        assert outcome(probed, name).measured[row.name] == office.platform(name).fact(row.name)
    assert probed.exit.code == 0
    assert outcome(probed, "clinic").allowed == MAX_CALLS + 2
    assert [office.calls(o.system) for o in probed.outcomes] == [o.calls for o in probed.outcomes]


async def test_an_account_on_the_other_side_of_each_fact_is_measured_at_once(
    office: Office,
) -> None:
    for row in ROWS:
        platform = office.platform(SYSTEM_OF[row.platform])
        now = platform.fact(row.name)
        # With the other value of these facts, other facts cannot be measured.
        if row.name not in {"lists_blocks", "makes_blocks", "version_v3", "rows_carry_end"}:
            platform.set_fact(row.name, next(side for side in row.sides if side != now))
    office.clock.advance(60)
    probed = await office.probe()
    for row in ROWS:
        name = SYSTEM_OF[row.platform]
        found = outcome(probed, name)
        wanted = office.platform(name).fact(row.name)
        assert (row.name, found.measured.get(row.name) or found.why[row.name]) == (row.name, wanted)
    assert office.standing() == []


async def test_a_server_error_is_no_answer_and_notes_no_fact(office: Office) -> None:
    fault = Fault(FaultKind.ERROR, method="GET", path="/calendars/events/appointments/")
    office.platform("clinic").faults.add(fault)
    probed = await office.probe("clinic")
    found = outcome(probed, "clinic")
    assert "block_by_id" not in office.facts("clinic")
    assert found.why["block_by_id"] == "the platform answered 503"
    assert found.measured["lists_overlapping"] == "no"
    assert (probed.exit.code, office.standing()) == (4, [])


@pytest.mark.parametrize("path", ["/calendars/blocked-slots", "/calendars/events", ""])
async def test_calls_stay_within_what_was_agreed_to_whatever_fails(
    office: Office, path: str
) -> None:
    made: list[str] = []

    def fails(event: str) -> None:
        made.append(event)
        office.platform("clinic").faults.add(Fault(FaultKind.ERROR, method="GET", path=path))

    office.on_made(fails)
    probed = await office.probe("clinic")
    found = outcome(probed, "clinic")
    assert made
    assert office.calls("clinic") <= found.allowed
    assert office.standing() == []
    assert probed.exit.code == 4


async def test_a_system_that_is_down_does_not_stop_other_probes(
    office: Office,
) -> None:
    office.platform("crm").faults.add(Fault(FaultKind.ERROR))
    probed = await office.probe()
    assert outcome(probed, "crm").state == "down"
    assert outcome(probed, "clinic").why == {}
    assert outcome(probed, "legacy").why == {}
    assert (probed.exit.code, office.standing()) == (4, [])


async def test_a_missing_permission_is_reported(office: Office) -> None:
    office.sandbox.clinic.token = "another"
    probed = await office.probe()
    found = outcome(probed, "clinic")
    assert (found.state, found.measured) == ("unauthorised", {})
    assert found.remedy
    assert probed.exit.code == 4


@pytest.mark.parametrize(
    "names", [("clinic",), pytest.param(("crm", "clinic", "legacy"), marks=pytest.mark.prove)]
)
async def test_cycles_beside_a_probe_do_not_see_its_blocks(
    office: Office, names: tuple[str, ...]
) -> None:
    engine = office.app.engine
    office.app.reset_backoff()
    await engine.resync()
    before = {name: len(p.blocks()) for name, p in office.sandbox.systems.items()}
    cycle = asyncio.Lock()
    reports: list[Report] = []

    async def watch() -> None:
        if not cycle.locked():  # Its own requests start no cycle.
            async with cycle:
                reports.append(await engine.poll(near=False, providers=["alice"]))

    for way in office.ways.values():
        way.beside = watch
    probed = await engine.probe(names)
    for way in office.ways.values():
        way.beside = None
    assert any(all(s.state is SystemStatus.OK for s in r.systems.values()) for r in reports)
    await engine.resync()
    assert {o.system: o.why for o in probed.outcomes} == {name: {} for name in names}
    after = {name: len(p.blocks()) for name, p in office.sandbox.systems.items()}
    assert after == {name: count + (name in names) for name, count in before.items()}
    assert office.standing() == []
    assert all(not b.title or "syncd probe" in b.title for b in far_blocks(office))


def far_blocks(office: Office) -> list[PlatformBlock]:
    platforms = office.sandbox.systems.values()
    return [b for p in platforms for b in p.blocks() if b.start > office.far]


@pytest.mark.parametrize("name", ["crm", "clinic", "legacy"])
async def test_a_stop_signal_removes_the_probe_block_at_once(office: Office, name: str) -> None:
    engine = office.app.engine
    office.on_made(lambda _event: engine.stopping.set())
    probed = await office.probe(name)
    assert probed.interrupted
    assert probed.exit.code == 4
    assert office.ever_made()[name] == 1
    assert (office.standing(), office.open_canaries()) == ([], 0)


@pytest.mark.parametrize("name", ["crm", "clinic", "legacy"])
async def test_a_cancelled_probe_removes_its_block(office: Office, name: str) -> None:
    task = asyncio.create_task(office.probe(name))
    office.on_made(lambda _event: task.cancel())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert office.ever_made()[name] == 1
    assert (office.standing(), office.open_canaries()) == ([], 0)


async def test_a_create_with_a_lost_reply_is_found_and_the_probe_goes_on(office: Office) -> None:
    lost = Fault(FaultKind.LOSE_AFTER, method="POST", path="/calendars/events/block-slots", times=1)
    office.platform("clinic").faults.add(lost)
    probed = await office.probe("clinic")
    assert outcome(probed, "clinic").measured["keeps_tag"] == "yes"
    assert office.ever_made()["clinic"] == 1
    assert office.standing() == []


async def test_the_block_lies_where_nobody_is_busy_in_any_system(office: Office) -> None:
    world, clock = office.world, office.clock
    planned = (await plan_probe(office.app.engine, ["clinic"]))[0]
    hour = timedelta(hours=1)
    world.block("legacy", planned.provider, planned.start - hour, 180, "Night shift")
    probed = await office.probe("clinic")
    canary = outcome(probed, "clinic").canary
    assert canary is not None
    first = office.first_place(canary.event or "")
    assert first + CANARY_LENGTH <= planned.start - hour or first >= planned.start + 2 * hour
    assert first > clock.now() + timedelta(days=57)


async def test_forgotten_facts_are_at_their_safe_side_again(office: Office) -> None:
    await office.probe("clinic")
    engine = office.app.engine
    found = engine.forget_facts(["clinic"])
    assert "block_update_replaces" in found["clinic"]
    assert office.app.systems["clinic"].measured.value("second_delete") == "any"
    assert not any(office.facts("clinic").get(name) for name in found["clinic"])
