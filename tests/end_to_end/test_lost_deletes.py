"""Block deletions whose answer is lost: the block counts as removed only after a read."""

from __future__ import annotations

import pytest

from syncd.engine.report.run_report import RunExit
from syncd.lab.sandbox.faults import Fault, FaultKind
from tests.end_to_end.conftest import Site


@pytest.mark.prove
@pytest.mark.parametrize("lost", [FaultKind.LOSE_BEFORE, FaultKind.LOSE_AFTER])
@pytest.mark.parametrize("answer", ["200", "400", "404"])
@pytest.mark.parametrize("by_id", ["yes", "no"])
async def test_a_block_whose_deletion_was_not_answered_is_gone_or_deleted_again(
    site: Site, lost: FaultKind, answer: str, by_id: str
) -> None:
    clinic = site.world.sandbox.clinic
    clinic.set_fact("second_delete", answer)
    clinic.set_fact("block_by_id", by_id)
    event = site.world.book("crm", "alice", site.world.at(3, 17))
    await site.resync()
    standing = {block.id for block in clinic.blocks() if not block.deleted}
    site.world.sandbox.crm.cancel(event)
    clinic.faults.add(Fault(lost, method="DELETE", times=1))
    for _ in range(3):
        await site.clock.sleep(120)
        await site.resync()
    assert clinic.faults.injected[lost] == 1
    assert len(standing - {block.id for block in clinic.blocks() if not block.deleted}) == 1
    assert site.disagreements() == []
    last = await site.resync()
    assert (last.operations.total(), last.exit) == (0, RunExit.DONE)
