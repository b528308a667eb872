"""`status` shows the poll schedule: intervals and slices."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from syncd.cli import inspect
from syncd.cli.poll_status import poll_plan
from syncd.daemon.lock import Holder
from syncd.model import PollSlot, RateAllowance
from syncd.store import Store
from syncd.store.queries.poll_schedule import save_poll_schedule
from syncd.store.queries.status_query import EMPTY_STATUS, StatusSnapshot
from tests.cli.conftest import CliHarness

AT = datetime(2026, 6, 1, 9, tzinfo=UTC)


def seen(*rota: PollSlot) -> StatusSnapshot:
    return replace(
        EMPTY_STATUS,
        allowances={"crm": RateAllowance("crm", AT, 7.0, near=60.0, far=900.0)},
        poll_schedule=rota,
    )


def said(*rota: PollSlot) -> list[str]:
    plan = poll_plan(seen(*rota), {"crm"})
    assert plan is not None
    return list(plan.lines())


def test_without_a_schedule_there_is_no_poll_plan() -> None:
    assert poll_plan(EMPTY_STATUS, {"crm"}) is None
    assert poll_plan(seen(), {"crm"}) is None


def test_a_uniform_schedule_is_one_line() -> None:
    four = [PollSlot(f"p{n}", n) for n in range(4)]
    assert said(*four) == [
        "reading  the near window every 1m; the whole window every 15m, in 4 slices, one every 225s"
    ]
    assert said(PollSlot("p", 0)) == [
        "reading  the near window every 1m; the whole window every 15m"
    ]


def test_a_system_that_is_read_less_often_has_its_own_line() -> None:
    many = seen(PollSlot("p", 0))
    slow = replace(many.allowances["crm"], system="web", near=120.0, far=21600.0)
    gone = replace(slow, system="gone", near=5.0)
    limited = replace(many, allowances={**many.allowances, "web": slow, "gone": gone})
    plan = poll_plan(limited, {"crm", "web"})
    assert plan is not None
    assert list(plan.lines()) == [
        "reading  the near window every 1m; the whole window every 15m",
        "slower   web: near window every 2m, whole window every 6h",
    ]
    assert plan.to_json()["systems"]["web"] == {"near_seconds": 120.0, "far_seconds": 21600.0}


def test_status_shows_the_schedule_while_the_daemon_runs(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.run("resync", "--yes")
    assert json.loads(cli.run("status", "--json").out)["reading"] is None
    store = Store.open(cli.path.parent / "state.db")
    store.save_health(RateAllowance("crm", AT, 7.0, near=60.0, far=900.0))
    save_poll_schedule(store, [PollSlot("carol", 0), PollSlot("alice", 1), PollSlot("bob", 2)])
    store.close()
    assert json.loads(cli.run("status", "--json").out)["reading"] == {
        "near_seconds": 60.0,
        "far_seconds": 900.0,
        "slices": 3,
        "slice_seconds": 300.0,
        "systems": {"crm": {"near_seconds": 60.0, "far_seconds": 900.0}},
    }
    assert "3 slices" not in cli.run("status").out
    monkeypatch.setattr(inspect, "holder", lambda _path: Holder("daemon", 7))
    result = cli.run("status").out
    assert "in 3 slices, one every 5m" in result
