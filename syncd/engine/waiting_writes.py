"""The writes that wait, by provider: gathered from decisions, stored and logged when they change.

A provider with a waiting write is decided on in every cycle, so its last decision names all of its
writes that wait.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from syncd.core import write_order
from syncd.core.reconcile import Decision
from syncd.engine.report import ordered
from syncd.model import Action, Id, Kind, Operation, Value, Waiting, WaitingWrite, WaitReason
from syncd.store.store import Store
from syncd.store.waiting import save_waiting, waiting_writes

log = structlog.get_logger(__name__)

MAX_KEPT = 100
"""So many waiting writes are kept with a run; what waits now is stored in full beside it."""

_OF_BLOCKS = {Action.CREATE_BLOCK, Action.MOVE_BLOCK, Action.REMOVE_BLOCK}

WaitKey = tuple[str, WaitReason]
"""(system, reason)"""


@dataclass(slots=True)
class WaitingWrites:
    """What waits now, and what of it is stored."""

    store: Store
    _now: dict[str, tuple[Waiting, ...]] = field(default_factory=dict)
    _changed: set[str] = field(default_factory=set)
    _stored: dict[str, dict[str, WaitingWrite]] | None = None

    def update(self, decisions: Mapping[str, Decision], unmade: Collection[Waiting]) -> None:
        """Take over what waits after a cycle; ``unmade`` are writes that were tried in vain."""
        tried: dict[str, list[Waiting]] = {}
        for each in unmade:
            tried.setdefault(each.operation.provider, []).append(each)
        for provider, decision in decisions.items():
            now = tuple(
                each
                for each in (*decision.waiting, *tried.get(provider, ()))
                if not each.why.held_back
            )
            if self._now.get(provider) != now:
                self._now[provider] = now
                self._changed.add(provider)

    def of(self, providers: Iterable[str]) -> list[Waiting]:
        """Return what waits of these providers, by system and time."""
        return ordered(each for p in providers for each in self._now.get(p, ()))

    def all(self, mapped: Collection[Id]) -> list[Waiting]:
        """Return what waits in these calendars, by system and time.

        Of providers that this process has not decided on yet, that is what is stored.
        """
        stored = [
            w for p, each in self._load().items() if p not in self._now for w in each.values()
        ]
        kept = [_waiting(write) for write in stored if (write.provider, write.system) in mapped]
        return ordered([*self.of(self._now), *kept])

    def _load(self) -> dict[str, dict[str, WaitingWrite]]:
        if self._stored is None:
            self._stored = {}
            for write in waiting_writes(self.store):
                self._stored.setdefault(write.provider, {})[write.name] = write
            self._changed |= self._now.keys()
        return self._stored

    def save(self, mapped: Collection[Id], at: datetime) -> None:
        """Store what changed since, if anything, and log what begins and ends.

        Nothing waits in a calendar, (provider, system), that is not ``mapped`` any more.
        """
        stored = self._load()
        left = [p for p, each in stored.items() if _is_unmapped(p, each, mapped)]
        if not self._changed and not left:
            return
        before = _count(stored)
        new: list[WaitingWrite] = []
        gone: list[str] = []
        for provider in {*self._changed, *left}:
            was = stored.get(provider, {})
            now = self._rows(provider, was, mapped, at)
            new += [write for name, write in now.items() if write != was.get(name)]
            gone += was.keys() - now.keys()
            stored[provider] = now
        if new or gone:
            save_waiting(self.store, new, gone)
        self._changed.clear()
        _log(before, _count(stored), stored)

    def _rows(
        self,
        provider: str,
        was: Mapping[str, WaitingWrite],
        mapped: Collection[Id],
        at: datetime,
    ) -> dict[str, WaitingWrite]:
        if provider not in self._now:
            return {n: w for n, w in was.items() if (provider, w.system) in mapped}
        found: dict[str, WaitingWrite] = {}
        for each in self._now[provider]:
            name = write_order.operation_key(each.operation)
            old = was.get(name)
            since = old.since if old is not None and old.why is each.why else at
            found[name] = _stored(name, each, since)
        return found


def _waiting(write: WaitingWrite) -> Waiting:
    action, value = Action(write.action), Value(write.start, write.end)
    kind = Kind.BLOCK if action in _OF_BLOCKS else Kind.APPOINTMENT
    removed = action is Action.REMOVE_BLOCK
    before, after = (value, None) if removed else (None, value)
    operation = Operation(action, write.system, write.provider, kind, write.event, before, after)
    return Waiting(operation, write.why)


def _stored(name: str, waiting: Waiting, since: datetime) -> WaitingWrite:
    operation = waiting.operation
    value = operation.after or operation.before
    return WaitingWrite(
        name,
        operation.system,
        operation.provider,
        str(operation.action),
        operation.event,
        waiting.why,
        since if value is None else value.start,
        since if value is None else value.end,
        since,
    )


def _is_unmapped(provider: str, writes: Mapping[str, WaitingWrite], mapped: Collection[Id]) -> bool:
    return any((provider, write.system) not in mapped for write in writes.values())


def _count(stored: Mapping[str, Mapping[str, WaitingWrite]]) -> Counter[WaitKey]:
    return Counter((w.system, w.why) for writes in stored.values() for w in writes.values())


def _log(
    before: Counter[WaitKey],
    now: Counter[WaitKey],
    stored: Mapping[str, Mapping[str, WaitingWrite]],
) -> None:
    """Log each cause once when its first write begins to wait, and once when none waits."""
    for system, why in sorted(now.keys() - before.keys()):
        mine = [
            w
            for writes in stored.values()
            for w in writes.values()
            if (w.system, w.why) == (system, why)
        ]
        log.warning(
            "writes wait",
            system=system,
            reason=str(why),
            writes=len(mine),
            first=min(w.start for w in mine).isoformat(),
            last=max(w.start for w in mine).isoformat(),
        )
    for system, why in sorted(before.keys() - now.keys()):
        log.info(
            "writes wait no longer", system=system, reason=str(why), writes=before[system, why]
        )
