"""Evaluate the mass-change guard: which changes it stops now, in which calendars.

The guard stops changes when too many arrive at once, for example after an import on a platform.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from syncd.core.inputs import GuardLimits
from syncd.core.mass_change.guard import (
    MIN_OF_SYSTEM,
    GuardHistory,
    Tally,
    change_key,
    change_key_of,
    check_changes,
    check_system,
    observation_of,
    tally,
)
from syncd.core.mass_change.stops import handed_over_event
from syncd.core.merging.rules import Choice, Rules
from syncd.engine.context import Context
from syncd.engine.deciding.guard_stops import ACCEPTED, open_stops
from syncd.engine.reading.observation import Observation
from syncd.engine.reading.recent_changes import Carried
from syncd.model import Conflict, ConflictKind, Id, ProviderState, TrackedEvent, record_id
from syncd.store.queries.owners import owner_changes
from syncd.store.repository.partial_load import pending_changes


@dataclass(frozen=True, slots=True)
class GuardState:
    """The guard's conflicts (``guards``) and stopped events of one cycle, by provider."""

    guards: Mapping[str, Sequence[Conflict]] = field(default_factory=dict)
    stopped: Mapping[str, frozenset[Id]] = field(default_factory=dict)

    def stopped_in(self, provider: str, system: str) -> frozenset[str]:
        """Return the ids of the stopped events of one calendar."""
        stopped = self.stopped.get(provider, frozenset())
        return frozenset(event for name, event in stopped if name == system)


def evaluate(
    ctx: Context,
    due: Sequence[str],
    parts: Mapping[str, ProviderState],
    observed: Mapping[str, Observation],
    former: GuardState | None = None,
) -> GuardState:
    """Check the changes of each provider that is due, before a decision; return the guard state.

    ``parts`` are the partial states of the providers that get a partial decision; each part holds
    all changes of its provider. ``observed`` are the reads of this cycle by system. Providers that
    are not due keep their stops. ``former`` is an earlier evaluation in this cycle: its stops stay,
    except for changes that the operator accepted in between.
    """
    now = ctx.now()
    before = [held.conflict for held in open_stops(ctx.store)]
    if former is not None:
        before += [conflict for found in former.guards.values() for conflict in found]
    carried = ctx.recent.carried(now)
    handed = {change.provider for change in owner_changes(ctx.store) if change.proven}
    evaluation = _Evaluation(ctx, now, due, parts, observed, before, carried, handed)
    guards = {provider: evaluation.check_provider(provider) for provider in due}
    for conflict in evaluation.check_systems(guards):
        guards[conflict.provider].append(conflict)
    earlier = {c.provider: [b for b in before if b.provider == c.provider] for c in before}
    return GuardState(guards, {p: events_of(found) for p, found in {**earlier, **guards}.items()})


def current_stops(ctx: Context) -> GuardState:
    """Return the current stops without checking any changes; ``guards`` is empty."""
    return evaluate(ctx, (), {}, {})


def events_of(conflicts: Iterable[Conflict]) -> frozenset[Id]:
    """Return the events, (system, event), that these guard conflicts stop."""
    return frozenset((c.system, c.event) for each in conflicts for c in each.claims if c.event)


@dataclass(slots=True)
class _Acceptance:
    """When an operator accepted a change, and which observations of the change were listed then.

    The same change, if observed again later, counts as a new change. A time that is still to come
    was written by a clock that was ahead, and says nothing about later observations.
    """

    times: set[datetime] = field(default_factory=set)
    observations: set[datetime | None] = field(default_factory=set)

    def covers(self, observed_at: datetime, now: datetime) -> bool:
        """Return true if the operator accepted the change that was observed at this time."""
        accepted = observed_at in self.observations
        return accepted or any(observed_at <= time <= now for time in self.times)


@dataclass(slots=True)
class _Evaluation:
    """One evaluation of the guard. Loaded states are cached, because both checks need them."""

    ctx: Context
    now: datetime
    due: Sequence[str]
    parts: Mapping[str, ProviderState]
    observed: Mapping[str, Observation]
    before: Sequence[Conflict]
    carried: Mapping[str, Carried]
    handed: set[str]
    _states: dict[str, ProviderState] = field(default_factory=dict)
    _accepted: dict[str, Mapping[str, _Acceptance]] = field(default_factory=dict)

    @property
    def _limits(self) -> GuardLimits:
        return self.ctx.policy.limits

    def check_provider(self, provider: str) -> list[Conflict]:
        """Check each calendar of one provider."""
        part = self.parts.get(provider)
        if not self._is_suspect(provider):
            return []
        # The share of changes is overestimated in a part: if it is acceptable there, it is overall.
        if part is not None and not self._judge(part):
            return []
        return self._judge(self._state(provider))

    def check_systems(self, guards: Mapping[str, Sequence[Conflict]]) -> list[Conflict]:
        """Check the calendars of each system together."""
        conflicts: list[Conflict] = []
        mapping = self.ctx.mapping
        for system in sorted({s for provider in self.due for s in mapping[provider]}):
            tripped = {c.provider: _ids(c) for c in self.before if c.subject == system}
            providers = [p for p, systems in mapping.items() if system in systems]
            providers = [p for p in providers if not self._follows_accepted(p, system)]
            if (
                not tripped
                and sum(self._count_changes(p, system) for p in providers) < MIN_OF_SYSTEM
            ):
                continue
            subjects = {c.subject for p in providers for c in guards.get(p, self.before)}
            stopped = {p for p in providers if f"{system}/{p}" in subjects}
            counted = {p: self._tally(self._state(p), system) for p in providers}
            own = {
                p: self._tally(self._state(p), system, mine=True).pending
                for p in providers
                if self._follows_blocks(p, system)
            }
            judged = check_system(system, counted, stopped, self._limits, tripped, own)
            conflicts += [conflict for provider, conflict in judged.items() if provider in guards]
        return conflicts

    def _is_suspect(self, provider: str) -> bool:
        """Return whether enough of one calendar changed for the guard to check it."""
        limits = self._limits
        least = min(limits.count + 1, limits.common, limits.all)
        return (
            provider in self.handed
            or any(c.provider == provider for c in self.before)
            or any(self._count_changes(provider, s) >= least for s in self.ctx.mapping[provider])
        )

    def _count_changes(self, provider: str, system: str) -> int:
        """Return an upper bound for the number of changed events of a calendar."""
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
            changed += pending_changes(self.ctx.store, provider).get(system, 0)
        return changed

    def _judge(self, state: ProviderState) -> list[Conflict]:
        provider = state.provider
        conflicts = []
        for system in self.ctx.mapping[provider]:
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
                conflicts.append(conflict)
        return conflicts

    def _follows_accepted(self, provider: str, system: str) -> bool:
        """Return whether a calendar that rooms block changes because of accepted room changes."""
        if system in self.ctx.systems:
            return False
        since = self.now - self.ctx.recent.every
        rooms = self.ctx.resources.get(system).rooms_of(provider)
        return any(
            at > since
            for room in rooms
            for each in self._acceptances(room).values()
            for at in each.times
        )

    def _follows_blocks(self, provider: str, system: str) -> bool:
        """Return whether changes of our own blocks in this calendar move meetings or free time."""
        rules = self.ctx.policy.rules.get(provider, Rules())
        return (
            rules.effective_rule(ConflictKind.BLOCK_EDITED, {system}).choice is not Choice.RESTORE
        )

    def _tally(self, state: ProviderState, system: str, *, mine: bool = False) -> Tally:
        provider, recent = state.provider, self.ctx.recent
        observation = self.observed.get(system)
        coverage = observation.coverage if observation is not None else ()
        records = with_handed_over(state)
        gone = self.carried.get(provider, {})
        carried = recent.records({id_: n for id_, n in gone.items() if id_[0] == system})
        accepted = self._acceptances(provider)
        return tally(
            system,
            records,
            GuardHistory(
                self.now,
                [c.window for c in coverage if c.provider == provider],
                recent.windows(provider, system),
                carried,
            ),
            accepted=frozenset(
                observation_of(record)
                for record in (*records, *carried)
                if (name := change_key_of(record)) in accepted
                and accepted[name].covers(record.observed_at, self.now)
            ),
            stopped=frozenset(
                event
                for conflict in self.before
                if conflict.provider == provider
                for name, event in events_of([conflict])
                if name == system
            ),
            ours=mine,
        )

    def _acceptances(self, provider: str) -> Mapping[str, _Acceptance]:
        """Return the acceptances of an operator, by change key."""
        if provider not in self._accepted:
            found: dict[str, _Acceptance] = {}
            for held in self.ctx.store.ended_conflicts(provider, ACCEPTED):
                for claim in held.conflict.claims:
                    key = change_key(claim.system, claim.event, claim.value)
                    acceptance = found.setdefault(key, _Acceptance())
                    acceptance.times.add(held.closed_at or held.opened_at)
                    acceptance.observations.add(claim.seen_at)
            self._accepted[provider] = found
        return self._accepted[provider]

    def _state(self, provider: str) -> ProviderState:
        if provider not in self._states:
            self._states[provider] = self.ctx.store.state(provider)
        return self._states[provider]


def _ids(conflict: Conflict) -> frozenset[str]:
    return frozenset(claim.event for claim in conflict.claims if claim.event)


def with_handed_over(state: ProviderState) -> list[TrackedEvent]:
    """Return the events of a provider; handed-over events count as deleted from its calendar.

    An event is handed over if its new owner is proven. It does not count as deleted if the provider
    is still a host of the meeting: then the same record has another event in the calendar now.
    """
    handed_over = {(c.system, c.event): c for c in state.owner_changes if c.proven}
    gone = [handed_over_event(change) for change in handed_over.values()]
    remaining = [r for r in state.records if (r.system, r.id) not in handed_over]
    shown = {(r.system, record_id(r.id)) for r in remaining if r.observed and not r.created_by_us}
    return [
        r for r in (*remaining, *gone) if r.observed or (r.system, record_id(r.id)) not in shown
    ]
