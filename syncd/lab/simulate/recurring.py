"""Recurring appointments: people book, extend, move and delete them, and enter instances elsewhere.

LeadConnector v2 and LeadSquared have series. In v1 only twins of instances are entered.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.lab.sandbox.recurring import Recurring, book_series, delete_series, move_series
from syncd.lab.sandbox.scenario import PEOPLE
from syncd.lab.simulate.acts import EventKind, SimEvent
from syncd.lab.simulate.hosted import platform_id
from syncd.lab.simulate.mass_edit import EventView, TimeSpan
from syncd.lab.simulate.siblings import may_wait
from syncd.model import Conflict, ConflictKind, Replica

if TYPE_CHECKING:
    from syncd.lab.simulate.world import World
    from syncd.store import Store

HALF_HOUR, DAY = timedelta(minutes=30), timedelta(days=1)
PARTLY_READ_FOR = timedelta(hours=2, minutes=45)
"""Within this time a series may not have been read in full, only its near instances."""
_SHIFTS = (HALF_HOUR, timedelta(hours=1), timedelta(hours=3), timedelta(hours=25), 7 * DAY)


def perform(world: World, step: SimEvent, start: datetime) -> str:
    """Perform a step; return what was done, '' if nothing was."""
    match step.kind:
        case EventKind.BOOK_SERIES:
            return _book(world, step, start)
        case EventKind.EXTEND_SERIES | EventKind.MOVE_SERIES | EventKind.DELETE_SERIES:
            return _change(world, step)
        case EventKind.TWIN_INSTANCE:
            return _twin(world, step)
        case EventKind.MOVE_TWIN_OF_INSTANCE:
            return _move_twin(world, step, start)
        case _:
            return ""


def instances(world: World) -> dict[tuple[str, str], str]:
    """Return the series of every instance that ever existed, by system and event."""
    return {
        (name, event): series
        for name, platform in _recurring(world).items()
        for event, series in platform.series_of().items()
    }


def is_read_only_instance(world: World, system: str, event: str) -> bool:
    """Return true if an event is an instance to which syncd may not write."""
    written = system == "clinic" and world.series == "write"
    return not written and (system, platform_id(event)) in instances(world)


def awaits_answer(world: World, view: EventView) -> bool:
    """Return true if a vanished series may stay closed at this time until the operator answers.

    It was moved, and came back as another series before all of it was read. Then its instances have
    no common shift to the new ones. Until the operator answers, all its times are claimed, also in
    its own calendar and in calendars that could not be written to before.
    """
    known = instances(world)
    for past in world.changes:
        before, series = past.before, known.get((past.system, past.event))
        if not past.by_hand or before is None or past.after is not None or series is None:
            continue
        customer = world.customer(past.system, before)
        if before.key != view.key or any(at > past.at for at, _ in world.answers):
            continue
        beside = [c for c in world.changes if c.by_hand and c.system == past.system]
        moved = any(
            known.get((c.system, c.event)) == series
            and past.at - PARTLY_READ_FOR < c.at < past.at
            and c.before is not None
            and c.after is not None
            and c.before.key != c.after.key
            for c in beside
        )
        renamed = any(
            c.at == past.at
            and c.before is None
            and c.after is not None
            and world.customer(c.system, c.after) == customer
            and known.get((c.system, c.event), series) != series
            for c in beside
        )
        if moved and renamed:
            return True
    return False


def with_read_only_instances(world: World, store: Store) -> set[str]:
    """Return the bookings of two records, one of which is an instance that is not written to."""
    meets: dict[str, list[Replica]] = defaultdict(list)
    for replica, _ in store.replicas([booking.id for booking in store.bookings()]):
        if replica.role.is_meeting:
            meets[replica.booking].append(replica)
    return {
        booking
        for booking, replicas in meets.items()
        if len(replicas) > 1 and any(_may_wait(world, r) for r in replicas)
    }


def _may_wait(world: World, replica: Replica) -> bool:
    system, event = replica.system, replica.event
    stopped = may_wait(world, system) and (system, platform_id(event)) in instances(world)
    return stopped or is_read_only_instance(world, system, event)


def waiting_times(world: World, store: Store) -> set[tuple[str, TimeSpan]]:
    """Return the times that stay closed because an instance cannot follow."""
    waiting = with_read_only_instances(world, store)
    bookings = {b.id: b for b in store.bookings() if b.id in waiting}
    times = {(b.provider, b.agreed.interval) for b in bookings.values()}
    for replica, record in store.replicas(list(bookings)):
        if replica.role.is_meeting and record is not None and record.observed is not None:
            times.add((bookings[replica.booking].provider, record.observed.interval))
    return times


def repeated_questions(world: World, conflicts: Iterable[Conflict]) -> Iterator[str]:
    """Yield series that vanished and about which the operator is asked more than once."""
    known = instances(world)
    questions: Counter[str] = Counter()
    for conflict in conflicts:
        if conflict.kind is ConflictKind.AMBIGUOUS:
            missing = [(c.system, c.event or "") for c in conflict.claims if c.value is None]
            questions.update({known[id_] for id_ in missing if id_ in known})
    for series, count in questions.items():
        if count > 1:
            yield f"10: {count} questions about the series {series}"


def _recurring(world: World) -> dict[str, Recurring]:
    return {"crm": world.sandbox.crm, "clinic": world.sandbox.clinic}


def _book(world: World, step: SimEvent, start: datetime) -> str:
    """Book a daily or weekly series of two to four instances."""
    provider = PEOPLE[step.number % len(PEOPLE)]
    seat = world.seeded.seed_users[step.system, provider]
    every = DAY if step.number % 2 else 7 * DAY
    starts = [start + number * every for number in range(2 + step.slot % 3)]
    contact = world.contact(step.system, ("kim", "lee")[step.slot % 2])
    length = HALF_HOUR * (1 + step.slot % 3)
    if step.system == "crm" and not world.sandbox.crm.rows_carry_end:
        length = 2 * HALF_HOUR  # the assumed length: no client could know another one
    platform = _recurring(world)[step.system]
    series = book_series(
        platform, seat.calendar, seat.user, starts, length, contact, title="Knee pain"
    )
    return f"series {provider} {series} {start:%d %H:%M} x{len(starts)} every {every.days} d"


def _change(world: World, step: SimEvent) -> str:
    """Extend, move or delete a whole series."""
    platform = _recurring(world)[step.system]
    now = world.clock.now()
    candidates = sorted(
        series
        for series in set(platform.series_of().values())
        if any(instance.start > now for instance in platform.instances(series))
    )
    if not candidates:
        return ""
    series = candidates[step.number % len(candidates)]
    if step.kind is EventKind.DELETE_SERIES:
        delete_series(platform, series)
        return f"delete series {series}"
    if step.kind is EventKind.MOVE_SERIES:
        by = _SHIFTS[step.slot % len(_SHIFTS)]
        views = [world.events(step.system).get(i.id) for i in platform.instances(series)]
        # No client could know the length of a completed task that it never read before.
        known = step.system != "crm" or not any(s and s.status == "showed" for s in views)
        new_ids = known and step.slot % 3 != 0
        options = {"new_ids": new_ids, "new_master": new_ids and step.slot % 3 == 1}
        moved = move_series(platform, series, by, **options)
        return f"move series {series} by {by} as {moved}, new ids: {options['new_ids']}"
    return _extend(world, step, series)


def _extend(world: World, step: SimEvent, series: str) -> str:
    """Add one instance to a series."""
    platform, standing = _recurring(world)[step.system], world.events(step.system)
    last = platform.instances(series)[-1]
    view = standing.get(last.id)
    if view is None:
        return ""
    seat = world.seeded.seed_users[step.system, view.provider]
    start, length = last.start + (DAY if step.slot % 2 else 7 * DAY), last.end - last.start
    book_series(
        platform, seat.calendar, seat.user, [start], length, view.contact,
        series=series, title="Knee pain",
    )  # fmt: skip
    return f"extend series {series} by {start:%d %H:%M}"


def _instances_ahead(world: World) -> Iterator[tuple[str, str]]:
    """Yield the instances on v2 that are still to come and are not cancelled."""
    for event, series in sorted(world.sandbox.clinic.series_of().items()):
        view = world.events("clinic").get(event)
        if view is not None and view.busy and view.start > world.clock.now():
            yield event, series


def _twin(world: World, step: SimEvent) -> str:
    """Enter an instance of a series in v1 as well."""
    candidates = list(_instances_ahead(world))
    if not candidates:
        return ""
    event, _ = candidates[step.number % len(candidates)]
    view = world.events("clinic")[event]
    seat = world.seeded.seed_users["legacy", view.provider]
    contact = world.contact("legacy", world.customer("clinic", view))
    twin = world.sandbox.legacy.book(
        seat.calendar, seat.user, *view.interval, contact, title="Knee pain"
    )
    return f"twin {twin} of the instance {event}"


def _move_twin(world: World, step: SimEvent, start: datetime) -> str:
    """Move a meeting of v1 that is also an instance of a series on v2."""
    keys = {world.events("clinic")[event].key for event, _ in _instances_ahead(world)}
    candidates = [
        (event, view)
        for event, view in sorted(world.events("legacy").items())
        if view.kind == "appointment" and view.busy and view.key in keys
    ]
    if not candidates:
        return ""
    event, view = candidates[step.number % len(candidates)]
    world.sandbox.legacy.move(event, start, start + (view.end - view.start))
    return f"move {event}, twin of an instance in clinic, to {start:%d %H:%M}"
