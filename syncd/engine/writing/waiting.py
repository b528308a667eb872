"""Keep the waiting writes (wanted, but impossible now) of each provider; store and log changes.

A provider with a waiting write is decided on in every cycle, so the last decision on the provider
contains all of its waiting writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from syncd.core.decision import Decision
from syncd.core.propagation import write_order
from syncd.engine.report.run_report import sort_waiting
from syncd.model import Action, Id, Kind, Operation, Value, Waiting, WaitingWrite, WaitReason
from syncd.store.queries.waiting import save_waiting, waiting_writes
from syncd.store.store import Store

log = structlog.get_logger(__name__)

MAX_WAITING_IN_RUN = 100
"""The maximum number of waiting writes stored with a run; all current ones are stored apart."""

_OF_BLOCKS = {Action.CREATE_BLOCK, Action.MOVE_BLOCK, Action.REMOVE_BLOCK}

WaitKey = tuple[str, WaitReason]
"""(system, reason for which writes to the system wait)."""


@dataclass(slots=True)
class WaitingWrites:
    """The waiting writes of this process's last decisions, and those that are stored."""

    store: Store
    _now: dict[str, tuple[Waiting, ...]] = field(default_factory=dict)
    _changed: set[str] = field(default_factory=set)
    _stored: dict[str, dict[str, WaitingWrite]] | None = None

    def update(self, decisions: Mapping[str, Decision], unmade: Collection[Waiting]) -> None:
        """Update the waiting writes after a cycle, from its decisions.

        ``unmade`` are the writes that the cycle tried, and that wait for their system.
        """
        tried: dict[str, list[Waiting]] = {}
        for waiting in unmade:
            tried.setdefault(waiting.operation.provider, []).append(waiting)
        for provider, decision in decisions.items():
            now = tuple(
                waiting
                for waiting in (*decision.waiting, *tried.get(provider, ()))
                if not waiting.why.held_back
            )
            if self._now.get(provider) != now:
                self._now[provider] = now
                self._changed.add(provider)

    def of(self, providers: Iterable[str]) -> list[Waiting]:
        """Return the waiting writes of these providers, sorted by system and time."""
        return sort_waiting(waiting for p in providers for waiting in self._now.get(p, ()))

    def all(self, mapped: Collection[Id]) -> list[Waiting]:
        """Return the waiting writes of the ``mapped`` calendars, sorted by system and time.

        ``mapped`` are (provider, system). For providers that this process has not decided on yet,
        the stored waiting writes are returned.
        """
        stored = [
            w for p, writes in self._load().items() if p not in self._now for w in writes.values()
        ]
        undecided = [
            _waiting(write) for write in stored if (write.provider, write.system) in mapped
        ]
        return sort_waiting([*self.of(self._now), *undecided])

    def _load(self) -> dict[str, dict[str, WaitingWrite]]:
        if self._stored is None:
            self._stored = {}
            for write in waiting_writes(self.store):
                self._stored.setdefault(write.provider, {})[write.name] = write
            self._changed |= self._now.keys()
        return self._stored

    def save(self, mapped: Collection[Id], at: datetime) -> None:
        """Store the changed waiting writes, and log each cause that begins or ends.

        Writes to calendars, as (provider, system), that are no longer ``mapped`` are removed.
        ``at`` is the time from which new writes wait.
        """
        stored = self._load()
        unmapped = [p for p, writes in stored.items() if _is_unmapped(p, writes, mapped)]
        if not self._changed and not unmapped:
            return
        before = _count(stored)
        new: list[WaitingWrite] = []
        gone: list[str] = []
        for provider in {*self._changed, *unmapped}:
            stored_before = stored.get(provider, {})
            now = self._rows(provider, stored_before, mapped, at)
            new += [write for name, write in now.items() if write != stored_before.get(name)]
            gone += stored_before.keys() - now.keys()
            stored[provider] = now
        if new or gone:
            save_waiting(self.store, new, gone)
        self._changed.clear()
        _log(before, _count(stored), stored)

    def _rows(
        self,
        provider: str,
        stored_before: Mapping[str, WaitingWrite],
        mapped: Collection[Id],
        at: datetime,
    ) -> dict[str, WaitingWrite]:
        if provider not in self._now:
            return {n: w for n, w in stored_before.items() if (provider, w.system) in mapped}
        found: dict[str, WaitingWrite] = {}
        for waiting in self._now[provider]:
            name = write_order.operation_key(waiting.operation)
            old = stored_before.get(name)
            since = old.since if old is not None and old.why is waiting.why else at
            found[name] = _stored(name, waiting, since)
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
    """Log each cause with its first waiting write, and when no write waits any more."""
    for system, why in sorted(now.keys() - before.keys()):
        writes = [
            w
            for writes in stored.values()
            for w in writes.values()
            if (w.system, w.why) == (system, why)
        ]
        log.warning(
            "writes wait",
            system=system,
            reason=str(why),
            writes=len(writes),
            first=min(w.start for w in writes).isoformat(),
            last=max(w.start for w in writes).isoformat(),
        )
    for system, why in sorted(before.keys() - now.keys()):
        log.info(
            "writes no longer wait", system=system, reason=str(why), writes=before[system, why]
        )
