"""Move a meeting from beyond the window, never read before, into it: its twin follows."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from syncd.core.matching.moved_into_window import MOVED_IN
from syncd.engine.reading.first_read import ReadProgress
from syncd.engine.report.run_report import RunExit
from syncd.model import ConflictKind, Event, Kind, Person, Status, Value, Window
from syncd.systems.errors import RetryableError
from tests.core.kit import v
from tests.engine.conftest import Rig
from tests.engine.test_twin_deleted import ANN, cycles

FAR, LATER, SOON, WEEK = v(24 * 100), v(24 * 107), v(24 * 7), 24 * 7
BOB = Person(emails=("bob@example.com",))


def named(rig: Rig) -> None:
    """Add ann and bob to every system."""
    for system in rig.systems:
        system.customers |= {"ann": ANN, "bob": BOB}


def book(rig: Rig, systems: str, value: Value = FAR, person: str = "ann") -> dict[str, str]:
    """Book one meeting in these systems; return the event in each."""
    named(rig)
    return {s: getattr(rig, s).book("p", value, person) for s in systems}


async def settle(rig: Rig) -> None:
    """Advance the clock, and read the whole window."""
    rig.clock.pass_(hours=1)
    assert (await rig.engine.resync()).exit is RunExit.DONE


def shown(rig: Rig, events: dict[str, str]) -> dict[str, tuple[object, object]]:
    """Return the interval of each event."""
    return {s: getattr(rig, s).events[e].value.interval for s, e in events.items()}


def reads(rig: Rig) -> list[int]:
    return [s.reads for s in rig.systems]


@pytest.mark.parametrize("dragged", ["a", "b"])
@pytest.mark.parametrize("near", [True, False])
async def test_the_twin_of_a_meeting_moved_into_the_window_follows(
    rig: Rig, dragged: str, near: bool
) -> None:
    events = book(rig, "ab")
    await settle(rig)
    new = v(40) if near else SOON
    rig.clock.pass_(minutes=5)
    getattr(rig, dragged).move(events[dragged], new)
    rig.clock.pass_(minutes=1)
    await rig.engine.poll(near=near)
    assert shown(rig, events) == {"a": new.interval, "b": new.interval}
    # A calendar with the meeting never gets a block.
    assert [o.kind for s in "ab" for o in getattr(rig, s).writes] == [Kind.APPOINTMENT]
    assert rig.blocks() == {"a": [], "b": [], "c": [new.interval]}
    assert MOVED_IN in {n.rule for n in rig.store.history()}
    writes = rig.writes()
    await cycles(rig)
    assert (await rig.engine.resync()).exit is RunExit.DONE
    assert rig.writes() == writes


async def test_twins_in_two_more_systems_follow(rig: Rig) -> None:
    events = book(rig, "abc")
    await settle(rig)
    rig.a.move(events["a"], SOON)
    await cycles(rig)
    assert set(shown(rig, events).values()) == {SOON.interval}
    assert rig.blocks() == {"a": [], "b": [], "c": []}


async def test_each_twin_keeps_its_status(rig: Rig) -> None:
    events = book(rig, "ab")
    rig.b.move(events["b"], replace(FAR, status=Status.NEW))
    await settle(rig)
    rig.a.move(events["a"], SOON)
    await cycles(rig)
    assert rig.b.events[events["b"]].value == replace(SOON, status=Status.NEW)
    assert rig.a.events[events["a"]].value == SOON


async def test_a_new_booking_moves_no_twin(rig: Rig) -> None:
    events = book(rig, "b")
    await settle(rig)
    rig.clock.pass_(minutes=5)
    events |= book(rig, "a", SOON)
    before = rig.b.reads
    await cycles(rig)
    assert shown(rig, events) == {"a": SOON.interval, "b": FAR.interval}
    assert rig.blocks()["b"] == [SOON.interval]
    assert rig.b.reads == before + 3


async def test_without_creation_times_no_twin_is_searched(rig: Rig) -> None:
    events = book(rig, "ab")
    rig.a.tells_times = False
    await settle(rig)
    rig.a.move(events["a"], SOON)
    await cycles(rig)
    assert shown(rig, events) == {"a": SOON.interval, "b": FAR.interval}
    assert rig.blocks()["b"] == [SOON.interval]


async def test_an_event_that_time_brings_into_the_window_moves_no_twin(rig: Rig) -> None:
    """The window moves on each day; an event that it reaches was not moved."""
    mine = book(rig, "a", v(24 * 60 + 30))
    other = book(rig, "b", FAR)
    await settle(rig)
    rig.clock.pass_(days=3)
    before = rig.b.reads
    await cycles(rig)
    assert shown(rig, mine | other) == {"a": v(24 * 60 + 30).interval, "b": FAR.interval}
    assert rig.b.reads == before + 3


async def test_an_event_that_a_list_hid_before_moves_no_twin(rig: Rig) -> None:
    """The event was not changed since a read that did not show it, so it was not moved."""
    mine = book(rig, "a", SOON)
    other = book(rig, "b", FAR)
    rig.a.hidden.add(mine["a"])
    await settle(rig)
    rig.a.hidden.clear()
    await cycles(rig)
    assert shown(rig, mine | other) == {"a": SOON.interval, "b": FAR.interval}


@pytest.mark.parametrize("other", [v(24 * 100, 24 * 100 + 2), v(24 * 101)])
async def test_an_event_of_another_length_or_person_is_no_twin(rig: Rig, other: Value) -> None:
    events = book(rig, "a")
    events |= book(rig, "b", other, "bob" if other == v(24 * 101) else "ann")
    await settle(rig)
    rig.a.move(events["a"], SOON)
    await cycles(rig)
    assert shown(rig, events) == {"a": SOON.interval, "b": other.interval}
    assert rig.blocks()["b"] == [SOON.interval]


async def test_a_weekly_client_moves_one_and_keeps_the_others(rig: Rig) -> None:
    weeks = [v(WEEK * n) for n in range(1, 20)]
    meetings = [book(rig, "ab", week) for week in weeks]
    await settle(rig)
    rig.a.move(meetings[14]["a"], v(40))
    await cycles(rig)
    assert shown(rig, meetings.pop(14)) == {"a": v(40).interval, "b": v(40).interval}
    weeks.pop(14)
    assert [shown(rig, m)["b"] for m in meetings] == [w.interval for w in weeks]
    assert rig.blocks()["a"] == []


async def test_an_event_with_a_twin_at_its_new_time_takes_no_other(rig: Rig) -> None:
    """A person moved both records, and the client has another meeting beyond the window."""
    events, further = book(rig, "ab"), book(rig, "b", LATER)
    await settle(rig)
    rig.a.move(events["a"], SOON)
    rig.b.move(events["b"], SOON)
    await cycles(rig)
    assert shown(rig, events) == {"a": SOON.interval, "b": SOON.interval}
    assert shown(rig, further) == {"b": LATER.interval}
    assert rig.writes() == len(rig.blocks()["c"]) == 1


async def test_persons_are_looked_up_a_few_per_cycle(rig: Rig) -> None:
    events = book(rig, "ab", v(24 * 100 + 99))
    for n in range(90):
        rig.b.customers[f"c{n}"] = Person(emails=(f"c{n}@example.com",))
        rig.b.book("p", v(24 * 100 + n), f"c{n}")
    await settle(rig)
    rig.a.move(events["a"], SOON)
    asked: list[str | None] = []
    person = rig.b.customer

    async def counted(event: Event) -> Person | None:
        asked.append(event.customer)
        return await person(event)

    rig.b.customer = counted  # type: ignore[method-assign]
    looked: list[int] = []
    for _ in range(3):
        await cycles(rig, 1)
        looked.append(len(asked))
        assert rig.blocks()["c"] == [SOON.interval]
    assert looked == [39, 79, 91]
    assert shown(rig, events) == {"a": SOON.interval, "b": SOON.interval}
    await cycles(rig)
    assert len(asked) == 91


async def test_events_of_a_remapped_calendar_move_no_twin(rig: Rig) -> None:
    events = book(rig, "ab")
    await settle(rig)
    rig.restart()
    rig.engine.mapped = {("p", "a"): "another"}
    rig.engine.read_progress = ReadProgress(
        rig.store, {**rig.engine.read_progress.mapped, ("p", "a"): "x"}
    )
    rig.a.move(events["a"], SOON)
    await cycles(rig)
    assert shown(rig, events) == {"a": SOON.interval, "b": FAR.interval}


async def test_a_customer_who_cannot_be_looked_up_is_asked_for_later(rig: Rig) -> None:
    events = book(rig, "ab")
    await settle(rig)
    rig.a.move(events["a"], SOON)
    rig.b.faults["person"] = [RetryableError("b", "GET /")]
    await cycles(rig)
    assert shown(rig, events) == {"a": SOON.interval, "b": FAR.interval}
    rig.clock.pass_(minutes=15)
    await cycles(rig)
    assert shown(rig, events) == {"a": SOON.interval, "b": SOON.interval}


async def test_a_move_while_syncd_was_stopped_is_noticed(rig: Rig) -> None:
    """The last near read before the stop does not count as a read of the whole window."""
    events = book(rig, "ab")
    await settle(rig)
    rig.clock.pass_(minutes=1)
    await rig.engine.poll(near=True)
    rig.a.move(events["a"], SOON)
    rig.clock.pass_(hours=5)
    rig.restart()
    await cycles(rig)
    assert shown(rig, events) == {"a": SOON.interval, "b": SOON.interval}


async def test_the_search_waits_for_a_system_that_does_not_answer(rig: Rig) -> None:
    events = book(rig, "ab")
    await settle(rig)
    rig.b.faults["read"] = [RetryableError("b", "GET /")] * 2
    rig.a.move(events["a"], SOON)
    await cycles(rig, 2)
    # In the other systems its time is blocked at once.
    assert rig.blocks() == {"a": [], "b": [], "c": [SOON.interval]}
    rig.restart()
    await cycles(rig)
    assert shown(rig, events) == {"a": SOON.interval, "b": SOON.interval}
    assert rig.blocks() == {"a": [], "b": [], "c": [SOON.interval]}
    assert (await rig.engine.resync()).exit is RunExit.DONE


async def test_a_read_beyond_the_window_that_fails_is_repeated_later(rig: Rig) -> None:
    events = book(rig, "ab")
    await settle(rig)
    rig.a.move(events["a"], SOON)
    read = rig.b.read
    failed: list[object] = []

    async def fails(window: object, *given: object, **named: object) -> object:
        if len(failed) < 1 and window.start > v(24 * 50).start:  # type: ignore[attr-defined]
            failed.append(window)
            raise RetryableError("b", "GET /")
        return await read(window, *given, **named)  # type: ignore[arg-type]

    rig.b.read = fails  # type: ignore[method-assign,assignment]
    await cycles(rig)
    assert shown(rig, events) == {"a": SOON.interval, "b": FAR.interval}
    assert rig.blocks()["b"] == [SOON.interval]
    assert len(failed) == 1
    rig.clock.pass_(minutes=15)
    await cycles(rig)
    assert shown(rig, events) == {"a": SOON.interval, "b": SOON.interval}
    assert rig.blocks() == {"a": [], "b": [], "c": [SOON.interval]}


async def test_a_slow_read_beyond_the_window_delays_no_other_change(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = book(rig, "ab")
    await settle(rig)
    rig.a.move(events["a"], SOON)
    other = rig.a.book("q", v(24 * 8))
    read = rig.b.read

    async def trickles(window: Window, *given: object, **named: object) -> object:
        if window.start > v(24 * 50).start:
            await asyncio.sleep(3600)
        return await read(window, *given, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr("syncd.engine.deciding.moved_into_window.MAX_SEARCH_TIME", 0.01)
        patch.setattr(rig.b, "read", trickles)
        await cycles(rig)
        assert rig.blocks("q")["c"] == [rig.a.events[other].value.interval]
        assert rig.blocks()["c"] == [SOON.interval]
    rig.clock.pass_(minutes=15)
    await cycles(rig)
    assert shown(rig, events) == {"a": SOON.interval, "b": SOON.interval}


async def test_a_crash_between_read_and_link_loses_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = book(rig, "ab")
    await settle(rig)
    rig.a.move(events["a"], SOON)
    rig.clock.pass_(minutes=2)
    with monkeypatch.context() as patch:
        patch.setattr("syncd.engine.deciding.decide.search_beyond_window", _die)
        with pytest.raises(KeyboardInterrupt):
            await rig.engine.poll(near=False)
    rig.restart()
    await cycles(rig)
    assert shown(rig, events) == {"a": SOON.interval, "b": SOON.interval}


async def _die(*_given: object) -> None:
    raise KeyboardInterrupt


async def test_a_dry_run_shows_the_move_and_makes_none(rig: Rig) -> None:
    events = book(rig, "ab")
    await settle(rig)
    rig.a.move(events["a"], SOON)
    report = await rig.engine.resync(dry_run=True)
    moves = [(o.system, o.event, o.after) for o in report.planned if o.kind is Kind.APPOINTMENT]
    assert moves == [("b", events["b"], SOON)]
    assert shown(rig, events) == {"a": SOON.interval, "b": FAR.interval}
    await rig.engine.resync()
    assert shown(rig, events) == {"a": SOON.interval, "b": SOON.interval}


async def test_many_moves_into_the_window_are_stopped_by_the_guard(rig: Rig) -> None:
    for system in rig.systems:
        system.customers |= {f"c{n}": Person(emails=(f"c{n}@example.com",)) for n in range(12)}
    meetings = [book(rig, "ab", v(24 * 100 + 2 * n), f"c{n}") for n in range(12)]
    await settle(rig)
    for n, meeting in enumerate(meetings):
        rig.a.move(meeting["a"], v(24 * 7 + 2 * n))
    await cycles(rig)
    held = [h.conflict.kind for h in rig.store.open_conflicts()]
    assert held == [ConflictKind.GUARD]
    assert [shown(rig, m)["b"] for m in meetings] == [
        v(24 * 100 + 2 * n).interval for n in range(12)
    ]
    # New busy time is blocked nevertheless.
    assert {v(24 * 7 + 2 * n).interval for n in range(12)} <= {*rig.blocks()["c"]}
    (stop,) = rig.store.open_conflicts()
    await rig.engine.resync(accept=stop.run)
    assert {shown(rig, m)["b"] for m in meetings} == {v(24 * 7 + 2 * n).interval for n in range(12)}


async def test_an_instance_is_matched_by_its_series_only(rig: Rig) -> None:
    events = book(rig, "ab")
    shown_event = rig.a._event

    def instance(event: str, held: object) -> object:
        return replace(shown_event(event, held), series="s1")  # type: ignore[arg-type]

    rig.a._event = instance  # type: ignore[method-assign,assignment]
    await settle(rig)
    rig.a.move(events["a"], SOON)
    await cycles(rig)
    assert shown(rig, events) == {"a": SOON.interval, "b": FAR.interval}


async def test_an_event_that_ended_before_the_window_is_never_written(rig: Rig) -> None:
    past = v(-24 * 4)
    events = book(rig, "ab", past)
    await settle(rig)
    rig.a.move(events["a"], SOON)
    await cycles(rig)
    assert shown(rig, events) == {"a": SOON.interval, "b": past.interval}
    assert rig.blocks()["b"] == [SOON.interval]


async def test_a_twin_that_somebody_moves_at_the_same_moment_is_not_overwritten(
    rig: Rig,
) -> None:
    events = book(rig, "ab")
    await settle(rig)
    rig.a.move(events["a"], SOON)
    report = await rig.engine.resync(dry_run=True)
    assert report.planned
    rig.clock.pass_(minutes=1)
    rig.b.move(events["b"], LATER)
    await cycles(rig)
    # The twin was moved last, so both records have its time.
    assert set(shown(rig, events).values()) == {LATER.interval}


async def test_a_quiet_cycle_reads_nothing_more(rig: Rig) -> None:
    book(rig, "ab")
    await settle(rig)
    before = reads(rig)
    await cycles(rig)
    assert reads(rig) == [n + 3 for n in before]
