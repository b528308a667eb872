"""Lists that hid events are trusted again once they need not show these events any more."""

from __future__ import annotations

from syncd.model import Topic
from tests.engine.conftest import Rig
from tests.engine.test_proof import items, settled


async def test_a_hidden_meeting_that_is_cancelled_need_not_be_listed_for_a_complete_list(
    rig: Rig,
) -> None:
    rig.a.hides_cancelled = True  # as LeadSquared may do
    events = await settled(rig)
    rig.a.empty = True
    await rig.engine.poll(near=True)
    (item,) = items(rig, Topic.LIST)
    assert "a does not show 3 known events" in item.reason
    rig.a.cancel(events[0])
    await rig.engine.poll(near=True)
    rig.a.empty = False
    for _ in range(3):
        rig.clock.pass_(minutes=30)
        await rig.engine.resync()
    assert not items(rig, Topic.LIST)
    covered = {(c.provider, c.read_at) for c in rig.store.last_coverage() if c.system == "a"}
    assert ("p", rig.clock.now()) in covered
