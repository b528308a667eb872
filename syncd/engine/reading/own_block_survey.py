"""Find the blocks that syncd created in one system, for `syncd cleanup`.

`syncd cleanup` removes the blocks found here, and then surveys the system again to check. Only its
id proves that a block is ours (`core.ownership.blocks`): the state knows the id, or the journal or
the file of created ids contains it. A tagged block without that proof is listed, never removed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.core.event_state import write_results
from syncd.core.event_state.observation import ObservationKind, apply_observation
from syncd.engine.probing.canaries import without_canaries
from syncd.engine.tasks.supervise import supervised
from syncd.model import Changes, Clock, Coverage, Event, EventRef, Kind, TrackedEvent, Value, Window
from syncd.model.owners import UserState
from syncd.store.backup.created_ids import Line
from syncd.store.backup.ownership_proof import created_ids
from syncd.store.queries.canaries import canaries
from syncd.store.queries.owned import OwnedBlock, events_in_flight, owned_blocks, untracked_lines
from syncd.store.store import Store
from syncd.systems.errors import PlatformError, RejectedError, UnreadableError
from syncd.systems.fault_boundary import strip_traceback
from syncd.systems.lookup_results import Found, Gone, Unknown
from syncd.systems.port import Reader, Snapshot, System

MAX_LINES = 2000
"""Maximum lookups of created ids that the state does not know, if lists may be incomplete."""

SOME_LINES = 40
"""Maximum lookups of created ids if the lists are complete: an empty list may still be wrong."""


@dataclass(slots=True)
class OwnBlocks:
    """The result of one survey of a system; events are given by id.

    - ``asked_at``: when the survey began.
    - ``own``: our blocks that exist or may exist, without those that are being written to right
      now.
    - ``events``: all listed events with a syncd tag.
    - ``proven``: the ids that are proven to be ours.
    - ``coverage``: the windows that the lists proved complete.
    - ``unread``: the providers whose calendar was not read completely.
    - ``gone``: our blocks that no longer exist, with their providers.
    - ``lines``: ids in the file of created ids, with their providers, for which it is unknown
      whether the block still exists.
    - ``userless``: providers without a user in the account; their empty lists prove nothing.
    - ``shown``: the providers whose lists contain a readable event.
    - ``hidden``: known blocks whose time the lists cover, that no list shows, and that are not
      proven gone.
    - ``fault``: the fault that ended the survey early; None if the survey is complete.
    """

    asked_at: datetime
    own: dict[str, OwnedBlock] = field(default_factory=dict)
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
        """Return true if the block lists of a provider are complete at the time of this value."""
        return value is not None and any(
            c.provider == provider and Kind.BLOCK in c.kinds and c.window.contains(value)
            for c in self.coverage
        )


@dataclass(frozen=True, slots=True)
class OwnBlockReader:
    """Reads the blocks that syncd created in one system."""

    system: System
    store: Store
    clock: Clock
    wanted: frozenset[str]
    """The providers whose blocks count."""
    read: tuple[str, ...]
    """The providers whose calendars are listed."""
    aliases: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """The current provider of a calendar, by (former provider, system), after a rename."""
    borrowed: frozenset[str] = frozenset()
    """The wanted providers for whom only blocks created under a former name count."""

    async def read_blocks(self, window: Window) -> OwnBlocks:
        """List the calendars in this window, and look up our blocks that no list shows.

        Raises no PlatformError: a fault is returned in ``OwnBlocks.fault``.
        """
        seen = OwnBlocks(self.clock.now())
        try:
            with supervised(self.system.name, "reading events"):
                await self._survey(window, seen)
        except PlatformError as fault:
            seen.fault = strip_traceback(fault)
        return seen

    async def is_gone(self, event: str, provider: str, value: Value | None) -> bool | None:
        """Look up a removed block; return true if the block is gone, false if it still exists.

        ``value`` is the block's last known value. None: the platform gives no clear response.
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
                    # The platform refuses to read deleted blocks, and it confirmed this removal.
                    hides = Kind.BLOCK in self.system.capabilities.refused_when_gone
                    return True if refused and hides else None
        except RejectedError:
            return None

    def known(self) -> dict[str, OwnedBlock]:
        """Return our blocks that the state knows in this system, by id.

        Each has the provider to whom its calendar is mapped now (``aliases``).
        """
        name = self.system.name
        return {
            each.record.id: replace(
                each, provider=self.aliases.get((each.provider, name), each.provider)
            )
            for each in owned_blocks(self.store)
            if each.record.system == name
        }

    def _renamed(self) -> set[str]:
        """Return the ids of our blocks that were created before their provider was renamed."""
        name = self.system.name
        return {
            each.record.id
            for each in owned_blocks(self.store)
            if each.record.system == name and (each.provider, name) in self.aliases
        }

    async def _survey(self, window: Window, seen: OwnBlocks) -> None:
        system, store = self.system, self.store
        snapshot = await system.read(window, self.read) if self.read else _nothing(system.name)
        snapshot = without_canaries(snapshot, canaries(store), system.event)
        seen.coverage = snapshot.coverage
        seen.unread = {p for p in self.read if not _is_whole(snapshot, p, window)}
        listed, unreadable = _events(system, snapshot)
        seen.shown = {event.provider for event in listed.values()}
        known, renamed = self.known(), self._renamed()
        busy = events_in_flight(store, system.name)
        unknown_ids = [e.id for e in listed.values() if e.kind is Kind.BLOCK and e.id not in known]
        proven = created_ids(store, system.name, unknown_ids)
        records = {r.id: r for r in store.records(system.name, proven)}
        seen.events = [e for e in listed.values() if e.key is not None]
        changes = Changes()
        for id_, event in listed.items():
            if id_ in known or id_ in proven:
                known_block = known.get(id_)
                record = known_block.record if known_block is not None else records.get(id_)
                owner = known_block.provider if known_block is not None else ""
                self._apply(seen, changes, record, event, owner)
        unlisted = known.keys() - {*listed, *unreadable, *busy}
        doubted = {known[id_].provider for id_ in unlisted} & self.wanted
        seen.userless = await self.userless(doubted - seen.shown)
        seen.hidden = {
            id_
            for id_ in known.keys() - {*listed, *unreadable}
            if known[id_].provider in self.wanted - seen.userless
            and (known[id_].provider not in self.borrowed or id_ in renamed)
            and seen.covers(known[id_].provider, known[id_].record.observed)
        }
        await self._look_up_unlisted(seen, changes, known, {*listed, *unreadable, *busy})
        await self._look_up_created(seen, changes)
        no_blocks = [e.id for e in seen.events if e.kind is not Kind.BLOCK]
        seen.proven = {*known, *proven, *created_ids(store, system.name, no_blocks)}
        if any(getattr(changes, name) for name in Changes.__slots__):
            store.apply(changes)
        seen.own = {
            id_: o
            for id_, o in seen.own.items()
            if id_ not in busy
            and o.provider in self.wanted
            and (o.provider not in self.borrowed or id_ in renamed)
        }

    def _apply(
        self,
        seen: OwnBlocks,
        changes: Changes,
        record: TrackedEvent | None,
        event: Event,
        owner: str,
    ) -> None:
        """Apply an observation of our block; add an existing block to ``seen.own``.

        ``record`` is the stored row of the event, if there is one. ``owner`` is the provider for
        whom the block was created, or '' if the provider is unknown.
        """
        lag = self.system.capabilities.lag
        after, news = apply_observation(record, event, "", seen.asked_at, lag)
        if news is ObservationKind.STALE:
            return
        # The block may be in another calendar now: somebody on the platform moved it, or its user
        # was merged. The block still counts for the provider for whom it was created.
        located = event.provider or owner
        mapped = owner in self.wanted or owner in self.system.providers
        provider = owner if mapped else located
        if after.kind is not Kind.BLOCK or after.observed is None:
            changes.records.append(after)  # A customer was added: no block any more.
            return
        if not after.observed.busy:
            return
        if record is None:
            after = replace(after, provider=located, base=after.observed)
        else:
            # Only a read of the other calendar may store a change of calendar.
            after = replace(after, provider=record.provider)
        after = replace(after, created_by_us=True)
        if record is None or after != replace(record, observed_at=after.observed_at):
            changes.records.append(after)
        seen.own[after.id] = OwnedBlock(replace(after, provider=located), provider)

    async def _look_up_unlisted(
        self,
        seen: OwnBlocks,
        changes: Changes,
        known: dict[str, OwnedBlock],
        shown: Collection[str],
    ) -> None:
        """Look up by id our known blocks that the lists do not show."""
        for id_, each in known.items():
            if id_ in shown or each.provider not in self.wanted - seen.userless:
                continue
            seen.own[id_] = each
            if not seen.covers(each.provider, each.record.observed):
                continue  # The removal reads the block again first.
            ref = replace(each.record.ref, provider=each.provider)
            match await self._sighting(ref, each.record.observed):
                case Gone():
                    del seen.own[id_]
                    seen.hidden.discard(id_)
                    seen.gone[id_] = each.provider
                    links = self.store.links(self.system.name, id_)
                    over = write_results.target_gone(each.record, links, seen.asked_at)
                    changes.records += over.records
                    changes.unlinked += over.unlinked
                case Found(event=event):
                    del seen.own[id_]
                    seen.hidden.discard(id_)
                    self._apply(seen, changes, each.record, event, each.provider)
                case _:
                    pass

    async def userless(self, providers: Collection[str]) -> set[str]:
        """Return which of these providers have no user in the account.

        Returns an empty set without a call if lookups by id can prove that a block is gone.
        """
        if not providers or Kind.BLOCK not in self.system.capabilities.gone_by_list:
            return set()
        directory = await self.system.users()
        asked = {*providers} & directory.mapped.keys()
        return {p for p in asked if directory.state_of(p) is UserState.MISSING}

    def unknown_created_ids(self) -> list[Line]:
        """Return the lines of the file of created ids whose blocks the state does not know.

        The state was lost, or has already deleted the blocks' rows.
        """
        name = self.system.name
        former = {provider for provider, system in self.aliases if system == name}
        wanted = self.wanted | {p for p in former if self.aliases[p, name] in self.wanted}
        return untracked_lines(self.store, name, wanted, MAX_LINES)

    async def _look_up_created(self, seen: OwnBlocks, changes: Changes) -> None:
        """Look up blocks that are only in the file of created ids, and that no list showed.

        If the block lists are complete, only `SOME_LINES` blocks are looked up, in case a list is
        wrongly empty: a list without any readable event proves nothing.
        """
        listed = self.system.capabilities.lists_blocks
        read_ids = {record.id for record in changes.records}
        unknown = [line for line in self.unknown_created_ids() if line.event not in read_ids]
        for number, line in enumerate(unknown):
            provider = self.aliases.get((line.provider, self.system.name), line.provider)
            doubtful = not listed or provider in seen.unread
            if not doubtful and number >= SOME_LINES:
                continue
            ref = EventRef(self.system.name, provider, line.event, Kind.BLOCK)
            match await self._sighting(ref, None):
                case Found(event=event) if event.kind is Kind.BLOCK:
                    self._apply(seen, changes, None, event, provider)
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
    """Return true if the lists of a calendar are complete, blocks included."""
    read = [c.window for c in snapshot.coverage if c.provider == provider and Kind.BLOCK in c.kinds]
    return window.covered_by(read)


def _events(system: Reader, snapshot: Snapshot) -> tuple[dict[str, Event], set[str]]:
    """Return the events of a snapshot, by id, and the ids of its unreadable rows."""
    found: dict[str, Event] = {}
    unreadable: set[str] = set()
    for row in snapshot.rows:
        try:
            found[row.id] = system.event(row)
        except UnreadableError:
            unreadable.add(row.id)
    return found, unreadable
