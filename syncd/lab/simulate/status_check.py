"""Judge the operator's view: exit codes and JSON must agree with the platforms.

An acknowledged item is identified by its content, not by an id: once the content changes, the item
must count again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.engine.report.remaining import count_remaining
from syncd.engine.report.run_report import Report, RunExit, unknown_owners
from syncd.lab.sandbox.scenario import PEOPLE, SYSTEM_NAMES
from syncd.lab.simulate.hosted import is_share
from syncd.lab.simulate.mass_edit import EventView, TimeSpan
from syncd.model import ConflictKind, ReportedItem, StoredConflict, Topic
from syncd.store.queries.reported import open_items
from syncd.store.queries.status_query import read_status

if TYPE_CHECKING:
    from syncd.lab.simulate.world import World
    from syncd.store import Store

Acknowledged = tuple[str, str, str] | tuple[str, frozenset[TimeSpan]]
"""A reported item (system, event, reason), or a double booking (provider, the two intervals)."""


def of_item(item: ReportedItem) -> Acknowledged:
    """Return what an acknowledgement of an item covers."""
    return (item.system, item.event, item.reason)


def of_pair(pair: StoredConflict) -> Acknowledged:
    """Return what an acknowledgement of a double booking covers."""
    values = [claim.value for claim in pair.conflict.claims]
    return (pair.conflict.provider, frozenset(v.interval for v in values if v is not None))


def judge_status(world: World, store: Store, now: datetime, last: datetime | None) -> Iterator[str]:
    """Yield violations by the exit code of `status`.

    Without ``last``, the end of the window, only the state is judged: what people did may not be
    read yet.
    """
    view = read_status(Path(store.place), now, now)
    mapped = {*PEOPLE, *(provider for provider, _ in view.mapped)}
    remaining = count_remaining(view, SYSTEM_NAMES, unknown_owners(view.owner_changes, now), mapped)
    yield from _unreported(world, store, RunExit.of(remaining), "status", now, last)


def judge_report(
    world: World, store: Store, report: Report, now: datetime, last: datetime
) -> Iterator[str]:
    """Yield violations by the exit code and the object of the last resync."""
    yield from _unreported(world, store, report.exit, "resync", now, last)
    conflicts = store.open_conflicts()
    counts = {
        "conflicts": sum(h.conflict.held for h in conflicts),
        "double_bookings": sum(h.conflict.kind is ConflictKind.DOUBLE_BOOKED for h in conflicts),
    }
    data = report.to_json()
    for key, number in counts.items():
        if data[key] != number:
            yield f"10: resync --json says {data[key]} {key}, but there are {number}"
    if report.exit is RunExit.CONFLICTS and not any(counts.values()) and not data["unreadable"]:
        yield "10: resync ends with 3, but nothing waits for the operator"


def _unreported(
    world: World, store: Store, ended: RunExit, command: str, now: datetime, last: datetime | None
) -> Iterator[str]:
    """Yield what needs attention although the exit code says that nothing does."""
    standing = [h for h in store.open_conflicts() if h.conflict.held]
    stopped = any(h.conflict.kind is ConflictKind.GUARD for h in standing)
    if stopped and ended is not RunExit.GUARDED:
        yield f"10: {command} ends with {ended.code}, but the guard is stopped"
    if store.pending_intents() and ended.code not in {4, 5}:
        yield f"10: {command} ends with {ended.code}, but writes have no outcome"
    if ended is not RunExit.DONE:
        return
    if standing:
        yield f"10: {command} ends with 0, but {len(standing)} conflicts are held"
    for item in open_items(store):
        if item.topic is Topic.UNREADABLE and of_item(item) not in world.known:
            yield f"10: {command} ends with 0, but {item.system} {item.event} is unreadable"
    for provider, pair in _double_bookings(world, now, last) if last else ():
        if (provider, pair) not in world.known:
            times = " and ".join(f"{a:%d %b %H:%M}-{b:%H:%M}" for a, b in sorted(pair))
            yield f"10: {command} ends with 0, but {provider} is booked twice: {times}"


def _double_bookings(
    world: World, now: datetime, last: datetime
) -> Iterator[tuple[str, frozenset[TimeSpan]]]:
    """Yield meetings of two customers that overlap in a provider's calendars.

    Skips providers for which the operator decided something, or whose user was changed.
    """
    if world.staff.since:
        return
    decided = {provider for _, provider in world.answers}
    for provider in PEOPLE:
        if not decided.isdisjoint({"", provider}):
            continue
        theirs = [
            (world.customer(system, view), view)
            for system in SYSTEM_NAMES
            for event, view in world.events(system).items()
            if view.provider == provider and not is_share(event) and _counts(view, now, last)
        ]
        for (customer, one), (rival, other) in combinations(theirs, 2):
            if "" not in {customer, rival} and customer != rival and _overlap(one, other):
                yield provider, frozenset({one.interval, other.interval})


def _counts(view: EventView, now: datetime, last: datetime) -> bool:
    return view.kind == "appointment" and view.busy and now < view.start < last


def _overlap(one: EventView, other: EventView) -> bool:
    return one.start < other.end and other.start < one.end
