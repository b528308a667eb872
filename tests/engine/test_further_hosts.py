"""What a write to a meeting does to the calendars of its further hosts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from syncd.engine.reading.absence_lookups import MAX_ABSENCE_LOOKUPS
from syncd.engine.reading.observe import observe
from syncd.engine.report.run_report import RunExit
from syncd.model import Operation, derived_id
from syncd.systems.port import Capabilities
from tests.core.kit import v
from tests.engine.conftest import Rig
from tests.engine.test_twin_deleted import twins


async def test_a_resync_ends_when_a_late_list_has_shown_a_further_host_the_move(rig: Rig) -> None:
    lag = timedelta(seconds=5)
    rig.a.capabilities = Capabilities(lag=lag)
    events = await twins(rig, "ab")
    share = derived_id(events["a"], "users/2")
    rig.a.events[share] = replace(rig.a.events[events["a"]], provider="q", customer=None)
    rig.clock.pass_(minutes=2)
    await rig.engine.resync()
    assert rig.blocks("q") == {"a": [], "b": [v(24).interval], "c": [v(24).interval]}
    rig.clock.pass_(minutes=2)
    rig.b.move(events["b"], v(30))
    moved_at = []

    def moved(operation: Operation, _what: str) -> None:
        if operation.event == events["a"]:
            moved_at.append(rig.clock.now())

    read = rig.a.read

    async def late(*args: object, **named: object) -> object:
        if moved_at and rig.clock.now() >= moved_at[0] + lag:
            rig.a.move(share, v(30))
        return await read(*args, **named)  # type: ignore[arg-type]

    rig.engine.on_write = moved
    rig.a.read = late  # type: ignore[method-assign, assignment]
    report = await rig.engine.resync()
    assert moved_at
    assert report.exit is RunExit.DONE
    assert rig.blocks("q") == {"a": [], "b": [v(30).interval], "c": [v(30).interval]}


async def test_lookups_for_further_hosts_count_towards_the_limit_of_a_read(rig: Rig) -> None:
    meetings = [rig.a.book("p", v(30 + hour)) for hour in range(30)]
    missing = [rig.a.book("p", v(70 + hour)) for hour in range(30)]
    shares = [derived_id(meeting, "users/2") for meeting in meetings]
    for meeting, share in zip(meetings, shares, strict=True):
        rig.a.events[share] = replace(rig.a.events[meeting], provider="q")
    window = rig.engine.window(near=False)
    await observe(rig.a, rig.store, rig.clock, window, ["p", "q"])
    for meeting in meetings:
        rig.a.cancel(meeting)
    rig.a.hidden = {*shares, *missing}
    rig.a.asked.clear()
    await observe(rig.a, rig.store, rig.clock, window, ["p"])
    assert {*rig.a.asked} & {*shares}
    assert len(rig.a.asked) == MAX_ABSENCE_LOOKUPS
