"""Rows without an end, id or owner, or that are no objects: how they break, and the judge of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.lab.sandbox.broken_rows import RowDefect
from syncd.lab.sandbox.consistency import DisagreementKind
from syncd.lab.simulate import completed, final_state, hosted, status_check
from syncd.lab.simulate.extra_draws import BROKEN_ROWS
from syncd.lab.simulate.scenario import TROUBLE, EventKind, Scenario, SimEvent
from syncd.lab.simulate.unproven import without_proof
from syncd.model import ReportedItem, Topic
from syncd.store.queries.reported import open_items

if TYPE_CHECKING:
    from syncd.lab.simulate.world import World
    from syncd.store import Store

READ_WITHIN = timedelta(hours=6)
"""By then every list was read again over the whole window."""

NEAR_PROPAGATED_WITHIN = timedelta(hours=1)
"""By then the near window was read at least twice, and changes were propagated."""

_HOUR = 3600.0
"""An account that allows a few calls in so long a time is read less often for a day."""


def perform(world: World, step: SimEvent) -> str:
    """Break a row, or repair all rows of a platform; return what was done, '' if nothing was."""
    system, now = step.system, world.clock.now()
    rows = world.sandbox.systems[system].broken_rows
    if step.kind is EventKind.REPAIR_ROWS:
        repaired = len(rows)
        rows.clear()
        return f"repair {repaired} rows" if repaired else ""
    if step.kind not in BROKEN_ROWS:
        return ""
    standing = world.events(system).items()
    candidates = sorted(e for e, view in standing if view.end > now and not hosted.is_share(e))
    if not candidates:
        return ""
    event = candidates[step.number % len(candidates)]
    rows[event] = RowDefect(str(step.kind))
    world.broken[system, event] = now
    if rows[event] is RowDefect.OWNER:
        world.ownerless.add((system, event))
    return f"{step.kind} {event}"


def judge_broken(
    world: World, scenario: Scenario, store: Store, now: datetime, last: datetime
) -> Iterator[str]:
    """Yield violations while rows are broken: an unreported row, or other events that wait for it.

    Skips days on which something else went wrong, since nothing is certain to be propagated then.
    """
    yield from status_check.judge_status(world, store, now, None)
    trouble = world.mass_edits or any(step.kind in TROUBLE for step in scenario.steps)
    if trouble or not any(_broken(world)):
        return
    items = [item for item in open_items(store) if item.topic is Topic.UNREADABLE]
    for system, event, lack in _broken(world):
        view = world.events(system).get(event)
        shown = view is not None and view.end > now and view.start < last
        if not shown or lack is RowDefect.OWNER or world.broken[system, event] > now - READ_WITHIN:
            continue
        named = event if lack is RowDefect.END else ""
        if not any(i.system == system and named in {"", i.event} for i in items):
            yield f"10: a broken row of {system} is not reported: {event} {lack}"
    touched = {
        view.provider
        for change in world.changes
        if (change.by_hand and change.at > now - NEAR_PROPAGATED_WITHIN)
        or (change.system, change.event) in world.broken
        for view in (change.before, change.after)
        if view is not None
    }
    for each in final_state.open_disagreements(world, store, now, last):
        if each.provider not in touched and each.kind is DisagreementKind.FREE:
            yield f"8: not propagated because of broken rows elsewhere: {each}"


def judge_rest(world: World, store: Store, now: datetime, last: datetime) -> Iterator[str]:
    """Yield violations at the end: also rows that are still reported although all are readable."""
    yield from final_state.judge_end(world, store, now, last)
    yield from status_check.judge_status(world, store, now, last)
    unproven = {(change.system, change.event) for change in without_proof(world)}
    for item in open_items(store):
        if (item.system, item.event) in unproven:
            continue
        if completed.is_hidden_by_words(world, item.system, item.event):
            continue
        if _waits_for_whole_read(world, item, last - now):
            continue
        if item.topic in {Topic.UNREADABLE, Topic.LIST}:
            yield f"10: still reported, but readable: {item.system} {item.event}: {item.reason}"


def _waits_for_whole_read(world: World, item: ReportedItem, future: timedelta) -> bool:
    """Whether only a read of the whole window ends it, and the account has too few calls for one.

    An hourly limit is remembered for a day, also after it was lifted, and polls are fewer so long.
    """
    return item.ahead >= future and any(
        system == item.system and limit.interval >= _HOUR and limit.refused_at
        for system, limit in world.gateways
    )


def _broken(world: World) -> Iterator[tuple[str, str, RowDefect]]:
    for system, platform in world.sandbox.systems.items():
        for event, lack in platform.broken_rows.items():
            yield system, event, lack
