"""Each thing that a scenario may contain is in enough of the proven scenarios."""

from __future__ import annotations

from syncd.lab.simulate.drawn_faults import ALL, HOST
from syncd.lab.simulate.scenario import EventKind, draw_scenario
from tests.lab.simulate.rarity import OF, OFTEN, WAYS, Way, stories, too_rare


def test_each_act_fault_and_side_of_a_fact_is_drawn_often_enough() -> None:
    assert too_rare(WAYS, stories()) == {}, f"each is to be in at least {OFTEN} of {OF} stories"


def test_rare_entries_are_reported_with_their_number() -> None:
    ways = (Way("never", lambda _day: False), Way("always", lambda _day: True))
    assert too_rare(ways, [draw_scenario(0), draw_scenario(1)]) == {"never": 0}


def test_every_act_and_fault_is_counted() -> None:
    names = {way.name for way in WAYS}
    assert len(names) == len(WAYS)
    assert {f"act {what}" for what in EventKind} <= names
    assert {f"fault {fault}" for fault in ALL - HOST - {"disk"}} <= names
