"""Kill a probe at each step: the next run that writes removes the canary."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.model.pauses import Pause
from syncd.store.backup.created_ids import created_ids_path
from syncd.store.queries.pauses import end_pauses, save_pauses
from tests.engine.probed import Killed, Office, an_office, outcome


async def resyncs(office: Office) -> None:
    """Run a resync, as a person or the daemon does next."""
    await office.app.engine.resync()


Next = Callable[[Office], Awaitable[None]]


async def one_death(folder: Path, name: str, last: int, then: Next, *, tagless: bool) -> str | None:
    """Kill a probe at a step, and restart; return the step's name, None if it ended before."""
    office = an_office(folder, booked=False)
    try:
        office.platform(name).keeps_tag = not tagless
        office.steps.last = last
        died = False
        try:
            await office.probe(name)
        except Killed:
            died = True
        if not office.steps.dead:
            assert not died
            return None
        step = office.steps.passed[-1]
        await office.restart()
        await then(office)
        if office.standing() or office.open_canaries():
            office.clock.advance(120)
            await resyncs(office)
        assert office.standing() == [], step
        assert office.open_canaries() == 0, step
        made = {n: count for n, count in office.ever_made().items() if count}
        assert set(made) <= {name}, step
        assert sum(made.values()) <= 1, step
        return step
    finally:
        office.app.store.close()


async def die_everywhere(
    folder: Path, name: str, then: Next = resyncs, *, tagless: bool = False
) -> int:
    """Kill the probe of a system at each step; return the number of steps."""
    last = 0
    while True:
        last += 1
        home = folder / f"{name}{last}"
        home.mkdir()
        if await one_death(home, name, last, then, tagless=tagless) is None:
            return last - 1


@pytest.mark.prove
@pytest.mark.parametrize("tagless", [False, True], ids=["tags", "no tags"])
@pytest.mark.parametrize("name", ["crm", "clinic", "legacy"])
async def test_a_probe_that_dies_at_any_moment_leaves_nothing(
    tmp_path: Path, name: str, *, tagless: bool
) -> None:
    assert await die_everywhere(tmp_path, name, tagless=tagless) > 20


@pytest.mark.prove
async def test_a_probe_that_dies_around_its_create_leaves_nothing(tmp_path: Path) -> None:
    whole = an_office(tmp_path, booked=False)
    await whole.probe("clinic")
    whole.app.store.close()
    steps = whole.steps.passed
    create = steps.index("after POST /calendars/events/block-slots")
    assert steps[create + 1 : create + 3] == ["after keeping canary", "after storing"]
    for last in range(create, create + 4):
        home = tmp_path / str(last)
        home.mkdir()
        await one_death(home, "clinic", last, resyncs, tagless=False)


async def test_the_next_probe_removes_what_a_dead_one_left(tmp_path: Path) -> None:
    office = an_office(tmp_path)
    office.on_made(lambda _event: _die(office))
    with pytest.raises(Killed):
        await office.probe("clinic")
    assert len(office.standing()) == 1
    await office.restart()
    await office.probe("crm")
    assert (office.standing(), office.open_canaries()) == ([], 0)
    office.app.store.close()


def _die(office: Office) -> None:
    office.steps.dead = True
    raise Killed


async def test_a_dry_run_does_not_touch_what_a_dead_probe_left(tmp_path: Path) -> None:
    office = an_office(tmp_path)
    office.on_made(lambda _event: _die(office))
    with pytest.raises(Killed):
        await office.probe("clinic")
    await office.restart()
    await office.app.engine.resync(dry_run=True)
    assert len(office.standing()) == 1
    office.app.store.close()


def _lose(state: Path) -> None:
    assert created_ids_path(state).exists()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{state}{suffix}").unlink(missing_ok=True)


async def test_a_canary_is_removed_after_the_state_was_lost(tmp_path: Path) -> None:
    office = an_office(tmp_path)
    office.on_made(lambda _event: _die(office))
    with pytest.raises(Killed):
        await office.probe("clinic")
    office.app.store.close()
    state = tmp_path / "state.db"
    _lose(state)
    office.steps.dead = False
    office.start()
    office.app.reset_backoff()
    await office.app.engine.resync()
    office.clock.advance(120)
    await office.app.engine.resync()
    assert office.standing() == []
    assert sum(office.ever_made().values()) == 1
    office.app.store.close()


async def test_a_canary_stays_hidden_while_its_system_is_down(tmp_path: Path) -> None:
    office = an_office(tmp_path)
    office.on_made(lambda _event: _die(office))
    with pytest.raises(Killed):
        await office.probe("clinic")
    await office.restart()
    refuses = Fault(FaultKind.ERROR, method="DELETE")
    office.platform("clinic").faults.add(refuses)
    await office.app.engine.resync()
    assert [name for name, _ in office.standing()] == ["clinic"]
    office.platform("clinic").faults.clear()
    await office.app.engine.poll(near=True)
    assert office.standing() == []
    await asyncio.sleep(0)
    office.app.store.close()


async def test_what_a_dead_probe_left_stays_as_long_as_its_calendar_is_paused(
    tmp_path: Path,
) -> None:
    office = an_office(tmp_path)
    office.on_made(lambda _event: _die(office))
    with pytest.raises(Killed):
        await office.probe("clinic")
    await office.restart()
    pause = Pause("clinic", "", office.clock.now())
    save_pauses(office.app.store, pause)
    await resyncs(office)
    assert len(office.standing()) == 1
    probed = await office.probe("clinic")
    (why,) = set(outcome(probed, "clinic").why.values())
    assert "are paused (syncd unpause)" in why
    assert len(office.standing()) == 1
    end_pauses(office.app.store, [pause])
    await resyncs(office)
    assert office.standing() == []
    office.app.store.close()
