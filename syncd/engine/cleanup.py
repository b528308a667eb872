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
from syncd.store.owned import owned_blocks, proves_anything
from syncd.store.ownership_proof import events_with_tag, owned_ids_with_tag
from syncd.store.pauses import save_pauses


async def clean_up(
    job: CleanupContext,
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
    now = job.clock.now()
    cleaned = CleanupReport(job.ids.row(), job.scope, dry_run=dry_run)
    cleaned.by_tag = by_tag or bool(chosen) or not proves_anything(job.store)
    cleaned.left_in_place = left_in_place(job.store, job.scope)
    _list_calendars(job, cleaned, now)
    names = sorted(job.systems if cleaned.by_tag else {s for _, s in cleaned.calendars})
    works = [SystemCleanup(job, cleaned, name, progress) for name in names if name in job.systems]
    if not dry_run:
        # Before the first removal: after a crash between the two no block is made again.
        cleaned.paused = pause_cleaned(job, who, now, cleaned.run)
        job.store.start_run(cleaned.run, "cleanup", now)
        await asyncio.gather(*(work.settle_open() for work in works))
    progress("reading")
    await asyncio.gather(*(work.first_look() for work in works))
    _judge_tags(job, cleaned, works, chosen)
    for work in works:
        work.count(now)
    if not dry_run:
        await asyncio.gather(*(work.remove() for work in works))
    for work in works:
        work.sum_up()
    cleaned.interrupted = job.stopping.is_set()
    if not dry_run:
        _recount_barred(job, cleaned)
        job.store.finish_run(cleaned.run, job.clock.now(), cleaned.to_json())
    return cleaned


def pause_cleaned(job: CleanupContext, who: str, now: datetime, run: str) -> list[str]:
    """Pause what is cleaned up and configured, so that no block is made again; return the names.

    Raises StateError.
    """
    scope = job.scope
    concerned = {place for place in job.configured if scope.covers(*place)}
    renamed = {(job.provider_of(*place), place[1]) for place in job.aliases if scope.covers(*place)}
    if scope.system or scope.provider:
        wanted = [Pause(scope.system, scope.provider, now, who, CLEANED_UP)] if concerned else []
    else:
        systems = sorted({system for _, system in concerned})
        wanted = [Pause(system, "", now, who, CLEANED_UP) for system in systems]
    # Who has another name by now would have the blocks made again.
    more = sorted(renamed & job.configured - concerned)
    wanted += [Pause(system, provider, now, who, CLEANED_UP) for provider, system in more]
    for pause in wanted:
        note = HistoryEntry(
            now, run, pause.provider, "paused", system=pause.system, rule=CLEANED_UP
        )
        save_pauses(job.store, pause, notes=[note])
    return [pause.id for pause in wanted]


def _list_calendars(job: CleanupContext, cleaned: CleanupReport, now: datetime) -> None:
    """Name the calendars of the scope; of those that cannot be reached, what the state knows."""
    for provider, systems in job.mapping.items():
        for system in systems:
            if job.scope.covers(provider, system):
                _calendar(job, cleaned, provider, system)
    known: dict[Place, list[Value]] = {}
    for each in owned_blocks(job.store):
        system = each.record.system
        if not job.scope.covers(each.provider, system) or each.record.observed is None:
            continue
        provider = job.provider_of(each.provider, system)
        known.setdefault((provider, system), []).append(each.record.observed)
    for (provider, system), values in sorted(known.items()):
        calendar = _calendar(job, cleaned, provider, system)
        calendar.count(values, now)
        if (bar := job.mark_unreachable(provider, system)) is not None:
            calendar.left, calendar.why, calendar.remedy = len(values), bar.reason, bar.remedy


def _recount_barred(job: CleanupContext, cleaned: CleanupReport) -> None:
    """Count anew what stands where nothing could be reached: another calendar may have shown it."""
    known = [(each.provider, each.record.system) for each in owned_blocks(job.store)]
    standing = {(job.provider_of(*place), place[1]) for place in known}
    for place, calendar in cleaned.calendars.items():
        if calendar.left and place not in standing and job.mark_unreachable(*place) is not None:
            calendar.gone, calendar.left, calendar.why, calendar.remedy = calendar.left, 0, "", ""


def _calendar(
    job: CleanupContext, cleaned: CleanupReport, provider: str, system: str
) -> CalendarCleanup:
    place = provider, system
    if place not in cleaned.calendars:
        zone = job.zones.get(provider, job.zone)
        cleaned.calendars[place] = CalendarCleanup(provider, system, zone)
    return cleaned.calendars[place]


def _judge_tags(
    job: CleanupContext,
    cleaned: CleanupReport,
    works: Sequence[SystemCleanup],
    chosen: Collection[tuple[str, str]],
) -> None:
    """Collect the tagged blocks that nothing proves ours; take those that a person chose."""
    events = [event for work in works for event in work.seen.events]
    proven = {(w.name, id_) for w in works for id_ in w.seen.proven}
    unread = {w.name for w in works if w.seen.fault is not None or w.unlisted()}
    unread |= {system for _, system in job.unreachable}
    tags = {e.key for e in events if e.key is not None}
    copied = {t for t in tags if owned_ids_with_tag(job.store, t, events_with_tag(job.store, t))}
    judged = tagged_blocks(events, proven, copied, unread)
    for each in judged:
        event = each.event
        if not job.scope.covers(event.provider, event.system):
            continue
        if (event.system, event.id) in chosen and each.doubt is None and not cleaned.dry_run:
            work = next(w for w in works if w.name == event.system)
            work.own(event)
            continue
        _calendar(job, cleaned, event.provider, event.system).tagged.append(each)
