"""A sporadic 401 raises no alarm: reads and writes, all platforms, over sockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from syncd.lab.sandbox import Fault, FaultKind
from syncd.model import SystemState
from syncd.systems import access
from syncd.systems.access import Access
from tests.end_to_end.conftest import Site

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


async def deny(site: Site, times: int, *, by: dict[str, tuple[str, str]]) -> None:
    """Answer 401 to some of these calls, and check that no alarm is raised."""
    for name, (path, method) in by.items():
        fault = Fault(FaultKind.UNAUTHORISED, path=path, method=method, times=times)
        site.world.sandbox.systems[name].faults.add(fault)


def alarmed(site: Site) -> list[str]:
    """Return the systems whose state in status and metrics is not ok."""
    return [n for n, s in site.app.systems.items() if s.health.state is not SystemState.OK]


@pytest.fixture
def fast_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the pause before a retry take no time."""
    monkeypatch.setattr(access, "RETRY_PAUSE", 0.01)


@pytest.mark.usefixtures("fast_retries")
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("by", [LISTS, CREATES], ids=["reads", "writes"])
async def test_a_sporadic_401_is_neither_an_alarm_nor_a_fault(
    site: Site, times: int, by: dict[str, tuple[str, str]]
) -> None:
    await deny(site, times, by=by)
    report = await site.resync()
    assert (report.converged, alarmed(site), report.failures) == (True, [], [])
    assert all(
        s.faults.injected[FaultKind.UNAUTHORISED] for s in site.world.sandbox.systems.values()
    )
    # The daemon's poll, with news to write.
    await deny(site, times, by=by)
    site.world.book("crm", "alice", site.world.at(1, 21), 30)
    polled = await site.app.engine.poll(near=False)
    assert (alarmed(site), polled.failures) == ([], [])
    assert site.disagreements() == []


@pytest.mark.usefixtures("fast_retries")
async def test_access_that_is_lost_is_an_alarm(site: Site) -> None:
    site.world.sandbox.legacy.faults.add(Fault(FaultKind.UNAUTHORISED))
    await site.resync()
    assert alarmed(site) == ["legacy"]


@pytest.mark.usefixtures("fast_retries")
@pytest.mark.parametrize("by", [LISTS, CREATES], ids=["reads", "writes"])
async def test_planted_a_first_401_that_is_believed_is_seen(
    site: Site, monkeypatch: pytest.MonkeyPatch, by: dict[str, tuple[str, str]]
) -> None:
    async def believed(
        _self: Access, once: Callable[[], Awaitable[T]], *, cheap: bool = False
    ) -> T:
        del cheap
        return await once()

    monkeypatch.setattr(Access, "repeated", believed)
    # Otherwise the lists of a group's calendars are read as well, and answered.
    site.app.systems["clinic"].measured.note("group_lists_all", "yes")
    await deny(site, 1, by=by)
    await site.resync()
    assert set(alarmed(site)) == {"crm", "clinic", "legacy"}
