"""Pauses are stored once, keep their first time, and are dropped by name."""

from __future__ import annotations

from datetime import timedelta

from syncd.engine.writing.pauses import paused
from syncd.model.pauses import Pause
from syncd.store import Store
from syncd.store.queries.pauses import end_pauses, pauses, save_pauses
from tests.store.kit import DAY

LATER = DAY + timedelta(hours=1)


def test_a_second_pause_of_the_same_keeps_the_first_since_and_person(store: Store) -> None:
    first = Pause("crm", "", DAY, "ann", "a move of offices")
    assert save_pauses(store, first) == [first]
    assert save_pauses(store, Pause("crm", "", LATER, "bob", "no idea")) == []
    assert pauses(store) == [first]


def test_a_paused_system_provider_or_calendar_covers_just_its_calendars(store: Store) -> None:
    system, provider = Pause("crm", "", DAY), Pause("", "carol", LATER)
    one = Pause("ghl", "bob", LATER)
    save_pauses(store, system, provider, one)
    asked = [(p, s) for p in ("alice", "bob", "carol") for s in ("crm", "ghl", "old")]
    found = {f"{p}/{s}": paused(store, p, s) for p, s in asked}
    assert {name: pause.id for name, pause in found.items() if pause is not None} == {
        "alice/crm": "crm",
        "bob/crm": "crm",
        "bob/ghl": "bob/ghl",
        "carol/crm": "crm",
        "carol/ghl": "carol",
        "carol/old": "carol",
    }
    assert [each.kind for each in (system, provider, one)] == ["system", "provider", "calendar"]


def test_an_ended_pause_leaves_the_others_in_force(store: Store) -> None:
    system, provider = Pause("crm", "", DAY), Pause("", "carol", LATER)
    save_pauses(store, system, provider)
    end_pauses(store, [system])
    assert pauses(store) == [provider]
    end_pauses(store, [system])
    assert pauses(store) == [provider]
