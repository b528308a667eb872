"""Move a meeting from beyond the window, never read before, into it: its twin follows."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from syncd.core.moved_into_window import MOVED_IN
from syncd.engine.first_read import ReadProgress
from syncd.engine.report import RunExit
from syncd.model import ConflictKind, Event, Kind, Person, Status, Value, Window
from syncd.systems.port import RetryableError
from tests.core.kit import v
from tests.engine.conftest import EngineHarness
from tests.engine.test_twin_deleted import ANN, cycles

FAR, LATER, SOON, WEEK = v(24 * 100), v(24 * 107), v(24 * 7), 24 * 7
BOB = Person(emails=("bob@example.com",))


def named(harness: EngineHarness) -> None:
    """Add ann and bob to every system."""
    for system in harness.systems:
        system.persons |= {"ann": ANN, "bob": BOB}


def book(
    harness: EngineHarness, systems: str, value: Value = FAR, person: str = "ann"
) -> dict[str, str]:
    """Book one meeting in these systems; return the event in each."""
    named(harness)
    return {s: getattr(harness, s).book("p", value, person) for s in systems}


async def settle(harness: EngineHarness) -> None:
    """Advance the clock, and read the whole window."""
    harness.clock.pass_(hours=1)
    assert (await harness.engine.resync()).exit is RunExit.DONE


def shown(harness: EngineHarness, events: dict[str, str]) -> dict[str, tuple[object, object]]:
    """Return the interval of each event."""
    return {s: getattr(harness, s).events[e].value.interval for s, e in events.items()}


def reads(harness: EngineHarness) -> list[int]:
    return [s.reads for s in harness.systems]


@pytest.mark.parametrize("dragged", ["a", "b"])
@pytest.mark.parametrize("near", [True, False])
async def test_the_twin_of_a_meeting_moved_into_the_window_follows(
    harness: EngineHarness, dragged: str, near: bool
) -> None:
    events = book(harness, "ab")
    await settle(harness)
    new = v(40) if near else SOON
    harness.clock.pass_(minutes=5)
    getattr(harness, dragged).move(events[dragged], new)
    harness.clock.pass_(minutes=1)
    await harness.engine.poll(near=near)
    assert shown(harness, events) == {"a": new.interval, "b": new.interval}
    # A calendar with the meeting never gets a block.
    assert [o.kind for s in "ab" for o in getattr(harness, s).writes] == [Kind.APPOINTMENT]
    assert harness.blocks() == {"a": [], "b": [], "c": [new.interval]}
    assert MOVED_IN in {n.rule for n in harness.store.history()}
    writes = harness.writes()
    await cycles(harness)
    assert (await harness.engine.resync()).exit is RunExit.DONE
    assert harness.writes() == writes


async def test_twins_in_two_more_systems_follow(harness: EngineHarness) -> None:
    events = book(harness, "abc")
    await settle(harness)
    harness.a.move(events["a"], SOON)
    await cycles(harness)
    assert set(shown(harness, events).values()) == {SOON.interval}
    assert harness.blocks() == {"a": [], "b": [], "c": []}


async def test_each_twin_keeps_its_status(harness: EngineHarness) -> None:
    events = book(harness, "ab")
    harness.b.move(events["b"], replace(FAR, status=Status.NEW))
    await settle(harness)
    harness.a.move(events["a"], SOON)
    await cycles(harness)
    assert harness.b.events[events["b"]].value == replace(SOON, status=Status.NEW)
    assert harness.a.events[events["a"]].value == SOON


async def test_a_new_booking_moves_no_twin(harness: EngineHarness) -> None:
    events = book(harness, "b")
    await settle(harness)
    harness.clock.pass_(minutes=5)
    events |= book(harness, "a", SOON)
    before = harness.b.reads
    await cycles(harness)
    assert shown(harness, events) == {"a": SOON.interval, "b": FAR.interval}
    assert harness.blocks()["b"] == [SOON.interval]
    assert harness.b.reads == before + 3


async def test_without_creation_times_no_twin_is_searched(harness: EngineHarness) -> None:
    events = book(harness, "ab")
    harness.a.tells_times = False
    await settle(harness)
    harness.a.move(events["a"], SOON)
    await cycles(harness)
    assert shown(harness, events) == {"a": SOON.interval, "b": FAR.interval}
    assert harness.blocks()["b"] == [SOON.interval]


async def test_an_event_that_time_brings_into_the_window_moves_no_twin(
    harness: EngineHarness,
) -> None:
    """The window moves on each day; an event that it reaches was not moved."""
    mine = book(harness, "a", v(24 * 60 + 30))
    other = book(harness, "b", FAR)
    await settle(harness)
    harness.clock.pass_(days=3)
    before = harness.b.reads
    await cycles(harness)
    assert shown(harness, mine | other) == {"a": v(24 * 60 + 30).interval, "b": FAR.interval}
    assert harness.b.reads == before + 3


async def test_an_event_that_a_list_hid_before_moves_no_twin(harness: EngineHarness) -> None:
    """The event was not changed since a read that did not show it, so it was not moved."""
    mine = book(harness, "a", SOON)
    other = book(harness, "b", FAR)
    harness.a.hidden.add(mine["a"])
    await settle(harness)
    harness.a.hidden.clear()
    await cycles(harness)
    assert shown(harness, mine | other) == {"a": SOON.interval, "b": FAR.interval}


@pytest.mark.parametrize("other", [v(24 * 100, 24 * 100 + 2), v(24 * 101)])
async def test_an_event_of_another_length_or_person_is_no_twin(
    harness: EngineHarness, other: Value
) -> None:
    events = book(harness, "a")
    events |= book(harness, "b", other, "bob" if other == v(24 * 101) else "ann")
    await settle(harness)
    harness.a.move(events["a"], SOON)
    await cycles(harness)
    assert shown(harness, events) == {"a": SOON.interval, "b": other.interval}
    assert harness.blocks()["b"] == [SOON.interval]


async def test_a_weekly_client_moves_one_and_keeps_the_others(harness: EngineHarness) -> None:
    weeks = [v(WEEK * n) for n in range(1, 20)]
    meetings = [book(harness, "ab", week) for week in weeks]
    await settle(harness)
    harness.a.move(meetings[14]["a"], v(40))
    await cycles(harness)
    assert shown(harness, meetings.pop(14)) == {"a": v(40).interval, "b": v(40).interval}
    weeks.pop(14)
    assert [shown(harness, m)["b"] for m in meetings] == [w.interval for w in weeks]
    assert harness.blocks()["a"] == []


async def test_an_event_with_a_twin_at_its_new_time_takes_no_other(harness: EngineHarness) -> None:
    """A person moved both records, and the client has another meeting beyond the window."""
    events, further = book(harness, "ab"), book(harness, "b", LATER)
    await settle(harness)
    harness.a.move(events["a"], SOON)
    harness.b.move(events["b"], SOON)
    await cycles(harness)
    assert shown(harness, events) == {"a": SOON.interval, "b": SOON.interval}
    assert shown(harness, further) == {"b": LATER.interval}
    assert harness.writes() == len(harness.blocks()["c"]) == 1


async def test_persons_are_looked_up_a_few_per_cycle(harness: EngineHarness) -> None:
    events = book(harness, "ab", v(24 * 100 + 99))
    for n in range(90):
        harness.b.persons[f"c{n}"] = Person(emails=(f"c{n}@example.com",))
        harness.b.book("p", v(24 * 100 + n), f"c{n}")
    await settle(harness)
    harness.a.move(events["a"], SOON)
    asked: list[str | None] = []
    person = harness.b.person

    async def counted(event: Event) -> Person | None:
        asked.append(event.person)
        return await person(event)

    harness.b.person = counted  # type: ignore[method-assign]
    looked: list[int] = []
    for _ in range(3):
        await cycles(harness, 1)
        looked.append(len(asked))
        assert harness.blocks()["c"] == [SOON.interval]
    assert looked == [39, 79, 91]
    assert shown(harness, events) == {"a": SOON.interval, "b": SOON.interval}
    await cycles(harness)
    assert len(asked) == 91


async def test_events_of_a_remapped_calendar_move_no_twin(harness: EngineHarness) -> None:
    events = book(harness, "ab")
    await settle(harness)
    harness.restart()
    harness.engine.mapped = {("p", "a"): "another"}
    harness.engine.read_progress = ReadProgress(
        harness.store, {**harness.engine.read_progress.mapped, ("p", "a"): "x"}
    )
    harness.a.move(events["a"], SOON)
    await cycles(harness)
    assert shown(harness, events) == {"a": SOON.interval, "b": FAR.interval}


async def test_a_customer_who_cannot_be_looked_up_is_asked_for_later(
    harness: EngineHarness,
) -> None:
    events = book(harness, "ab")
    await settle(harness)
    harness.a.move(events["a"], SOON)
    harness.b.faults["person"] = [RetryableError("b", "GET /")]
    await cycles(harness)
    assert shown(harness, events) == {"a": SOON.interval, "b": FAR.interval}
    harness.clock.pass_(minutes=15)
    await cycles(harness)
    assert shown(harness, events) == {"a": SOON.interval, "b": SOON.interval}


async def test_a_move_while_syncd_was_stopped_is_noticed(harness: EngineHarness) -> None:
    """The last near read before the stop does not count as a read of the whole window."""
    events = book(harness, "ab")
    await settle(harness)
    harness.clock.pass_(minutes=1)
    await harness.engine.poll(near=True)
    harness.a.move(events["a"], SOON)
    harness.clock.pass_(hours=5)
    harness.restart()
    await cycles(harness)
    assert shown(harness, events) == {"a": SOON.interval, "b": SOON.interval}


async def test_the_search_waits_for_a_system_that_does_not_answer(harness: EngineHarness) -> None:
    events = book(harness, "ab")
    await settle(harness)
    harness.b.faults["read"] = [RetryableError("b", "GET /")] * 2
    harness.a.move(events["a"], SOON)
    await cycles(harness, 2)
    # In the other systems its time is blocked at once.
    assert harness.blocks() == {"a": [], "b": [], "c": [SOON.interval]}
    harness.restart()
    await cycles(harness)
    assert shown(harness, events) == {"a": SOON.interval, "b": SOON.interval}
    assert harness.blocks() == {"a": [], "b": [], "c": [SOON.interval]}
    assert (await harness.engine.resync()).exit is RunExit.DONE


async def test_a_read_beyond_the_window_that_fails_is_repeated_later(
    harness: EngineHarness,
) -> None:
    events = book(harness, "ab")
    await settle(harness)
    harness.a.move(events["a"], SOON)
    read = harness.b.read
    failed: list[object] = []

    async def fails(window: object, *given: object, **named: object) -> object:
        if len(failed) < 1 and window.start > v(24 * 50).start:  # type: ignore[attr-defined]
            failed.append(window)
            raise RetryableError("b", "GET /")
        return await read(window, *given, **named)  # type: ignore[arg-type]

    harness.b.read = fails  # type: ignore[method-assign,assignment]
    await cycles(harness)
    assert shown(harness, events) == {"a": SOON.interval, "b": FAR.interval}
    assert harness.blocks()["b"] == [SOON.interval]
    assert len(failed) == 1
    harness.clock.pass_(minutes=15)
    await cycles(harness)
    assert shown(harness, events) == {"a": SOON.interval, "b": SOON.interval}
    assert harness.blocks() == {"a": [], "b": [], "c": [SOON.interval]}


async def test_a_slow_read_beyond_the_window_delays_no_other_change(
    harness: EngineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = book(harness, "ab")
    await settle(harness)
    harness.a.move(events["a"], SOON)
    other = harness.a.book("q", v(24 * 8))
    read = harness.b.read

    async def trickles(window: Window, *given: object, **named: object) -> object:
        if window.start > v(24 * 50).start:
            await asyncio.sleep(3600)
        return await read(window, *given, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr("syncd.engine.moved_into_window.MAX_SEARCH_TIME", 0.01)
        patch.setattr(harness.b, "read", trickles)
        await cycles(harness)
        assert harness.blocks("q")["c"] == [harness.a.events[other].value.interval]
        assert harness.blocks()["c"] == [SOON.interval]
    harness.clock.pass_(minutes=15)
    await cycles(harness)
    assert shown(harness, events) == {"a": SOON.interval, "b": SOON.interval}


async def test_a_crash_between_read_and_link_loses_nothing(
    harness: EngineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = book(harness, "ab")
    await settle(harness)
    harness.a.move(events["a"], SOON)
    harness.clock.pass_(minutes=2)
    with monkeypatch.context() as patch:
        patch.setattr("syncd.engine.decide.search_beyond_window", _die)
        with pytest.raises(KeyboardInterrupt):
            await harness.engine.poll(near=False)
    harness.restart()
    await cycles(harness)
    assert shown(harness, events) == {"a": SOON.interval, "b": SOON.interval}


async def _die(*_given: object) -> None:
    raise KeyboardInterrupt


async def test_a_dry_run_shows_the_move_and_makes_none(harness: EngineHarness) -> None:
    events = book(harness, "ab")
    await settle(harness)
    harness.a.move(events["a"], SOON)
    report = await harness.engine.resync(dry_run=True)
    moves = [(o.system, o.event, o.after) for o in report.planned if o.kind is Kind.APPOINTMENT]
    assert moves == [("b", events["b"], SOON)]
    assert shown(harness, events) == {"a": SOON.interval, "b": FAR.interval}
    await harness.engine.resync()
    assert shown(harness, events) == {"a": SOON.interval, "b": SOON.interval}


async def test_many_moves_into_the_window_are_stopped_by_the_guard(harness: EngineHarness) -> None:
    for system in harness.systems:
        system.persons |= {f"c{n}": Person(emails=(f"c{n}@example.com",)) for n in range(12)}
    meetings = [book(harness, "ab", v(24 * 100 + 2 * n), f"c{n}") for n in range(12)]
    await settle(harness)
    for n, meeting in enumerate(meetings):
        harness.a.move(meeting["a"], v(24 * 7 + 2 * n))
    await cycles(harness)
    held = [h.conflict.kind for h in harness.store.open_conflicts()]
    assert held == [ConflictKind.GUARD]
    assert [shown(harness, m)["b"] for m in meetings] == [
        v(24 * 100 + 2 * n).interval for n in range(12)
    ]
    # New busy time is blocked nevertheless.
    assert {v(24 * 7 + 2 * n).interval for n in range(12)} <= {*harness.blocks()["c"]}
    (stop,) = harness.store.open_conflicts()
    await harness.engine.resync(accept=stop.run)
    assert {shown(harness, m)["b"] for m in meetings} == {
        v(24 * 7 + 2 * n).interval for n in range(12)
    }


async def test_an_instance_is_matched_by_its_series_only(harness: EngineHarness) -> None:
    events = book(harness, "ab")
    shown_event = harness.a._event

    def instance(event: str, held: object) -> object:
        return replace(shown_event(event, held), series="s1")  # type: ignore[arg-type]

    harness.a._event = instance  # type: ignore[method-assign,assignment]
    await settle(harness)
    harness.a.move(events["a"], SOON)
    await cycles(harness)
    assert shown(harness, events) == {"a": SOON.interval, "b": FAR.interval}


async def test_an_event_that_ended_before_the_window_is_never_written(
    harness: EngineHarness,
) -> None:
    past = v(-24 * 4)
    events = book(harness, "ab", past)
    await settle(harness)
    harness.a.move(events["a"], SOON)
    await cycles(harness)
    assert shown(harness, events) == {"a": SOON.interval, "b": past.interval}
    assert harness.blocks()["b"] == [SOON.interval]


async def test_a_twin_that_somebody_moves_at_the_same_moment_is_not_overwritten(
    harness: EngineHarness,
) -> None:
    events = book(harness, "ab")
    await settle(harness)
    harness.a.move(events["a"], SOON)
    report = await harness.engine.resync(dry_run=True)
    assert report.planned
    harness.clock.pass_(minutes=1)
    harness.b.move(events["b"], LATER)
    await cycles(harness)
    # The twin was moved last, so both records have its time.
    assert set(shown(harness, events).values()) == {LATER.interval}


async def test_a_quiet_cycle_reads_nothing_more(harness: EngineHarness) -> None:
    book(harness, "ab")
    await settle(harness)
    before = reads(harness)
    await cycles(harness)
    assert reads(harness) == [n + 3 for n in before]
