"""Remove every block that syncd created, and prove by reading that it is gone.

Used by `syncd cleanup`. Removals go through the journal and the rate limit. Each system is cleaned
up independently, so that an unreachable system delays no other. The next cleanup continues after a
crash or an interruption: the journal knows what was sent, and the calendars are read again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from syncd.core.ownership.cleanup import tagged_blocks
from syncd.engine.cleanup.context import CleanupContext
from syncd.engine.cleanup.left_in_place import left_in_place
from syncd.engine.cleanup.report import CalendarCleanup, CleanupReport
from syncd.engine.cleanup.system import SystemCleanup
from syncd.engine.reading.first_read import CalendarKey
from syncd.model import (
    HistoryEntry,
    Value,
)
from syncd.model.pauses import CLEANED_UP, Pause
from syncd.store.backup.ownership_proof import events_with_tag, owned_ids_with_tag
from syncd.store.queries.owned import owned_blocks, proves_anything
from syncd.store.queries.pauses import save_pauses


async def clean_up(
    context: CleanupContext,
    *,
    dry_run: bool,
    chosen: Collection[tuple[str, str]] = (),
    by_tag: bool = False,
    who: str = "",
    progress: Callable[[str], None] = lambda _text: None,
) -> CleanupReport:
    """Remove every block of ours in the scope and return the report; with ``dry_run``, only read.

    ``chosen`` are tagged blocks, (system, event), that nothing proves to be ours and that the
    operator wants removed; each is removed only if no other event has the same tag. ``by_tag``:
    search for tags even if ids prove which blocks are ours. ``who`` is the operator. ``progress``
    gets a short text for each step. Raises StateError; a fault of a system is in the report.
    """
    now = context.clock.now()
    report = CleanupReport(context.ids.row(), context.scope, dry_run=dry_run)
    report.by_tag = by_tag or bool(chosen) or not proves_anything(context.store)
    report.left_in_place = left_in_place(context.store, context.scope)
    _list_calendars(context, report, now)
    names = sorted(context.systems if report.by_tag else {s for _, s in report.calendars})
    cleanups = [
        SystemCleanup(context, report, name, progress) for name in names if name in context.systems
    ]
    if not dry_run:
        # Pause before the first removal: after a crash in between, no block is created again.
        report.paused = pause_scope(context, who, now, report.run)
        context.store.start_run(report.run, "cleanup", now)
        await asyncio.gather(*(cleanup.finish_pending() for cleanup in cleanups))
    progress("reading")
    await asyncio.gather(*(cleanup.read_blocks() for cleanup in cleanups))
    _report_tagged(context, report, cleanups, chosen)
    for cleanup in cleanups:
        cleanup.count_blocks(now)
    if not dry_run:
        await asyncio.gather(*(cleanup.remove() for cleanup in cleanups))
    for cleanup in cleanups:
        cleanup.update_report()
    report.interrupted = context.stopping.is_set()
    if not dry_run:
        _recount_unreachable(context, report)
        context.store.finish_run(report.run, context.clock.now(), report.to_json())
    return report


def pause_scope(context: CleanupContext, who: str, now: datetime, run: str) -> list[str]:
    """Pause the configured calendars of the scope, so that no block is created again.

    ``who`` is the operator, ``run`` the id of the cleanup. Returns the ids of the pauses, which
    `syncd unpause` accepts. Raises StateError.
    """
    scope = context.scope
    affected = {place for place in context.configured if scope.covers(*place)}
    renamed = {
        (context.provider_of(*place), place[1]) for place in context.aliases if scope.covers(*place)
    }
    if scope.system or scope.provider:
        wanted = [Pause(scope.system, scope.provider, now, who, CLEANED_UP)] if affected else []
    else:
        systems = sorted({system for _, system in affected})
        wanted = [Pause(system, "", now, who, CLEANED_UP) for system in systems]
    # A renamed provider's calendar would get new blocks.
    more = sorted(renamed & context.configured - affected)
    wanted += [Pause(system, provider, now, who, CLEANED_UP) for provider, system in more]
    for pause in wanted:
        note = HistoryEntry(
            now, run, pause.provider, "paused", system=pause.system, rule=CLEANED_UP
        )
        save_pauses(context.store, pause, notes=[note])
    return [pause.id for pause in wanted]


def _list_calendars(context: CleanupContext, report: CleanupReport, now: datetime) -> None:
    """Add the calendars of the scope to the report; count known blocks in unreachable ones."""
    for provider, systems in context.mapping.items():
        for system in systems:
            if context.scope.covers(provider, system):
                _calendar(context, report, provider, system)
    known: dict[CalendarKey, list[Value]] = {}
    for each in owned_blocks(context.store):
        system = each.record.system
        if not context.scope.covers(each.provider, system) or each.record.observed is None:
            continue
        provider = context.provider_of(each.provider, system)
        known.setdefault((provider, system), []).append(each.record.observed)
    for (provider, system), values in sorted(known.items()):
        calendar = _calendar(context, report, provider, system)
        calendar.count(values, now)
        if (barrier := context.why_unreachable(provider, system)) is not None:
            calendar.left = len(values)
            calendar.why, calendar.remedy = barrier.reason, barrier.remedy


def _recount_unreachable(context: CleanupContext, report: CleanupReport) -> None:
    """Count the blocks of unreachable calendars again: another calendar may have shown them."""
    known = [(each.provider, each.record.system) for each in owned_blocks(context.store)]
    remaining = {(context.provider_of(*place), place[1]) for place in known}
    for place, calendar in report.calendars.items():
        if calendar.left and place not in remaining and context.why_unreachable(*place) is not None:
            calendar.gone, calendar.left, calendar.why, calendar.remedy = calendar.left, 0, "", ""


def _calendar(
    context: CleanupContext, report: CleanupReport, provider: str, system: str
) -> CalendarCleanup:
    place = provider, system
    if place not in report.calendars:
        zone = context.zones.get(provider, context.zone)
        report.calendars[place] = CalendarCleanup(provider, system, zone)
    return report.calendars[place]


def _report_tagged(
    context: CleanupContext,
    report: CleanupReport,
    cleanups: Sequence[SystemCleanup],
    chosen: Collection[tuple[str, str]],
) -> None:
    """Report the tagged blocks that nothing proves to be ours, and adopt the ``chosen`` ones.

    A chosen block is adopted, and so removed, only if there is no doubt about the block.
    """
    events = [event for cleanup in cleanups for event in cleanup.seen.events]
    proven = {(w.name, id_) for w in cleanups for id_ in w.seen.proven}
    unread = {w.name for w in cleanups if w.seen.fault is not None or w.unlisted()}
    unread |= {system for _, system in context.unreachable}
    tags = {e.key for e in events if e.key is not None}
    copied = {
        t for t in tags if owned_ids_with_tag(context.store, t, events_with_tag(context.store, t))
    }
    judged = tagged_blocks(events, proven, copied, unread)
    for each in judged:
        event = each.event
        if not context.scope.covers(event.provider, event.system):
            continue
        if (event.system, event.id) in chosen and each.doubt is None and not report.dry_run:
            cleanup = next(w for w in cleanups if w.name == event.system)
            cleanup.adopt(event)
            continue
        _calendar(context, report, event.provider, event.system).tagged.append(each)
