"""The size at which a mass edit must certainly be stopped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncd.lab.simulate.mass_edit import Change, EventView, MassEdit, is_covered_by_meeting

AT = datetime(2027, 6, 14, 5, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def seen(hour: float, kind: str = "appointment") -> EventView:
    return EventView("alice", kind, AT + hour * HOUR, AT + (hour + 0.5) * HOUR, busy=True)


def shift(hours: list[float], ours: int = 0, *, restores: bool = True) -> MassEdit:
    """Return a mass edit that moves all events by an hour; the last ``ours`` are syncd's blocks."""
    news = {str(n): (seen(hour), seen(hour + 1)) for n, hour in enumerate(hours)}
    blocks = frozenset(sorted(news, key=int)[len(hours) - ours :])
    ahead = sum(hour > 0 for hour in hours)
    known = frozenset(news)
    return MassEdit(AT, "a", "alice", news, known, ahead, ours=blocks, restores=restores)


@pytest.mark.parametrize(
    ("mass_edit", "stops"),
    [
        (shift([10, 11, 12, 13, 14]), True),
        (shift([-3, -2, 12, 13, 14]), False),  # two are over, so three meetings moved
        (shift([1, 11, 12, 13, 14]), False),  # one may be over when it is read
        (shift([10, 11, 12, 13, 14, 15], ours=2), False),
        (shift([10, 11, 12, 13, 14, 15, 16], ours=2), True),
        (shift([10, 11, 12, 13, 14, 15], ours=5), False),
        (shift([10, 11, 12, 13, 14, 15], ours=5, restores=False), True),
    ],
)
def test_meetings_ahead_and_blocks_are_counted_separately(
    mass_edit: MassEdit, *, stops: bool
) -> None:
    assert mass_edit.stops is stops


@pytest.mark.parametrize("after", [None, seen(12, "block")])
def test_a_block_that_leaves_the_time_of_a_meeting_frees_nothing(
    after: EventView | None,
) -> None:
    change = Change(AT, "b", "block", seen(10, "block"), after, by_hand=False)
    assert is_covered_by_meeting(change, {"meeting": seen(10)})
    assert not is_covered_by_meeting(change, {"meeting": seen(11)})


def test_past_events_are_no_part_of_a_mass_edit() -> None:
    """Seeds 30011 and 30118: the guard lets it pass, as `core.mass_change.guard` says."""
    mass_edit = shift([-3, -2, 12, 13, 14, 15, 16])
    past, ahead = (
        Change(AT, "b", "twin", seen(hour), seen(hour + 1), by_hand=False) for hour in (-3, 12)
    )
    assert (mass_edit.follows(past), mass_edit.follows(ahead)) == (False, True)
    ends_later = shift([-1, 11, 12, 13, 14, 15])
    begun = Change(AT, "b", "twin", seen(-1), seen(0), by_hand=False)
    assert ends_later.follows(begun)
