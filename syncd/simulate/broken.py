"""Rows that lack their end, their id or their owner, or are no objects: broken and repaired."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.model import ReportedItem, Topic
from syncd.sandbox.broken_rows import Lack
from syncd.simulate import final_state, hosted, status_check
from syncd.simulate.extra_draws import BROKEN_ROWS
from syncd.simulate.scenario import TROUBLE, EventKind, Scenario, SimEvent
from syncd.simulate.unproven import without_proof
from syncd.store.reported import open_items

if TYPE_CHECKING:
    from syncd.simulate.world import World
    from syncd.store import Store

SEEN_WITHIN = timedelta(hours=6)
"""By then every list was read again in the whole window."""

CARRIED_WITHIN = timedelta(hours=1)
"""By then the near window was read at least twice, and news is carried."""

_HOUR = 3600.0
"""An account that allows a few calls in so long a time is read less often for a day."""


def perform(town: World, step: SimEvent) -> str:
    """Break a row from now on, or repair all of a platform; '' if there is none to break."""
    system, now = step.system, town.clock.now()
    rows = town.sandbox.systems[system].broken_rows
    if step.kind is EventKind.REPAIR_ROWS:
        repaired = len(rows)
        rows.clear()
        return f"repair {repaired} rows" if repaired else ""
    if step.kind not in BROKEN_ROWS:
        return ""
    standing = town.standing(system).items()
    found = sorted(e for e, seen in standing if seen.end > now and not hosted.is_share(e))
    if not found:
        return ""
    event = found[step.number % len(found)]
    rows[event] = Lack(str(step.kind))
    town.broken[system, event] = now
    if rows[event] is Lack.OWNER:
        town.ownerless.add((system, event))
    return f"{step.kind} {event}"


def judge_broken(
    town: World, story: Scenario, store: Store, now: datetime, last: datetime
) -> Iterator[str]:
    """Say what is wrong while rows are broken: nobody is told, or others wait for them.

    Where something else went wrong on that day, nobody can tell what was carried by now.
    """
    yield from status_check.judge_status(town, store, now, None)
    trouble = town.accidents or any(step.kind in TROUBLE for step in story.steps)
    if trouble or not any(_broken(town)):
        return
    items = [item for item in open_items(store) if item.topic is Topic.UNREADABLE]
    for system, event, lack in _broken(town):
        seen = town.standing(system).get(event)
        shown = seen is not None and seen.end > now and seen.start < last
        if not shown or lack is Lack.OWNER or town.broken[system, event] > now - SEEN_WITHIN:
            continue
        named = event if lack is Lack.END else ""
        if not any(i.system == system and named in {"", i.event} for i in items):
            yield f"10: nothing says that a row of {system} is broken: {event} {lack}"
    touched = {
        seen.provider
        for change in town.changes
        if (change.by_hand and change.at > now - CARRIED_WITHIN)
        or (change.system, change.event) in town.broken
        for seen in (change.before, change.after)
        if seen is not None
    }
    for line, provider, _ in final_state.apart(town, store, now, last):
        if provider not in touched and "open in" in line:
            yield f"8: waits for broken rows of others: {line}"


def judge_rest(town: World, store: Store, now: datetime, last: datetime) -> Iterator[str]:
    """Say what is wrong at the end, and what is still reported although every row reads well."""
    yield from final_state.judge_end(town, store, now, last)
    yield from status_check.judge_status(town, store, now, last)
    unproven = {(change.system, change.event) for change in without_proof(town)}
    for item in open_items(store):
        if (item.system, item.event) in unproven:
            continue
        if _waits_for_whole_read(town, item, last - now) or _ends_when_completed(town, item):
            continue
        if item.topic in {Topic.UNREADABLE, Topic.LIST}:
            yield f"10: still reported after its end: {item.system} {item.event}: {item.reason}"


def _waits_for_whole_read(town: World, item: ReportedItem, future: timedelta) -> bool:
    """Whether only a read of the whole window ends it, and the account has too few calls for one.

    An hourly limit is remembered for a day, also after it was lifted, and polls are fewer so long.
    """
    return item.ahead >= future and any(
        system == item.system and limit.interval >= _HOUR and limit.refused_at
        for system, limit in town.gateways
    )


def _ends_when_completed(town: World, item: ReportedItem) -> bool:
    """Whether its row has the time of its completion as its end, and does not say that it is done.

    The status of some rows is a word that nobody knows, and no one takes such words back.
    """
    seen = town.standing(item.system).get(item.event)
    unspelt = item.system == "crm" and item.system in town.unspelt
    return unspelt and seen is not None and seen.status == "showed"


def _broken(town: World) -> Iterator[tuple[str, str, Lack]]:
    for system, platform in town.sandbox.systems.items():
        for event, lack in platform.broken_rows.items():
            yield system, event, lack
