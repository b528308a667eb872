"""Report meetings for which two systems name different people, without their names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.model import Event, Person, ReportedItem, Topic
from syncd.store.reported import open_items
from syncd.systems.port import RetryableError
from tests.core.kit import v
from tests.engine.conftest import Shop
from tests.engine.fakes import FakeSystem
from tests.engine.test_twin_deleted import ANN, cycles, twins

BOB = Person(emails=("bob@example.com",), phones=("+49301234",))


def give(system: FakeSystem, event: str, person: str) -> None:
    """Change the customer of an appointment."""
    held = system.events[event]
    system.events[event] = replace(held, person=person, updated_at=system.clock.now())
    system.persons["bob"] = BOB


def reported(shop: Shop) -> list[tuple[str, str]]:
    """Return the reported person mismatches, as (system, event)."""
    return [(i.system, i.event) for i in _items(shop)]


def _items(shop: Shop) -> list[ReportedItem]:
    return [i for i in open_items(shop.store) if i.topic is Topic.PERSON]


async def touched(shop: Shop, system: FakeSystem, event: str, person: str) -> None:
    """Change the customer of an appointment, and its update time."""
    give(system, event, person)
    await cycles(shop)


async def test_a_person_mismatch_is_one_item_until_the_systems_agree(shop: Shop) -> None:
    events = await twins(shop, "abc")
    shop.b.persons["bob"] = BOB
    await touched(shop, shop.b, events["b"], "bob")
    assert reported(shop) == [("b", events["b"])]
    (item,) = _items(shop)
    assert item.calendars == ("p",)
    assert "ann" not in item.reason + item.event
    assert "bob" not in item.reason + item.event
    await cycles(shop)
    await shop.engine.resync()
    assert len(_items(shop)) == 1
    assert _items(shop)[0].since == item.since
    await touched(shop, shop.b, events["b"], "ann")
    assert reported(shop) == []


async def test_only_a_changed_person_is_looked_up_also_after_a_restart(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = FakeSystem.person

    async def person(self: FakeSystem, event: Event) -> Person | None:
        asked.append(f"{self.name} {event.person}")
        return await real(self, event)

    events = await twins(shop)
    monkeypatch.setattr(FakeSystem, "person", person)
    shop.restart()
    await cycles(shop)
    await shop.engine.resync()
    assert asked == []
    await touched(shop, shop.b, events["b"], "bob")
    await cycles(shop)
    await shop.engine.resync()
    assert sorted(asked) == ["a ann", "b bob"]
    asked.clear()
    shop.restart()
    await cycles(shop)
    await shop.engine.resync()
    assert asked == []
    assert reported(shop) == [("b", events["b"])]


async def test_a_person_who_cannot_be_looked_up_yet_is_compared_later(shop: Shop) -> None:
    events = await twins(shop)
    give(shop.b, events["b"], "bob")
    shop.b.faults["person"] = [RetryableError("b")]
    shop.clock.pass_(minutes=2)
    await shop.engine.poll(near=False)
    assert reported(shop) == []
    shop.a.book("p", v(40))
    await cycles(shop)
    assert reported(shop) == [("b", events["b"])]


async def test_both_records_of_a_new_person_report_nothing(shop: Shop) -> None:
    events = await twins(shop)
    shop.a.persons["bob"] = BOB
    give(shop.a, events["a"], "bob")
    await touched(shop, shop.b, events["b"], "bob")
    assert reported(shop) == []


async def test_another_id_of_the_same_person_reports_nothing(shop: Shop) -> None:
    events = await twins(shop)
    shop.b.persons["ann2"] = ANN
    await touched(shop, shop.b, events["b"], "ann2")
    assert reported(shop) == []


async def test_a_person_without_addresses_reports_nothing(shop: Shop) -> None:
    events = await twins(shop)
    shop.b.persons["nobody"] = Person()
    await touched(shop, shop.b, events["b"], "nobody")
    assert reported(shop) == []


@pytest.mark.parametrize("end", ["cancel", "delete"])
async def test_an_item_ends_with_its_meeting(shop: Shop, end: str) -> None:
    events = await twins(shop)
    await touched(shop, shop.b, events["b"], "bob")
    assert reported(shop) == [("b", events["b"])]
    getattr(shop.a, end)(events["a"])
    await cycles(shop)
    assert reported(shop) == []


async def test_an_item_lasts_when_the_meeting_moves(shop: Shop) -> None:
    events = await twins(shop)
    await touched(shop, shop.b, events["b"], "bob")
    shop.b.move(events["b"], v(30))
    await cycles(shop)
    assert shop.a.events[events["a"]].value == v(30)
    assert reported(shop) == [("b", events["b"])]
    assert [i.topic for i in (await shop.engine.resync()).items] == [Topic.PERSON]
