"""A cleanup through the control socket waits for the running job; invalid requests are refused."""

from __future__ import annotations

import asyncio

import pytest

from syncd.core.ownership.cleanup import CleanupScope
from syncd.daemon.control_socket import RequestRejectedError
from syncd.daemon.jobs import Jobs
from syncd.engine.cleanup.context import CleanupSpec
from syncd.store.queries.last_settings import LastSettings, last_settings, save_last_settings
from tests.daemon.kit import FakeEngine


async def test_a_cleanup_waits_for_the_running_cycle_and_returns_its_report() -> None:
    engine = FakeEngine(takes=0.02)
    told: list[str] = []
    arguments = {"provider": "bob", "chosen": [["crm", "e1"]], "who": "root"}
    work = Jobs(engine)
    _, (result, code) = await asyncio.gather(work.far(), work.on_cleanup(arguments, told.append))
    wanted = CleanupSpec(CleanupScope("", "bob"), frozenset({("crm", "e1")}), who="root")
    assert engine.asked == ["far", f"cleanup {wanted}"]
    assert (result["provider"], result["done"], code) == ("bob", True, 0)
    assert told[0] == "waiting for the running cycle"


@pytest.mark.parametrize(
    "arguments",
    [
        {"run": "r1"},
        {"chosen": "all"},
        {"chosen": [["crm"]]},
        {"system": 3},
        {"who": "x" * 9999},
    ],
)
async def test_an_invalid_cleanup_request_is_refused(arguments: dict[str, object]) -> None:
    engine = FakeEngine()
    with pytest.raises(RequestRejectedError):
        await Jobs(engine).on_cleanup(arguments, lambda _text: None)
    assert engine.asked == []


async def test_observe_mode_refuses_a_cleanup_and_pauses_nothing() -> None:
    engine = FakeEngine()
    engine.pauses.observe = True
    with pytest.raises(RequestRejectedError, match="observe"):
        await Jobs(engine).on_cleanup({"system": "crm"}, lambda _text: None)
    assert engine.asked == []
    await Jobs(engine).on_cleanup({"system": "crm", "dry_run": True}, lambda _text: None)
    assert len(engine.asked) == 1


async def test_a_system_in_use_by_the_daemon_cannot_be_given_up() -> None:
    engine = FakeEngine()
    at = engine.clock.now()
    save_last_settings(engine.store, [LastSettings(s, "", {}, at) for s in ("crm", "old")])
    with pytest.raises(RequestRejectedError, match="running daemon still syncs crm"):
        await Jobs(engine).on_cleanup({"give_up": "crm"}, lambda _text: None)
    result, code = await Jobs(engine).on_cleanup({"give_up": "old", "who": "root"}, lambda _t: None)
    assert (result["given_up"], code) == ("old", 0)
    assert set(last_settings(engine.store)) == {("crm", "")}
