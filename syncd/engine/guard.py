"""The guard at work: which changes it stops now, in which calendars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from syncd.core.guard_stops import handed_over_events
from syncd.core.inputs import GuardLimits
from syncd.core.mass_change_guard import (
    MIN_OF_SYSTEM,
    RecentReads,
    Tally,
    change_key,
    change_key_of,
    check_changes,
    check_system,
    tally,
)
from syncd.core.rules import Choice, Rules
from syncd.engine.guard_stops import ACCEPTED, standing
from syncd.engine.observation import Observation
from syncd.engine.recent_changes import Carried
from syncd.model import Conflict, ConflictKind, Id, ProviderState, TrackedEvent, record_id
from syncd.store.owners import owner_changes
from syncd.store.partial_load import pending_changes

if TYPE_CHECKING:
    from syncd.engine.cycle import Engine


@dataclass(frozen=True, slots=True)
class GuardState:
    """The guard's answer for one cycle, by provider: its conflicts, and the events it stops."""

    guards: Mapping[str, Sequence[Conflict]] = field(default_factory=dict)
    stopped: Mapping[str, frozenset[Id]] = field(default_factory=dict)

    def of(self, provider: str, system: str) -> frozenset[str]:
        """Return the stopped events of one calendar."""
        mine = self.stopped.get(provider, frozenset())
        return frozenset(event for name, event in mine if name == system)


def evaluate(
    engine: Engine,
    due: Sequence[str],
    parts: Mapping[str, ProviderState],
    observed: Mapping[str, Observation],
    former: GuardState | None = None,
) -> GuardState:
    """Judge the changes of every provider that is decided on.

    ``parts`` hold all news of the providers that are not decided on as a whole. A provider that is
    not decided on now stays as it was. What a ``former`` look of this cycle stopped stays so, too,
    but for what was accepted since.
    """
    now = engine.now()
    before = [held.conflict for held in standing(engine.store)]
    if former is not None:
        before += [conflict for found in former.guards.values() for conflict in found]
    carried = engine.recent.carried(now)
    handed = {change.provider for change in owner_changes(engine.store) if change.proven}
    looks = _Looks(engine, now, due, parts, observed, before, carried, handed)
    guards = {provider: looks.calendars(provider) for provider in due}
    for conflict in looks.systems(guards):
        guards[conflict.provider].append(conflict)
    kept = {c.provider: [b for b in before if b.provider == c.provider] for c in before}
    return GuardState(guards, {p: events_of(found) for p, found in {**kept, **guards}.items()})


def still(engine: Engine) -> GuardState:
    """Return what is stopped without judging anything anew."""
    return evaluate(engine, (), {}, {})


def events_of(conflicts: Iterable[Conflict]) -> frozenset[Id]:
    """Return the events that guard conflicts are about."""
    return frozenset((c.system, c.event) for each in conflicts for c in each.claims if c.event)


@dataclass(slots=True)
class _Looks:
    """One look at the calendars. What is loaded for it is kept, as the two tests share it."""

    engine: Engine
    now: datetime
    due: Sequence[str]
    parts: Mapping[str, ProviderState]
    observed: Mapping[str, Observation]
    before: Sequence[Conflict]
    carried: Mapping[str, Carried]
    handed: set[str]
    _states: dict[str, ProviderState] = field(default_factory=dict)
    _accepted: dict[str, Mapping[str, datetime]] = field(default_factory=dict)

    @property
    def _limits(self) -> GuardLimits:
        return self.engine.policy.limits

    def calendars(self, provider: str) -> list[Conflict]:
        """Judge the calendars of one provider, each by itself."""
        part = self.parts.get(provider)
        if not self._is_suspect(provider):
            return []
        # Of a part the share that counts is too large: what is not too much there is not at all.
        if part is not None and not self._judge(part):
            return []
        return self._judge(self._state(provider))

    def systems(self, guards: Mapping[str, Sequence[Conflict]]) -> list[Conflict]:
        """Judge the calendars of each system together."""
        found: list[Conflict] = []
        mapping = self.engine.mapping
        for system in sorted({s for provider in self.due for s in mapping[provider]}):
            tripped = {c.provider: _ids(c) for c in self.before if c.subject == system}
            theirs = [p for p, systems in mapping.items() if system in systems]
            theirs = [p for p in theirs if not self._follows_accepted(p, system)]
            if not tripped and sum(self._news(p, system) for p in theirs) < MIN_OF_SYSTEM:
                continue
            subjects = {c.subject for p in theirs for c in guards.get(p, self.before)}
            stopped = {p for p in theirs if f"{system}/{p}" in subjects}
            counted = {p: self._tally(self._state(p), system) for p in theirs}
            own = {
                p: self._tally(self._state(p), system, mine=True).pending
                for p in theirs
                if self._follows_blocks(p, system)
            }
            judged = check_system(system, counted, stopped, self._limits, tripped, own)
            found += [conflict for provider, conflict in judged.items() if provider in guards]
        return found

    def _is_suspect(self, provider: str) -> bool:
        """Whether so much of one calendar changed that the guard has to look."""
        limits = self._limits
        least = min(limits.count + 1, limits.common, limits.all)
        return (
            provider in self.handed
            or any(c.provider == provider for c in self.before)
            or any(self._news(provider, s) >= least for s in self.engine.mapping[provider])
        )

    def _news(self, provider: str, system: str) -> int:
        """Return how many events of a calendar have changed, at most."""
        changed = sum(name == system for name, _ in self.carried.get(provider, ()))
        part = self.parts.get(provider)
        if part is not None:
            changed += sum(
                r.system == system
                and r.base is not None
                and not r.end_accepted
                and r.observed != r.base
                for r in part.records
            )
        elif provider in self.due:
            changed += pending_changes(self.engine.store, provider).get(system, 0)
        return changed

    def _judge(self, state: ProviderState) -> list[Conflict]:
        provider = state.provider
        found = []
        for system in self.engine.mapping[provider]:
            if self._follows_accepted(provider, system):
                continue
            tripped = {
                event
                for c in self.before
                if c.subject == f"{system}/{provider}"
                for event in _ids(c)
            }
            tallies = [self._tally(state, system)]
            if self._follows_blocks(provider, system):
                tallies.append(self._tally(state, system, mine=True))
            conflict = check_changes(provider, system, tallies, self._limits, tripped)
            if conflict is not None:
                found.append(conflict)
        return found

    def _follows_accepted(self, provider: str, system: str) -> bool:
        """Whether what rooms close changes because a person let changes of these rooms pass."""
        if system in self.engine.systems:
            return False
        since = self.now - self.engine.recent.every
        rooms = self.engine.resources.get(system).rooms_of(provider)
        return any(at > since for room in rooms for at in self._until(room).values())

    def _follows_blocks(self, provider: str, system: str) -> bool:
        """Whether what becomes of our own blocks there is carried elsewhere, or lets time go."""
        rules = self.engine.policy.rules.get(provider, Rules())
        return (
            rules.effective_rule(ConflictKind.BLOCK_EDITED, {system}).choice is not Choice.RESTORE
        )

    def _tally(self, state: ProviderState, system: str, *, mine: bool = False) -> Tally:
        provider, recent = state.provider, self.engine.recent
        observation = self.observed.get(system)
        coverage = observation.coverage if observation is not None else ()
        records = with_handed_over(state)
        gone = self.carried.get(provider, {})
        carried = recent.records({id_: n for id_, n in gone.items() if id_[0] == system})
        until = self._until(provider)
        return tally(
            system,
            records,
            RecentReads(
                self.now,
                [c.window for c in coverage if c.provider == provider],
                recent.windows(provider, system),
                carried,
            ),
            accepted=frozenset(
                name
                for record in (*records, *carried)
                if (name := change_key_of(record)) in until and record.observed_at <= until[name]
            ),
            stopped=frozenset(
                event
                for conflict in self.before
                if conflict.provider == provider
                for name, event in events_of([conflict])
                if name == system
            ),
            mine=mine,
        )

    def _until(self, provider: str) -> Mapping[str, datetime]:
        """Return the changes that a person let pass, by mark; the same, seen anew, is another."""
        if provider not in self._accepted:
            self._accepted[provider] = {
                change_key(claim.system, claim.event, claim.value): held.closed_at or held.opened_at
                for held in self.engine.store.ended_conflicts(provider, ACCEPTED)
                for claim in held.conflict.claims
            }
        return self._accepted[provider]

    def _state(self, provider: str) -> ProviderState:
        if provider not in self._states:
            self._states[provider] = self.engine.store.state(provider)
        return self._states[provider]


def _ids(conflict: Conflict) -> frozenset[str]:
    return frozenset(claim.event for claim in conflict.claims if claim.event)


def with_handed_over(state: ProviderState) -> list[TrackedEvent]:
    """Return the records of a provider; what was handed over has vanished from its calendar.

    Not so where the provider still is a host: the same record has another event there now.
    """
    given = {(c.system, c.event): c for c in state.owner_changes if c.proven}
    gone = [handed_over_events(change) for change in given.values()]
    left = [r for r in state.records if (r.system, r.id) not in given]
    shown = {(r.system, record_id(r.id)) for r in left if r.observed and not r.created_by_us}
    return [r for r in (*left, *gone) if r.observed or (r.system, record_id(r.id)) not in shown]
