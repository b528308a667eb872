"""Events that only the list of their own user shows, while it is in doubt whose they are."""

from __future__ import annotations

import pytest

from syncd.model import EventRef, Value
from syncd.store.owners import owner_changes
from syncd.systems.port import Found, Gone, LookupResult
from tests.core.kit import v
from tests.engine.conftest import Shop
from tests.engine.test_owners import LATER, give


async def test_what_only_its_owners_list_shows_is_looked_for_at_both_while_it_is_in_doubt(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Simulator, seed 60107: a leave was back with its user, and was freed."""
    ask = shop.a.read_one

    async def by_list(ref: EventRef, value: Value | None = None) -> LookupResult:
        there = await ask(ref, value)
        elsewhere = isinstance(there, Found) and there.event.provider != ref.provider
        return Gone(own_list=True) if elsewhere else there

    monkeypatch.setattr(shop.a, "read_one", by_list)
    event = shop.a.human_block("p", v(24 * 10))
    await shop.engine.resync()
    give(shop, [event], "q")
    shop.a.missing = {"p"}
    await shop.engine.resync()
    give(shop, [event], "p")
    shop.a.missing = set()
    shop.clock.time += LATER
    for _ in range(3):
        await shop.engine.poll(near=True)
    assert owner_changes(shop.store) == []
    for system in (shop.b, shop.c):
        assert (len(system.blocks("p")), len(system.blocks("q"))) == (1, 0)
    assert (await shop.engine.resync()).operations.total() == 0
