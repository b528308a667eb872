"""Remove what syncd made: looked at anew, through the journal and the budget, and proven gone.

Each system is cleaned up by itself, so that one that does not answer keeps no other waiting. What a
crash or an interruption leaves is done by the next cleanup: the journal knows what was sent, and
what stands is asked anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from syncd.core.cleanup import tagged_blocks
from syncd.engine.cleanup_context import CleanupContext, Place
from syncd.engine.cleanup_report import CalendarCleanup, CleanupReport
from syncd.engine.cleanup_system import SystemCleanup
from syncd.engine.left_in_place import left_in_place
from syncd.model import (
    HistoryEntry,
    Value,
)
from syncd.model.pauses import CLEANED_UP, Pause
from syncd.store.owned import owned, proves_anything
from syncd.store.ownership_proof import bearers, owned_with
from syncd.store.pauses import save_pauses


async def clean_up(
    context: CleanupContext,
    *,
    dry_run: bool,
    chosen: Collection[tuple[str, str]] = (),
    by_tag: bool = False,
    who: str = "",
    progress: Callable[[str], None] = lambda _text: None,
) -> CleanupReport:
    """Remove every block of ours in the scope; ``dry_run`` only looks.

    ``chosen`` are tagged blocks, (system, event), that nothing proves ours and that a person wants
    removed: those whose tag still stands only once are. Raises what the state raises.
    """
    now = context.clock.now()
    report = CleanupReport(context.ids.row(), context.scope, dry_run=dry_run)
    report.by_tag = by_tag or bool(chosen) or not proves_anything(context.store)
    report.left_in_place = left_in_place(context.store, context.scope)
    _list_calendars(context, report, now)
    names = sorted(context.systems if report.by_tag else {s for _, s in report.calendars})
    works = [
        SystemCleanup(context, report, name, progress) for name in names if name in context.systems
    ]
    if not dry_run:
        # Before the first removal: after a crash between the two no block is made again.
        report.paused = pause_scope(context, who, now, report.run)
        context.store.start_run(report.run, "cleanup", now)
        await asyncio.gather(*(work.finish_pending() for work in works))
    progress("reading")
    await asyncio.gather(*(work.first_look() for work in works))
    _judge_tags(context, report, works, chosen)
    for work in works:
        work.count(now)
    if not dry_run:
        await asyncio.gather(*(work.remove() for work in works))
    for work in works:
        work.sum_up()
    report.interrupted = context.stopping.is_set()
    if not dry_run:
        _recount_barred(context, report)
        context.store.finish_run(report.run, context.clock.now(), report.to_json())
    return report


def pause_scope(context: CleanupContext, who: str, now: datetime, run: str) -> list[str]:
    """Pause what is cleaned up and configured, so that no block is made again; return the names.

    Raises StateError.
    """
    scope = context.scope
    concerned = {place for place in context.configured if scope.covers(*place)}
    renamed = {
        (context.provider_of(*place), place[1]) for place in context.aliases if scope.covers(*place)
    }
    if scope.system or scope.provider:
        wanted = [Pause(scope.system, scope.provider, now, who, CLEANED_UP)] if concerned else []
    else:
        systems = sorted({system for _, system in concerned})
        wanted = [Pause(system, "", now, who, CLEANED_UP) for system in systems]
    # Who has another name by now would have the blocks made again.
    more = sorted(renamed & context.configured - concerned)
    wanted += [Pause(system, provider, now, who, CLEANED_UP) for provider, system in more]
    for pause in wanted:
        note = HistoryEntry(
            now, run, pause.provider, "paused", system=pause.system, rule=CLEANED_UP
        )
        save_pauses(context.store, pause, notes=[note])
    return [pause.id for pause in wanted]


def _list_calendars(context: CleanupContext, report: CleanupReport, now: datetime) -> None:
    """Name the calendars of the scope; of those that cannot be reached, what the state knows."""
    for provider, systems in context.mapping.items():
        for system in systems:
            if context.scope.covers(provider, system):
                _calendar(context, report, provider, system)
    known: dict[Place, list[Value]] = {}
    for each in owned(context.store):
        system = each.record.system
        if not context.scope.covers(each.provider, system) or each.record.observed is None:
            continue
        provider = context.provider_of(each.provider, system)
        known.setdefault((provider, system), []).append(each.record.observed)
    for (provider, system), values in sorted(known.items()):
        calendar = _calendar(context, report, provider, system)
        calendar.count(values, now)
        if (bar := context.mark_unreachable(provider, system)) is not None:
            calendar.left, calendar.why, calendar.remedy = len(values), bar.reason, bar.remedy


def _recount_barred(context: CleanupContext, report: CleanupReport) -> None:
    """Count anew what stands where nothing could be reached: another calendar may have shown it."""
    known = [(each.provider, each.record.system) for each in owned(context.store)]
    standing = {(context.provider_of(*place), place[1]) for place in known}
    for place, calendar in report.calendars.items():
        if calendar.left and place not in standing and context.mark_unreachable(*place) is not None:
            calendar.gone, calendar.left, calendar.why, calendar.remedy = calendar.left, 0, "", ""


def _calendar(
    context: CleanupContext, report: CleanupReport, provider: str, system: str
) -> CalendarCleanup:
    place = provider, system
    if place not in report.calendars:
        zone = context.zones.get(provider, context.zone)
        report.calendars[place] = CalendarCleanup(provider, system, zone)
    return report.calendars[place]


def _judge_tags(
    context: CleanupContext,
    report: CleanupReport,
    works: Sequence[SystemCleanup],
    chosen: Collection[tuple[str, str]],
) -> None:
    """Collect the tagged blocks that nothing proves ours; take those that a person chose."""
    events = [event for work in works for event in work.seen.events]
    proven = {(w.name, id_) for w in works for id_ in w.seen.proven}
    unread = {w.name for w in works if w.seen.fault is not None or w.unlisted()}
    unread |= {system for _, system in context.unreachable}
    tags = {e.key for e in events if e.key is not None}
    copied = {t for t in tags if owned_with(context.store, t, bearers(context.store, t))}
    judged = tagged_blocks(events, proven, copied, unread)
    for each in judged:
        event = each.event
        if not context.scope.covers(event.provider, event.system):
            continue
        if (event.system, event.id) in chosen and each.doubt is None and not report.dry_run:
            work = next(w for w in works if w.name == event.system)
            work.own(event)
            continue
        _calendar(context, report, event.provider, event.system).tagged.append(each)
