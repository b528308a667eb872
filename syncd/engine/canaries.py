"""Keep the canary events of `syncd probe` out of every decision, and remove those left behind.

A canary is stored before it is made. Until it is known to be gone, no read shows it to the rest of
the engine, and whatever process writes next removes it: by the id that its create returned, or
after finding it by its tag.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from syncd.core.ownership import same_interval
from syncd.engine.supervise import supervised
from syncd.engine.write_pauses import WritePauses
from syncd.engine.writer import MAX_SEND_DELAY
from syncd.model import Clock, Coverage, Event, Kind, Window
from syncd.model.canary import Canary
from syncd.store.canaries import canaries, forget_canaries, prove_canary, save_canary
from syncd.store.store import Store
from syncd.systems.port import PlatformError, Row, Snapshot, System, UnreadableError
from syncd.systems.probing import Prober

log = structlog.get_logger(__name__)

_KEPT = timedelta(days=1)
"""How long one that ended is remembered: a list may show it a while longer."""

_AROUND = timedelta(hours=1)
_LAG = timedelta(seconds=60)
"""Lists that were read so long after a create show what it made, or it made nothing."""

_LOOKS = (2.0, 5.0, 10.0)
"""Seconds that are waited before each look whether a queued removal was carried out."""


def without_canaries(
    snapshot: Snapshot, known: Sequence[Canary], event: Callable[[Row], Event]
) -> Snapshot:
    """Leave the canaries of a system out of what a read shows."""
    mine = [c for c in known if c.system == snapshot.system]
    if not mine:
        return snapshot
    ids = {c.event for c in mine if c.event is not None}
    unnamed = [c for c in mine if c.event is None]
    rows = [
        row
        for row in snapshot.rows
        if row.id not in ids and not (unnamed and _may_be(row, unnamed, event))
    ]
    malformed = [each for each in snapshot.malformed if each.event not in ids]
    return replace(snapshot, rows=rows, malformed=malformed)


def _may_be(row: Row, unnamed: Sequence[Canary], event: Callable[[Row], Event]) -> bool:
    try:
        found = event(row)
    except UnreadableError:
        return False
    return any(_bears(found, c) or _looks_like(found, c) for c in unnamed)


def _bears(event: Event, canary: Canary) -> bool:
    return event.kind is Kind.BLOCK and event.key == canary.tag


def _looks_like(event: Event, canary: Canary) -> bool:
    """Whether it stands just where the canary was to be made, without any tag.

    A platform may strip tags. Nothing was there when the calendar was read before the create.
    """
    return (
        event.kind is Kind.BLOCK
        and event.key is None
        and event.provider == canary.provider
        and same_interval(canary.value, event.value)
        and (event.created_at is None or event.created_at >= canary.made_at - _LAG)
    )


@dataclass(slots=True)
class Canaries:
    """The canaries of one state. ``live`` are the tags of those that a probe is at work on."""

    store: Store
    clock: Clock
    new_id: Callable[[], str]
    systems: Mapping[str, System]
    pauses: WritePauses
    live: set[str] = field(default_factory=set)
    found: bool = True
    """Whether the state may hold any."""

    def begin(self, canary: Canary) -> None:
        """Store one that is about to be made."""
        self.live.add(canary.tag)
        self.found = True
        save_canary(self.store, canary)

    def prove(self, canary: Canary, event: str) -> Canary:
        """Store the id that the create returned, or under which it was found."""
        named = replace(canary, event=event)
        prove_canary(self.store, named, self.new_id())
        return named

    def put(self, canary: Canary, start: datetime, end: datetime) -> Canary:
        """Store where an update is about to put it."""
        moved = replace(canary, start=start, end=end)
        save_canary(self.store, moved)
        return moved

    def end(self, canary: Canary) -> Canary:
        """Store that it is gone, or was never made."""
        ended = replace(canary, ended_at=self.clock.now())
        save_canary(self.store, ended)
        return ended

    def stored(self, tag: str) -> Canary | None:
        """Return one as it is stored."""
        return next((c for c in canaries(self.store) if c.tag == tag), None)

    async def clear(self, only: str | None = None) -> None:
        """Remove what earlier probes left, in all systems or one. Raises no PlatformError."""
        if not self.found:
            return
        known = canaries(self.store)
        self.found = bool(known)
        held_back = [c for c in known if self.pauses.why_now(c.provider, c.system) is not None]
        left = [c for c in known if c.may_exist and c.tag not in self.live and c not in held_back]
        forget_canaries(self.store, self.clock.now() - _KEPT, known)
        await asyncio.gather(
            *(self._clear(c) for c in left if c.system in self.systems and only in {None, c.system})
        )

    async def _clear(self, canary: Canary) -> None:
        place = (canary.provider, canary.system)
        try:
            with (
                self.pauses.sending([place]),
                supervised(canary.system, "removing what a probe left"),
            ):
                prober = await self.systems[canary.system].prober()
                if canary.event is None:
                    looked_for = await self.look_for(canary)
                    if looked_for is None or not looked_for.may_exist:
                        return
                    canary = looked_for
                await self.remove(canary, prober, looked_at=False)
        except PlatformError as fault:
            log.warning("left by a probe, not removed yet", system=canary.system, fault=str(fault))

    async def look_for(self, canary: Canary) -> Canary | None:
        """Look for one whose create was not answered: by its tag, else where it was to be made.

        Return it as it is known then: with its id, or as never made; None if nobody can tell yet.
        Raises PlatformError.
        """
        asked_at = self.clock.now()
        system = self.systems[canary.system]
        window = Window(canary.start - _AROUND, canary.end + _AROUND)
        snapshot = await system.read(window, [canary.provider])
        events = [e for row in snapshot.rows if (e := _event(system, row)) is not None]
        found = [e for e in events if _bears(e, canary)]
        found = found or [e for e in events if _looks_like(e, canary)]
        if len(found) == 1:
            return self.prove(canary, found[0].id)
        if found:
            log.warning("several blocks could be a probe's", system=canary.system)
            return None
        if asked_at < canary.made_at + MAX_SEND_DELAY + _LAG:
            return None
        if not _covers(snapshot.coverage, canary):
            # Its lists show no blocks, so only a person can tell.
            log.warning(
                "a probe may have left a block that no list shows",
                system=canary.system,
                provider=canary.provider,
                starts=canary.start.isoformat(),
                remedy='look there for "syncd probe", and delete it',
            )
            return self.end(canary) if not snapshot.faults else None
        return self.end(canary)

    async def remove(self, canary: Canary, prober: Prober, *, looked_at: bool = True) -> bool:
        """Remove one by its id; return whether it is known to be gone. Raises PlatformError.

        It is read first, unless it was just ``looked_at``.
        """
        if not looked_at and await prober.exists(canary) is False:
            self.end(canary)
            return True
        await prober.remove(canary)
        if not prober.removes_later:
            self.end(canary)
            return True
        for seconds in _LOOKS:
            await self.clock.sleep(seconds)
            if await prober.exists(canary) is False:
                self.end(canary)
                return True
        return False


def _event(system: System, row: Row) -> Event | None:
    try:
        return system.event(row)
    except UnreadableError:
        return None


def _covers(coverage: Sequence[Coverage], canary: Canary) -> bool:
    return any(
        c.provider == canary.provider and Kind.BLOCK in c.kinds and c.window.contains(canary.value)
        for c in coverage
    )
