"""Report meetings for which two systems name different people, without their names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.model import Event, Person, ReportedItem, Topic
from syncd.store.reported import open_items
from syncd.systems.port import RetryableError
from tests.core.kit import v
from tests.engine.conftest import EngineHarness
from tests.engine.fakes import FakeSystem
from tests.engine.test_twin_deleted import ANN, cycles, twins

BOB = Person(emails=("bob@example.com",), phones=("+49301234",))


def give(system: FakeSystem, event: str, person: str) -> None:
    """Change the customer of an appointment."""
    held = system.events[event]
    system.events[event] = replace(held, person=person, updated_at=system.clock.now())
    system.persons["bob"] = BOB


def reported(harness: EngineHarness) -> list[tuple[str, str]]:
    """Return the reported person mismatches, as (system, event)."""
    return [(i.system, i.event) for i in _items(harness)]


def _items(harness: EngineHarness) -> list[ReportedItem]:
    return [i for i in open_items(harness.store) if i.topic is Topic.PERSON]


async def touched(harness: EngineHarness, system: FakeSystem, event: str, person: str) -> None:
    """Change the customer of an appointment, and its update time."""
    give(system, event, person)
    await cycles(harness)


async def test_a_person_mismatch_is_one_item_until_the_systems_agree(
    harness: EngineHarness,
) -> None:
    events = await twins(harness, "abc")
    harness.b.persons["bob"] = BOB
    await touched(harness, harness.b, events["b"], "bob")
    assert reported(harness) == [("b", events["b"])]
    (item,) = _items(harness)
    assert item.calendars == ("p",)
    assert "ann" not in item.reason + item.event
    assert "bob" not in item.reason + item.event
    await cycles(harness)
    await harness.engine.resync()
    assert len(_items(harness)) == 1
    assert _items(harness)[0].since == item.since
    await touched(harness, harness.b, events["b"], "ann")
    assert reported(harness) == []


async def test_only_a_changed_person_is_looked_up_also_after_a_restart(
    harness: EngineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = FakeSystem.person

    async def person(self: FakeSystem, event: Event) -> Person | None:
        asked.append(f"{self.name} {event.person}")
        return await real(self, event)

    events = await twins(harness)
    monkeypatch.setattr(FakeSystem, "person", person)
    harness.restart()
    await cycles(harness)
    await harness.engine.resync()
    assert asked == []
    await touched(harness, harness.b, events["b"], "bob")
    await cycles(harness)
    await harness.engine.resync()
    assert sorted(asked) == ["a ann", "b bob"]
    asked.clear()
    harness.restart()
    await cycles(harness)
    await harness.engine.resync()
    assert asked == []
    assert reported(harness) == [("b", events["b"])]


async def test_a_person_who_cannot_be_looked_up_yet_is_compared_later(
    harness: EngineHarness,
) -> None:
    events = await twins(harness)
    give(harness.b, events["b"], "bob")
    harness.b.faults["person"] = [RetryableError("b")]
    harness.clock.pass_(minutes=2)
    await harness.engine.poll(near=False)
    assert reported(harness) == []
    harness.a.book("p", v(40))
    await cycles(harness)
    assert reported(harness) == [("b", events["b"])]


async def test_both_records_of_a_new_person_report_nothing(harness: EngineHarness) -> None:
    events = await twins(harness)
    harness.a.persons["bob"] = BOB
    give(harness.a, events["a"], "bob")
    await touched(harness, harness.b, events["b"], "bob")
    assert reported(harness) == []


async def test_another_id_of_the_same_person_reports_nothing(harness: EngineHarness) -> None:
    events = await twins(harness)
    harness.b.persons["ann2"] = ANN
    await touched(harness, harness.b, events["b"], "ann2")
    assert reported(harness) == []


async def test_a_person_without_addresses_reports_nothing(harness: EngineHarness) -> None:
    events = await twins(harness)
    harness.b.persons["nobody"] = Person()
    await touched(harness, harness.b, events["b"], "nobody")
    assert reported(harness) == []


@pytest.mark.parametrize("end", ["cancel", "delete"])
async def test_an_item_ends_with_its_meeting(harness: EngineHarness, end: str) -> None:
    events = await twins(harness)
    await touched(harness, harness.b, events["b"], "bob")
    assert reported(harness) == [("b", events["b"])]
    getattr(harness.a, end)(events["a"])
    await cycles(harness)
    assert reported(harness) == []


async def test_an_item_lasts_when_the_meeting_moves(harness: EngineHarness) -> None:
    events = await twins(harness)
    await touched(harness, harness.b, events["b"], "bob")
    harness.b.move(events["b"], v(30))
    await cycles(harness)
    assert harness.a.events[events["a"]].value == v(30)
    assert reported(harness) == [("b", events["b"])]
    assert [i.topic for i in (await harness.engine.resync()).items] == [Topic.PERSON]
