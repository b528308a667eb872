"""One job runs at a time, and no failure ends the service."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from syncd.daemon.control_socket import RequestRejectedError
from syncd.daemon.jobs import Jobs
from syncd.engine.report.run_report import Report
from tests.daemon.kit import FakeEngine, until


async def test_a_near_poll_is_skipped_while_another_job_runs() -> None:
    engine = FakeEngine(takes=0.05)
    work = Jobs(engine)
    await asyncio.gather(work.resync_and_compact(), work.near(), work.near())
    assert engine.asked == ["resync None None"]
    await work.near()
    assert engine.asked[1:] == ["near"]


async def test_a_far_poll_and_a_request_wait_for_their_turn() -> None:
    engine = FakeEngine(takes=0.02)
    work = Jobs(engine)
    told: list[str] = []
    await asyncio.gather(
        work.resync_and_compact(), work.far(), work.on_request({"provider": "bob"}, told.append)
    )
    assert engine.asked == ["resync None None", "far", "resync ['bob'] None"]
    assert engine.most_at_work == 1
    assert told[0] == "waiting for the running cycle"


async def test_a_job_that_fails_is_logged_and_the_next_one_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    engine = FakeEngine()
    engine.fault = ZeroDivisionError("planted")
    failed: list[str] = []
    work = Jobs(engine, on_failure=failed.append)
    await work.near()
    engine.fault = None
    await work.near()
    assert engine.asked == ["near", "near"]
    assert failed == ["near"]
    assert "planted" in capsys.readouterr().out
    assert work.busy_since is None


async def test_a_request_returns_the_report_and_the_exit_code() -> None:
    engine = FakeEngine()
    heard: list[Report] = []
    result, code = await Jobs(engine, heard.append).on_request(
        {"from": "2026-11-23T00:00:00Z", "to": "2026-11-24T00:00:00Z", "accept": "r1"},
        lambda _text: None,
    )
    assert engine.asked == ["resync None r1"]
    window = engine.windows[0]
    assert window is not None
    assert window.start == datetime(2026, 11, 23, tzinfo=UTC)
    assert (result["run"], code) == (heard[0].run, 0)


@pytest.mark.parametrize(
    "arguments", [{"from": "tomorrow", "to": "x"}, {"from": "2026-11-23T00:00:00", "to": None}]
)
async def test_an_invalid_window_is_refused(arguments: dict[str, str]) -> None:
    with pytest.raises(RequestRejectedError):
        await Jobs(FakeEngine()).on_request(arguments, lambda _text: None)


@pytest.mark.parametrize(
    "arguments", [{"dry_run": True}, {"accept": ["r1"]}, {"provider": 3}, {"provider": "carol"}]
)
async def test_unknown_arguments_are_refused(
    arguments: dict[str, object],
) -> None:
    engine = FakeEngine()
    with pytest.raises(RequestRejectedError):
        await Jobs(engine).on_request(arguments, lambda _text: None)
    assert engine.asked == []


async def test_empty_arguments_are_allowed() -> None:
    engine = FakeEngine()
    await Jobs(engine).on_request(
        {"dry_run": False, "provider": None, "from": None}, lambda _text: None
    )
    assert engine.asked == ["resync None None"]


async def test_a_waiting_request_does_not_start_while_the_service_stops() -> None:
    engine = FakeEngine(takes=0.1)
    work = Jobs(engine)
    first = asyncio.create_task(work.resync_and_compact())
    await until(lambda: engine.at_work)
    far = asyncio.create_task(work.far())
    request = asyncio.create_task(work.on_request({}, lambda _text: None))
    await asyncio.sleep(0.02)
    engine.stopping.set()
    await asyncio.gather(first, far)
    with pytest.raises(RequestRejectedError):
        await request
    assert engine.asked == ["resync None None"]


async def test_no_job_starts_while_the_service_stops() -> None:
    engine = FakeEngine()
    engine.stopping.set()
    await Jobs(engine).near()
    assert engine.asked == []


async def test_busy_since_is_the_start_of_the_running_job() -> None:
    engine = FakeEngine(takes=0.05)
    work = Jobs(engine)
    job = asyncio.create_task(work.far())
    await until(lambda: work.busy_since is not None)
    await job
    assert work.busy_since is None


async def test_reading_free_slots_runs_beside_cycles() -> None:
    engine = FakeEngine(takes=0.05)
    work = Jobs(engine)
    cycle = asyncio.create_task(work.far())
    await until(lambda: engine.at_work)
    await work.slots()
    assert (engine.slots_asked, engine.at_work) == (1, 1)
    await cycle


async def test_a_failed_read_of_free_slots_ends_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    engine = FakeEngine()
    engine.slots_fault = ZeroDivisionError("planted")
    failed: list[str] = []
    work = Jobs(engine, on_failure=failed.append)
    await work.slots()
    assert failed == ["slots"]
    assert "planted" in capsys.readouterr().out
    engine.stopping.set()
    await work.slots()
    assert engine.slots_asked == 1


async def test_an_undo_waits_for_the_running_job_and_returns_its_report() -> None:
    engine = FakeEngine(takes=0.02)
    work = Jobs(engine)
    told: list[str] = []
    _, (result, code) = await asyncio.gather(
        work.far(), work.on_undo({"run": "r1", "booking": None}, told.append)
    )
    assert engine.asked == ["far", "undo r1 None"]
    assert engine.most_at_work == 1
    assert (result["undoes"], result["left"], code) == ("r1", [], 0)
    assert told[0] == "waiting for the running cycle"


async def test_a_dry_run_of_an_undo_lists_its_writes() -> None:
    engine = FakeEngine()
    told, code = await Jobs(engine).on_undo({"run": "r1", "dry_run": True}, lambda _text: None)
    assert (told["plan"], code) == ([], 0)
    assert engine.asked == ["undo r1 None (dry run)"]


@pytest.mark.parametrize(
    "plan", [7, {}, {"name": "p", "digest": "d"}, {"name": "p", "digest": "d", "until": "soon"}]
)
async def test_an_invalid_plan_is_refused(plan: object) -> None:
    engine = FakeEngine()
    with pytest.raises(RequestRejectedError):
        await Jobs(engine).on_request({"plan": plan}, lambda _text: None)
    assert engine.asked == []


@pytest.mark.parametrize("contacts", [None, 7, ["crm"], [["crm", 7]], [["crm"]], [{}]])
async def test_contacts_that_are_not_pairs_are_refused(contacts: object) -> None:
    with pytest.raises(RequestRejectedError):
        await Jobs(FakeEngine()).on_forget_person({"contacts": contacts}, lambda _text: None)


@pytest.mark.parametrize(
    "arguments", [{}, {"run": 3}, {"run": "unknown"}, {"run": "r1", "try": True}]
)
async def test_an_invalid_undo_request_is_refused(arguments: dict[str, object]) -> None:
    engine = FakeEngine()
    with pytest.raises(RequestRejectedError):
        await Jobs(engine).on_undo(arguments, lambda _text: None)
    assert engine.asked == []


async def test_old_history_is_compacted_after_the_nightly_resync(
    capsys: pytest.CaptureFixture[str],
) -> None:
    engine = FakeEngine()
    failed: list[str] = []
    work = Jobs(engine, on_failure=failed.append)
    await work.resync_and_compact()
    await work.near()
    assert engine.tidied == 1
    engine.tidy_fault = ZeroDivisionError("planted")
    await work.resync_and_compact()
    assert failed == ["tidy"]
    assert "planted" in capsys.readouterr().out


async def test_a_probe_runs_beside_the_cycles_and_one_at_a_time() -> None:
    engine = FakeEngine(takes=0.05)
    work = Jobs(engine)
    told: list[str] = []
    probe = asyncio.create_task(work.on_probe({"systems": ["crm"]}, told.append))
    await asyncio.sleep(0.01)
    with pytest.raises(RequestRejectedError):
        await work.on_probe({"systems": ["crm"]}, told.append)
    await work.near()
    result, code = await probe
    assert engine.asked == ["probe crm", "near", "removed"]
    assert (code, told) == (0, ["making the block"])
    assert isinstance(result["systems"], dict)


async def test_facts_are_forgotten_and_unknown_systems_refused() -> None:
    work = Jobs(FakeEngine())
    result, code = await work.on_probe({"systems": ["crm"], "forget": True}, lambda _text: None)
    assert (result, code) == ({"forgotten": {"crm": ["keeps_tag"]}}, 0)
    for arguments in ({}, {"systems": "crm"}, {"systems": ["other"]}, {"dry_run": True}):
        with pytest.raises(RequestRejectedError):
            await work.on_probe(arguments, lambda _text: None)


async def test_the_end_of_the_service_waits_for_a_probe() -> None:
    engine = FakeEngine(takes=0.05)
    work = Jobs(engine)
    probe = asyncio.create_task(work.on_probe({"systems": ["crm"]}, lambda _text: None))
    await asyncio.sleep(0.01)
    await work.idle()
    assert engine.asked == ["probe crm", "removed"]
    await probe
