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
from tests.engine.conftest import Shop
from tests.engine.test_twin_deleted import ANN, cycles

FAR, LATER, SOON, WEEK = v(24 * 100), v(24 * 107), v(24 * 7), 24 * 7
BOB = Person(emails=("bob@example.com",))


def named(shop: Shop) -> None:
    """Add ann and bob to every system."""
    for system in shop.systems:
        system.persons |= {"ann": ANN, "bob": BOB}


def book(shop: Shop, systems: str, value: Value = FAR, person: str = "ann") -> dict[str, str]:
    """Book one meeting in these systems; return the event in each."""
    named(shop)
    return {s: getattr(shop, s).book("p", value, person) for s in systems}


async def settle(shop: Shop) -> None:
    """Advance the clock, and read the whole window."""
    shop.clock.pass_(hours=1)
    assert (await shop.engine.resync()).exit is RunExit.DONE


def shown(shop: Shop, events: dict[str, str]) -> dict[str, tuple[object, object]]:
    """Return the interval of each event."""
    return {s: getattr(shop, s).events[e].value.interval for s, e in events.items()}


def reads(shop: Shop) -> list[int]:
    return [s.reads for s in shop.systems]


@pytest.mark.parametrize("dragged", ["a", "b"])
@pytest.mark.parametrize("near", [True, False])
async def test_the_twin_of_a_meeting_moved_into_the_window_follows(
    shop: Shop, dragged: str, near: bool
) -> None:
    events = book(shop, "ab")
    await settle(shop)
    new = v(40) if near else SOON
    shop.clock.pass_(minutes=5)
    getattr(shop, dragged).move(events[dragged], new)
    shop.clock.pass_(minutes=1)
    await shop.engine.poll(near=near)
    assert shown(shop, events) == {"a": new.interval, "b": new.interval}
    # A calendar with the meeting never gets a block.
    assert [o.kind for s in "ab" for o in getattr(shop, s).writes] == [Kind.APPOINTMENT]
    assert shop.blocks() == {"a": [], "b": [], "c": [new.interval]}
    assert MOVED_IN in {n.rule for n in shop.store.history()}
    writes = shop.writes()
    await cycles(shop)
    assert (await shop.engine.resync()).exit is RunExit.DONE
    assert shop.writes() == writes


async def test_twins_in_two_more_systems_follow(shop: Shop) -> None:
    events = book(shop, "abc")
    await settle(shop)
    shop.a.move(events["a"], SOON)
    await cycles(shop)
    assert set(shown(shop, events).values()) == {SOON.interval}
    assert shop.blocks() == {"a": [], "b": [], "c": []}


async def test_each_twin_keeps_its_status(shop: Shop) -> None:
    events = book(shop, "ab")
    shop.b.move(events["b"], replace(FAR, status=Status.NEW))
    await settle(shop)
    shop.a.move(events["a"], SOON)
    await cycles(shop)
    assert shop.b.events[events["b"]].value == replace(SOON, status=Status.NEW)
    assert shop.a.events[events["a"]].value == SOON


async def test_a_new_booking_moves_no_twin(shop: Shop) -> None:
    events = book(shop, "b")
    await settle(shop)
    shop.clock.pass_(minutes=5)
    events |= book(shop, "a", SOON)
    before = shop.b.reads
    await cycles(shop)
    assert shown(shop, events) == {"a": SOON.interval, "b": FAR.interval}
    assert shop.blocks()["b"] == [SOON.interval]
    assert shop.b.reads == before + 3


async def test_without_creation_times_no_twin_is_searched(shop: Shop) -> None:
    events = book(shop, "ab")
    shop.a.tells_times = False
    await settle(shop)
    shop.a.move(events["a"], SOON)
    await cycles(shop)
    assert shown(shop, events) == {"a": SOON.interval, "b": FAR.interval}
    assert shop.blocks()["b"] == [SOON.interval]


async def test_an_event_that_time_brings_into_the_window_moves_no_twin(shop: Shop) -> None:
    """The window moves on each day; an event that it reaches was not moved."""
    mine = book(shop, "a", v(24 * 60 + 30))
    other = book(shop, "b", FAR)
    await settle(shop)
    shop.clock.pass_(days=3)
    before = shop.b.reads
    await cycles(shop)
    assert shown(shop, mine | other) == {"a": v(24 * 60 + 30).interval, "b": FAR.interval}
    assert shop.b.reads == before + 3


async def test_an_event_that_a_list_hid_before_moves_no_twin(shop: Shop) -> None:
    """The event was not changed since a read that did not show it, so it was not moved."""
    mine = book(shop, "a", SOON)
    other = book(shop, "b", FAR)
    shop.a.hidden.add(mine["a"])
    await settle(shop)
    shop.a.hidden.clear()
    await cycles(shop)
    assert shown(shop, mine | other) == {"a": SOON.interval, "b": FAR.interval}


@pytest.mark.parametrize("other", [v(24 * 100, 24 * 100 + 2), v(24 * 101)])
async def test_an_event_of_another_length_or_person_is_no_twin(shop: Shop, other: Value) -> None:
    events = book(shop, "a")
    events |= book(shop, "b", other, "bob" if other == v(24 * 101) else "ann")
    await settle(shop)
    shop.a.move(events["a"], SOON)
    await cycles(shop)
    assert shown(shop, events) == {"a": SOON.interval, "b": other.interval}
    assert shop.blocks()["b"] == [SOON.interval]


async def test_a_weekly_client_moves_one_and_keeps_the_others(shop: Shop) -> None:
    weeks = [v(WEEK * n) for n in range(1, 20)]
    meetings = [book(shop, "ab", week) for week in weeks]
    await settle(shop)
    shop.a.move(meetings[14]["a"], v(40))
    await cycles(shop)
    assert shown(shop, meetings.pop(14)) == {"a": v(40).interval, "b": v(40).interval}
    weeks.pop(14)
    assert [shown(shop, m)["b"] for m in meetings] == [w.interval for w in weeks]
    assert shop.blocks()["a"] == []


async def test_an_event_with_a_twin_at_its_new_time_takes_no_other(shop: Shop) -> None:
    """A person moved both records, and the client has another meeting beyond the window."""
    events, further = book(shop, "ab"), book(shop, "b", LATER)
    await settle(shop)
    shop.a.move(events["a"], SOON)
    shop.b.move(events["b"], SOON)
    await cycles(shop)
    assert shown(shop, events) == {"a": SOON.interval, "b": SOON.interval}
    assert shown(shop, further) == {"b": LATER.interval}
    assert shop.writes() == len(shop.blocks()["c"]) == 1


async def test_persons_are_looked_up_a_few_per_cycle(shop: Shop) -> None:
    events = book(shop, "ab", v(24 * 100 + 99))
    for n in range(90):
        shop.b.persons[f"c{n}"] = Person(emails=(f"c{n}@example.com",))
        shop.b.book("p", v(24 * 100 + n), f"c{n}")
    await settle(shop)
    shop.a.move(events["a"], SOON)
    asked: list[str | None] = []
    person = shop.b.person

    async def counted(event: Event) -> Person | None:
        asked.append(event.person)
        return await person(event)

    shop.b.person = counted  # type: ignore[method-assign]
    looked: list[int] = []
    for _ in range(3):
        await cycles(shop, 1)
        looked.append(len(asked))
        assert shop.blocks()["c"] == [SOON.interval]
    assert looked == [39, 79, 91]
    assert shown(shop, events) == {"a": SOON.interval, "b": SOON.interval}
    await cycles(shop)
    assert len(asked) == 91


async def test_events_of_a_remapped_calendar_move_no_twin(shop: Shop) -> None:
    events = book(shop, "ab")
    await settle(shop)
    shop.restart()
    shop.engine.mapped = {("p", "a"): "another"}
    shop.engine.read_progress = ReadProgress(
        shop.store, {**shop.engine.read_progress.mapped, ("p", "a"): "x"}
    )
    shop.a.move(events["a"], SOON)
    await cycles(shop)
    assert shown(shop, events) == {"a": SOON.interval, "b": FAR.interval}


async def test_a_customer_who_cannot_be_looked_up_is_asked_for_later(shop: Shop) -> None:
    events = book(shop, "ab")
    await settle(shop)
    shop.a.move(events["a"], SOON)
    shop.b.faults["person"] = [RetryableError("b", "GET /")]
    await cycles(shop)
    assert shown(shop, events) == {"a": SOON.interval, "b": FAR.interval}
    shop.clock.pass_(minutes=15)
    await cycles(shop)
    assert shown(shop, events) == {"a": SOON.interval, "b": SOON.interval}


async def test_a_move_while_syncd_was_stopped_is_noticed(shop: Shop) -> None:
    """The last near read before the stop does not count as a read of the whole window."""
    events = book(shop, "ab")
    await settle(shop)
    shop.clock.pass_(minutes=1)
    await shop.engine.poll(near=True)
    shop.a.move(events["a"], SOON)
    shop.clock.pass_(hours=5)
    shop.restart()
    await cycles(shop)
    assert shown(shop, events) == {"a": SOON.interval, "b": SOON.interval}


async def test_the_search_waits_for_a_system_that_does_not_answer(shop: Shop) -> None:
    events = book(shop, "ab")
    await settle(shop)
    shop.b.faults["read"] = [RetryableError("b", "GET /")] * 2
    shop.a.move(events["a"], SOON)
    await cycles(shop, 2)
    # In the other systems its time is blocked at once.
    assert shop.blocks() == {"a": [], "b": [], "c": [SOON.interval]}
    shop.restart()
    await cycles(shop)
    assert shown(shop, events) == {"a": SOON.interval, "b": SOON.interval}
    assert shop.blocks() == {"a": [], "b": [], "c": [SOON.interval]}
    assert (await shop.engine.resync()).exit is RunExit.DONE


async def test_a_read_beyond_the_window_that_fails_is_repeated_later(shop: Shop) -> None:
    events = book(shop, "ab")
    await settle(shop)
    shop.a.move(events["a"], SOON)
    read = shop.b.read
    failed: list[object] = []

    async def fails(window: object, *given: object, **named: object) -> object:
        if len(failed) < 1 and window.start > v(24 * 50).start:  # type: ignore[attr-defined]
            failed.append(window)
            raise RetryableError("b", "GET /")
        return await read(window, *given, **named)  # type: ignore[arg-type]

    shop.b.read = fails  # type: ignore[method-assign,assignment]
    await cycles(shop)
    assert shown(shop, events) == {"a": SOON.interval, "b": FAR.interval}
    assert shop.blocks()["b"] == [SOON.interval]
    assert len(failed) == 1
    shop.clock.pass_(minutes=15)
    await cycles(shop)
    assert shown(shop, events) == {"a": SOON.interval, "b": SOON.interval}
    assert shop.blocks() == {"a": [], "b": [], "c": [SOON.interval]}


async def test_a_slow_read_beyond_the_window_delays_no_other_change(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = book(shop, "ab")
    await settle(shop)
    shop.a.move(events["a"], SOON)
    other = shop.a.book("q", v(24 * 8))
    read = shop.b.read

    async def trickles(window: Window, *given: object, **named: object) -> object:
        if window.start > v(24 * 50).start:
            await asyncio.sleep(3600)
        return await read(window, *given, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr("syncd.engine.moved_into_window.MAX_SEARCH_TIME", 0.01)
        patch.setattr(shop.b, "read", trickles)
        await cycles(shop)
        assert shop.blocks("q")["c"] == [shop.a.events[other].value.interval]
        assert shop.blocks()["c"] == [SOON.interval]
    shop.clock.pass_(minutes=15)
    await cycles(shop)
    assert shown(shop, events) == {"a": SOON.interval, "b": SOON.interval}


async def test_a_crash_between_read_and_link_loses_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = book(shop, "ab")
    await settle(shop)
    shop.a.move(events["a"], SOON)
    shop.clock.pass_(minutes=2)
    with monkeypatch.context() as patch:
        patch.setattr("syncd.engine.decide.search_beyond_window", _die)
        with pytest.raises(KeyboardInterrupt):
            await shop.engine.poll(near=False)
    shop.restart()
    await cycles(shop)
    assert shown(shop, events) == {"a": SOON.interval, "b": SOON.interval}


async def _die(*_given: object) -> None:
    raise KeyboardInterrupt


async def test_a_dry_run_shows_the_move_and_makes_none(shop: Shop) -> None:
    events = book(shop, "ab")
    await settle(shop)
    shop.a.move(events["a"], SOON)
    report = await shop.engine.resync(dry_run=True)
    moves = [(o.system, o.event, o.after) for o in report.planned if o.kind is Kind.APPOINTMENT]
    assert moves == [("b", events["b"], SOON)]
    assert shown(shop, events) == {"a": SOON.interval, "b": FAR.interval}
    await shop.engine.resync()
    assert shown(shop, events) == {"a": SOON.interval, "b": SOON.interval}


async def test_many_moves_into_the_window_are_stopped_by_the_guard(shop: Shop) -> None:
    for system in shop.systems:
        system.persons |= {f"c{n}": Person(emails=(f"c{n}@example.com",)) for n in range(12)}
    meetings = [book(shop, "ab", v(24 * 100 + 2 * n), f"c{n}") for n in range(12)]
    await settle(shop)
    for n, meeting in enumerate(meetings):
        shop.a.move(meeting["a"], v(24 * 7 + 2 * n))
    await cycles(shop)
    held = [h.conflict.kind for h in shop.store.open_conflicts()]
    assert held == [ConflictKind.GUARD]
    assert [shown(shop, m)["b"] for m in meetings] == [
        v(24 * 100 + 2 * n).interval for n in range(12)
    ]
    # New busy time is blocked nevertheless.
    assert {v(24 * 7 + 2 * n).interval for n in range(12)} <= {*shop.blocks()["c"]}
    (stop,) = shop.store.open_conflicts()
    await shop.engine.resync(accept=stop.run)
    assert {shown(shop, m)["b"] for m in meetings} == {
        v(24 * 7 + 2 * n).interval for n in range(12)
    }


async def test_an_instance_is_matched_by_its_series_only(shop: Shop) -> None:
    events = book(shop, "ab")
    shown_event = shop.a._event

    def instance(event: str, held: object) -> object:
        return replace(shown_event(event, held), series="s1")  # type: ignore[arg-type]

    shop.a._event = instance  # type: ignore[method-assign,assignment]
    await settle(shop)
    shop.a.move(events["a"], SOON)
    await cycles(shop)
    assert shown(shop, events) == {"a": SOON.interval, "b": FAR.interval}


async def test_an_event_that_ended_before_the_window_is_never_written(shop: Shop) -> None:
    past = v(-24 * 4)
    events = book(shop, "ab", past)
    await settle(shop)
    shop.a.move(events["a"], SOON)
    await cycles(shop)
    assert shown(shop, events) == {"a": SOON.interval, "b": past.interval}
    assert shop.blocks()["b"] == [SOON.interval]


async def test_a_twin_that_somebody_moves_at_the_same_moment_is_not_overwritten(
    shop: Shop,
) -> None:
    events = book(shop, "ab")
    await settle(shop)
    shop.a.move(events["a"], SOON)
    report = await shop.engine.resync(dry_run=True)
    assert report.planned
    shop.clock.pass_(minutes=1)
    shop.b.move(events["b"], LATER)
    await cycles(shop)
    # The twin was moved last, so both records have its time.
    assert set(shown(shop, events).values()) == {LATER.interval}


async def test_a_quiet_cycle_reads_nothing_more(shop: Shop) -> None:
    book(shop, "ab")
    await settle(shop)
    before = reads(shop)
    await cycles(shop)
    assert reads(shop) == [n + 3 for n in before]
