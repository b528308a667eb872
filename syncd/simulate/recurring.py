"""Recurring appointments: people book, extend, move and delete them, and enter one elsewhere, too.

LeadConnector v2 and LeadSquared know them; of v1 only twins of instances are entered here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.model import Conflict, ConflictKind, Replica
from syncd.sandbox.recurring import Recurring, book_series, delete_series, move_series
from syncd.sandbox.scenario import PEOPLE
from syncd.simulate.acts import EventKind, SimEvent
from syncd.simulate.hosted import record_of
from syncd.simulate.mass_edit import Interval, View
from syncd.simulate.siblings import may_wait

if TYPE_CHECKING:
    from syncd.simulate.world import World
    from syncd.store import Store

HALF_HOUR, DAY = timedelta(minutes=30), timedelta(days=1)
UNREAD = timedelta(hours=2, minutes=45)
"""Within this time a series may not have been read whole, as only its near instances are."""
_SHIFTS = (HALF_HOUR, timedelta(hours=1), timedelta(hours=3), timedelta(hours=25), 7 * DAY)


def perform(town: World, step: SimEvent, start: datetime) -> str:
    """Do what a step says; what was done, '' if there was nothing to do it to."""
    match step.kind:
        case EventKind.BOOK_SERIES:
            return _book(town, step, start)
        case EventKind.EXTEND_SERIES | EventKind.MOVE_SERIES | EventKind.DELETE_SERIES:
            return _change(town, step)
        case EventKind.TWIN_INSTANCE:
            return _twin(town, step)
        case EventKind.MOVE_TWIN_OF_INSTANCE:
            return _move_twin(town, step, start)
        case _:
            return ""


def instances(town: World) -> dict[tuple[str, str], str]:
    """The series of every instance that ever was, by system and event."""
    return {
        (name, event): series
        for name, platform in _recurring(town).items()
        for event, series in platform.series_of().items()
    }


def is_held(town: World, system: str, event: str) -> bool:
    """Whether an event is an instance to which syncd may not write."""
    written = system == "clinic" and town.series == "write"
    return not written and (system, record_of(event)) in instances(town)


def in_question(town: World, seen: View) -> bool:
    """Whether a series that vanished may stay closed at this time, as a person was asked about it.

    It was moved, and came back as another series before all of it was read: then its instances are
    at no common shift of the new ones. Until a person answers, all its times are claimed, also in
    calendars that could not be written to before, and in its own.
    """
    known = instances(town)
    for past in town.changes:
        before, series = past.before, known.get((past.system, past.event))
        if not past.by_hand or before is None or past.after is not None or series is None:
            continue
        person = town.person(past.system, before)
        if before.key != seen.key or any(at > past.at for at, _ in town.answers):
            continue
        beside = [c for c in town.changes if c.by_hand and c.system == past.system]
        moved = any(
            known.get((c.system, c.event)) == series
            and past.at - UNREAD < c.at < past.at
            and c.before is not None
            and c.after is not None
            and c.before.key != c.after.key
            for c in beside
        )
        renamed = any(
            c.at == past.at
            and c.before is None
            and c.after is not None
            and town.person(c.system, c.after) == person
            and known.get((c.system, c.event), series) != series
            for c in beside
        )
        if moved and renamed:
            return True
    return False


def with_held_instances(town: World, store: Store) -> set[str]:
    """The meetings entered twice of which one is an instance to which nothing may be written."""
    meets: dict[str, list[Replica]] = defaultdict(list)
    for replica, _ in store.replicas([booking.id for booking in store.bookings()]):
        if replica.role.is_meeting:
            meets[replica.booking].append(replica)
    return {
        booking
        for booking, replicas in meets.items()
        if len(replicas) > 1 and any(_may_wait(town, r) for r in replicas)
    }


def _may_wait(town: World, replica: Replica) -> bool:
    system, event = replica.system, replica.event
    stopped = may_wait(town, system) and (system, record_of(event)) in instances(town)
    return stopped or is_held(town, system, event)


def waiting_times(town: World, store: Store) -> set[tuple[str, Interval]]:
    """The times that stay closed because an instance cannot be brought along."""
    held = with_held_instances(town, store)
    bookings = {b.id: b for b in store.bookings() if b.id in held}
    found = {(b.provider, b.agreed.interval) for b in bookings.values()}
    for replica, record in store.replicas(list(bookings)):
        if replica.role.is_meeting and record is not None and record.observed is not None:
            found.add((bookings[replica.booking].provider, record.observed.interval))
    return found


def many_questions(town: World, conflicts: Iterable[Conflict]) -> Iterator[str]:
    """Say where a person is asked more than once about one series that vanished."""
    known = instances(town)
    asked: Counter[str] = Counter()
    for conflict in conflicts:
        if conflict.kind is ConflictKind.AMBIGUOUS:
            gone = [(c.system, c.event or "") for c in conflict.claims if c.value is None]
            asked.update({known[id_] for id_ in gone if id_ in known})
    for series, count in asked.items():
        if count > 1:
            yield f"10: {count} questions about the series {series}"


def _recurring(town: World) -> dict[str, Recurring]:
    return {"crm": town.sandbox.crm, "clinic": town.sandbox.clinic}


def _book(town: World, step: SimEvent, start: datetime) -> str:
    """Book somebody daily or weekly, two to four times."""
    who = PEOPLE[step.number % len(PEOPLE)]
    seat = town.world.seed_users[step.system, who]
    every = DAY if step.number % 2 else 7 * DAY
    starts = [start + number * every for number in range(2 + step.slot % 3)]
    contact = town.contact(step.system, ("kim", "lee")[step.slot % 2])
    length = HALF_HOUR * (1 + step.slot % 3)
    if step.system == "crm" and not town.sandbox.crm.rows_carry_end:
        length = 2 * HALF_HOUR  # no client could see anything else
    platform = _recurring(town)[step.system]
    series = book_series(
        platform, seat.calendar, seat.user, starts, length, contact, title="Knee pain"
    )
    return f"series {who} {series} {start:%d %H:%M} x{len(starts)} every {every.days} d"


def _change(town: World, step: SimEvent) -> str:
    """Extend, move or delete a whole series."""
    platform = _recurring(town)[step.system]
    now = town.clock.now()
    found = sorted(
        series
        for series in set(platform.series_of().values())
        if any(instance.start > now for instance in platform.instances(series))
    )
    if not found:
        return ""
    series = found[step.number % len(found)]
    if step.kind is EventKind.DELETE_SERIES:
        delete_series(platform, series)
        return f"delete series {series}"
    if step.kind is EventKind.MOVE_SERIES:
        by = _SHIFTS[step.slot % len(_SHIFTS)]
        seen = [town.standing(step.system).get(i.id) for i in platform.instances(series)]
        # How long a completed task is that nobody saw before, no client could know.
        known = step.system != "crm" or not any(s and s.status == "showed" for s in seen)
        new_ids = known and step.slot % 3 != 0
        ways = {"new_ids": new_ids, "new_master": new_ids and step.slot % 3 == 1}
        moved = move_series(platform, series, by, **ways)
        return f"move series {series} by {by} as {moved}, new ids: {ways['new_ids']}"
    return _extend(town, step, series)


def _extend(town: World, step: SimEvent, series: str) -> str:
    """Repeat a series once more."""
    platform, standing = _recurring(town)[step.system], town.standing(step.system)
    last = platform.instances(series)[-1]
    seen = standing.get(last.id)
    if seen is None:
        return ""
    seat = town.world.seed_users[step.system, seen.provider]
    start, length = last.start + (DAY if step.slot % 2 else 7 * DAY), last.end - last.start
    book_series(
        platform, seat.calendar, seat.user, [start], length, seen.contact,
        series=series, title="Knee pain",
    )  # fmt: skip
    return f"extend series {series} by {start:%d %H:%M}"


def _coming(town: World) -> Iterator[tuple[str, str]]:
    """The instances on v2 that are still to come and take place."""
    for event, series in sorted(town.sandbox.clinic.series_of().items()):
        seen = town.standing("clinic").get(event)
        if seen is not None and seen.busy and seen.start > town.clock.now():
            yield event, series


def _twin(town: World, step: SimEvent) -> str:
    """Enter an instance of a series in v1 as well."""
    found = list(_coming(town))
    if not found:
        return ""
    event, _ = found[step.number % len(found)]
    seen = town.standing("clinic")[event]
    seat = town.world.seed_users["legacy", seen.provider]
    contact = town.contact("legacy", town.person("clinic", seen))
    twin = town.sandbox.legacy.book(
        seat.calendar, seat.user, *seen.interval, contact, title="Knee pain"
    )
    return f"twin {twin} of the instance {event}"


def _move_twin(town: World, step: SimEvent, start: datetime) -> str:
    """Move a meeting of v1 that is an instance of a series on v2, too."""
    keys = {town.standing("clinic")[event].key for event, _ in _coming(town)}
    found = [
        (event, seen)
        for event, seen in sorted(town.standing("legacy").items())
        if seen.kind == "appointment" and seen.busy and seen.key in keys
    ]
    if not found:
        return ""
    event, seen = found[step.number % len(found)]
    town.sandbox.legacy.move(event, start, start + (seen.end - seen.start))
    return f"move {event}, which is an instance in clinic, to {start:%d %H:%M}"
