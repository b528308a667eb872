"""The operator's view must be true: exit codes and JSON agree with what stands on the platforms.

What the operator has acknowledged is known here by what it was of, not by an id: once that differs,
it has to count again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.engine.remaining import count_remaining
from syncd.engine.report import Report, RunExit, unknown_owners
from syncd.model import ConflictKind, HeldConflict, ReportedItem, Topic
from syncd.sandbox.scenario import PEOPLE, SYSTEM_NAMES
from syncd.simulate.hosted import is_share
from syncd.simulate.mass_edit import Interval, View
from syncd.store.reported import open_items
from syncd.store.status_query import read_status

if TYPE_CHECKING:
    from syncd.simulate.world import World
    from syncd.store import Store

Known = tuple[str, str, str] | tuple[str, frozenset[Interval]]
"""A reported item: system, event, reason; or a double booking: whose, and when the two are."""


def of_item(item: ReportedItem) -> Known:
    """Return what an acknowledgement of an item is of."""
    return (item.system, item.event, item.reason)


def of_pair(held: HeldConflict) -> Known:
    """Return what an acknowledgement of a double booking is of."""
    values = [claim.value for claim in held.conflict.claims]
    return (held.conflict.provider, frozenset(v.interval for v in values if v is not None))


def judge_status(town: World, store: Store, now: datetime, last: datetime | None) -> Iterator[str]:
    """Say what is wrong with the exit code of `status`, as the state stands.

    Without ``last``, the end of the window, only by the state: what people did may not be seen yet.
    """
    seen = read_status(Path(store.place), now, now)
    mapped = {*PEOPLE, *(provider for provider, _ in seen.mapped)}
    left = count_remaining(seen, SYSTEM_NAMES, unknown_owners(seen.owner_changes, now), mapped)
    yield from _too_low(town, store, RunExit.of(left), "status", now, last)


def judge_report(
    town: World, store: Store, report: Report, now: datetime, last: datetime
) -> Iterator[str]:
    """Say what is wrong with the exit code and the object of the last resync."""
    yield from _too_low(town, store, report.exit, "resync", now, last)
    told = store.open_conflicts()
    counts = {
        "conflicts": sum(h.conflict.held for h in told),
        "double_bookings": sum(h.conflict.kind is ConflictKind.DOUBLE_BOOKED for h in told),
    }
    data = report.to_json()
    for key, number in counts.items():
        if data[key] != number:
            yield f"10: resync --json says {data[key]} {key}, but there are {number}"
    if report.exit is RunExit.CONFLICTS and not any(counts.values()) and not data["unreadable"]:
        yield "10: resync ends with 3, and nothing waits for a person"


def _too_low(
    town: World, store: Store, ended: RunExit, command: str, now: datetime, last: datetime | None
) -> Iterator[str]:
    """Name what stands although the exit code says that nothing does."""
    standing = [h for h in store.open_conflicts() if h.conflict.held]
    stopped = any(h.conflict.kind is ConflictKind.GUARD for h in standing)
    if stopped and ended is not RunExit.GUARDED:
        yield f"10: {command} ends with {ended.code}, but the guard stands"
    if store.pending_intents() and ended.code not in {4, 5}:
        yield f"10: {command} ends with {ended.code}, but writes have no outcome"
    if ended is not RunExit.DONE:
        return
    if standing:
        yield f"10: {command} ends with 0, but {len(standing)} conflicts are held"
    for item in open_items(store):
        if item.topic is Topic.UNREADABLE and of_item(item) not in town.known:
            yield f"10: {command} ends with 0, but {item.system} {item.event} is unreadable"
    for provider, pair in _double_bookings(town, now, last) if last else ():
        if (provider, pair) not in town.known:
            times = " and ".join(f"{a:%d %b %H:%M}-{b:%H:%M}" for a, b in sorted(pair))
            yield f"10: {command} ends with 0, but {provider} is booked twice: {times}"


def _double_bookings(
    town: World, now: datetime, last: datetime
) -> Iterator[tuple[str, frozenset[Interval]]]:
    """Find meetings of two customers that overlap in somebody's calendars.

    Not where a person decided something of that provider, or made somebody of the users else.
    """
    if town.staff.since:
        return
    decided = {provider for _, provider in town.answers}
    for provider in PEOPLE:
        if not decided.isdisjoint({"", provider}):
            continue
        mine = [
            (town.person(system, seen), seen)
            for system in SYSTEM_NAMES
            for event, seen in town.standing(system).items()
            if seen.provider == provider and not is_share(event) and _counts(seen, now, last)
        ]
        for (who, one), (whom, other) in combinations(mine, 2):
            if "" not in {who, whom} and who != whom and _overlap(one, other):
                yield provider, frozenset({one.interval, other.interval})


def _counts(seen: View, now: datetime, last: datetime) -> bool:
    return seen.kind == "appointment" and seen.busy and now < seen.start < last


def _overlap(one: View, other: View) -> bool:
    return one.start < other.end and other.start < one.end
