"""Writes that are wanted and cannot be made now are counted, and nobody says that all agrees."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.engine.report import Exit
from syncd.model import Action, WaitReason
from syncd.sandbox.faults import Fault, FaultKind
from tests.end_to_end.conftest import Shop

HOUR = timedelta(hours=1)

WRITES = {
    "crm": ("/Task\\.svc/(Create|Update|Bulk|Delete|Mark)", ""),
    "clinic": ("/calendars/events", "POST|PUT|DELETE"),
    "legacy": ("/appointments", "POST|PUT|DELETE"),
}
"""Where each platform is written to: path, and methods."""


def forbid_writes(shop: Shop, system: str, status: int) -> None:
    """From now on the key of a system may read, and not write."""
    path, methods = WRITES[system]
    for method in methods.split("|"):
        kind = FaultKind.UNAUTHORISED if status == 401 else FaultKind.ERROR
        fault = Fault(kind, path=path, method=method, status=status, spelling="empty")
        shop.world.sandbox.systems[system].faults.add(fault)


@pytest.mark.parametrize(
    ("system", "status"),
    # An empty 403 of v2 comes from a gateway, and proves nothing: the write stays unconfirmed.
    [("crm", 401), ("crm", 403), ("clinic", 401), ("legacy", 401), ("legacy", 403)],
)
async def test_what_a_key_may_not_write_waits_and_is_not_called_agreed(
    shop: Shop, system: str, status: int
) -> None:
    assert (await shop.resync()).exit is Exit.DONE
    forbid_writes(shop, system, status)
    source = "legacy" if system == "clinic" else "clinic"
    shop.world.book(source, "alice", shop.world.at(1, 19))
    for _ in range(2):
        report = await shop.resync()
        assert (report.converged, report.exit) == (False, Exit.UNANSWERED)
        waits = [(w.operation.system, w.operation.action, w.why) for w in report.waiting]
        assert waits == [(system, Action.CREATE_BLOCK, WaitReason.NO_ACCESS)]
        assert report.systems[system].cause
    shop.world.sandbox.systems[system].faults.clear()
    report = await shop.resync()
    assert (report.exit, report.waiting, shop.wrong()) == (Exit.DONE, [], [])
