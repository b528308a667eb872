"""Hold a conflict if several meetings beyond the window could be the twin of a moved one."""

from __future__ import annotations

import pytest

from syncd.core.resolution import Resolution, ResolutionKind
from syncd.engine.resolve import resolve_conflict
from syncd.model import ConflictKind, Kind
from tests.core.kit import v
from tests.engine.conftest import Shop
from tests.engine.test_moved_into_window import FAR, LATER, SOON, book, reads, settle, shown
from tests.engine.test_twin_deleted import cycles


async def test_a_shared_contact_makes_the_twin_ambiguous(shop: Shop) -> None:
    """Many bookings share one contact: any of them could be the twin, so none is chosen."""
    events, _ = book(shop, "ab"), [book(shop, "b", v(24 * 100 + n)) for n in (2, 4)]
    await settle(shop)
    shop.a.move(events["a"], SOON)
    await cycles(shop)
    (held,) = shop.store.open_conflicts()
    assert (held.conflict.kind, len(held.conflict.claims)) == (ConflictKind.AMBIGUOUS, 4)
    assert [o for o in shop.b.writes if o.kind is Kind.APPOINTMENT] == []


async def test_candidates_at_different_times_are_ambiguous(shop: Shop) -> None:
    events = book(shop, "ab") | book(shop, "c", LATER)
    await settle(shop)
    shop.a.move(events["a"], SOON)
    await cycles(shop)
    assert [h.conflict.kind for h in shop.store.open_conflicts()] == [ConflictKind.AMBIGUOUS]
    assert shown(shop, events) == {
        "a": SOON.interval,
        "b": FAR.interval,
        "c": LATER.interval,
    }


async def ambiguous(shop: Shop) -> tuple[dict[str, str], dict[str, str]]:
    """Move one of ann's meetings into the window; two others could be its twin."""
    events, further = book(shop, "ab"), book(shop, "b", LATER)
    await settle(shop)
    shop.a.move(events["a"], SOON)
    await cycles(shop)
    return events, further


async def test_several_candidates_are_ambiguous_and_nothing_moves(shop: Shop) -> None:
    events, further = await ambiguous(shop)
    assert shown(shop, events) == {"a": SOON.interval, "b": FAR.interval}
    assert shown(shop, further) == {"b": LATER.interval}
    (held,) = shop.store.open_conflicts()
    assert held.conflict.kind is ConflictKind.AMBIGUOUS
    assert [(c.system, c.event) for c in held.conflict.claims] == [
        ("a", events["a"]),
        ("b", events["b"]),
        ("b", further["b"]),
    ]
    # Its time is blocked until then; the other times are unchanged.
    assert shop.blocks() == {"a": [], "b": [SOON.interval], "c": [SOON.interval]}
    shop.restart()
    before = reads(shop)
    await cycles(shop)
    assert [h.id for h in shop.store.open_conflicts()] == [held.id]
    assert reads(shop) == [n + 3 for n in before]


@pytest.mark.parametrize("chosen", ["events", "further"])
async def test_a_person_chooses_the_twin(shop: Shop, chosen: str) -> None:
    events, further = await ambiguous(shop)
    mine, other = (events, further) if chosen == "events" else (further, events)
    stays = LATER if chosen == "events" else FAR
    (held,) = shop.store.open_conflicts()
    await resolve_conflict(shop.engine, held.id, Resolution(ResolutionKind.TAKE, "b", mine["b"]))
    await cycles(shop)
    assert shop.b.events[mine["b"]].value == SOON
    assert shop.b.events[other["b"]].value == stays
    assert shop.blocks() == {"a": [], "b": [], "c": [SOON.interval]}
    assert shop.store.open_conflicts() == []


async def test_a_person_rejects_all_candidates(shop: Shop) -> None:
    events, further = await ambiguous(shop)
    (held,) = shop.store.open_conflicts()
    await resolve_conflict(shop.engine, held.id, Resolution(ResolutionKind.KEEP_BOTH))
    before = reads(shop)
    await cycles(shop)
    assert shown(shop, {"b": events["b"]}) == {"b": FAR.interval}
    assert shop.blocks() == {"a": [], "b": [SOON.interval], "c": [SOON.interval]}
    assert (shop.store.open_conflicts(), reads(shop)) == ([], [n + 3 for n in before])
    assert len(shop.store.bookings("p")) == 1
    del further


async def test_the_conflict_ends_when_the_meeting_is_cancelled(shop: Shop) -> None:
    events, _ = await ambiguous(shop)
    shop.a.cancel(events["a"])
    await cycles(shop)
    assert shop.store.open_conflicts() == []
    assert shop.blocks() == {"a": [], "b": [], "c": []}
    assert shop.b.events[events["b"]].value == FAR


async def test_the_conflict_ends_when_a_person_moves_the_twin(shop: Shop) -> None:
    events, further = await ambiguous(shop)
    shop.b.move(events["b"], SOON)
    await cycles(shop)
    assert shop.store.open_conflicts() == []
    assert shop.blocks() == {"a": [], "b": [], "c": [SOON.interval]}
    assert shown(shop, further) == {"b": LATER.interval}
