"""Release the events of calendars that were replaced by other calendars in the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from syncd.engine.reading.absence import is_expected
from syncd.engine.reading.completed_lookups import CompletedLookup, resolve_unlisted
from syncd.engine.reading.lookups import Lookups
from syncd.engine.reading.observation import SystemRead
from syncd.engine.reading.unlisted_events import due_in_list, revoke_coverage, windows_of
from syncd.engine.report.reported_items import ReportedItems
from syncd.model import Kind, TrackedEvent, Window, part_of
from syncd.model.intervals import uncovered
from syncd.store.queries.last_settings import former_calendars
from syncd.systems.errors import PlatformError
from syncd.systems.lookup_results import Found, Gone

_SAMPLE = 3
"""How many events are looked up before an empty list of a newly mapped calendar is believed."""


async def release_remapped(
    read: SystemRead, lookups: Lookups, reports: ReportedItems, remapped: AbstractSet[str]
) -> set[str]:
    """Release the events that a newly mapped calendar does not show; return their ids.

    Used in the first full read after a change of the configuration. ``remapped`` are the providers
    with another calendar than before. A released event no longer belongs to the provider, but it
    may still exist in the former calendar. syncd's own blocks are assigned to the provider's former
    calendar, if there was one, as their removal has to be proven. An empty list releases nothing
    without a second proof (docs/design.md#absence); without that proof, the read is not complete.
    """
    before = former_calendars(read.store, read.system.name) if remapped else {}
    listed = {row.id for row in read.snapshot.rows}
    complete = {
        p: spans for (p, kind), spans in windows_of(read).items() if kind is Kind.APPOINTMENT
    }
    blocks = {p: spans for (p, kind), spans in windows_of(read).items() if kind is Kind.BLOCK}
    if not read.system.capabilities.lists_blocks:
        blocks = {}
    gone: set[str] = set()
    for provider in sorted(remapped & complete.keys()):
        gaps = uncovered(read.window, complete[provider])
        leaving: list[TrackedEvent] = []
        for record in read.store.events_of(read.system.name, provider):
            value = record.observed
            if value is not None and any(gap.overlaps(value) for gap in gaps):
                continue  # The event may be in the part that the list omits.
            if record.created_by_us and (provider not in before or not _is_covered(blocks, record)):
                continue
            if record.id not in listed and not began_before_window(read, record):
                leaving.append(record)
        if await is_in_doubt(read, lookups, reports, provider, leaving):
            await revoke_coverage(read, lookups, [(provider, kind) for kind in Kind])
            continue
        # From now on the new mapping decides which provider owns the events.
        read.owners.resolve_changes(provider)
        for record in leaving:
            former = before[provider] if record.created_by_us else ""
            read.changes.records.append(replace(record, provider=former, fingerprint=""))
            read.seen.add_changed(provider, record.id)
            gone.add(record.id)
    return gone


async def is_in_doubt(
    read: SystemRead,
    lookups: Lookups,
    reports: ReportedItems,
    provider: str,
    leaving: Sequence[TrackedEvent],
) -> bool:
    """Return whether the list of a newly mapped calendar is empty without a second proof.

    ``leaving`` are the events that the list lacks. The second proof is that some of them are found
    elsewhere or are deleted, or another empty list at least the lag bound later.
    """
    windows, emptied = windows_of(read), read.probes.emptied
    expected = [
        record
        for record in leaving
        if (value := record.observed) is not None
        and value.busy
        and not record.archived
        and any(
            is_expected(record, value, window, read.asked_at)
            for window in windows.get((provider, record.kind), ())
        )
    ]
    if not expected or any(row.provider == provider for row in read.snapshot.rows):
        emptied.pop(provider, None)
        return False
    since = min(emptied.get(provider, read.asked_at), read.asked_at)
    again = provider in emptied and read.asked_at - since >= read.system.capabilities.lag
    emptied[provider] = since
    proven = await _all_elsewhere(read, lookups, reports, expected)
    if proven is None and not again:
        read.seen.suspect(since + read.system.capabilities.lag)
    return not again if proven is None else not proven


async def _all_elsewhere(
    read: SystemRead,
    lookups: Lookups,
    reports: ReportedItems,
    expected: Sequence[TrackedEvent],
) -> bool | None:
    """Look up some events that an empty list lacks; return whether none is in its calendar.

    False: the list hides an event. None: the lookups do not show whether the list should have one.
    """
    able = read.system.capabilities
    readable = [r for r in expected if r.kind not in able.gone_by_list and not part_of(r.id)]
    readable.sort(key=lambda r: (r.kind is not Kind.APPOINTMENT, r.id))
    proven: bool | None = True if readable else None
    for record in readable[:_SAMPLE]:
        if lookups.exhausted or read.lookups_left <= 0:
            return None
        read.lookups_left -= 1
        try:
            result, asked_at = await lookups.look_up(record)
        except PlatformError as fault:
            read.seen.fail(fault)
            return None
        match result:
            case Found(event=event, elsewhere=False) | Found(event=event, outdated=True) if (
                event.provider == record.provider
            ):
                await resolve_unlisted(
                    read, lookups, reports, CompletedLookup(record, result, asked_at)
                )
                spans = windows_of(read).get((event.provider, event.kind), ())
                due = due_in_list(read, record, result, spans)
                if due is not None and due <= read.asked_at:
                    read.probes.hidden.add(record.id)
                    return False
                if due is not None:
                    read.seen.suspect(due)
                    return False
                proven = None  # No list has to show the event.
            case Found():
                continue
            case Gone() if able.gone_proofs.get(record.kind, 1) == 1:
                continue
            case _:
                proven = None
    return proven


def assign_to_former_calendars(read: SystemRead) -> None:
    """Assign our blocks that a lookup found elsewhere to their provider's former calendar."""
    before = former_calendars(read.store, read.system.name)
    if not before:
        return
    moved = {r.id for r in read.changes.records if r.created_by_us and not r.provider}
    providers = {r.id: r.provider for r in read.store.records(read.system.name, sorted(moved))}
    read.changes.records = [
        replace(r, provider=before.get(providers.get(r.id, ""), "")) if r.id in moved else r
        for r in read.changes.records
    ]


def _is_covered(spans: Mapping[str, Sequence[Window]], record: TrackedEvent) -> bool:
    """Return true if the lists that were read would show this block."""
    value = record.observed
    return value is not None and any(s.contains(value) for s in spans.get(record.provider, ()))


def began_before_window(read: SystemRead, record: TrackedEvent) -> bool:
    """Return true if an event overlaps the window, but began before the time that was listed."""
    value = record.observed
    return value is not None and value.start < read.span.start and read.window.overlaps(value)
