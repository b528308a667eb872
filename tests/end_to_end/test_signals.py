"""A signal while a platform refuses calls: the run ends at once and reports what is left."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from time import monotonic

import pytest

from syncd.engine.report.run_report import RunExit, SystemStatus
from syncd.lab.sandbox import Fault, FaultKind
from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from syncd.store.queries.availability import availabilities
from tests.daemon.kit import until
from tests.end_to_end.test_process import Place, place, ready
from tests.end_to_end.virtual import VirtualSite, play

__all__ = ["place"]


def refuse(site: VirtualSite, name: str) -> None:
    site.world.sandbox.systems[name].faults.add(Fault(FaultKind.RATE_LIMITED))


@pytest.mark.parametrize("name", SYSTEM_NAMES)
def test_a_signal_while_reads_are_refused_ends_the_run_at_once(tmp_path: Path, name: str) -> None:
    async def scene(site: VirtualSite) -> None:
        refuse(site, name)
        health = site.app.store.health().get(name)
        run = asyncio.create_task(site.resync())
        await asyncio.sleep(2)
        waited = [text for text in site.texts if f"{name} allows no more calls for" in text]
        assert waited[0].startswith("reading: "), site.texts
        calls, at = site.calls(name), site.clock.monotonic()
        site.app.engine.stopping.set()
        report = await run
        assert (site.clock.monotonic() - at, site.calls(name) - calls) == (0, 0)
        remaining = report.to_json()["left"]
        assert isinstance(remaining, dict)
        assert (report.exit, remaining["interrupted"], remaining["systems"]) == (
            RunExit.UNANSWERED,
            1,
            0,
        )
        assert report.systems[name].state is SystemStatus.INTERRUPTED
        assert site.app.store.health().get(name) == health  # it says nothing of the platform

    play(tmp_path, scene)


@pytest.mark.parametrize("name", SYSTEM_NAMES)
def test_a_signal_while_writes_wait_ends_the_run_and_the_next_does_the_rest(
    tmp_path: Path, name: str
) -> None:
    async def scene(site: VirtualSite) -> None:
        def hear(text: str) -> None:
            site.texts.append(text)
            if text.startswith("writing"):
                refuse(site, name)

        run = asyncio.create_task(site.app.engine.resync(progress=hear))
        await asyncio.sleep(2)
        assert f"{name} allows no more calls for" in site.texts[-1], site.texts
        # Only v1 reads in order to write; a refused write is not repeated in the same cycle.
        assert site.texts[-1].startswith("writing") == (name == "legacy")
        calls, at = site.calls(name), site.clock.monotonic()
        site.app.engine.stopping.set()
        report = await run
        assert (site.clock.monotonic() - at, site.calls(name) - calls) == (0, 0)
        remaining = report.to_json()["left"]
        assert isinstance(remaining, dict)
        assert (report.exit, remaining["interrupted"]) == (RunExit.UNANSWERED, 1)
        assert (remaining["unmade"] if name == "legacy" else remaining["waiting"]) > 0
        site.world.sandbox.systems[name].faults.clear()
        await asyncio.sleep(60)
        await site.restart()
        site.texts.clear()
        assert (await site.resync()).exit is RunExit.DONE
        assert not site.app.store.pending_intents()

    play(tmp_path, scene)


def test_a_signal_while_free_slots_are_refused_keeps_the_last_answer(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        await site.resync()
        site.texts.clear()
        before = availabilities(site.app.store, "alice")
        refuse(site, "clinic")
        asking = asyncio.create_task(site.app.engine.read_free_slots(progress=site.texts.append))
        await asyncio.sleep(2)
        at = site.clock.monotonic()
        site.app.engine.stopping.set()
        await asking
        assert site.clock.monotonic() == at
        assert any("clinic allows no more calls for" in text for text in site.texts)
        assert availabilities(site.app.store, "alice").get(("alice", "clinic")) == before.get(
            ("alice", "clinic")
        )

    play(tmp_path, scene)


@pytest.mark.slow
@pytest.mark.prove
@pytest.mark.parametrize("name", SYSTEM_NAMES)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_a_refused_resync_within_three_seconds(
    place: Place, name: str, number: signal.Signals
) -> None:
    platform = place.world.sandbox.systems[name]
    platform.faults.add(Fault(FaultKind.RATE_LIMITED, method="GET" if name != "crm" else ""))
    async with place.syncd("resync", "--yes", "--json") as process:
        await until(lambda: platform.faults.injected[FaultKind.RATE_LIMITED] > 0, 20)
        await asyncio.sleep(1.0)
        assert process.returncode is None
        calls, at = len(platform.calls), monotonic()
        process.send_signal(number)
        out, _ = await asyncio.wait_for(process.communicate(), 10)
        assert monotonic() - at < 3
    data = json.loads(out)
    assert [data["left"]["interrupted"], process.returncode] == [1, 4]
    assert (data["systems"][name]["state"], len(platform.calls)) == ("interrupted", calls)


@pytest.mark.slow
@pytest.mark.prove
async def test_a_signal_ends_a_daemon_that_is_refused_within_three_seconds(place: Place) -> None:
    platform = place.world.sandbox.systems["clinic"]
    platform.faults.add(Fault(FaultKind.RATE_LIMITED))
    async with place.syncd("run") as daemon:
        await ready(daemon)
        await until(lambda: platform.faults.injected[FaultKind.RATE_LIMITED] > 0, 20)
        at = monotonic()
        daemon.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(daemon.wait(), 10) == 0
        assert monotonic() - at < 3


@pytest.mark.slow
@pytest.mark.prove
async def test_a_second_signal_does_not_wait_for_the_request_in_flight(place: Place) -> None:
    platform = place.world.sandbox.systems["clinic"]
    platform.faults.add(Fault(FaultKind.SLOW, method="POST", seconds=15))
    async with place.syncd("resync", "--yes", "--json") as process:
        await until(lambda: platform.faults.injected[FaultKind.SLOW] > 0, 20)
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(1.0)
        assert process.returncode is None
        process.send_signal(signal.SIGTERM)
        out, _ = await asyncio.wait_for(process.communicate(), 3)
    assert [json.loads(out)["error"]["exit"], process.returncode] == [4, 4]
