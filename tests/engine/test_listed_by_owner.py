"""Events that only the list of their own user shows, while it is in doubt whose they are."""

from __future__ import annotations

import pytest

from syncd.model import EventRef, Value
from syncd.store.queries.owners import owner_changes
from syncd.systems.lookup_results import Found, Gone, LookupResult
from tests.core.kit import v
from tests.engine.conftest import Rig
from tests.engine.test_owners import LATER, give


async def test_what_only_its_owners_list_shows_is_looked_for_at_both_while_it_is_in_doubt(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Simulator, seed 60107: a leave was back with its user, and was freed."""
    ask = rig.a.read_one

    async def by_list(ref: EventRef, value: Value | None = None) -> LookupResult:
        there = await ask(ref, value)
        elsewhere = isinstance(there, Found) and there.event.provider != ref.provider
        return Gone(own_list=True) if elsewhere else there

    monkeypatch.setattr(rig.a, "read_one", by_list)
    event = rig.a.human_block("p", v(24 * 10))
    await rig.engine.resync()
    give(rig, [event], "q")
    rig.a.missing = {"p"}
    await rig.engine.resync()
    give(rig, [event], "p")
    rig.a.missing = set()
    rig.clock.time += LATER
    for _ in range(3):
        await rig.engine.poll(near=True)
    assert owner_changes(rig.store) == []
    for system in (rig.b, rig.c):
        assert (len(system.blocks("p")), len(system.blocks("q"))) == (1, 0)
    assert (await rig.engine.resync()).operations.total() == 0
