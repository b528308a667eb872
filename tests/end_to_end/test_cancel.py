"""Cancellations through LeadSquared's bulk cancel at a configured address."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.engine.report.run_report import SystemStatus
from syncd.engine.writing import recovery
from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.lab.simulate.loop import VirtualClock
from syncd.model import Action, ConflictKind
from tests.able import with_lag
from tests.end_to_end.conftest import Site, opened

PATH = "Task.svc/BulkCancelAppointments"


@pytest.fixture
async def clinic(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Site]:
    """Yield an empty site whose LeadSquared account can cancel."""
    async with opened(Site, tmp_path, clock, empty=True, configured=cancelling) as made:
        for system in made.app.systems.values():
            # Otherwise the first change of a status in each account is made alone.
            system.measured.note("status_changes_only_status", "yes")
        yield made


@pytest.fixture
async def served_clinic(tmp_path: Path) -> AsyncIterator[Site]:
    """Yield the same on loopback sockets, for another process."""
    async with opened(Site, tmp_path, empty=True, configured=cancelling) as made:
        yield made


def cancelling(text: str) -> str:
    """Configure the address of the bulk cancel."""
    cancels = f'[systems.crm]\ncancel_as = "cancel"\ncancel_path = "{PATH}"'
    return text.replace("[systems.crm]", cancels)


def sent(site: Site) -> int:
    """Return the number of requests to the bulk cancel."""
    return sum(call.path == f"/{PATH}" for call in site.world.sandbox.crm.calls)


async def twins(site: Site, *hours: int) -> tuple[list[str], list[str]]:
    """Enter meetings in both crm and clinic; return their ids in both."""
    crm, clinic = [], []
    for hour in hours:
        who = ("alice", "bob")[hour % 2]
        crm.append(site.world.book("crm", who, site.world.at(1, hour)))
        clinic.append(site.world.book("clinic", who, site.world.at(1, hour)))
    await site.resync()
    assert site.disagreements() == []
    return crm, clinic


def statuses(site: Site) -> dict[str, str]:
    return {a.id: a.status for a in site.world.sandbox.crm.appointments() if not a.deleted}


@pytest.mark.parametrize("lists_cancelled", [True, False])
async def test_all_cancellations_of_a_cycle_are_one_call_confirmed_by_reading(
    clinic: Site, *, lists_cancelled: bool
) -> None:
    crm = clinic.world.sandbox.crm
    crm.lists_cancelled = lists_cancelled
    mine, theirs = await twins(clinic, 9, 10, 12)
    for event in theirs:
        clinic.world.sandbox.clinic.cancel(event)
    report = await clinic.resync()
    assert set(statuses(clinic).values()) == {"cancelled"}
    assert sorted(crm.cancelled) == sorted(mine)
    assert sent(clinic) == 1
    assert report.operations[Action.SET_STATUS] == 3
    assert clinic.disagreements() == []
    assert clinic.app.store.pending_intents() == []
    report = await clinic.resync()
    assert report.converged
    before = clinic.calls()
    await clinic.app.engine.poll(near=True)
    await clinic.app.engine.poll(near=False)
    after = clinic.calls()
    # Appointments that are off cost no question by their ids, whether or not lists show them.
    assert after["crm"] - before["crm"] == 2


async def test_the_base_moves_only_when_a_read_shows_the_cancellation(clinic: Site) -> None:
    (mine,), (theirs,) = await twins(clinic, 9)
    clinic.world.sandbox.crm.usual_job_seconds = 3600
    clinic.world.sandbox.clinic.cancel(theirs)
    await clinic.app.engine.poll(near=False)
    await clinic.app.engine.poll(near=False)
    (record,) = clinic.app.store.records("crm", [mine])
    assert record.base is not None
    assert record.base.busy
    assert len(clinic.app.store.pending_intents()) == 1
    assert sent(clinic) == 1


@pytest.mark.parametrize("answer", ["html", "error", "forbidden", "unknown", "nothing", "odd-none"])
async def test_a_wrong_cancel_address_loses_nothing_and_the_note_names_it(
    clinic: Site, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = clinic.world.sandbox.crm
    crm.cancel_answer = answer
    if answer == "odd-none":
        crm.cancel_path, crm.cancel_answer = "Task.svc/Elsewhere", ""
    # Each queued cancellation that the next read does not show is overdue.
    monkeypatch.setattr(recovery, "DEADLINE", timedelta(0))
    monkeypatch.setattr(recovery, "MAX_SEND_DELAY", timedelta(0))
    system = clinic.app.systems["crm"]
    with_lag(system, timedelta(0))
    (first, second), theirs = await twins(clinic, 9, 10)
    for event in theirs:
        clinic.world.sandbox.clinic.cancel(event)
    clinic.world.book("clinic", "carol", clinic.world.at(1, 15))
    reports = []
    for _ in range(5):
        reports.append(await clinic.app.engine.poll(near=False))
        await clinic.clock.sleep(1)
    assert statuses(clinic) == {first: "confirmed", second: "confirmed"}
    conflicts = clinic.app.store.open_conflicts()
    assert {h.conflict.kind for h in conflicts} == {ConflictKind.QUARANTINED}
    assert len(conflicts) == 2
    assert all(f'cancel_path = "{PATH}"' in h.conflict.note for h in conflicts)
    # An answer that says nothing of the address makes syncd look for a row at fault.
    assert sent(clinic) == (9 if answer == "error" else 3)
    assert reports[-1].systems["crm"].state is SystemStatus.OK
    assert reports[-1].conflicts == 2
    # The rest goes on: the new booking's time is closed in crm.
    assert any(b.start == clinic.world.at(1, 15) for b in crm.blocks())
    # Both meetings are still there, and syncd knows it.
    known = clinic.app.store.records("crm", [first, second])
    assert all(r.observed is not None and r.observed.busy for r in known)


@pytest.mark.parametrize("answer", ["bare", "odd"])
async def test_an_answer_in_other_words_is_believed_once_a_read_shows_it(
    clinic: Site, answer: str
) -> None:
    clinic.world.sandbox.crm.cancel_answer = answer
    _, (theirs,) = await twins(clinic, 9)
    clinic.world.sandbox.clinic.cancel(theirs)
    report = await clinic.resync()
    assert set(statuses(clinic).values()) == {"cancelled"}
    assert sent(clinic) == 1
    assert report.converged


async def test_a_lost_answer_is_looked_after_before_anything_is_sent_again(clinic: Site) -> None:
    crm = clinic.world.sandbox.crm
    _, (theirs,) = await twins(clinic, 9)
    crm.faults.add(Fault(FaultKind.LOSE_AFTER, path=f"/{PATH}", times=1))
    clinic.world.sandbox.clinic.cancel(theirs)
    await clinic.resync()
    assert set(statuses(clinic).values()) == {"cancelled"}
    assert sent(clinic) == 1


async def test_a_block_is_deleted_and_never_cancelled(clinic: Site) -> None:
    event = clinic.world.book("clinic", "alice", clinic.world.at(1, 9))
    await clinic.resync()
    clinic.world.sandbox.clinic.cancel(event)
    await clinic.resync()
    assert clinic.disagreements() == []
    assert sent(clinic) == 0
    assert [b.deleted for b in clinic.world.sandbox.crm.blocks()] == [True]


async def test_only_the_row_that_cannot_be_cancelled_is_quarantined(clinic: Site) -> None:
    crm = clinic.world.sandbox.crm
    (bad, good, other), theirs = await twins(clinic, 9, 10, 12)
    crm.refuses_rows = frozenset({bad})
    for event in theirs:
        clinic.world.sandbox.clinic.cancel(event)
    for _ in range(3):
        await clinic.resync()
    assert statuses(clinic) == {bad: "confirmed", good: "cancelled", other: "cancelled"}
    (conflict,) = clinic.app.store.open_conflicts()
    assert conflict.conflict.kind is ConflictKind.QUARANTINED


async def test_a_cancelled_meeting_that_is_on_again_is_closed_by_a_block(clinic: Site) -> None:
    _, (theirs,) = await twins(clinic, 9)
    platform = clinic.world.sandbox.clinic
    platform.cancel(theirs)
    await clinic.resync()
    assert sent(clinic) == 1
    platform.set_status(theirs, "confirmed")
    await clinic.resync()
    await clinic.resync()
    # LeadSquared cannot put it on again, so a block closes its time there.
    assert set(statuses(clinic).values()) == {"cancelled"}
    assert sent(clinic) == 1
    blocks = [b for b in clinic.world.sandbox.crm.blocks() if not b.deleted]
    assert [b.start for b in blocks] == [clinic.world.at(1, 9)]


async def test_once_the_address_is_right_an_answer_makes_syncd_try_again(
    served_clinic: Site,
) -> None:
    clinic = served_clinic
    crm = clinic.world.sandbox.crm
    crm.cancel_answer = "unknown"
    _, (theirs,) = await twins(clinic, 9)
    clinic.world.sandbox.clinic.cancel(theirs)
    for _ in range(4):
        await clinic.app.engine.poll(near=False)
    (conflict,) = clinic.app.store.open_conflicts()
    crm.cancel_answer = ""
    await clinic.app.aclose()
    arguments = [
        "--config",
        str(clinic.path),
        "conflicts",
        "resolve",
        conflict.id,
        "--take",
        "clinic",
    ]
    command = await asyncio.create_subprocess_exec(sys.executable, "-m", "syncd", *arguments)
    code = await command.wait()
    clinic.start()
    assert code == 0
    assert set(statuses(clinic).values()) == {"cancelled"}
    assert clinic.app.store.open_conflicts() == []
