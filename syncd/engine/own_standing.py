"""Read which blocks of ours stand in a system: what `syncd cleanup` removes, and what proves it.

A block is ours by its id only (`core.ownership`): the state knows it, or the journal or the file of
created ids names it. What is listed with a tag and without that proof is collected, never taken.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.core import outcome
from syncd.core.diff import News, absorb
from syncd.engine.canaries import without_canaries
from syncd.engine.supervise import supervised
from syncd.model import Changes, Clock, Coverage, Event, EventRef, Kind, Record, Value, Window
from syncd.store.canaries import canaries
from syncd.store.owned import Owned, in_flight, owned, unknown_lines
from syncd.store.proof import created_ids
from syncd.store.store import Store
from syncd.systems.boundary import bare
from syncd.systems.port import (
    Found,
    Gone,
    Malformed,
    Rejected,
    Snapshot,
    System,
    SystemFault,
    Unknown,
)

MOST_LINES = 2000
"""So many created ids that the state does not know are asked for where no list shows blocks."""


@dataclass(slots=True)
class Standing:
    """What one look at a system showed. ``own`` stands and is not being removed right now.

    ``events`` are all that were listed and bear a tag; ``unread`` the providers whose calendar was
    not read whole. ``gone`` are blocks of ours that turned out not to be there any more, and whose
    they were. ``fault`` ended the look.
    """

    asked_at: datetime
    own: dict[str, Owned] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    proven: set[str] = field(default_factory=set)
    coverage: Sequence[Coverage] = ()
    unread: set[str] = field(default_factory=set)
    gone: dict[str, str] = field(default_factory=dict)
    fault: SystemFault | None = None
    more_lines: bool = False

    def covers(self, provider: str, value: Value | None) -> bool:
        """Whether the lists would show a block of a calendar at its place."""
        return value is not None and any(
            c.provider == provider and Kind.BLOCK in c.kinds and c.window.holds(value)
            for c in self.coverage
        )


@dataclass(frozen=True, slots=True)
class Looker:
    """Looks at one system. ``wanted`` are the providers whose blocks are asked about."""

    system: System
    store: Store
    clock: Clock
    wanted: frozenset[str]
    """The providers whose blocks count."""
    read: tuple[str, ...]
    """The providers whose calendars are listed."""
    aliases: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Who has a calendar now, (provider, system), in which a block was made for another name."""

    async def look(self, window: Window) -> Standing:
        """Read the calendars, and follow by id what they do not show; a fault is returned."""
        seen = Standing(self.clock.now())
        try:
            with supervised(self.system.name, "reading events"):
                await self._look(window, seen)
        except SystemFault as fault:
            seen.fault = bare(fault)
        return seen

    async def is_gone(self, event: str, provider: str, value: Value | None) -> bool | None:
        """Read one block that was removed: whether it is gone; None if nobody can tell.

        Raises SystemFault.
        """
        ref = EventRef(self.system.name, provider, event, Kind.BLOCK)
        try:
            match await self.system.read_one(ref, value):
                case Gone():
                    return True
                case Found(event=found):
                    return found.kind is not Kind.BLOCK or not found.value.busy
                case Unknown(refused=refused):
                    # It refuses what it has deleted: with its answer to the removal that is enough.
                    hides = Kind.BLOCK in self.system.capabilities.refused_when_gone
                    return True if refused and hides else None
        except Rejected:
            return None

    def _known(self) -> dict[str, Owned]:
        """Return the blocks of ours that the state knows in this system."""
        name = self.system.name
        return {
            each.record.id: replace(
                each, provider=self.aliases.get((each.provider, name), each.provider)
            )
            for each in owned(self.store)
            if each.record.system == name
        }

    async def _look(self, window: Window, seen: Standing) -> None:
        system, store = self.system, self.store
        snapshot = await system.read(window, self.read) if self.read else _nothing(system.name)
        snapshot = without_canaries(snapshot, canaries(store), system.event)
        seen.coverage = snapshot.coverage
        seen.unread = {p for p in self.read if not _is_whole(snapshot, p, window)}
        listed, odd = _events(system, snapshot)
        known = self._known()
        busy = in_flight(store, system.name)
        strange = [e.id for e in listed.values() if e.kind is Kind.BLOCK and e.id not in known]
        proven = created_ids(store, system.name, strange)
        records = {r.id: r for r in store.records(system.name, proven)}
        seen.events = [e for e in listed.values() if e.key is not None]
        changes = Changes()
        for id_, event in listed.items():
            if id_ in known or id_ in proven:
                of = known.get(id_)
                record = of.record if of is not None else records.get(id_)
                maker = of.provider if of is not None else ""
                self._take(seen, changes, record, event, maker)
        await self._ask(seen, changes, known, {*listed, *odd, *busy})
        if not system.capabilities.lists_blocks:
            await self._ask_lines(seen, changes)
        seen.proven = {*known, *proven}
        if any(getattr(changes, name) for name in Changes.__slots__):
            store.apply(changes)
        seen.own = {
            id_: o for id_, o in seen.own.items() if id_ not in busy and o.provider in self.wanted
        }

    def _take(
        self, seen: Standing, changes: Changes, record: Record | None, event: Event, maker: str
    ) -> None:
        """Lay what was read over what is known of a block of ours."""
        lag = self.system.capabilities.lag
        after, news = absorb(record, event, "", seen.asked_at, lag)
        if news is News.STALE:
            return
        provider = event.provider or maker
        if after.kind is not Kind.BLOCK or after.observed is None:
            changes.records.append(after)  # It shows a customer now: somebody's meeting.
            return
        if not after.observed.busy:
            return
        if record is None:
            after = replace(after, provider=provider, base=after.observed)
        else:
            # Whose calendar it is in is for the reads of that calendar to find out.
            after = replace(after, provider=record.provider)
        after = replace(after, mine=True)
        if record is None or after != replace(record, observed_at=after.observed_at):
            changes.records.append(after)
        seen.own[after.id] = Owned(after, provider)

    async def _ask(
        self,
        seen: Standing,
        changes: Changes,
        known: dict[str, Owned],
        shown: Collection[str],
    ) -> None:
        """Follow by id the blocks of ours that the lists should show, and do not."""
        for id_, each in known.items():
            if id_ in shown or each.provider not in self.wanted:
                continue
            seen.own[id_] = each
            if not seen.covers(each.provider, each.record.observed):
                continue  # It is read again just before it is removed.
            ref = replace(each.record.ref, provider=each.provider)
            match await self._sighting(ref, each.record.observed):
                case Gone():
                    del seen.own[id_]
                    seen.gone[id_] = each.provider
                    links = self.store.links(self.system.name, id_)
                    over = outcome.gone(each.record, links, seen.asked_at)
                    changes.records += over.records
                    changes.unlinked += over.unlinked
                case Found(event=event):
                    del seen.own[id_]
                    self._take(seen, changes, each.record, event, each.provider)
                case _:
                    pass

    async def _ask_lines(self, seen: Standing, changes: Changes) -> None:
        """Look for blocks that only the file of created ids knows, where no list shows blocks."""
        lines, seen.more_lines = unknown_lines(
            self.store, self.system.name, self.wanted, MOST_LINES
        )
        for line in lines:
            if line.event in seen.own:
                continue
            ref = EventRef(self.system.name, line.provider, line.event, Kind.BLOCK)
            sighting = await self._sighting(ref, None)
            if isinstance(sighting, Found) and sighting.event.kind is Kind.BLOCK:
                self._take(seen, changes, None, sighting.event, line.provider)

    async def _sighting(self, ref: EventRef, value: Value | None) -> Found | Gone | Unknown:
        try:
            return await self.system.read_one(ref, value)
        except Rejected as fault:
            return Unknown(str(fault), refused=True)


def _nothing(system: str) -> Snapshot:
    return Snapshot(system, (), ())


def _is_whole(snapshot: Snapshot, provider: str, window: Window) -> bool:
    """Whether everything of a calendar was listed, blocks included."""
    read = [c.window for c in snapshot.coverage if c.provider == provider and Kind.BLOCK in c.kinds]
    return window.covered_by(read)


def _events(system: System, snapshot: Snapshot) -> tuple[dict[str, Event], set[str]]:
    """Return the events of a read by id, and the ids of the rows that cannot be read."""
    found: dict[str, Event] = {}
    odd: set[str] = set()
    for row in snapshot.rows:
        try:
            found[row.id] = system.event(row)
        except Malformed:
            odd.add(row.id)
    return found, odd
