"""Read which blocks of ours stand in a system: what `syncd cleanup` removes, and what proves it.

A block is ours by its id only (`core.ownership`): the state knows it, or the journal or the file of
created ids names it. What is listed with a tag and without that proof is collected, never taken.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.core import write_results
from syncd.core.observation import ObservationKind, apply_observation
from syncd.engine.canaries import without_canaries
from syncd.engine.supervise import supervised
from syncd.model import Changes, Clock, Coverage, Event, EventRef, Kind, TrackedEvent, Value, Window
from syncd.model.owners import UserState
from syncd.store.canaries import canaries
from syncd.store.created_ids import Line
from syncd.store.owned import Owned, in_flight, owned, unknown_lines
from syncd.store.ownership_proof import created_ids
from syncd.store.store import Store
from syncd.systems.fault_boundary import strip_traceback
from syncd.systems.port import (
    Found,
    Gone,
    PlatformError,
    RejectedError,
    Snapshot,
    System,
    Unknown,
    UnreadableError,
)

MAX_LINES = 2000
"""So many created ids that the state does not know are asked for where lists may not show all."""

SOME_LINES = 40
"""So many of them are asked for where a list that is whole shows none: it may be a lie."""


@dataclass(slots=True)
class OwnBlocks:
    """What one look at a system showed. ``own`` stands and is not being removed right now.

    ``events`` are all that were listed and bear a tag; ``unread`` the providers whose calendar was
    not read whole. ``gone`` are blocks of ours that turned out not to be there any more, and whose
    they were. ``lines`` are created ids, and whose, of which nobody tells whether they stand.
    Of ``userless`` providers the account has no user any more, and their empty lists prove nothing.
    Of the providers in ``shown`` a list had an event that can be read. ``hidden`` are known blocks
    that no list shows although it covers their time, and that nothing proves gone.
    ``fault`` ended the look.
    """

    asked_at: datetime
    own: dict[str, Owned] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    proven: set[str] = field(default_factory=set)
    coverage: Sequence[Coverage] = ()
    unread: set[str] = field(default_factory=set)
    gone: dict[str, str] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    userless: set[str] = field(default_factory=set)
    shown: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    fault: PlatformError | None = None

    def covers(self, provider: str, value: Value | None) -> bool:
        """Whether the lists would show a block of a calendar at its place."""
        return value is not None and any(
            c.provider == provider and Kind.BLOCK in c.kinds and c.window.contains(value)
            for c in self.coverage
        )


@dataclass(frozen=True, slots=True)
class OwnBlockReader:
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
    borrowed: frozenset[str] = frozenset()
    """Those of the wanted whose blocks count only where they were made for another name."""

    async def read_blocks(self, window: Window) -> OwnBlocks:
        """Read the calendars, and follow by id what they do not show; a fault is returned."""
        seen = OwnBlocks(self.clock.now())
        try:
            with supervised(self.system.name, "reading events"):
                await self._look(window, seen)
        except PlatformError as fault:
            seen.fault = strip_traceback(fault)
        return seen

    async def is_gone(self, event: str, provider: str, value: Value | None) -> bool | None:
        """Read one block that was removed: whether it is gone; None if nobody can tell.

        Raises PlatformError.
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
        except RejectedError:
            return None

    def known(self) -> dict[str, Owned]:
        """Return the blocks of ours that the state knows in this system."""
        name = self.system.name
        return {
            each.record.id: replace(
                each, provider=self.aliases.get((each.provider, name), each.provider)
            )
            for each in owned(self.store)
            if each.record.system == name
        }

    def _renamed(self) -> set[str]:
        """Return the blocks of ours that were made for who has another name by now."""
        name = self.system.name
        return {
            each.record.id
            for each in owned(self.store)
            if each.record.system == name and (each.provider, name) in self.aliases
        }

    async def _look(self, window: Window, seen: OwnBlocks) -> None:
        system, store = self.system, self.store
        snapshot = await system.read(window, self.read) if self.read else _nothing(system.name)
        snapshot = without_canaries(snapshot, canaries(store), system.event)
        seen.coverage = snapshot.coverage
        seen.unread = {p for p in self.read if not _is_whole(snapshot, p, window)}
        listed, odd = _events(system, snapshot)
        seen.shown = {event.provider for event in listed.values()}
        known, renamed = self.known(), self._renamed()
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
        missing = known.keys() - {*listed, *odd, *busy}
        doubted = {known[id_].provider for id_ in missing} & self.wanted
        seen.userless = await self._userless(doubted - seen.shown)
        seen.hidden = {
            id_
            for id_ in known.keys() - {*listed, *odd}
            if known[id_].provider in self.wanted - seen.userless
            and (known[id_].provider not in self.borrowed or id_ in renamed)
            and seen.covers(known[id_].provider, known[id_].record.observed)
        }
        await self._ask(seen, changes, known, {*listed, *odd, *busy})
        await self._ask_lines(seen, changes)
        turned = [e.id for e in seen.events if e.kind is not Kind.BLOCK]
        seen.proven = {*known, *proven, *created_ids(store, system.name, turned)}
        if any(getattr(changes, name) for name in Changes.__slots__):
            store.apply(changes)
        seen.own = {
            id_: o
            for id_, o in seen.own.items()
            if id_ not in busy
            and o.provider in self.wanted
            and (o.provider not in self.borrowed or id_ in renamed)
        }

    def _take(
        self,
        seen: OwnBlocks,
        changes: Changes,
        record: TrackedEvent | None,
        event: Event,
        maker: str,
    ) -> None:
        """Lay what was read over what is known of a block of ours."""
        lag = self.system.capabilities.lag
        after, news = apply_observation(record, event, "", seen.asked_at, lag)
        if news is ObservationKind.STALE:
            return
        # A person may have moved it into a calendar that is not cleaned up, or its user was merged
        # away, which proves nothing of their time: it goes with whom it was made for, and no other.
        stands = event.provider or maker
        mapped = maker in self.wanted or maker in self.system.providers
        provider = maker if mapped else stands
        if after.kind is not Kind.BLOCK or after.observed is None:
            changes.records.append(after)  # It shows a customer now: somebody's meeting.
            return
        if not after.observed.busy:
            return
        if record is None:
            after = replace(after, provider=stands, base=after.observed)
        else:
            # Whose calendar it is in is for the reads of that calendar to find out.
            after = replace(after, provider=record.provider)
        after = replace(after, created_by_us=True)
        if record is None or after != replace(record, observed_at=after.observed_at):
            changes.records.append(after)
        seen.own[after.id] = Owned(replace(after, provider=stands), provider)

    async def _ask(
        self,
        seen: OwnBlocks,
        changes: Changes,
        known: dict[str, Owned],
        shown: Collection[str],
    ) -> None:
        """Follow by id the blocks of ours that the lists should show, and do not."""
        for id_, each in known.items():
            if id_ in shown or each.provider not in self.wanted - seen.userless:
                continue
            seen.own[id_] = each
            if not seen.covers(each.provider, each.record.observed):
                continue  # It is read again just before it is removed.
            ref = replace(each.record.ref, provider=each.provider)
            match await self._sighting(ref, each.record.observed):
                case Gone():
                    del seen.own[id_]
                    seen.hidden.discard(id_)
                    seen.gone[id_] = each.provider
                    links = self.store.links(self.system.name, id_)
                    over = write_results.target_missing(each.record, links, seen.asked_at)
                    changes.records += over.records
                    changes.unlinked += over.unlinked
                case Found(event=event):
                    del seen.own[id_]
                    seen.hidden.discard(id_)
                    self._take(seen, changes, each.record, event, each.provider)
                case _:
                    pass

    async def _userless(self, providers: Collection[str]) -> set[str]:
        """Return who of these has no user any more, where only the user's list tells of a block."""
        if not providers or Kind.BLOCK not in self.system.capabilities.gone_by_list:
            return set()
        directory = await self.system.users()
        asked = {*providers} & directory.mapped.keys()
        return {p for p in asked if directory.state_of(p) is UserState.MISSING}

    def forgotten(self) -> list[Line]:
        """Created ids that the state does not know: it was lost, or they are of long ago."""
        name = self.system.name
        makers = {maker for (maker, system), by in self.aliases.items() if system == name}
        wanted = self.wanted | {m for m in makers if self.aliases[m, name] in self.wanted}
        return unknown_lines(self.store, name, wanted, MAX_LINES)

    async def _ask_lines(self, seen: OwnBlocks, changes: Changes) -> None:
        """Look for blocks that only the file of created ids knows, and that no list showed.

        Where all was listed, a few are asked for, as a list may be empty that should not be: of a
        provider of whom it has shown nothing that can be read it proves nothing.
        """
        listed = self.system.capabilities.lists_blocks
        kept = {record.id for record in changes.records}
        fresh = [line for line in self.forgotten() if line.event not in kept]
        for number, line in enumerate(fresh):
            provider = self.aliases.get((line.provider, self.system.name), line.provider)
            doubtful = not listed or provider in seen.unread
            if not doubtful and number >= SOME_LINES:
                continue
            ref = EventRef(self.system.name, provider, line.event, Kind.BLOCK)
            match await self._sighting(ref, None):
                case Found(event=event) if event.kind is Kind.BLOCK:
                    self._take(seen, changes, None, event, provider)
                case Unknown() if listed and (doubtful or provider not in seen.shown):
                    seen.lines[line.event] = provider
                case _:
                    pass

    async def _sighting(self, ref: EventRef, value: Value | None) -> Found | Gone | Unknown:
        try:
            return await self.system.read_one(ref, value)
        except RejectedError as fault:
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
        except UnreadableError:
            odd.add(row.id)
    return found, odd
