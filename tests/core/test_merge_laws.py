"""Hypothesis: `merge` has one outcome for every input in any order; so has `reconcile`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.decision import Decision, DecisionInput
from syncd.core.event_state.observation import has_pending_change
from syncd.core.inputs import CalendarState
from syncd.core.merging.merge import MergeResult, merge
from syncd.core.merging.policy import TABLE, Candidate, apply_rule
from syncd.core.merging.rules import Choice, Rules
from syncd.core.reconcile import reconcile
from syncd.model import (
    Booking,
    Changes,
    ConflictKind,
    Kind,
    ProviderState,
    Status,
    TrackedEvent,
    Value,
    WaitReason,
)
from tests.core.kit import DAY, NOW, SYSTEMS, at, booking, rec, v
from tests.core.test_laws import ACTS, Act, World, perturb

MINUTES = st.integers(-30, 30).map(lambda m: timedelta(minutes=m))
INSTANTS = MINUTES.map(lambda ago: NOW + ago)
# Mostly on, because a cancellation leaves nothing else to decide.
STATUSES = st.sampled_from((*[Status.CONFIRMED] * 6, *Status))
VALUES = st.builds(v, st.integers(8, 11), status=STATUSES)


def choices(kind: ConflictKind) -> st.SearchStrategy[Choice]:
    return st.sampled_from([choice for about, choice in TABLE if about is kind])


RULES = st.builds(
    Rules,
    prefer=st.lists(st.sampled_from(SYSTEMS), unique=True).map(tuple),
    moved_apart=choices(ConflictKind.MOVED_APART),
    moved_and_cancelled=choices(ConflictKind.MOVED_AND_CANCELLED),
    uncertainty=st.sampled_from([timedelta(0), timedelta(seconds=5), timedelta(minutes=5)]),
)
BLOCKED = st.sampled_from((None, WaitReason.UNANSWERED))
BELIEVED = st.sampled_from((True, True, True, False))


def calendar(system: str) -> st.SearchStrategy[CalendarState]:
    return st.builds(
        CalendarState,
        st.just(system),
        blocked=BLOCKED,
        trusted=BELIEVED,
        skew=MINUTES,
    )


CALENDARS = st.fixed_dictionaries(
    {"a": calendar("a"), "b": calendar("b")}, optional={"c": calendar("c")}
)


@st.composite
def appointments(draw: st.DrawFn) -> list[TrackedEvent]:
    """Draw any events of a booking, also two of one system; each was seen at least once."""
    records = []
    for number, system in enumerate(draw(st.lists(st.sampled_from(SYSTEMS), max_size=5))):
        observed = draw(VALUES) if draw(st.integers(0, 5)) else None
        base = draw(st.none() | VALUES)
        records.append(
            rec(
                system,
                f"e{number}",
                observed,
                base,
                before_write=draw(
                    VALUES if observed is None and base is None else st.none() | VALUES
                ),
                end_accepted=draw(st.booleans()),
                observed_at=draw(INSTANTS),
                updated_at=draw(st.none() | INSTANTS),
            )
        )
    return records


BOOKINGS = VALUES.map(lambda value: booking("x", value))


def taken_over(merged: MergeResult, records: Sequence[TrackedEvent]) -> list[TrackedEvent]:
    """Return the events after what `merged` accepted is stored."""
    accepted = {r.id for r in merged.accepted}
    return [accept(r) if r.id in accepted else r for r in records]


def accept(record: TrackedEvent) -> TrackedEvent:
    if record.observed is None:
        last = record.base or record.before_write
        assert last is not None
        return replace(record, base=last.cancelled(), end_accepted=True)
    return replace(record, base=record.observed, end_accepted=False)


@given(BOOKINGS, appointments(), CALENDARS, RULES)
def test_every_input_has_an_outcome_that_some_system_claimed(
    before: Booking, records: list[TrackedEvent], calendars: dict[str, CalendarState], rules: Rules
) -> None:
    merged = merge(before, records, calendars, rules)
    shown = [r.observed or r.base or r.before_write for r in records]
    values = [before.agreed, *(value for value in shown if value is not None)]
    assert merged.agreed.interval in {value.interval for value in values}
    assert merged.agreed.status in {Status.CANCELLED, *(value.status for value in values)}


@given(BOOKINGS, appointments(), CALENDARS, RULES)
def test_a_merge_accepts_all_changes_or_none(
    before: Booking, records: list[TrackedEvent], calendars: dict[str, CalendarState], rules: Rules
) -> None:
    merged = merge(before, records, calendars, rules)
    trusted = {s for s, calendar in calendars.items() if calendar.trusted}
    news = {r.id for r in records if has_pending_change(r) and r.system in trusted}
    accepted = {r.id for r in merged.accepted}
    if merged.conflict is None:
        assert accepted == news
    else:
        assert accepted == set()
        assert merged.agreed == before.agreed
        claims = {claim.event for claim in merged.conflict.claims}
        assert news <= claims
        # Besides changes, only events at an agreed value that another system did not get.
        assert all(_stands(r, before) for r in records if r.id in claims - news)


def _stands(record: TrackedEvent, before: Booking) -> bool:
    if record.observed is None or not record.observed.busy:
        return not before.agreed.busy
    return before.agreed.busy and record.observed.interval == before.agreed.interval


@given(BOOKINGS, appointments(), CALENDARS, RULES, st.data())
def test_the_order_of_records_and_systems_does_not_matter(
    before: Booking,
    records: list[TrackedEvent],
    calendars: dict[str, CalendarState],
    rules: Rules,
    data: st.DataObject,
) -> None:
    shuffled = data.draw(st.permutations(records))
    turned = dict(data.draw(st.permutations(list(calendars.items()))))
    assert merge(before, shuffled, turned, rules) == merge(before, records, calendars, rules)


@given(BOOKINGS, appointments(), CALENDARS, RULES)
def test_merging_what_was_accepted_again_changes_nothing(
    before: Booking, records: list[TrackedEvent], calendars: dict[str, CalendarState], rules: Rules
) -> None:
    merged = merge(before, records, calendars, rules)
    after = replace(before, agreed=merged.agreed)
    again = merge(after, taken_over(merged, records), calendars, rules)
    assert again.agreed == merged.agreed
    assert again.accepted == ()
    assert again.conflict == merged.conflict


BIDS = st.lists(
    st.builds(
        Candidate,
        system=st.sampled_from(SYSTEMS),
        event=st.sampled_from(("e0", "e1")),
        value=VALUES,
        moved=st.booleans(),
        updated_at=st.none() | INSTANTS,
        seen_at=INSTANTS,
    ),
    min_size=2,
    max_size=5,
    unique_by=lambda bid: (bid.system, bid.event),
)


@given(BIDS.flatmap(lambda bids: st.tuples(st.just(bids), st.permutations(bids))), RULES)
def test_the_winner_does_not_depend_on_the_order_of_candidates(
    orders: tuple[list[Candidate], list[Candidate]], rules: Rules
) -> None:
    bids, shuffled = orders
    assert apply_rule(ConflictKind.MOVED_APART, bids, rules) == apply_rule(
        ConflictKind.MOVED_APART, shuffled, rules
    )


@given(BIDS, RULES)
def test_no_preferred_and_no_clearly_later_candidate_loses(
    bids: list[Candidate], rules: Rules
) -> None:
    by_preference = replace(rules, moved_apart=Choice.PREFER)
    first = apply_rule(ConflictKind.MOVED_APART, bids, by_preference).winner
    assert first is not None
    assert all(rules.rank(first.system) <= rules.rank(bid.system) for bid in bids)

    timed = [replace(bid, updated_at=bid.seen_at) for bid in bids]
    by_time = replace(rules, moved_apart=Choice.LATEST)
    newest = apply_rule(ConflictKind.MOVED_APART, timed, by_time).winner
    assert newest is not None
    assert max(bid.seen_at for bid in bids) - newest.seen_at <= rules.uncertainty


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(8, 11), st.sampled_from(("ann", "bob")), VALUES), max_size=4),
    ACTS,
    ACTS,
    CALENDARS,
    RULES,
    st.sampled_from((DAY - timedelta(days=1), at(11))),
    st.randoms(use_true_random=True),
)
def test_the_order_of_stored_rows_does_not_matter_to_a_decision(
    twins: list[tuple[int, str, Value]],
    first: list[Act],
    second: list[Act],
    calendars: dict[str, CalendarState],
    rules: Rules,
    horizon: datetime,
    chance: Random,
) -> None:
    world = World(SYSTEMS)
    news = {}
    for hour, person, value in twins:
        news["a", world.put("a", Kind.APPOINTMENT, v(hour), person)] = value
        world.put("b", Kind.APPOINTMENT, v(hour), person)
    perturb(world, first)
    world.cycle()
    for id_ in news.keys() & world.events.keys():
        world.events[id_] = replace(world.events[id_], value=news[id_])
    perturb(world, second)
    world._observe()
    # Some events belong to another provider now.
    records = tuple(r for r in world.state.records if chance.random() < 0.9)
    state = replace(world.state, records=records)
    # Bookings keep the order of the store, by id, because new ids are given out in it.
    shuffled = ProviderState(
        state.provider,
        tuple(mixed(state.records, chance)),
        state.bookings,
        tuple(mixed(state.replicas, chance)),
        tuple(mixed(state.conflicts, chance)),
    )
    turned = dict(mixed(tuple(calendars.items()), chance))
    expected = verdict(state, calendars, rules, horizon)
    decision = verdict(shuffled, turned, rules, horizon)
    assert decision.operations == expected.operations
    assert decision.conflicts == expected.conflicts
    assert decision.exposures == expected.exposures
    assert rows(decision.changes) == rows(expected.changes)


T = TypeVar("T")


def mixed(rows: Sequence[T], chance: Random) -> list[T]:
    return chance.sample(rows, len(rows))


def rows(changes: Changes) -> dict[str, list[str]]:
    """Return the changed rows by table; their order in a transaction does not matter."""
    return {f.name: sorted(map(repr, getattr(changes, f.name))) for f in fields(changes)}


def verdict(
    state: ProviderState, calendars: dict[str, CalendarState], rules: Rules, horizon: datetime
) -> Decision:
    """Decide with every person known and new ids counted from zero."""
    numbers = count()
    customers = {(system, name): frozenset({name}) for system in SYSTEMS for name in ("ann", "bob")}
    case = DecisionInput(calendars, rules, NOW, horizon, "run", customers)
    return reconcile(state, case, lambda: f"new{next(numbers)}")
