"""Migrate a state of a version in which every known tag counted as ours, with open writes."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from syncd.engine.report.run_report import RunExit
from syncd.model import Action, Kind
from syncd.store import Store
from syncd.store.database import version
from syncd.systems.port import Capabilities
from tests.engine.conftest import Rig
from tests.engine.states import queued, restored

STATE = "before_ownership"
THEIRS = {"b": {"b4", "b5", "b6", "b7"}, "c": {"c7"}}
"""Copies of our blocks, and an appointment with a customer made out of one (b7)."""

OURS = {"b": {"b1", "b2", "b3"}, "c": {"c1", "c2", "c3", "c4", "c5"}}


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """Return the systems on the day of the upgrade; system c still has a queued move."""
    found = restored(tmp_path / "state.db", STATE)
    found.c.capabilities = Capabilities(asynchronous=found.c.capabilities.asynchronous)
    jobs = queued(found, STATE)["c"]
    found.c.queue = [o for o in jobs if o.action is Action.MOVE_BLOCK]
    return found


async def until_quiet(rig: Rig) -> None:
    """Sync until nothing is left; queued writes are carried out or dropped."""
    for _ in range(3):
        await rig.engine.resync()
        rig.c.run_queue()
        rig.clock.pass_(minutes=11)
    report = await rig.engine.resync()
    assert (report.planned, report.pending) == ([], 0)
    assert report.exit in {RunExit.DONE, RunExit.CONFLICTS}


def test_only_what_a_journal_row_proves_stays_ours(rig: Rig) -> None:
    for system in ("b", "c"):
        records = rig.store.records(system, THEIRS[system] | OURS[system])
        assert {r.id for r in records if r.created_by_us} == OURS[system]
    assert len(rig.store.open_conflicts()) == 1
    rig.store.close()


async def test_blocks_of_people_are_not_written_to_and_ours_stay_in_sync(rig: Rig) -> None:
    before = {s.name: {e: s.events[e] for e in THEIRS.get(s.name, ())} for s in rig.systems}
    await until_quiet(rig)
    for system in rig.systems:
        theirs = THEIRS.get(system.name, set())
        assert {e: system.events[e] for e in theirs} == before[system.name]
        assert not theirs & {o.event for o in system.writes}
        blocks = Counter(
            (h.provider, h.value.interval) for h in system.events.values() if h.kind is Kind.BLOCK
        )
        assert set(blocks.values()) <= {1}
    # A person's copy in b is busy time, so a and c are blocked.
    for event in ("b4", "b5", "b6", "b7"):
        held = rig.b.events[event]
        for system in (rig.a, rig.c):
            there = {
                h.value.interval for h in system.events.values() if h.provider == held.provider
            }
            assert held.value.interval in there, (event, system.name)
    assert "b1" not in rig.b.events
    rig.store.close()


async def test_when_all_meetings_end_our_blocks_go_and_copies_stay(rig: Rig) -> None:
    await until_quiet(rig)
    for event in list(rig.a.events):
        if rig.a.events[event].kind is Kind.APPOINTMENT:
            rig.a.delete(event)
    rig.b.delete("b0")
    await until_quiet(rig)
    records = rig.store.records("b", rig.b.events)
    assert {r.id for r in records if not r.created_by_us} == THEIRS["b"]
    # Our remaining blocks are those for the copy in c.
    ours = [rig.b.events[r.id].value for r in records if r.created_by_us]
    assert ours == [rig.c.events["c7"].value]
    rig.store.close()


async def test_a_migration_that_keeps_all_ownership_would_be_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plant a migration after which every record that counted as ours still does."""
    folder = shutil.copytree(version.MIGRATIONS, tmp_path / "migrations")
    file = folder / "versions" / "m0002_ownership.py"
    file.write_text(
        file.read_text().replace("    WHERE intent.action", "    WHERE 1 = 1 OR intent.action")
    )
    monkeypatch.setattr(version, "MIGRATIONS", folder)
    rig = restored(tmp_path / "state.db", STATE)
    with pytest.raises((AssertionError, KeyError)):
        await test_blocks_of_people_are_not_written_to_and_ours_stay_in_sync(rig)
    rig.store.close()


def test_a_migrated_state_is_not_migrated_again(tmp_path: Path) -> None:
    rig = restored(tmp_path / "state.db", STATE)
    rig.store.close()
    with closing(sqlite3.connect(rig.path)) as database:
        database.execute("UPDATE event SET fingerprint = 'known'")
        database.commit()
    Store.open(rig.path).close()
    with closing(sqlite3.connect(rig.path)) as database:
        assert database.execute("SELECT DISTINCT fingerprint FROM event").fetchall() == [("known",)]
