"""Promise 7 for rooms: a stopped move blocks the calendars at the old and the new time."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from syncd.engine.resources.blocks import ResourceBlocks
from tests.cli.test_rooms import HOUR, Span, Studio, studio
from tests.planted.swap import swap

__all__ = ["studio"]

HOURS = (8, 9.5, 11, 12.5, 14, 15.5)
AMOUNT = timedelta(hours=24)


def stopped(studio: Studio) -> tuple[list[Span], list[Span]]:
    """Move all bookings of a room so that the guard stops it; return their old times."""
    events = [studio.crm("yoga", hour) for hour in HOURS]
    studio.sync()
    before = [studio.span(hour) for hour in HOURS]
    assert studio.closed(studio.small) == before
    after = [(start + AMOUNT, end + AMOUNT) for start, end in before]
    for event, (start, end) in zip(events, after, strict=True):
        studio.cli.world.sandbox.crm.move(event, start, end)
    assert studio.cli.run("resync", "--yes").code == 5
    return before, after


@pytest.mark.prove
def test_a_stopped_room_move_blocks_both_times_until_accepted(
    studio: Studio,
) -> None:
    before, after = stopped(studio)
    assert studio.closed(studio.small) == sorted([*before, *after])
    free = studio.crm("yoga", 18)
    assert free
    assert studio.cli.run("resync", "--yes").code == 5
    assert studio.span(18) in studio.closed(studio.small), "the rest of the room goes on"
    (stop,) = json.loads(studio.cli.run("status", "--json").out)["stopped"]
    assert (stop["system"], stop["provider"]) == ("crm", "yoga")
    result = studio.cli.run("resync", "--yes", "--json", "--accept", stop["run"])
    assert result.code == 0, json.loads(result.out)["stopped"]
    assert studio.closed(studio.small) == sorted([*after, studio.span(18)])
    assert after[0][1] - after[0][0] == HOUR


@pytest.mark.prove
def test_planted_a_room_s_new_time_that_is_ignored_while_stopped_stays_open(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap(monkeypatch, ResourceBlocks.stopped_reservations, lambda *_given: iter(()))
    before, _ = stopped(studio)
    assert studio.closed(studio.small) == before


@pytest.mark.prove
def test_planted_a_door_judged_for_what_was_accepted_of_its_room_is_stopped_again(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap(monkeypatch, ResourceBlocks.rooms_of, lambda *_given: set())
    with pytest.raises(AssertionError, match=r"clinic\+rooms"):
        test_a_stopped_room_move_blocks_both_times_until_accepted(studio)
