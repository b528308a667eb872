"""Before a block is removed in favour of another event, that event is read again."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.engine.report import RunExit
from syncd.model import Operation
from tests.core.kit import v
from tests.engine.conftest import Shop


async def test_a_block_stays_if_the_event_at_its_time_is_gone_since_the_read(
    shop: Shop,
) -> None:
    """Simulator, seed 33: a person's record had the block's time, and was moved away."""
    shop.a.book("p", v(9))
    assert (await shop.engine.resync()).exit is RunExit.DONE
    rival = shop.b.human_block("p", v(9))
    freed: list[bool] = []
    original_read, original_write = shop.c.read, shop.b.write

    async def slow_read(*arguments: object, **named: object) -> object:
        shop.clock.pass_(seconds=20)
        if shop.b.events[rival].value == v(9):
            shop.b.move(rival, v(12))
        return await original_read(*arguments, **named)  # type: ignore[arg-type]

    async def write(operations: Sequence[Operation]) -> object:
        answer = await original_write(operations)
        freed.append(v(9).interval not in shop.b.blocks("p"))
        return answer

    shop.c.read = slow_read  # type: ignore[method-assign,assignment]
    shop.b.write = write  # type: ignore[method-assign,assignment]
    assert (await shop.engine.resync()).exit is RunExit.DONE
    assert (await shop.engine.resync()).converged
    assert not any(freed)
    for system in ("b", "c"):
        assert v(9).interval in shop.blocks()[system]
    for system in ("a", "c"):
        assert v(12).interval in shop.blocks()[system]
