"""Release the events of calendars that were replaced by other calendars in the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from syncd.engine.observation import SystemRead
from syncd.engine.unlisted_events import windows_of
from syncd.model import Kind, TrackedEvent, Window
from syncd.store.last_settings import former_calendars
from syncd.systems.list_caps import uncovered


def release_remapped(read: SystemRead, remapped: AbstractSet[str]) -> set[str]:
    """Release the events that a newly mapped calendar does not show; return their ids.

    Used in the first full read after a change of the configuration. ``remapped`` are the providers
    with another calendar than before. A released event no longer belongs to the provider, but it
    may still exist in the former calendar. syncd's own blocks are assigned to the provider's former
    calendar, if there was one, as their removal has to be proven.
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
        # From now on the new mapping decides which provider owns the events.
        read.owners.resolve_changes(provider)
        gaps = uncovered(read.window, complete[provider])
        for record in read.store.events_of(read.system.name, provider):
            value = record.observed
            if value is not None and any(gap.overlaps(value) for gap in gaps):
                continue  # The event may be in the part that the list omits.
            if record.created_by_us and (provider not in before or not _is_covered(blocks, record)):
                continue
            if record.id not in listed and not began_before_window(read, record):
                former = before[provider] if record.created_by_us else ""
                read.changes.records.append(replace(record, provider=former, fingerprint=""))
                read.seen.add_changed(provider, record.id)
                gone.add(record.id)
    return gone


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
