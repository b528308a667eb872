"""Waiting writes are counted, and no command reports that everything agrees."""

from __future__ import annotations

import pytest

from syncd.engine.report.run_report import RunExit
from syncd.lab.sandbox.write_access import allow_writes, forbid_writes
from syncd.model import Action, WaitReason
from tests.end_to_end.conftest import Site


@pytest.mark.parametrize(
    ("system", "status"),
    # An empty 403 of v2 comes from a gateway, and proves nothing: the write stays unconfirmed.
    [("crm", 401), ("crm", 403), ("clinic", 401), ("legacy", 401), ("legacy", 403)],
)
async def test_writes_that_a_key_may_not_make_wait(site: Site, system: str, status: int) -> None:
    assert (await site.resync()).exit is RunExit.DONE
    platform = site.world.sandbox.systems[system]
    forbid_writes(platform, status)
    source = "legacy" if system == "clinic" else "clinic"
    site.world.book(source, "alice", site.world.at(1, 19))
    for _ in range(2):
        report = await site.resync()
        assert (report.converged, report.exit) == (False, RunExit.UNANSWERED)
        waits = [(w.operation.system, w.operation.action, w.why) for w in report.waiting]
        assert waits == [(system, Action.CREATE_BLOCK, WaitReason.NO_ACCESS)]
        assert report.systems[system].cause
    allow_writes(platform)
    report = await site.resync()
    assert (report.exit, report.waiting, site.disagreements()) == (RunExit.DONE, [], [])
