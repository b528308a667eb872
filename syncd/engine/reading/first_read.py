"""Track which calendars were read in full under their current mapping.

Until a calendar was read in full, no event that is missing from the calendar frees time. This
matters after a restore, after a lost state, and after the configuration mapped a provider to
another calendar.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.model import Baseline, Changes, Coverage, Kind, Window
from syncd.store.backup.ownership_proof import orphans, unplaced_blocks
from syncd.store.queries.left_behind import FOUND_MAPPING
from syncd.store.queries.owners import owner_changes
from syncd.store.store import Store

CalendarKey = tuple[str, str]
"""(provider, system): one calendar."""


@dataclass(slots=True)
class ReadProgress:
    """The calendars that were read in full.

    ``mapped`` holds a digest of each calendar's mapping. A calendar counts as read in full again
    only after its new mapping was read.
    """

    store: Store
    mapped: Mapping[CalendarKey, str]
    _rows: dict[CalendarKey, Baseline] = field(init=False)
    _seen: set[CalendarKey] = field(default_factory=set)
    _arrived: set[CalendarKey] = field(default_factory=set)
    _restored: set[CalendarKey] = field(default_factory=set)
    _state_lost: bool = field(init=False)

    def __post_init__(self) -> None:
        """Load the stored rows; nothing is written."""
        self._rows = {(b.provider, b.system): b for b in self.store.baselines()}
        self._state_lost = not self._rows and self._has_made_blocks()

    def _has_made_blocks(self) -> bool:
        created = self.store.created
        return created is not None and created.newest is not None

    def add(self, places: Iterable[CalendarKey]) -> None:
        """Add calendars that were found in a system and that the configuration does not map."""
        self.mapped = {**dict.fromkeys(places, FOUND_MAPPING), **self.mapped}

    def is_complete(self, provider: str, system: str) -> bool:
        """Return whether the calendar was read in full under its current mapping."""
        row = self._rows.get((provider, system))
        return (
            row is not None
            and row.completed_at is not None
            and row.mapping == self.mapped.get((provider, system))
        )

    def read_whole(self, provider: str, system: str) -> bool:
        """Return whether the calendar was read in full, in this cycle or before."""
        return self.is_complete(provider, system) or (provider, system) in self._seen

    def arrived(self, provider: str, system: str) -> bool:
        """Return whether every row of the calendar was read once, even rows without a usable id.

        Then the change of an event that the calendar shows may free time. An event that the
        calendar lacks may not: a block that no known meeting explains stays until the calendar was
        read in full.
        """
        return self.is_complete(provider, system) or (provider, system) in self._arrived

    def may_hide_blocks(self, provider: str, system: str) -> bool:
        """Return whether the calendar may contain a block of ours that a lost state forgot.

        Such a block may be a row without an id.
        """
        row = self._rows.get((provider, system))
        return self._state_lost or (row is not None and row.completed_at is None)

    def note_arrived(self, coverage: Iterable[Coverage], whole: Window) -> int:
        """Note the calendars whose rows were all read; return how many were not known before."""
        places = {place for place in _covered(coverage, whole) if place in self.mapped}
        new = {place for place in places - self._arrived if not self.is_complete(*place)}
        self._arrived |= new
        return len(new)

    def note_read(self, coverage: Iterable[Coverage], whole: Window) -> None:
        """Note, before any decision, the calendars that were just read in full."""
        self._seen |= {place for place in _covered(coverage, whole) if place in self.mapped}

    def unread(self, system: str) -> frozenset[str]:
        """Return the providers whose calendar in the system was not read in full yet.

        Empty for an installation that has created no blocks: no block can be forgotten.
        """
        if not self._rows and not self._has_made_blocks():
            return frozenset()
        places = (place for place in self.mapped if place[1] == system)
        return frozenset(
            provider for provider, _ in places if not self.is_complete(provider, system)
        )

    def remapped(self, system: str) -> frozenset[str]:
        """Return the providers whose calendar in the system differs from the stored mapping."""
        return frozenset(
            provider
            for (provider, name), row in self._rows.items()
            if name == system and row.mapping != self.mapped.get((provider, name), row.mapping)
        )

    def unmapped(self, providers: Collection[str]) -> list[Baseline]:
        """Return the stored calendars of these providers that are no longer mapped."""
        return [
            row
            for place, row in sorted(self._rows.items())
            if row.mapping and place not in self.mapped and row.provider in providers
        ]

    def release_unmapped(self, providers: Collection[str]) -> set[str]:
        """Release the events of calendars that are no longer mapped; return the providers.

        Used when a calendar was removed from the configuration: its events stay stored, but belong
        to no provider. ``providers`` limits this to calendars of these providers.
        """
        dropped = self.unmapped(providers)
        changes = Changes(baselines=[replace(row, mapping="") for row in dropped])
        for row in dropped:
            changes.records += [
                replace(record, provider="", fingerprint="")
                for record in self.store.events_of(row.system, row.provider)
            ]
            changes.owners_resolved += [
                change
                for change in owner_changes(self.store)
                if (change.system, change.provider) == (row.system, row.provider)
            ]
        if dropped:
            self.store.apply(changes)
            self._rows.update({(b.provider, b.system): b for b in changes.baselines})
        return {row.provider for row in dropped}

    def restore_mapped(self, providers: Collection[str]) -> set[str]:
        """Put our blocks back into calendars that are mapped again; return the providers.

        Used when a removed calendar is put back into the configuration (see `release_unmapped`).
        The blocks keep their last known state until a read shows another state. Without this,
        blocks that no list shows, or whose time was not read yet, would be created a second time.
        """
        restored = [
            place
            for place, row in sorted(self._rows.items())
            if not row.mapping and place in self.mapped and place[0] in providers
        ]
        changes = Changes()
        for provider, system in (place for place in restored if place not in self._restored):
            changes.records += [
                replace(record, provider=provider)
                for record in unplaced_blocks(self.store, system, provider)
            ]
        self._restored |= {*restored}
        if changes.records:
            self.store.apply(changes)
        return {record.provider for record in changes.records}

    def complete(
        self, coverage: Iterable[Coverage], whole: Window, at: datetime
    ) -> list[CalendarKey]:
        """Store and return the calendars that were just read in full for the first time.

        ``whole`` is the window that ``coverage`` must cover, ``at`` the time to store.
        """
        fresh = [
            Baseline(system, provider, self.mapped[provider, system], at)
            for provider, system in _covered(coverage, whole)
            if (provider, system) in self.mapped and not self.is_complete(provider, system)
        ]
        places = {(b.provider, b.system) for b in fresh}
        # Store a row for every calendar, so that it stays known that the state was lost.
        lost = self.mapped.keys() - self._rows.keys() - places if self._state_lost else set()
        stored = [*fresh, *(Baseline(s, p, self.mapped[p, s], None) for p, s in sorted(lost))]
        if stored:
            self.store.apply(Changes(baselines=stored))
            self._rows.update({(b.provider, b.system): b for b in stored})
        return [(b.provider, b.system) for b in fresh]


def _covered(coverage: Iterable[Coverage], whole: Window) -> list[CalendarKey]:
    """Return the calendars whose appointments were read in the whole window."""
    read: dict[CalendarKey, list[Window]] = {}
    for c in coverage:
        if Kind.APPOINTMENT in c.kinds:
            read.setdefault((c.provider, c.system), []).append(c.window)
    return [place for place, windows in sorted(read.items()) if whole.covered_by(windows)]


def orphan_remarks(store: Store, provider: str, system: str, now: datetime) -> list[str]:
    """Return one remark if a calendar contains orphans (tags without a meeting), else none."""
    orphaned = [
        record.observed
        for record in orphans(store)
        if (record.provider, record.system) == (provider, system)
        and record.observed is not None
        and record.observed.busy
        and record.observed.end > now
    ]
    if not orphaned:
        return []
    first = min(value.start for value in orphaned)
    remark = (
        f"{system}: {len(orphaned)} of {provider}'s blocks have a syncd tag but no known meeting "
        f"(the first on {first:%Y-%m-%d %H:%M} UTC). syncd does not remove them; delete those that "
        "you do not need on the platform."
    )
    return [remark]
