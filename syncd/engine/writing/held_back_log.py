"""Log the writes that a pause or observe mode holds back.

A write that is wanted in several cycles is one entry. A provider with a held-back write is decided
on in every cycle, so that the last decision names all held-back writes of the provider. A pause
loses no write: when the pause ends, the writes are decided again from the state and the next read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from syncd.core.decision import Decision
from syncd.core.propagation import write_order
from syncd.engine.report.run_report import sort_waiting
from syncd.model import HeldBack, HistoryEntry, Id, Waiting, WaitReason
from syncd.store.queries.held_back import held_back_now, save_held_back
from syncd.store.store import Store

log = structlog.get_logger(__name__)

SEEN_EVERY = timedelta(minutes=15)
"""How often the time of the last decision for a held-back write is stored."""

BEGUN, ENDED = "held-back", "no-longer-wanted"
"""The history actions when a write begins to be held back, and when that ends."""


@dataclass(slots=True)
class HeldBackLog:
    """The writes that are held back now, by provider and operation key, and their stored rows."""

    store: Store
    _now: dict[str, dict[str, Waiting]] = field(default_factory=dict)
    _stored: dict[str, dict[str, HeldBack]] | None = None

    def update(self, decisions: Mapping[str, Decision], unmade: Collection[Waiting]) -> None:
        """Update the held-back writes after a cycle.

        ``decisions`` are the cycle's decisions by provider. ``unmade`` are the decided writes that
        could not be made, each with the reason.
        """
        for provider, decision in decisions.items():
            tried = [each for each in unmade if each.operation.provider == provider]
            self._now[provider] = {
                write_order.operation_key(each.operation): each
                for each in (*decision.waiting, *tried)
                if each.why.held_back
            }

    def all(self, mapped: Collection[Id]) -> list[Waiting]:
        """Return the writes held back in these calendars, ordered by system and time.

        ``mapped`` are the calendars, (provider, system). For a provider without a decision since
        this process started, these are the stored writes.
        """
        stored = [
            Waiting(each.operation, each.why)
            for provider, entries in self._load().items()
            if provider not in self._now
            for each in entries.values()
            if (provider, each.operation.system) in mapped
        ]
        now = (each for wanted in self._now.values() for each in wanted.values())
        return sort_waiting([*now, *stored])

    def save(self, mapped: Collection[Id], run: str, at: datetime) -> None:
        """Store the changes since the last call, with history; log the effect of each pause once.

        ``run`` is the id of the run, ``at`` the current time. Nothing is held back in a
        calendar, (provider, system), that is no longer in ``mapped``.
        """
        stored = self._load()
        before = _count(stored)
        changed: list[HeldBack] = []
        notes: list[HistoryEntry] = []
        for provider in sorted({*stored, *self._now}):
            was = stored.get(provider, {})
            wanted = self._wanted(provider, was, mapped)
            entries: dict[str, HeldBack] = {}
            for name, each in wanted.items():
                old = was.get(name)
                if old is None or old.why is not each.why:
                    entries[name] = HeldBack(name, each.operation, each.why, at, at)
                    notes += _notes(entries[name], BEGUN, run, at)
                else:
                    due = at - old.seen_at >= SEEN_EVERY and provider in self._now
                    entries[name] = replace(old, seen_at=at) if due else old
            ended = [each for name, each in was.items() if _is_over(each, entries.get(name))]
            changed += [each for name, each in entries.items() if each != was.get(name)]
            changed += [replace(each, ended_at=at) for each in ended]
            notes += [n for each in ended for n in _notes(each, ENDED, run, at)]
            stored[provider] = entries
        if changed:
            save_held_back(self.store, changed, notes)
        _log(before, _count(stored))

    def _wanted(
        self, provider: str, was: Mapping[str, HeldBack], mapped: Collection[Id]
    ) -> dict[str, Waiting]:
        now = self._now.get(provider)
        if now is None:
            now = {name: Waiting(each.operation, each.why) for name, each in was.items()}
        return {n: w for n, w in now.items() if (provider, w.operation.system) in mapped}

    def _load(self) -> dict[str, dict[str, HeldBack]]:
        if self._stored is None:
            self._stored = {}
            for each in held_back_now(self.store):
                self._stored.setdefault(each.operation.provider, {})[each.name] = each
        return self._stored


def _is_over(was: HeldBack, now: HeldBack | None) -> bool:
    return now is None or now.since != was.since


def _notes(each: HeldBack, what: str, run: str, at: datetime) -> Iterable[HistoryEntry]:
    operation = each.operation
    for booking in operation.bookings or ("",):
        yield HistoryEntry(
            at=at,
            run=run,
            provider=operation.provider,
            what=what,
            booking=booking,
            system=operation.system,
            event=operation.event or "",
            before=operation.before,
            after=operation.after,
            rule=operation.reason,
            detail=f"{operation.action}: {each.why}",
        )


def _count(stored: Mapping[str, Mapping[str, HeldBack]]) -> Counter[tuple[str, WaitReason]]:
    return Counter((e.operation.system, e.why) for each in stored.values() for e in each.values())


def _log(before: Counter[tuple[str, WaitReason]], now: Counter[tuple[str, WaitReason]]) -> None:
    """Log when writes to a system begin to be held back, and when no write is any more."""
    for system, why in sorted(now.keys() - before.keys()):
        log.info("writes held back", system=system, reason=str(why), writes=now[system, why])
    for system, why in sorted(before.keys() - now.keys()):
        log.info("writes no longer held back", system=system, reason=str(why))
