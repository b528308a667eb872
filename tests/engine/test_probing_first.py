"""Probe an account before its first read, as a new user does."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.model.platform_facts import NO, YES
from syncd.store.queries.reported import open_items
from tests.engine.probed import Killed, an_office


@pytest.mark.prove
async def test_first_reads_do_not_treat_a_probe_block_as_lost(tmp_path: Path) -> None:
    office = an_office(tmp_path)
    office.platform("legacy").set_fact("lists_blocks", NO)
    way, store = office.ways["legacy"], office.app.store
    made: list[str] = []
    known: list[object] = []

    async def first_read() -> None:
        way.beside = None
        await office.app.engine.resync()
        known.extend(store.records("legacy", made))

    def begins(event: str) -> None:
        made.append(event)
        way.beside = first_read

    office.on_made(begins)
    probed = await office.probe("legacy")
    assert (len(made), known) == (1, [])
    assert {o.system: o.state for o in probed.outcomes} == {"legacy": "ok"}
    assert (office.standing(), office.open_canaries()) == ([], 0)
    store.close()


async def test_a_resync_that_removes_what_a_dead_probe_left_contradicts_no_fact(
    tmp_path: Path,
) -> None:
    office = an_office(tmp_path)
    for fact, side in (("block_by_id", YES), ("list_lag", "5")):
        office.platform("clinic").set_fact(fact, side)
    await office.probe("clinic")

    def dies(_event: str) -> None:
        office.steps.dead = True
        raise Killed

    office.on_made(dies)
    with pytest.raises(Killed):
        await office.probe("clinic")
    await office.restart()
    office.app.reset_backoff()
    await office.app.engine.resync()
    assert office.standing() == []
    assert office.facts("clinic")["block_by_id"] == YES
    assert [item.event for item in open_items(office.app.store)] == []
    office.app.store.close()
