"""Promise 8: a slow system delays no other, whatever call is slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from syncd.daemon.jobs import Jobs
from syncd.engine.reading import systems as read_systems
from syncd.engine.reading.observation import Observation
from syncd.engine.reading.observe import observe
from syncd.engine.report.run_report import Report, RunExit, SystemStatus
from syncd.engine.tasks.decision_gate import DecisionGate, GatedSystem
from syncd.engine.tasks.system_tasks import GRACE, SystemTasks
from syncd.model import Person
from syncd.systems.errors import RetryableError
from syncd.systems.port import System
from tests.core.kit import NOW, v
from tests.engine.slowly import NORMAL, SlowRig, play

FOREVER = 100_000.0


def now() -> float:
    return asyncio.get_running_loop().time()


async def watch(rig: SlowRig) -> tuple[float, Report]:
    began = now()
    report = await rig.engine.poll(near=True)
    return now() - began, report


@pytest.mark.parametrize("slow_with", ["read", "write", "person"])
def test_a_change_between_two_systems_waits_one_second_for_a_third(
    tmp_path: Path, slow_with: str
) -> None:
    async def story(rig: SlowRig, takes: float) -> float:
        rig.a.customers["ann"] = Person(emails=("ann@example.com",))
        rig.c.customers["7"] = Person(emails=("ann@example.com",))
        await rig.engine.resync()
        rig.slow("c").takes[slow_with] = takes
        rig.a.book("p", v(9), "ann")
        if slow_with == "person":
            rig.c.book("p", v(9), "7")
        began = now()
        await rig.engine.poll(near=True)
        rig.a.book("q", v(15))
        await rig.engine.poll(near=True)
        end = await rig.blocked("b", provider="q")
        for task in (*rig.engine.tasks._writes.tasks.values(),):
            task.cancel()
        return end - began

    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    normal = play(tmp_path / "1", lambda rig: story(rig, NORMAL))
    hindered = play(tmp_path / "2", lambda rig: story(rig, FOREVER))
    # Two cycles, each of which may wait for a second.
    assert hindered <= normal + 2 * GRACE + 0.1


def test_a_read_of_two_systems_waits_one_second_for_the_slow_one(tmp_path: Path) -> None:
    # Seed 30078: a far poll of a provider in two systems delayed all others by a minute.
    async def story(rig: SlowRig) -> None:
        await rig.engine.resync()
        rig.engine.mapping = {**rig.engine.mapping, "q": ("a", "c")}
        rig.slow("c").takes["read"] = 300.0
        began = now()
        report = await rig.engine.poll(near=False, providers=["q"])
        assert now() - began <= NORMAL + GRACE + 0.01
        assert report.systems["c"].state is SystemStatus.SLOW
        assert report.systems["a"].state is SystemStatus.OK
        await rig.engine.aclose()

    play(tmp_path, story)


@pytest.mark.parametrize("first", ["late", "failing"])
def test_a_slow_system_is_not_waited_for_beside_one_that_is_late_or_fails(
    tmp_path: Path, first: str
) -> None:
    # Seen in CI: one system had used up its calls, and another was slow. A change waited for 12 s.
    async def story(rig: SlowRig) -> None:
        await rig.engine.resync()
        rig.engine.patient = False
        if first == "late":
            rig.slow("a").takes["read"] = 3.0
            await rig.engine.poll(near=True)
        else:
            rig.a.faults["read"] = [RetryableError("a", detail="down")]
        rig.slow("a").takes["read"] = NORMAL
        rig.slow("c").takes["read"] = FOREVER
        seconds, _report = await watch(rig)
        assert seconds <= NORMAL + GRACE + 0.01
        rig.a.book("p", v(9))
        await asyncio.sleep(3)
        began = now()
        await rig.engine.poll(near=True)
        assert await rig.blocked("b") - began <= 2 * NORMAL + GRACE + 0.1

    play(tmp_path, story)


def test_the_last_system_without_a_late_read_is_not_waited_for_either(tmp_path: Path) -> None:
    async def story(rig: SlowRig) -> None:
        await rig.engine.resync()
        rig.engine.patient = False
        for name in "cab":
            rig.slow(name).takes["read"] = FOREVER
            seconds, report = await watch(rig)
            assert seconds <= NORMAL + GRACE + 0.01
            assert report.systems[name].state is SystemStatus.SLOW

    play(tmp_path, story)


def test_a_second_read_is_not_started_beside_one_that_is_late(tmp_path: Path) -> None:
    async def story(rig: SlowRig) -> None:
        await rig.engine.resync()
        c = rig.slow("c")
        c.takes["read"] = 300.0
        before = c.reads
        for _ in range(5):
            seconds, report = await watch(rig)
            assert seconds <= NORMAL + GRACE + 0.01
            assert report.systems["c"].state is SystemStatus.SLOW
            assert report.exit is RunExit.UNANSWERED
            await asyncio.sleep(10)
        assert c.reads == before + 1
        assert c.most["read"] == 1

    play(tmp_path, story)


def test_a_late_read_is_as_old_as_its_request(tmp_path: Path) -> None:
    async def story(rig: SlowRig) -> None:
        await rig.engine.resync()
        asked = now()
        event = rig.c.book("p", v(9))
        rig.slow("c").takes["read"] = 300.0
        await watch(rig)
        await asyncio.sleep(310)
        rig.slow("c").takes["read"] = NORMAL
        await rig.engine.poll(near=True, late=True)
        (record,) = rig.store.records("c", [event])
        assert record.observed_at == NOW + timedelta(seconds=asked)
        assert len(rig.a.blocks()) == len(rig.b.blocks()) == 1

    play(tmp_path, story)


def test_changes_of_a_late_read_are_carried_when_it_arrives(tmp_path: Path) -> None:
    async def story(rig: SlowRig) -> None:
        await rig.engine.resync()
        work = Jobs(rig.engine)
        following = asyncio.create_task(work.follow_late_results())
        rig.c.book("p", v(9))
        rig.slow("c").takes["read"] = 30.0
        began = now()
        await work.near()
        assert rig.blocks() == {"a": [], "b": [], "c": []}
        assert await rig.blocked("a") - began < 30 + 1
        assert await rig.blocked("b") - began < 30 + 1
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    play(tmp_path, story)


def test_a_late_read_without_changes_starts_no_cycle(tmp_path: Path) -> None:
    async def story(rig: SlowRig) -> None:
        await rig.engine.resync()
        work = Jobs(rig.engine)
        following = asyncio.create_task(work.follow_late_results())
        rig.slow("c").takes["read"] = 30.0
        await work.near()
        reads = [s.reads for s in rig.systems]
        await asyncio.sleep(50)
        assert [s.reads for s in rig.systems] == reads
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    play(tmp_path, story)


def test_a_late_write_is_made_once_and_kept(tmp_path: Path) -> None:
    async def story(rig: SlowRig) -> None:
        await rig.engine.resync()
        rig.slow("c").takes["write"] = 40.0
        rig.a.book("p", v(9))
        seconds, report = await watch(rig)
        assert seconds <= NORMAL * 4 + GRACE
        assert report.systems["c"].state is SystemStatus.SLOW
        assert [i.operation.system for i in rig.store.pending_intents()] == ["c"]
        for _ in range(3):
            await watch(rig)
        assert len(rig.c.writes) == 1
        await asyncio.sleep(60)
        _, report = await watch(rig)
        assert report.operations.total() == 1
        assert not report.pending
        assert (await rig.engine.resync()).converged
        assert len(rig.c.writes) == 1
        assert rig.blocks()["c"] == [v(9).interval]

    play(tmp_path, story)


def test_a_resync_writes_first_and_then_waits_for_slow_systems(tmp_path: Path) -> None:
    async def story(rig: SlowRig) -> None:
        rig.a.book("p", v(9))
        rig.slow("c").takes["read"] = 30.0
        running = asyncio.create_task(rig.engine.resync())
        assert await rig.blocked("b") < NORMAL * 4 + GRACE
        report = await running
        assert report.exit is RunExit.DONE, report
        assert rig.blocks()["c"] == [v(9).interval]
        assert (await rig.engine.resync()).converged

    play(tmp_path, story)


def test_a_resync_of_the_daemon_ends_its_wait_when_a_poll_is_due(tmp_path: Path) -> None:
    async def story(rig: SlowRig) -> None:
        reports: list[Report] = []
        rig.engine.patient = False
        work = Jobs(rig.engine, reports.append)
        await work.resync_and_compact()
        rig.slow("c").takes["read"] = 300.0
        running = asyncio.create_task(work.resync_and_compact())
        await asyncio.sleep(60)
        rig.a.book("p", v(9))
        began = now()
        await work.near()
        assert await rig.blocked("b") - began < NORMAL * 4 + GRACE
        await running
        assert [r.job for r in reports] == ["resync", "resync", "near"]
        assert reports[1].systems["c"].state is SystemStatus.SLOW
        assert reports[1].exit is RunExit.UNANSWERED

    play(tmp_path, story)


@pytest.mark.parametrize("end", ["finish", "idle"])
def test_the_end_waits_for_a_write_in_flight_and_for_no_read(tmp_path: Path, end: str) -> None:
    async def story(rig: SlowRig) -> None:
        await rig.engine.resync()
        rig.a.book("p", v(9))
        rig.slow("c").takes["write"] = 15.0
        await watch(rig)
        rig.slow("b").takes["read"] = FOREVER
        began, work = now(), Jobs(rig.engine)
        ends: dict[str, Callable[[], object]] = {
            "finish": rig.engine.aclose,
            "idle": work.idle,
        }
        await ends[end]()  # type: ignore[misc]
        assert now() - began < 15
        assert not rig.store.pending_intents()

    play(tmp_path, story)


def test_nothing_of_a_slow_system_is_freed_or_written(tmp_path: Path) -> None:
    async def story(rig: SlowRig) -> None:
        event = rig.a.book("p", v(9))
        mine = rig.c.book("p", v(14))
        await rig.engine.resync()
        writes = len(rig.c.writes)
        rig.slow("c").takes["read"] = 300.0
        rig.c.delete(mine)
        rig.a.move(event, v(11))
        await watch(rig)
        assert v(11).interval in rig.blocks()["b"]
        assert v(14).interval in rig.blocks()["b"]
        assert len(rig.c.writes) == writes
        await asyncio.sleep(310)
        rig.slow("c").takes["read"] = NORMAL
        report = await rig.engine.resync()
        assert report.converged
        assert rig.blocks()["c"] == [v(11).interval]
        assert rig.blocks()["b"] == [v(11).interval]

    play(tmp_path, story)


# Planted bugs, caught by the tests above.


def a_second_read_is_started(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SystemTasks, "pending", property(lambda _lanes: []))


def a_late_read_is_taken_for_a_fresh_one(patch: pytest.MonkeyPatch) -> None:
    async def late(system: Any, *given: Any, **named: Any) -> Observation:
        snapshot = await system.read(given[2], given[3])

        class Answered(GatedSystem):
            async def read(self, *_given: Any, **_named: Any) -> Any:
                return snapshot

        return await observe(cast("System", Answered(system, DecisionGate())), *given, **named)

    patch.setattr(read_systems, "observe", late)


@pytest.mark.parametrize(
    ("plant", "caught_by"),
    [
        (a_second_read_is_started, test_a_second_read_is_not_started_beside_one_that_is_late),
        (a_late_read_is_taken_for_a_fresh_one, test_a_late_read_is_as_old_as_its_request),
    ],
)
def test_a_planted_bug_is_caught(
    plant: Callable[[pytest.MonkeyPatch], None],
    caught_by: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        caught_by(tmp_path)
