"""A sporadic 401 alarms nobody: reads and writes, all platforms, over sockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from syncd.model import SystemState
from syncd.sandbox import Fault, FaultKind
from syncd.systems import access
from syncd.systems.access import Access
from tests.end_to_end.conftest import Shop

T = TypeVar("T")

LISTS = {
    "crm": (".*RetrieveAppointments", "POST"),
    "clinic": ("/calendars/events", "GET"),
    "legacy": ("/appointments/", "GET"),
}
CREATES = {
    "crm": (".*Task.svc/Create", "POST"),
    "clinic": ("/calendars/events/block-slots", "POST"),
    "legacy": ("/appointments/", "POST"),
}


async def deny(shop: Shop, times: int, *, by: dict[str, tuple[str, str]]) -> None:
    """Answer 401 to so many of these calls, and see whether anybody is alarmed."""
    for name, (path, method) in by.items():
        fault = Fault(FaultKind.UNAUTHORISED, path=path, method=method, times=times)
        shop.world.sandbox.systems[name].faults.add(fault)


def alarmed(shop: Shop) -> list[str]:
    """The systems whose state, as status and metrics show it, is not ok."""
    return [n for n, s in shop.app.systems.items() if s.health.state is not SystemState.OK]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the second that a repeat waits."""
    monkeypatch.setattr(access, "RETRY_PAUSE", 0.01)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("by", [LISTS, CREATES], ids=["reads", "writes"])
async def test_a_sporadic_401_is_neither_an_alarm_nor_a_fault(
    shop: Shop, times: int, by: dict[str, tuple[str, str]]
) -> None:
    await deny(shop, times, by=by)
    report = await shop.resync()
    assert (report.converged, alarmed(shop), report.failures) == (True, [], [])
    assert all(
        s.faults.injected[FaultKind.UNAUTHORISED] for s in shop.world.sandbox.systems.values()
    )
    # The daemon's poll, with news to write.
    await deny(shop, times, by=by)
    shop.world.book("crm", "alice", shop.world.at(1, 21), 30)
    polled = await shop.app.engine.poll(near=False)
    assert (alarmed(shop), polled.failures) == ([], [])
    assert shop.wrong() == []


@pytest.mark.usefixtures("hasty")
async def test_access_that_is_lost_is_an_alarm(shop: Shop) -> None:
    shop.world.sandbox.legacy.faults.add(Fault(FaultKind.UNAUTHORISED))
    await shop.resync()
    assert alarmed(shop) == ["legacy"]


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("by", [LISTS, CREATES], ids=["reads", "writes"])
async def test_planted_a_first_401_that_is_believed_is_seen(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, by: dict[str, tuple[str, str]]
) -> None:
    async def believed(
        _self: Access, once: Callable[[], Awaitable[T]], *, cheap: bool = False
    ) -> T:
        del cheap
        return await once()

    monkeypatch.setattr(Access, "repeated", believed)
    # Otherwise the lists of a group's calendars are read as well, and answered.
    shop.app.systems["clinic"].measured.note("group_lists_all", "yes")
    await deny(shop, 1, by=by)
    await shop.resync()
    assert set(alarmed(shop)) == {"crm", "clinic", "legacy"}
