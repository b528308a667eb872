"""Summaries of reported items for people."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from syncd.model import Acknowledgement, ReportedItem, StoredConflict, Topic
from syncd.model.summary import acknowledgement_of, stale_acknowledgements, summarise
from tests.store.kit import DAY, held, item


def every(_system: str, _events: Collection[str]) -> bool:
    return True


def some(_system: str, _events: Collection[str]) -> bool:
    return False


def items(number: int, topic: Topic = Topic.ASSUMED) -> list[ReportedItem]:
    return [item(f"e{n}", topic=topic, reason="it has no end") for n in range(number)]


def mark(of: ReportedItem) -> dict[str, Acknowledgement]:
    return {of.digest: Acknowledgement(of.digest, of.inputs, DAY, "kim")}


def test_a_missing_field_of_every_row_is_one_fact_of_the_account() -> None:
    (one,) = summarise(items(5), {}, every)
    assert (one.topic, one.event_count, one.event) == (Topic.ACCOUNT, 1, "")
    assert one.events == ("e0", "e1", "e2", "e3", "e4")


@pytest.mark.parametrize("number", [1, 4])
def test_few_rows_are_not_joined(number: int) -> None:
    assert len(summarise(items(number), {}, every)) == number


def test_one_good_row_prevents_joining() -> None:
    assert summarise(items(9), {}, some) == items(9)


def test_rows_with_different_reasons_are_not_joined() -> None:
    mixed = [replace(i, reason=f"odd: {i.event}") for i in items(9)]
    assert summarise(mixed, {}, every) == mixed


def test_an_account_without_a_readable_row_stays_unreadable() -> None:
    (one,) = summarise(items(5, Topic.UNREADABLE), {}, every)
    assert (one.topic, one.event_count) == (Topic.UNREADABLE, 5)


@pytest.mark.parametrize("topic", [Topic.LIST, Topic.RESOURCE, Topic.UNKNOWN_STATUS])
def test_topics_without_a_missing_field_are_not_joined(topic: Topic) -> None:
    assert len(summarise(items(6, topic), {}, every)) == 6


def test_a_joined_item_stays_acknowledged_when_rows_are_added() -> None:
    (one,) = summarise(items(5, Topic.UNREADABLE), {}, every)
    (more,) = summarise(items(7, Topic.UNREADABLE), mark(one), every)
    assert more.acknowledged_at == DAY


def test_an_acknowledged_item_counts_again_once_its_reason_changes() -> None:
    one = item("e", reason="it has no end")
    marks = mark(one)
    assert summarise([one], marks, some)[0].acknowledged_at == DAY
    changed = summarise([replace(one, reason="it has no begin")], marks, some)
    assert changed[0].acknowledged_at is None
    assert stale_acknowledgements(marks, changed, []) == [one.digest]


def test_an_item_has_the_same_id_in_every_read_and_another_one_per_topic() -> None:
    one = item("e")
    again = replace(one, seen_at=DAY, calendars=("q",), reason="another")
    assert (one.id, len(one.id)) == (again.id, 8)
    assert one.id not in {replace(one, topic=Topic.ASSUMED).id, item("f").id}


def test_an_acknowledgement_of_an_ended_item_is_stale() -> None:
    assert stale_acknowledgements(mark(item("e")), [], []) == [item("e").digest]


def double_booking(inputs: str = "x", *, hold: bool = False) -> StoredConflict:
    conflict = held("c")
    return replace(conflict, conflict=replace(conflict.conflict, inputs=inputs, held=hold))


def test_a_double_booking_stays_acknowledged_until_it_changes_or_is_held() -> None:
    marks = {"c": Acknowledgement("c", "x", DAY, "kim")}
    assert acknowledgement_of(double_booking(), marks) == marks["c"]
    assert acknowledgement_of(double_booking("y"), marks) is None
    assert acknowledgement_of(double_booking(hold=True), marks) is None
    assert stale_acknowledgements(marks, [], [double_booking("y")]) == ["c"]
    assert stale_acknowledgements(marks, [], [double_booking()]) == []
