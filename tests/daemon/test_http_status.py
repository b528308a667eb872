"""The status endpoints over real sockets: health, readiness, metrics; this host only."""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from syncd.config.listen import ListenAddress
from syncd.core.polling.rate import PollIntervals
from syncd.daemon.http_status import serve_status
from syncd.daemon.metrics import outcome
from syncd.daemon.monitor import Monitor
from syncd.daemon.service import serve
from syncd.engine.report.run_report import Report, SystemReport, SystemStatus
from syncd.model import Action, SystemState, Topic, WaitingWrite, WaitReason
from syncd.store.queries.waiting import save_waiting
from tests.core.kit import NOW
from tests.daemon.kit import FakeEngine, until
from tests.daemon.test_service import RARE
from tests.daemon.watched import SPANS, Studio, studio
from tests.store.kit import item

__all__ = ["studio"]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@asynccontextmanager
async def page(monitor: Monitor) -> AsyncIterator[httpx.AsyncClient]:
    address = ListenAddress("127.0.0.1", free_port())
    async with (
        serve_status(monitor.page(), address),
        httpx.AsyncClient(base_url=f"http://{address}") as client,
    ):
        yield client


async def numbers(client: httpx.AsyncClient) -> dict[str, float]:
    """Every sample of /metrics by its name and labels."""
    order = ("system", "job", "action", "kind", "outcome", "state", "window")
    text = (await client.get("/metrics")).text
    return {
        s.name + "".join(f" {s.labels[each]}" for each in order if each in s.labels): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


async def test_the_daemon_is_alive_at_once_and_ready_after_the_first_resync(studio: Studio) -> None:
    async with page(studio.monitor) as client:
        assert (await client.get("/healthz")).status_code == 200
        first = await client.get("/readyz")
        assert first.status_code == 503
        assert first.json()["reasons"] == ["the first resync has not ended yet"]
        studio.monitor.record_report(studio.report())
        after = await client.get("/readyz")
        assert (after.status_code, after.json()["ready"]) == (200, True)
        assert after.json()["systems"]["crm"]["state"] == "ok"


async def test_a_failing_system_makes_the_daemon_unready_with_a_reason(studio: Studio) -> None:
    studio.monitor.record_report(studio.report())
    studio.crm.become(SystemState.UNAUTHORISED, "does not accept the secret", "Renew it.")
    async with page(studio.monitor) as client:
        said = await client.get("/readyz")
        assert said.status_code == 503
        assert said.json()["reasons"] == ["crm is unauthorised: does not accept the secret"]
        assert said.json()["systems"]["crm"]["remedy"] == "Renew it."
        assert (await client.get("/healthz")).status_code == 200


async def test_a_slow_system_does_not_make_the_daemon_unready(studio: Studio) -> None:
    studio.monitor.record_report(studio.report())
    studio.crm.become(SystemState.SLOW, "a call takes 4 s", "")
    assert studio.monitor.ready()[0]


async def test_a_guard_stop_or_a_failed_job_makes_the_daemon_unready(studio: Studio) -> None:
    studio.monitor.record_report(studio.report(guarded=["crm"]))
    assert studio.monitor.ready()[1]["reasons"] == ["stopped by the guard: crm"]
    studio.monitor.failed("near")
    assert not studio.monitor.ready()[0]


async def test_a_daemon_without_finished_jobs_is_not_alive(studio: Studio) -> None:
    studio.monitor.record_report(studio.report())
    studio.clock.pass_(seconds=599)
    assert studio.monitor.alive()[0]
    studio.clock.pass_(seconds=2)
    async with page(studio.monitor) as client:
        assert (await client.get("/healthz")).status_code == 503


async def test_reported_records_are_counted_and_only_short_lists_leave_a_job_incomplete(
    studio: Studio,
) -> None:
    items = [replace(item(event), system="crm") for event in "ab"]
    studio.monitor.record_report(studio.report(items=items))
    assert studio.monitor.ready()[0]
    text = studio.monitor.metrics.render().decode()
    assert 'syncd_reported{system="crm",topic="unreadable"} 2.0' in text
    assert 'syncd_reported{system="web",topic="unreadable"} 0.0' in text
    assert outcome(studio.report(items=items)) == "whole"
    short = replace(items[0], topic=Topic.LIST)
    assert outcome(studio.report(items=[short])) == "incomplete"


async def test_waiting_writes_are_counted_by_system_and_reason(studio: Studio) -> None:
    waiting = WaitingWrite(
        "n", "crm", "p", "create-block", None, WaitReason.NO_ACCESS, NOW, NOW, NOW
    )
    save_waiting(studio.store, [waiting, replace(waiting, name="m")], [])
    studio.monitor.record_report(studio.report(clock_error=timedelta(minutes=12)))
    text = studio.monitor.metrics.render().decode()
    assert 'syncd_waiting_writes{reason="no_access",system="crm"} 2.0' in text
    assert 'syncd_waiting_writes{reason="clock",system="web"} 0.0' in text
    assert "syncd_clock_error_seconds 720.0" in text


async def test_the_counters_follow_the_reports(studio: Studio) -> None:
    for _ in range(2):
        studio.monitor.wrote(studio.operation("crm", Action.CREATE_BLOCK), "done")
    report = studio.report(conflicts=3, exposures=2, news=5, failures=["refused"], seconds=1.5)
    studio.monitor.record_report(report)
    broken = {"crm": SystemReport(SystemStatus.DOWN, reads=1), "web": SystemReport(reads=7)}
    studio.monitor.record_report(studio.report(systems=broken))
    studio.crm.become(SystemState.DOWN, "cannot be reached", "")
    studio.crm.left_today = 41_000
    studio.clock.pass_(seconds=90)
    async with page(studio.monitor) as client:
        found = await numbers(client)
    assert found["syncd_writes_total crm create-block"] == 2
    assert found["syncd_writes_total web remove-block"] == 0
    assert found["syncd_writes_refused_total"] == 1
    assert found["syncd_news_total"] == 5
    assert found["syncd_cycles_total near whole"] == 1
    assert found["syncd_cycles_total near incomplete"] == 1
    assert found["syncd_cycle_seconds_sum near"] == 1.5
    assert found["syncd_calls_total web read"] == 7
    assert found["syncd_conflicts"] == 0
    assert found["syncd_system_state crm down"] == 1
    assert found["syncd_system_state crm ok"] == 0
    assert found["syncd_system_state_age_seconds crm"] == 90
    assert found["syncd_calls_left_today crm"] == 41_000
    assert found["syncd_calls_planned_per_minute crm"] == pytest.approx(7 + 7 / 15, abs=0.01)
    assert found["syncd_poll_interval_seconds far"] == 900
    assert found["process_open_fds"] > 0
    assert found["syncd_state_bytes"] > 0


async def test_gauges_show_the_last_report(studio: Studio) -> None:
    studio.monitor.record_report(studio.report(conflicts=3, exposures=2, guarded=["web"]))
    async with page(studio.monitor) as client:
        found = await numbers(client)
    assert found["syncd_conflicts"] == 3
    assert found["syncd_exposures"] == 2
    assert (found["syncd_guard_stopped web"], found["syncd_guard_stopped crm"]) == (1, 0)


async def test_another_name_for_this_host_is_not_answered(studio: Studio) -> None:
    """A page in somebody's browser may have its own name point to 127.0.0.1."""
    async with page(studio.monitor) as client:
        for path in ("/healthz", "/readyz", "/metrics"):
            said = await client.get(path, headers={"Host": "evil.example.com"})
            assert said.status_code == 400
        assert (await client.post("/readyz")).status_code == 405


async def test_it_is_served_on_a_unix_socket_that_others_cannot_open(
    studio: Studio, tmp_path: Path
) -> None:
    path = tmp_path / "page.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as killed:
        killed.bind(str(path))
    way = httpx.AsyncHTTPTransport(uds=str(path))
    async with serve_status(studio.monitor.page(), ListenAddress(path=path)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        async with httpx.AsyncClient(transport=way, base_url="http://localhost") as client:
            assert (await client.get("/healthz")).status_code == 200
    assert not path.exists()


async def test_a_used_port_is_logged_and_stops_nothing(studio: Studio) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with capture_logs() as lines:
            async with serve_status(studio.monitor.page(), ListenAddress(*taken.getsockname())):
                pass
    (line,) = lines
    assert line["event"] == "status page not available"
    assert "listen in [syncd]" in line["remedy"]


async def test_the_service_serves_the_page_and_keeps_its_signal_handlers(
    studio: Studio, tmp_path: Path
) -> None:
    address = ListenAddress("127.0.0.1", free_port())
    engine = FakeEngine()
    running = asyncio.create_task(
        serve(engine, RARE, tmp_path / "s.db", {}, monitor=studio.monitor, listen=address)
    )
    await until(lambda: studio.monitor.allowances)
    async with httpx.AsyncClient(base_url=f"http://{address}") as client:
        assert (await client.get("/readyz")).status_code == 200
    engine.stopping.set()
    assert await asyncio.wait_for(running, 5) == 0


async def test_a_low_rate_limit_stretches_the_intervals_and_is_logged(
    studio: Studio,
) -> None:
    told: list[PollIntervals] = []
    studio.monitor.reschedule = told.append
    studio.crm.limits = ((10, 60.0),)  # 5 may be planned, the near window alone takes 7
    with capture_logs() as lines:
        studio.monitor.record_report(studio.report())
        studio.monitor.record_report(studio.report())
    assert all((paces.near, paces.far) == (SPANS.near, SPANS.far) for paces in told)
    pace = studio.monitor.intervals.of("crm")
    assert pace.far == timedelta(hours=6)
    assert pace.near > timedelta(seconds=60)
    (line,) = [line for line in lines if line["event"] == "polling less often than configured"]
    assert line["system"] == "crm"
    assert line["far_seconds"] == 6 * 3600
    kept = studio.store.allowances()
    assert (kept["crm"].far, kept["web"].far) == (6 * 3600, 900)
    assert kept["crm"].planned <= 5
    async with page(studio.monitor) as client:
        found = await numbers(client)
    assert found["syncd_system_poll_interval_seconds crm far"] == 6 * 3600
    assert found["syncd_system_poll_interval_seconds web far"] == 900
    assert found["syncd_poll_interval_seconds far"] == 6 * 3600
    studio.crm.limits = ((600, 60.0),)
    with capture_logs() as lines:
        studio.monitor.record_report(studio.report())
    assert [line["event"] for line in lines] == ["polling as configured again"]
    assert studio.monitor.intervals.of("crm").far == timedelta(minutes=15)


async def test_a_failure_to_record_a_job_does_not_end_the_service(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_report: Report) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(studio.monitor, "record_report", full)
    engine = FakeEngine()
    running = asyncio.create_task(
        serve(engine, RARE, tmp_path / "s.db", {}, monitor=studio.monitor, handle_signals=False)
    )
    await until(lambda: engine.asked)
    engine.stopping.set()
    assert await asyncio.wait_for(running, 5) == 0
