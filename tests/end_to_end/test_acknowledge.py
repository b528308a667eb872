"""An acknowledgement during `syncd run` goes through the control socket and counts at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.daemon.control_socket import control_socket
from syncd.daemon.jobs import Jobs
from syncd.daemon.lock import StateLock
from syncd.daemon.metrics import Metrics
from syncd.lab.sandbox.broken_rows import RowDefect
from syncd.store.queries.reported import acknowledgements_of
from tests.end_to_end.conftest import Site
from tests.end_to_end.test_queue import printed, say


async def test_the_running_daemon_takes_an_acknowledgement_and_takes_it_back(
    served_site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site = served_site
    event = site.world.book("clinic", "alice", site.world.at(6, 7))
    site.world.sandbox.clinic.broken_rows[event] = RowDefect.END
    await site.resync()
    reports: list[Any] = []
    work = Jobs(site.app.engine, reports.append)
    path = site.app.settings.syncd.state_path
    with StateLock(path, role="daemon"):
        async with control_socket(
            path, {"acknowledge": work.on_acknowledge, "resync": work.on_request}
        ):
            capsys.readouterr()
            assert await say(site, "acknowledge", "--json") == 0
            (entry,) = json.loads(capsys.readouterr().out)["items"]
            assert await say(site, "resync", "--json") == 3
            capsys.readouterr()
            assert await say(site, "acknowledge", entry["id"], "--json") == 0
            assert printed(capsys)["acknowledged_at"] is not None
            assert await say(site, "resync", "--json") == 0
            await work.near()
            assert (reports[-1].exit.code, reports[-1].acknowledged) == (0, 1)
            assert await say(site, "status", "--json") == 0
            capsys.readouterr()
            assert await say(site, "acknowledge", "zzz", "--json") == 2
            assert printed(capsys)["error"]["exit"] == 2
            assert await say(site, "acknowledge", entry["id"], "--undo") == 0
            assert await say(site, "resync", "--json") == 3
    assert acknowledgements_of(site.app.store) == {}


async def test_metrics_do_not_alert_on_what_is_acknowledged(site: Site) -> None:
    event = site.world.book("clinic", "alice", site.world.at(6, 7))
    site.world.sandbox.clinic.broken_rows[event] = RowDefect.END
    engine, store = site.app.engine, site.app.store
    metrics = Metrics(dict, _never, store, site.path, engine.clock)
    report = await site.app.engine.resync()
    metrics.update(report)

    def told(name: str) -> list[float]:
        found = metrics._gauges._follow_up_gauges()  # the other gauges need a running daemon
        return [s.value for m in found for s in m.samples if m.name == name]

    work = Jobs(engine)
    assert told("syncd_acknowledged") == [0]
    await work.on_acknowledge({"id": report.items[0].id, "by": "kim"}, lambda _text: None)
    metrics.update(await engine.resync())
    assert told("syncd_acknowledged") == [1]


def _never() -> Any:
    raise AssertionError


async def test_an_interrupted_resync_ends_with_four_and_reports_what_is_left(
    site: Site,
) -> None:
    engine = site.app.engine
    made = 0

    def wrote(*_told: object) -> None:
        nonlocal made
        made += 1
        engine.stopping.set()

    engine.on_write = wrote
    report = await engine.resync()
    assert made > 0
    assert report.exit.code == 4
    remaining = report.to_json()["left"]
    assert isinstance(remaining, dict)
    assert (remaining["interrupted"], remaining["unmade"] > 0) == (1, True)
