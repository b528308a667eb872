"""States that the version before this rule left, with times out of range in the middle of writes.

Each was made by that version: a meeting of p at 9 in system a was known everywhere, and got such a
time (``new``: another one came with it); b's answer to the write was lost; from then on every run
ended with OverflowError.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from syncd.model import READABLE, IntentState, Kind, embed_tag, in_range
from syncd.store import Store
from syncd.store.repository.ranges import providers_out_of_range
from tests.core.kit import DAY, NOW, v
from tests.engine.conftest import Rig, make_engine
from tests.engine.fakes import Held
from tests.engine.test_promises import settle

STATES = Path(__file__).parent / "old_states"
YEAR = DAY + timedelta(days=365)


@pytest.fixture(params=["never", "new", "ever"])
def old(request: pytest.FixtureRequest, rig: Rig) -> Rig:
    """The business with such a state; b and c hold what was written there."""
    rig.store.close()
    rig.path.unlink()
    with closing(sqlite3.connect(rig.path)) as database:
        database.executescript((STATES / f"{request.param}.sql").read_text())
    rig.store = Store.open(rig.path)
    rig.rows = count(1000)
    rig.engine = make_engine(rig.store, rig.clock, rig.systems, rig.rows)
    for system in rig.systems:
        for record in (r for p in "pq" for r in rig.store.events_of(system.name, p)):
            if record.observed is not None:
                title = embed_tag("Busy", record.key) if record.key else ""
                held = Held(record.provider, record.kind, record.observed, None, title)
                system.events[record.id] = held
    for intent in rig.store.pending_intents():
        operation = intent.operation
        if operation.after is not None and operation.system == "b":
            event = operation.event or "lost"
            title = embed_tag("Busy", operation.key) if operation.key else ""
            rig.b.events[event] = Held("p", Kind.BLOCK, operation.after, None, title)
    rig.clock.pass_(minutes=10)
    return rig


async def test_a_run_skips_rows_out_of_range_and_syncs_the_rest(old: Rig) -> None:
    late = old.a.book("p", v(18))
    await old.engine.resync()
    await settle(old, unreadable=True)
    assert v(18).interval in old.blocks()["b"]
    assert v(14).interval in old.blocks()["c"]
    span = (NOW - READABLE, NOW + READABLE)
    assert providers_out_of_range(old.store, *span) == set()
    assert old.store.pending_intents() == []
    old.a.cancel(late)
    await settle(old, unreadable=True)
    assert v(18).interval not in old.blocks()["b"]


async def test_nothing_out_of_range_is_sent(old: Rig) -> None:
    await old.engine.resync()
    sent = [o for system in old.systems for o in system.writes]
    assert all(in_range(o.after, NOW) for o in sent if o.after is not None)


async def test_the_open_write_ends_with_a_note(old: Rig) -> None:
    before = old.store.pending_intents()
    await old.engine.resync()
    dropped = [n for n in old.store.history() if "out of range" in n.detail]
    assert {n.system for n in dropped} == {i.operation.system for i in before}
    states = {i.state for i in old.store.pending_intents()}
    assert IntentState.OPEN not in states


async def test_sync_resumes_when_the_row_out_of_range_is_gone(old: Rig) -> None:
    for event, held in list(old.a.events.items()):
        if not in_range(held.value, NOW):
            old.a.delete(event)
    await old.engine.resync()
    await settle(old, unreadable=True)
    assert v(14).interval in old.blocks()["b"]


async def test_sync_resumes_when_the_row_has_a_valid_time_again(old: Rig) -> None:
    for event, held in list(old.a.events.items()):
        if not in_range(held.value, NOW):
            old.a.move(event, v(11))
    await old.engine.resync()
    await settle(old, unreadable=True)
    assert v(11).interval in old.blocks()["b"]
    assert v(11).interval in old.blocks()["c"]


async def test_a_dry_run_skips_rows_out_of_range(old: Rig) -> None:
    before = old.store.pending_intents()
    scratch = make_engine(old.store.in_memory_copy(), old.clock, old.systems, old.rows)
    await scratch.resync(dry_run=True)
    assert old.store.pending_intents() == before


@pytest.mark.parametrize("old", ["ever"], indirect=True)
async def test_a_stored_endless_end_becomes_the_fixed_end(old: Rig) -> None:
    await old.engine.resync()
    await settle(old, unreadable=True, doubles=1)
    assert {b.agreed.end for b in old.store.bookings("p")} == {v(15).start, YEAR}
    for system in ("b", "c"):
        assert any(start == v(9).start and end >= YEAR for start, end in old.blocks()[system])
