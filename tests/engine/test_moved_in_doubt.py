"""Hold a conflict if several meetings beyond the window could be the twin of a moved one."""

from __future__ import annotations

import pytest

from syncd.core.resolution import Resolution, ResolutionKind
from syncd.engine.resolve import resolve_conflict
from syncd.model import ConflictKind, Kind
from tests.core.kit import v
from tests.engine.conftest import EngineHarness
from tests.engine.test_moved_into_window import FAR, LATER, SOON, book, reads, settle, shown
from tests.engine.test_twin_deleted import cycles


async def test_a_shared_contact_makes_the_twin_ambiguous(harness: EngineHarness) -> None:
    """Many bookings share one contact: any of them could be the twin, so none is chosen."""
    events, _ = book(harness, "ab"), [book(harness, "b", v(24 * 100 + n)) for n in (2, 4)]
    await settle(harness)
    harness.a.move(events["a"], SOON)
    await cycles(harness)
    (held,) = harness.store.open_conflicts()
    assert (held.conflict.kind, len(held.conflict.claims)) == (ConflictKind.AMBIGUOUS, 4)
    assert [o for o in harness.b.writes if o.kind is Kind.APPOINTMENT] == []


async def test_candidates_at_different_times_are_ambiguous(harness: EngineHarness) -> None:
    events = book(harness, "ab") | book(harness, "c", LATER)
    await settle(harness)
    harness.a.move(events["a"], SOON)
    await cycles(harness)
    assert [h.conflict.kind for h in harness.store.open_conflicts()] == [ConflictKind.AMBIGUOUS]
    assert shown(harness, events) == {
        "a": SOON.interval,
        "b": FAR.interval,
        "c": LATER.interval,
    }


async def ambiguous(harness: EngineHarness) -> tuple[dict[str, str], dict[str, str]]:
    """Move one of ann's meetings into the window; two others could be its twin."""
    events, further = book(harness, "ab"), book(harness, "b", LATER)
    await settle(harness)
    harness.a.move(events["a"], SOON)
    await cycles(harness)
    return events, further


async def test_several_candidates_are_ambiguous_and_nothing_moves(harness: EngineHarness) -> None:
    events, further = await ambiguous(harness)
    assert shown(harness, events) == {"a": SOON.interval, "b": FAR.interval}
    assert shown(harness, further) == {"b": LATER.interval}
    (held,) = harness.store.open_conflicts()
    assert held.conflict.kind is ConflictKind.AMBIGUOUS
    assert [(c.system, c.event) for c in held.conflict.claims] == [
        ("a", events["a"]),
        ("b", events["b"]),
        ("b", further["b"]),
    ]
    # Its time is blocked until then; the other times are unchanged.
    assert harness.blocks() == {"a": [], "b": [SOON.interval], "c": [SOON.interval]}
    harness.restart()
    before = reads(harness)
    await cycles(harness)
    assert [h.id for h in harness.store.open_conflicts()] == [held.id]
    assert reads(harness) == [n + 3 for n in before]


@pytest.mark.parametrize("chosen", ["events", "further"])
async def test_a_person_chooses_the_twin(harness: EngineHarness, chosen: str) -> None:
    events, further = await ambiguous(harness)
    mine, other = (events, further) if chosen == "events" else (further, events)
    stays = LATER if chosen == "events" else FAR
    (held,) = harness.store.open_conflicts()
    await resolve_conflict(harness.engine, held.id, Resolution(ResolutionKind.TAKE, "b", mine["b"]))
    await cycles(harness)
    assert harness.b.events[mine["b"]].value == SOON
    assert harness.b.events[other["b"]].value == stays
    assert harness.blocks() == {"a": [], "b": [], "c": [SOON.interval]}
    assert harness.store.open_conflicts() == []


async def test_a_person_rejects_all_candidates(harness: EngineHarness) -> None:
    events, further = await ambiguous(harness)
    (held,) = harness.store.open_conflicts()
    await resolve_conflict(harness.engine, held.id, Resolution(ResolutionKind.KEEP_BOTH))
    before = reads(harness)
    await cycles(harness)
    assert shown(harness, {"b": events["b"]}) == {"b": FAR.interval}
    assert harness.blocks() == {"a": [], "b": [SOON.interval], "c": [SOON.interval]}
    assert (harness.store.open_conflicts(), reads(harness)) == ([], [n + 3 for n in before])
    assert len(harness.store.bookings("p")) == 1
    del further


async def test_the_conflict_ends_when_the_meeting_is_cancelled(harness: EngineHarness) -> None:
    events, _ = await ambiguous(harness)
    harness.a.cancel(events["a"])
    await cycles(harness)
    assert harness.store.open_conflicts() == []
    assert harness.blocks() == {"a": [], "b": [], "c": []}
    assert harness.b.events[events["b"]].value == FAR


async def test_the_conflict_ends_when_a_person_moves_the_twin(harness: EngineHarness) -> None:
    events, further = await ambiguous(harness)
    harness.b.move(events["b"], SOON)
    await cycles(harness)
    assert harness.store.open_conflicts() == []
    assert harness.blocks() == {"a": [], "b": [], "c": [SOON.interval]}
    assert shown(harness, further) == {"b": LATER.interval}
