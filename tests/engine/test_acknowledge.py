"""Test acknowledgements: an acknowledged item is not reported until it changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.engine.operator.acknowledge import AcknowledgeError, acknowledge_entry, entries
from syncd.model import Changes, ConflictKind, ReportedItem, StoredConflict, Topic
from syncd.store import Store
from syncd.store.queries.reported import acknowledgements_of, shown_items
from tests.store.kit import DAY, held, item, rec, v


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store.open("sqlite://")
    yield store
    store.close()


def shown(store: Store) -> list[ReportedItem]:
    return shown_items(store, DAY, acknowledgements_of(store))


def pair(*, hold: bool) -> StoredConflict:
    found = held("pairabc")
    kind = ConflictKind.DOUBLE_BOOKED
    return replace(found, conflict=replace(found.conflict, kind=kind, held=hold))


def test_an_acknowledgement_and_its_undo_are_in_the_history(store: Store) -> None:
    store.apply(Changes(reported=[item("e"), item("f")]))
    one = item("e")
    done = acknowledge_entry(store, one.id[:5].upper(), "kim", DAY, undo=False)
    assert (done.id, done.by, done.at) == (one.id, "kim", DAY)
    assert [i.acknowledged_at for i in shown(store)] == [DAY, None]
    acknowledge_entry(store, one.id, "kim", DAY, undo=True)
    assert [i.acknowledged_at for i in shown(store)] == [None, None]
    notes = [(n.what, n.rule, n.event) for n in store.history()]
    assert notes == [
        ("acknowledgement taken back", "by kim", "e"),
        ("acknowledged", "by kim", "e"),
    ]
    with pytest.raises(AcknowledgeError, match="is not acknowledged"):
        acknowledge_entry(store, one.id, "kim", DAY, undo=True)


def test_a_second_acknowledgement_does_not_replace_the_first(store: Store) -> None:
    store.apply(Changes(reported=[item("e")]))
    acknowledge_entry(store, item("e").id, "kim", DAY, undo=False)
    later = DAY + timedelta(days=1)
    again = acknowledge_entry(store, item("e").id, "alex", later, undo=False)
    assert (again.by, again.at) == ("kim", DAY)


def test_an_unknown_id_suggests_similar_ones(store: Store) -> None:
    store.apply(Changes(reported=[item("e")]))
    known = item("e").id
    wrong = known[:-1] + ("0" if known[-1] != "0" else "1")
    with pytest.raises(AcknowledgeError) as raised:
        acknowledge_entry(store, wrong, "", DAY, undo=False)
    assert raised.value.remedy == f"Did you mean {known}?"
    for nothing in ("", "  ", "%", "zzz"):
        with pytest.raises(AcknowledgeError, match="no reported item"):
            acknowledge_entry(store, nothing, "", DAY, undo=False)


def test_an_ambiguous_id_lists_the_full_ids(store: Store) -> None:
    many = [item(f"e{n}") for n in range(40)]
    store.apply(Changes(records=[rec("well", v(9))], reported=many))
    letters = [i.digest[0] for i in many]
    common = max(letters, key=letters.count)
    with pytest.raises(AcknowledgeError) as raised:
        acknowledge_entry(store, common, "", DAY, undo=False)
    assert any(i.digest in raised.value.remedy for i in many if i.digest[0] == common)


def test_a_double_booking_that_is_not_held_can_be_acknowledged(store: Store) -> None:
    store.apply(Changes(opened=[pair(hold=False)]))
    assert acknowledge_entry(store, "paira", "kim", DAY, undo=False).at == DAY
    (entry,) = entries(store, DAY)
    assert (entry.what, entry.by) == ("double_booked", "kim")


def test_a_held_conflict_is_refused_with_the_command_that_decides(store: Store) -> None:
    guard = replace(pair(hold=True), id="guard", run="run7")
    guard = replace(guard, conflict=replace(guard.conflict, kind=ConflictKind.GUARD))
    store.apply(Changes(opened=[pair(hold=True), guard]))
    for start, command in (("pairabc", "conflicts resolve pairabc"), ("guard", "--accept run7")):
        with pytest.raises(AcknowledgeError) as raised:
            acknowledge_entry(store, start, "", DAY, undo=False)
        assert command in raised.value.remedy


def test_every_row_of_a_system_in_the_state_is_one_item(store: Store) -> None:
    rows = [item(f"e{n}", topic=Topic.ASSUMED) for n in range(5)]
    known = [rec(f"e{n}", v(9)) for n in range(5)]
    store.apply(Changes(records=known, reported=rows))
    assert [i.topic for i in shown(store)] == [Topic.ACCOUNT]
    ours = rec("block", v(9), created_by_us=True)
    over = rec("over", v(-30))
    elsewhere = rec("other", v(9), "b")
    store.apply(Changes(records=[ours, over, elsewhere, rec("e1@users/u", v(9))]))
    assert [len(i.events) for i in shown(store)] == [5]
    store.apply(Changes(records=[rec("well", v(9))]))
    assert len(shown(store)) == 5
