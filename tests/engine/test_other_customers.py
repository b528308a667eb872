"""Report meetings for which two systems name different people, without their names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.model import Event, Person, ReportedItem, Topic
from syncd.store.queries.reported import open_items
from syncd.systems.errors import RetryableError
from tests.core.kit import v
from tests.engine.conftest import Rig
from tests.engine.fakes import FakeSystem
from tests.engine.test_twin_deleted import ANN, cycles, twins

BOB = Person(emails=("bob@example.com",), phones=("+49301234",))


def give(system: FakeSystem, event: str, person: str) -> None:
    """Change the customer of an appointment."""
    held = system.events[event]
    system.events[event] = replace(held, customer=person, updated_at=system.clock.now())
    system.customers["bob"] = BOB


def reported(rig: Rig) -> list[tuple[str, str]]:
    """Return the reported person mismatches, as (system, event)."""
    return [(i.system, i.event) for i in _items(rig)]


def _items(rig: Rig) -> list[ReportedItem]:
    return [i for i in open_items(rig.store) if i.topic is Topic.PERSON]


async def touched(rig: Rig, system: FakeSystem, event: str, person: str) -> None:
    """Change the customer of an appointment, and its update time."""
    give(system, event, person)
    await cycles(rig)


async def test_a_person_mismatch_is_one_item_until_the_systems_agree(rig: Rig) -> None:
    events = await twins(rig, "abc")
    rig.b.customers["bob"] = BOB
    await touched(rig, rig.b, events["b"], "bob")
    assert reported(rig) == [("b", events["b"])]
    (item,) = _items(rig)
    assert item.calendars == ("p",)
    assert "ann" not in item.reason + item.event
    assert "bob" not in item.reason + item.event
    await cycles(rig)
    await rig.engine.resync()
    assert len(_items(rig)) == 1
    assert _items(rig)[0].since == item.since
    await touched(rig, rig.b, events["b"], "ann")
    assert reported(rig) == []


async def test_only_a_changed_person_is_looked_up_also_after_a_restart(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = FakeSystem.customer

    async def customer(self: FakeSystem, event: Event) -> Person | None:
        asked.append(f"{self.name} {event.customer}")
        return await real(self, event)

    events = await twins(rig)
    monkeypatch.setattr(FakeSystem, "customer", customer)
    rig.restart()
    await cycles(rig)
    await rig.engine.resync()
    assert asked == []
    await touched(rig, rig.b, events["b"], "bob")
    await cycles(rig)
    await rig.engine.resync()
    assert sorted(asked) == ["a ann", "b bob"]
    asked.clear()
    rig.restart()
    await cycles(rig)
    await rig.engine.resync()
    assert asked == []
    assert reported(rig) == [("b", events["b"])]


async def test_a_person_who_cannot_be_looked_up_yet_is_compared_later(rig: Rig) -> None:
    events = await twins(rig)
    give(rig.b, events["b"], "bob")
    rig.b.faults["person"] = [RetryableError("b")]
    rig.clock.pass_(minutes=2)
    await rig.engine.poll(near=False)
    assert reported(rig) == []
    rig.a.book("p", v(40))
    await cycles(rig)
    assert reported(rig) == [("b", events["b"])]


async def test_both_records_of_a_new_person_report_nothing(rig: Rig) -> None:
    events = await twins(rig)
    rig.a.customers["bob"] = BOB
    give(rig.a, events["a"], "bob")
    await touched(rig, rig.b, events["b"], "bob")
    assert reported(rig) == []


async def test_another_id_of_the_same_person_reports_nothing(rig: Rig) -> None:
    events = await twins(rig)
    rig.b.customers["ann2"] = ANN
    await touched(rig, rig.b, events["b"], "ann2")
    assert reported(rig) == []


async def test_a_person_without_addresses_reports_nothing(rig: Rig) -> None:
    events = await twins(rig)
    rig.b.customers["nobody"] = Person()
    await touched(rig, rig.b, events["b"], "nobody")
    assert reported(rig) == []


@pytest.mark.parametrize("end", ["cancel", "delete"])
async def test_an_item_ends_with_its_meeting(rig: Rig, end: str) -> None:
    events = await twins(rig)
    await touched(rig, rig.b, events["b"], "bob")
    assert reported(rig) == [("b", events["b"])]
    getattr(rig.a, end)(events["a"])
    await cycles(rig)
    assert reported(rig) == []


async def test_an_item_lasts_when_the_meeting_moves(rig: Rig) -> None:
    events = await twins(rig)
    await touched(rig, rig.b, events["b"], "bob")
    rig.b.move(events["b"], v(30))
    await cycles(rig)
    assert rig.a.events[events["a"]].value == v(30)
    assert reported(rig) == [("b", events["b"])]
    assert [i.topic for i in (await rig.engine.resync()).items] == [Topic.PERSON]
