"""Hide the canary events of `syncd probe` from decisions, and remove those that were left behind.

A canary is an event that a probe creates to measure a platform. It is stored before it is created.
Until the canary is known to be gone, no read shows it to the rest of the engine. If the probe did
not remove the canary, the next process that writes removes it, by the id that its create returned
or by its tag.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from syncd.engine.tasks.supervise import supervised
from syncd.engine.writing.pauses import WritePauses
from syncd.engine.writing.writer import MAX_SEND_DELAY
from syncd.model import Clock, Coverage, Event, Kind, Window
from syncd.model.canary import Canary
from syncd.model.intervals import may_show
from syncd.store.queries.canaries import canaries, forget_canaries, prove_canary, save_canary
from syncd.store.store import Store
from syncd.systems.errors import PlatformError, UnreadableError
from syncd.systems.port import Reader, Row, Snapshot, System
from syncd.systems.probing import Prober

log = structlog.get_logger(__name__)

_REMEMBERED = timedelta(days=1)
"""How long an ended canary is remembered: lists may still show it."""

_SEARCH_MARGIN = timedelta(hours=1)
_LAG = timedelta(seconds=60)
"""Lists that were read this long after a create show the created event, if there is one."""

_RECHECK_DELAYS = (2.0, 5.0, 10.0)
"""The delays, in seconds, before each check whether a queued removal was carried out."""


def without_canaries(
    snapshot: Snapshot, known: Sequence[Canary], event: Callable[[Row], Event]
) -> Snapshot:
    """Return a snapshot without the canaries of its system.

    ``known`` are the stored canaries; ``event`` parses a row of the system.
    """
    ours = [c for c in known if c.system == snapshot.system]
    if not ours:
        return snapshot
    ids = {c.event for c in ours if c.event is not None}
    unnamed = [c for c in ours if c.event is None]
    rows = [
        row
        for row in snapshot.rows
        if row.id not in ids and not (unnamed and _may_be(row, unnamed, event))
    ]
    malformed = [each for each in snapshot.malformed if each.event not in ids]
    return replace(snapshot, rows=rows, malformed=malformed)


def _may_be(row: Row, unnamed: Sequence[Canary], event: Callable[[Row], Event]) -> bool:
    try:
        parsed = event(row)
    except UnreadableError:
        return False
    return any(_has_tag(parsed, c) or _looks_like(parsed, c) for c in unnamed)


def _has_tag(event: Event, canary: Canary) -> bool:
    return event.kind is Kind.BLOCK and event.key == canary.tag


def _looks_like(event: Event, canary: Canary) -> bool:
    """Return whether an untagged block is at the canary's time and may be the canary.

    A platform may strip tags. The calendar was read before the create, and nothing was there.
    """
    return (
        event.kind is Kind.BLOCK
        and event.key is None
        and event.provider == canary.provider
        and may_show(canary.value, event.value)
        and (event.created_at is None or event.created_at >= canary.made_at - _LAG)
    )


@dataclass(slots=True)
class Canaries:
    """The canaries in one state.

    ``live`` are the tags of canaries that a running probe uses; `clear` leaves these alone.
    """

    store: Store
    clock: Clock
    new_id: Callable[[], str]
    systems: Mapping[str, System]
    pauses: WritePauses
    live: set[str] = field(default_factory=set)
    may_exist: bool = True
    """Whether the state may contain any canary."""

    def begin(self, canary: Canary) -> None:
        """Store a canary that is about to be created."""
        self.live.add(canary.tag)
        self.may_exist = True
        save_canary(self.store, canary)

    def prove(self, canary: Canary, event: str) -> Canary:
        """Store and return a canary with its id, which its create returned or a read found."""
        named = replace(canary, event=event)
        prove_canary(self.store, named, self.new_id())
        return named

    def put(self, canary: Canary, start: datetime, end: datetime) -> Canary:
        """Store the time to which an update will move the canary; return the moved canary."""
        moved = replace(canary, start=start, end=end)
        save_canary(self.store, moved)
        return moved

    def end(self, canary: Canary) -> Canary:
        """Store that the canary is gone or was never created; return the ended canary."""
        ended = replace(canary, ended_at=self.clock.now())
        save_canary(self.store, ended)
        return ended

    def stored(self, tag: str) -> Canary | None:
        """Return the stored canary with this tag; None if there is none."""
        return next((c for c in canaries(self.store) if c.tag == tag), None)

    async def clear(self, only: str | None = None) -> None:
        """Remove the canaries of earlier probes, in all systems or in the system ``only``.

        A canary that cannot be removed now stays stored. Raises no PlatformError.
        """
        if not self.may_exist:
            return
        known = canaries(self.store)
        self.may_exist = bool(known)
        held_back = [c for c in known if self.pauses.reason_now(c.provider, c.system) is not None]
        leftovers = [
            c for c in known if c.may_exist and c.tag not in self.live and c not in held_back
        ]
        forget_canaries(self.store, self.clock.now() - _REMEMBERED, known)
        await asyncio.gather(
            *(
                self._clear(c)
                for c in leftovers
                if c.system in self.systems and only in {None, c.system}
            )
        )

    async def _clear(self, canary: Canary) -> None:
        place = (canary.provider, canary.system)
        try:
            with (
                self.pauses.sending([place]),
                supervised(canary.system, "removing the canary of an earlier probe"),
            ):
                prober = await self.systems[canary.system].prober()
                if canary.event is None:
                    current = await self.look_for(canary)
                    if current is None or not current.may_exist:
                        return
                    canary = current
                await self.remove(canary, prober, looked_at=False)
        except PlatformError as fault:
            log.warning(
                "canary of an earlier probe not removed yet", system=canary.system, fault=str(fault)
            )

    async def look_for(self, canary: Canary) -> Canary | None:
        """Look for a canary whose create had no response: by its tag, else at its time.

        Returns the canary with its id, or as ended if it was never created; None if it is still
        unknown whether it exists. Raises PlatformError.
        """
        asked_at = self.clock.now()
        system = self.systems[canary.system]
        window = Window(canary.start - _SEARCH_MARGIN, canary.end + _SEARCH_MARGIN)
        snapshot = await system.read(window, [canary.provider])
        events = [e for row in snapshot.rows if (e := _event(system, row)) is not None]
        found = [e for e in events if _has_tag(e, canary)]
        found = found or [e for e in events if _looks_like(e, canary)]
        if len(found) == 1:
            return self.prove(canary, found[0].id)
        if found:
            log.warning(
                "several blocks could be the canary of a probe: none is removed",
                system=canary.system,
                provider=canary.provider,
                starts=canary.start.isoformat(),
            )
            return None
        if asked_at < canary.made_at + MAX_SEND_DELAY + _LAG:
            return None
        if not _covers(snapshot.coverage, canary):
            if snapshot.faults or _is_cut(snapshot, canary):
                return None  # A later read may show the block.
            # The system's lists show no blocks, so only the operator can check.
            log.warning(
                "a probe may have left a canary that no list shows",
                system=canary.system,
                provider=canary.provider,
                starts=canary.start.isoformat(),
                remedy='search that calendar for "syncd probe" and delete the event',
            )
        return self.end(canary)

    async def remove(self, canary: Canary, prober: Prober, *, looked_at: bool = True) -> bool:
        """Remove a canary by its id; return whether it is known to be gone.

        ``looked_at``: the canary was just read; otherwise it is read first. False means that the
        platform queued the removal and still shows the canary. Raises PlatformError.
        """
        if not looked_at and await prober.exists(canary) is False:
            self.end(canary)
            return True
        await prober.remove(canary)
        if not prober.removes_later:
            self.end(canary)
            return True
        for seconds in _RECHECK_DELAYS:
            await self.clock.sleep(seconds)
            if await prober.exists(canary) is False:
                self.end(canary)
                return True
        return False


def _event(system: Reader, row: Row) -> Event | None:
    try:
        return system.event(row)
    except UnreadableError:
        return None


def _covers(coverage: Sequence[Coverage], canary: Canary) -> bool:
    return any(
        c.provider == canary.provider and Kind.BLOCK in c.kinds and c.window.contains(canary.value)
        for c in coverage
    )


def _is_cut(snapshot: Snapshot, canary: Canary) -> bool:
    """Return true if the list of blocks that should show a canary lacks rows, or may lack rows."""
    return any(
        u.incomplete and u.provider == canary.provider and Kind.BLOCK in u.kinds
        for u in snapshot.unproven
    )
