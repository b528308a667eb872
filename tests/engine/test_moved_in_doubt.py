"""Hold a conflict if several meetings beyond the window could be the twin of a moved one."""

from __future__ import annotations

import pytest

from syncd.core.conflicts.resolution import Resolution, ResolutionKind
from syncd.engine.operator.resolve import resolve_conflict
from syncd.model import ConflictKind, Kind
from tests.core.kit import v
from tests.engine.conftest import Rig
from tests.engine.test_moved_into_window import FAR, LATER, SOON, book, reads, settle, shown
from tests.engine.test_twin_deleted import cycles


async def test_a_shared_contact_makes_the_twin_ambiguous(rig: Rig) -> None:
    """Many bookings share one contact: any of them could be the twin, so none is chosen."""
    events, _ = book(rig, "ab"), [book(rig, "b", v(24 * 100 + n)) for n in (2, 4)]
    await settle(rig)
    rig.a.move(events["a"], SOON)
    await cycles(rig)
    (held,) = rig.store.open_conflicts()
    assert (held.conflict.kind, len(held.conflict.claims)) == (ConflictKind.AMBIGUOUS, 4)
    assert [o for o in rig.b.writes if o.kind is Kind.APPOINTMENT] == []


async def test_candidates_at_different_times_are_ambiguous(rig: Rig) -> None:
    events = book(rig, "ab") | book(rig, "c", LATER)
    await settle(rig)
    rig.a.move(events["a"], SOON)
    await cycles(rig)
    assert [h.conflict.kind for h in rig.store.open_conflicts()] == [ConflictKind.AMBIGUOUS]
    assert shown(rig, events) == {
        "a": SOON.interval,
        "b": FAR.interval,
        "c": LATER.interval,
    }


async def ambiguous(rig: Rig) -> tuple[dict[str, str], dict[str, str]]:
    """Move one of ann's meetings into the window; two others could be its twin."""
    events, further = book(rig, "ab"), book(rig, "b", LATER)
    await settle(rig)
    rig.a.move(events["a"], SOON)
    await cycles(rig)
    return events, further


async def test_several_candidates_are_ambiguous_and_nothing_moves(rig: Rig) -> None:
    events, further = await ambiguous(rig)
    assert shown(rig, events) == {"a": SOON.interval, "b": FAR.interval}
    assert shown(rig, further) == {"b": LATER.interval}
    (held,) = rig.store.open_conflicts()
    assert held.conflict.kind is ConflictKind.AMBIGUOUS
    assert [(c.system, c.event) for c in held.conflict.claims] == [
        ("a", events["a"]),
        ("b", events["b"]),
        ("b", further["b"]),
    ]
    # Its time is blocked until then; the other times are unchanged.
    assert rig.blocks() == {"a": [], "b": [SOON.interval], "c": [SOON.interval]}
    rig.restart()
    before = reads(rig)
    await cycles(rig)
    assert [h.id for h in rig.store.open_conflicts()] == [held.id]
    assert reads(rig) == [n + 3 for n in before]


@pytest.mark.parametrize("chosen", ["events", "further"])
async def test_a_person_chooses_the_twin(rig: Rig, chosen: str) -> None:
    events, further = await ambiguous(rig)
    mine, other = (events, further) if chosen == "events" else (further, events)
    stays = LATER if chosen == "events" else FAR
    (held,) = rig.store.open_conflicts()
    await resolve_conflict(rig.engine, held.id, Resolution(ResolutionKind.TAKE, "b", mine["b"]))
    await cycles(rig)
    assert rig.b.events[mine["b"]].value == SOON
    assert rig.b.events[other["b"]].value == stays
    assert rig.blocks() == {"a": [], "b": [], "c": [SOON.interval]}
    assert rig.store.open_conflicts() == []


async def test_a_person_rejects_all_candidates(rig: Rig) -> None:
    events, further = await ambiguous(rig)
    (held,) = rig.store.open_conflicts()
    await resolve_conflict(rig.engine, held.id, Resolution(ResolutionKind.KEEP_BOTH))
    before = reads(rig)
    await cycles(rig)
    assert shown(rig, {"b": events["b"]}) == {"b": FAR.interval}
    assert rig.blocks() == {"a": [], "b": [SOON.interval], "c": [SOON.interval]}
    assert (rig.store.open_conflicts(), reads(rig)) == ([], [n + 3 for n in before])
    assert len(rig.store.bookings("p")) == 1
    del further


async def test_the_conflict_ends_when_the_meeting_is_cancelled(rig: Rig) -> None:
    events, _ = await ambiguous(rig)
    rig.a.cancel(events["a"])
    await cycles(rig)
    assert rig.store.open_conflicts() == []
    assert rig.blocks() == {"a": [], "b": [], "c": []}
    assert rig.b.events[events["b"]].value == FAR


async def test_the_conflict_ends_when_a_person_moves_the_twin(rig: Rig) -> None:
    events, further = await ambiguous(rig)
    rig.b.move(events["b"], SOON)
    await cycles(rig)
    assert rig.store.open_conflicts() == []
    assert rig.blocks() == {"a": [], "b": [], "c": [SOON.interval]}
    assert shown(rig, further) == {"b": LATER.interval}
