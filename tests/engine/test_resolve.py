"""What an answer would write, before anybody is asked."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.answer import Answer, Way
from syncd.core.rules import Choice, Rules
from syncd.engine.resolve import foresee
from syncd.model import Action
from tests.core.kit import SYSTEMS, v
from tests.engine.conftest import Shop


async def test_a_preview_writes_where_the_engine_would_and_nowhere_else(shop: Shop) -> None:
    # The provider is a room of c, whose time no block closes, and b is only read.
    rules = Rules(prefer=SYSTEMS, double_booked=Choice.HOLD)
    shop.engine.policy = replace(
        shop.engine.policy,
        rules={"p": rules, "q": rules},
        resources={"p": "c"},
        read_only=frozenset({("p", "b")}),
    )
    shop.engine.annexes.units["p"] = 1
    event, other = shop.a.book("p", v(9)), shop.b.book("p", v(9.5))
    await shop.engine.resync()
    (held,) = shop.store.open_conflicts()
    foreseen = foresee(shop.engine, held, Answer(Way.TAKE, "b", other))
    assert foreseen is not None
    assert [(o.action, o.system, o.event) for o in foreseen.operations] == [
        (Action.SET_STATUS, "a", event)
    ]
