"""Promise 8: changes are carried in time while a run waits between two cycles."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from syncd.daemon.jobs import Jobs
from syncd.engine.report.run_report import Report, RunExit
from syncd.model import Action
from syncd.systems.port import Capabilities
from tests.core.kit import v
from tests.engine.slowly import NORMAL, SlowRig, play

EVERY = 5.0
"""Seconds between two polls."""


async def poll(work: Jobs) -> None:
    """Poll for ever, as the daemon does."""
    while True:
        await asyncio.sleep(EVERY)
        await work.near()


async def confirming(rig: SlowRig) -> tuple[Jobs, list[Report], list[asyncio.Task[None]]]:
    """Start a run of the daemon that waits for a platform which queues moves."""
    reports: list[Report] = []
    rig.engine.patient = False
    work = Jobs(rig.engine, reports.append)
    event = rig.a.book("p", v(9))
    await work.resync_and_compact()
    rig.c.capabilities = Capabilities(asynchronous=frozenset({Action.MOVE_BLOCK}))
    rig.c.queued = True
    rig.a.move(event, v(11))
    reports.clear()
    return (
        work,
        reports,
        [asyncio.create_task(work.resync_and_compact()), asyncio.create_task(poll(work))],
    )


@pytest.mark.parametrize("after", [12, 24, 40])
def test_a_poll_that_is_due_brings_the_next_cycle_of_a_run_forward(
    tmp_path: Path, after: float
) -> None:
    async def story(rig: SlowRig) -> None:
        _, _, tasks = await confirming(rig)
        await asyncio.sleep(after)
        assert not tasks[0].done()
        rig.a.book("q", v(15))
        began = asyncio.get_running_loop().time()
        assert await rig.blocked("b", provider="q") - began <= EVERY + NORMAL * 8
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    play(tmp_path, story)


def test_cycles_that_were_brought_forward_neither_lengthen_nor_shorten_the_wait(
    tmp_path: Path,
) -> None:
    async def story(rig: SlowRig, *, polled: bool) -> tuple[float, RunExit]:
        began = asyncio.get_running_loop().time()
        _, reports, (run, polls) = await confirming(rig)
        if not polled:
            polls.cancel()
        await run
        took = asyncio.get_running_loop().time() - began
        polls.cancel()
        await asyncio.gather(polls, return_exceptions=True)
        return took, reports[0].exit

    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    alone, ended = play(tmp_path / "1", lambda rig: story(rig, polled=False))
    beside, ended_beside = play(tmp_path / "2", lambda rig: story(rig, polled=True))
    assert ended is ended_beside
    assert alone > 30
    assert alone - 2 <= beside <= alone * 1.5
