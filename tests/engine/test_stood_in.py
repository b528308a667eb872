"""Before a block is removed in favour of another event, that event is read again."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.engine.report.run_report import RunExit
from syncd.model import Operation
from tests.core.kit import v
from tests.engine.conftest import Rig


async def test_a_block_stays_if_the_event_at_its_time_is_gone_since_the_read(
    rig: Rig,
) -> None:
    """Simulator, seed 33: a person's record had the block's time, and was moved away."""
    rig.a.book("p", v(9))
    assert (await rig.engine.resync()).exit is RunExit.DONE
    rival = rig.b.human_block("p", v(9))
    freed: list[bool] = []
    original_read, original_write = rig.c.read, rig.b.write

    async def slow_read(*arguments: object, **named: object) -> object:
        rig.clock.pass_(seconds=20)
        if rig.b.events[rival].value == v(9):
            rig.b.move(rival, v(12))
        return await original_read(*arguments, **named)  # type: ignore[arg-type]

    async def write(operations: Sequence[Operation]) -> object:
        answer = await original_write(operations)
        freed.append(v(9).interval not in rig.b.blocks("p"))
        return answer

    rig.c.read = slow_read  # type: ignore[method-assign,assignment]
    rig.b.write = write  # type: ignore[method-assign,assignment]
    assert (await rig.engine.resync()).exit is RunExit.DONE
    assert (await rig.engine.resync()).converged
    assert not any(freed)
    for system in ("b", "c"):
        assert v(9).interval in rig.blocks()[system]
    for system in ("a", "c"):
        assert v(12).interval in rig.blocks()[system]
