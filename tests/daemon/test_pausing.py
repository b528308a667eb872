"""Pausing through the control socket: at once, beside a running job, confirmed when it holds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from syncd.daemon.control_socket import RequestRejectedError
from syncd.daemon.jobs import Jobs
from syncd.model.pauses import Pause
from syncd.store.queries.pauses import pauses
from tests.daemon.kit import FakeEngine, until

CRM: dict[str, Any] = {"what": [{"system": "crm", "provider": ""}]}


def quietly(_text: str) -> None:
    """Nobody watches."""


def named(found: list[Pause]) -> list[tuple[str, str, str, str]]:
    return [(p.system, p.provider, p.who, p.reason) for p in found]


async def test_a_pause_does_not_wait_for_the_running_job() -> None:
    engine = FakeEngine(takes=30)
    work = Jobs(engine)
    job = asyncio.create_task(work.resync_and_compact())
    await until(lambda: engine.at_work == 1)
    said, code = await work.on_pause({**CRM, "by": "ann", "reason": "they migrate"}, quietly)
    assert (code, named(pauses(engine.store))) == (0, [("crm", "", "ann", "they migrate")])
    assert said["paused"] == [each.to_json() for each in pauses(engine.store)]
    job.cancel()


async def test_a_pause_returns_when_no_write_is_in_flight() -> None:
    engine = FakeEngine()
    work = Jobs(engine)
    with engine.pauses.sending([("bob", "crm"), ("bob", "ghl")]):
        asked = asyncio.create_task(work.on_pause(CRM, quietly))
        await asyncio.sleep(0.05)
        assert named(pauses(engine.store)) == [("crm", "", "", "")], "stored at once"
        assert not asked.done()
    assert (await asked)[1] == 0


async def test_a_running_probe_removes_its_block_before_a_pause_returns() -> None:
    engine = FakeEngine()
    work = Jobs(engine)
    async with work._probe_lock:
        asked = asyncio.create_task(work.on_pause(CRM, quietly))
        await asyncio.sleep(0.05)
        assert not asked.done()
    await asked


async def test_unpausing_ends_the_named_pauses_or_none() -> None:
    engine = FakeEngine()
    work = Jobs(engine)
    both = [{"system": "crm", "provider": ""}, {"system": "", "provider": "bob"}]
    await work.on_pause({"what": both}, quietly)
    unknown = {"system": "ghl", "provider": ""}
    with pytest.raises(RequestRejectedError, match="ghl is not paused"):
        await work.on_unpause({"what": [both[0], unknown]}, quietly)
    assert len(pauses(engine.store)) == 2
    await work.on_unpause({"what": both[:1], "by": "bob"}, quietly)
    assert named(pauses(engine.store)) == [("", "bob", "", "")]
    told = [(n.what, n.system, n.provider, n.detail) for n in engine.store.history()]
    assert told == [
        ("unpaused", "crm", "", "by bob"),
        ("paused", "", "bob", ""),
        ("paused", "crm", "", ""),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"what": []},
        {"what": "crm"},
        {"what": ["crm"]},
        {"what": [{"system": "", "provider": ""}]},
        {"what": [{"system": 7, "provider": ""}]},
        {"what": [{"system": "x" * 1001, "provider": ""}]},
        {**CRM, "reason": 7},
        {**CRM, "dry_run": True},
    ],
)
async def test_an_invalid_pause_request_pauses_nothing(arguments: dict[str, Any]) -> None:
    engine = FakeEngine()
    for ask in (Jobs(engine).on_pause, Jobs(engine).on_unpause):
        with pytest.raises(RequestRejectedError):
            await ask(arguments, quietly)
    assert pauses(engine.store) == []
