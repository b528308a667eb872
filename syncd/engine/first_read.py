"""Which calendars were read in full under their present mapping, and which are still to be.

Until a calendar was, nothing that follows from what it does not show may free time: after a
restore, after a lost state, and after the configuration mapped something else to it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.model import Baseline, Changes, Coverage, Kind, Window
from syncd.store.left_behind import FOUND_MAPPING
from syncd.store.owners import owner_changes
from syncd.store.ownership_proof import orphans, unplaced_blocks
from syncd.store.store import Store

Place = tuple[str, str]
"""(provider, system): one calendar."""


@dataclass(slots=True)
class ReadProgress:
    """What is known in full. ``mapped`` holds a digest of each calendar's mapping."""

    store: Store
    mapped: Mapping[Place, str]
    _rows: dict[Place, Baseline] = field(init=False)
    _seen: set[Place] = field(default_factory=set)
    _arrived: set[Place] = field(default_factory=set)
    _taken_back: set[Place] = field(default_factory=set)
    _lost: bool = field(init=False)

    def __post_init__(self) -> None:
        """Read the rows; nothing is written."""
        self._rows = {(b.provider, b.system): b for b in self.store.baselines()}
        self._lost = not self._rows and self._has_made_blocks()

    def _has_made_blocks(self) -> bool:
        created = self.store.created
        return created is not None and created.newest is not None

    def add(self, places: Iterable[Place]) -> None:
        """Take in calendars that no configuration maps, but what is found in a system."""
        self.mapped = {**dict.fromkeys(places, FOUND_MAPPING), **self.mapped}

    def is_complete(self, provider: str, system: str) -> bool:
        """Whether the calendar was read in full under its present mapping."""
        row = self._rows.get((provider, system))
        return (
            row is not None
            and row.completed_at is not None
            and row.mapping == self.mapped.get((provider, system))
        )

    def read_whole(self, provider: str, system: str) -> bool:
        """Whether the calendar was read in full, if only in the cycle that goes on now."""
        return self.is_complete(provider, system) or (provider, system) in self._seen

    def arrived(self, provider: str, system: str) -> bool:
        """Whether every row of the calendar arrived once, if some of them without a usable id.

        Then what its rows show may free time. What they do not show may not: a block that no known
        meeting explains stays until the calendar was read in full.
        """
        return self.is_complete(provider, system) or (provider, system) in self._arrived

    def may_hide_blocks(self, provider: str, system: str) -> bool:
        """Whether a block of ours may stand there that this state does not know: it was lost.

        Such a block may be a row without an id.
        """
        row = self._rows.get((provider, system))
        return self._lost or (row is not None and row.completed_at is None)

    def note_arrived(self, coverage: Iterable[Coverage], whole: Window) -> int:
        """Take note of the calendars whose rows have all arrived; return how many are new."""
        places = {place for place in _covered(coverage, whole) if place in self.mapped}
        new = {place for place in places - self._arrived if not self.is_complete(*place)}
        self._arrived |= new
        return len(new)

    def note_read(self, coverage: Iterable[Coverage], whole: Window) -> None:
        """Take note, before anything is decided, of the calendars that were just read in full."""
        self._seen |= {place for place in _covered(coverage, whole) if place in self.mapped}

    def unread(self, system: str) -> frozenset[str]:
        """Return the providers whose calendar there was not read in full yet.

        An installation that has made nothing so far has nothing to lose there.
        """
        if not self._rows and not self._has_made_blocks():
            return frozenset()
        places = (place for place in self.mapped if place[1] == system)
        return frozenset(
            provider for provider, _ in places if not self.is_complete(provider, system)
        )

    def remapped(self, system: str) -> frozenset[str]:
        """The providers whose calendar there is another one than the state knows."""
        return frozenset(
            provider
            for (provider, name), row in self._rows.items()
            if name == system and row.mapping != self.mapped.get((provider, name), row.mapping)
        )

    def dropped(self, providers: Collection[str]) -> list[Baseline]:
        """The calendars of these providers that the state knows and nobody maps any more."""
        return [
            row
            for place, row in sorted(self._rows.items())
            if row.mapping and place not in self.mapped and row.provider in providers
        ]

    def forget_dropped(self, providers: Collection[str]) -> set[str]:
        """Let go of what stands in calendars that are mapped no more; return whose they were."""
        dropped = self.dropped(providers)
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

    def take_back(self, providers: Collection[str]) -> set[str]:
        """Let calendars that are mapped again have our blocks again; return whose they are.

        They count as they were seen last until a read shows more. Where no list shows blocks, or
        none was read of their time yet, they would be unknown, and each would be made again.
        """
        back = [
            place
            for place, row in sorted(self._rows.items())
            if not row.mapping and place in self.mapped and place[0] in providers
        ]
        changes = Changes()
        for provider, system in (place for place in back if place not in self._taken_back):
            changes.records += [
                replace(record, provider=provider)
                for record in unplaced_blocks(self.store, system, provider)
            ]
        self._taken_back |= {*back}
        if changes.records:
            self.store.apply(changes)
        return {record.provider for record in changes.records}

    def complete(self, coverage: Iterable[Coverage], whole: Window, at: datetime) -> list[Place]:
        """Take note of the calendars that were just read in full for the first time."""
        fresh = [
            Baseline(system, provider, self.mapped[provider, system], at)
            for provider, system in _covered(coverage, whole)
            if (provider, system) in self.mapped and not self.is_complete(provider, system)
        ]
        places = {(b.provider, b.system) for b in fresh}
        # The rows that are stored now must not hide that the state was lost.
        lost = self.mapped.keys() - self._rows.keys() - places if self._lost else set()
        stored = [*fresh, *(Baseline(s, p, self.mapped[p, s], None) for p, s in sorted(lost))]
        if stored:
            self.store.apply(Changes(baselines=stored))
            self._rows.update({(b.provider, b.system): b for b in stored})
        return [(b.provider, b.system) for b in fresh]


def _covered(coverage: Iterable[Coverage], whole: Window) -> list[Place]:
    """Return the calendars whose appointments were read in the whole window."""
    read: dict[Place, list[Window]] = {}
    for c in coverage:
        if Kind.APPOINTMENT in c.kinds:
            read.setdefault((c.provider, c.system), []).append(c.window)
    return [place for place, windows in sorted(read.items()) if whole.covered_by(windows)]


def unexplained(store: Store, provider: str, system: str, now: datetime) -> list[str]:
    """Say how many orphans stand in a calendar: no known meeting explains them."""
    found = [
        record.observed
        for record in orphans(store)
        if (record.provider, record.system) == (provider, system)
        and record.observed is not None
        and record.observed.busy
        and record.observed.end > now
    ]
    if not found:
        return []
    first = min(value.start for value in found)
    told = (
        f"{system}: {len(found)} of {provider}'s blocks bear syncd's mark, but no meeting explains "
        f"them (the first {first:%Y-%m-%d %H:%M} UTC). They stay; delete by hand what should go."
    )
    return [told]
