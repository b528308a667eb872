"""The guard at work: what it stops now, and what a person let pass.

Acceptance is stored before anything follows from it, with the conflict that it answers: a crash, or
a conflict that holds some of the accepted news up, does not ask the person twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from syncd.core.facts import Limits
from syncd.core.guard import judge, mark, mark_of
from syncd.engine.observation import Observation
from syncd.model import (
    Changes,
    Conflict,
    ConflictKind,
    HeldConflict,
    Kind,
    ProviderState,
    Record,
    Window,
    record_id,
)
from syncd.store.owners import owner_changes
from syncd.store.part import most_news
from syncd.store.store import Store

ACCEPTED = "accepted by a person"
"""How a guard's conflict ends whose news may pass."""


@dataclass(frozen=True, slots=True)
class Brake:
    """The guard's answer for one cycle: its conflicts by provider, and the systems it stops."""

    guards: Mapping[str, Sequence[Conflict]]
    stopped: frozenset[str]


def accept(store: Store, run: str, now: datetime) -> None:
    """Let pass what the guard stopped in that run."""
    held = [h for h in store.conflicts_of(run) if h.conflict.kind is ConflictKind.GUARD]
    ends = [replace(h, closed_at=h.closed_at or now, outcome=ACCEPTED) for h in held]
    store.apply(Changes(closed=ends))


def look(
    store: Store,
    due: Sequence[str],
    parts: Mapping[str, ProviderState],
    mapping: Mapping[str, Sequence[str]],
    observed: Mapping[str, Observation],
    limits: Limits,
) -> Brake:
    """Judge the news of every provider that is decided on, and remember where the guard stands.

    ``parts`` hold all news of the providers that are not decided on as a whole.
    """
    tripped = [
        held.conflict for held in store.open_conflicts() if held.conflict.kind is ConflictKind.GUARD
    ]
    stopped_at = {conflict.provider for conflict in tripped}
    handed = {change.provider for change in owner_changes(store) if change.proven}
    guards: dict[str, list[Conflict]] = {}
    for provider in due:
        systems, part = mapping[provider], parts.get(provider)
        # Of a part the share that counts is too large: what is not too much there is not at all.
        suspect = (
            _judge_all(store, part, systems, observed, limits)
            if part is not None
            else provider in stopped_at | handed or most_news(store, provider) >= _least(limits)
        )
        guards[provider] = (
            _judge_all(store, store.state(provider), systems, observed, limits) if suspect else []
        )
    stopped = {_system(found) for each in guards.values() for found in each}
    # A provider that is not decided on now stays as it was.
    stopped |= {_system(c) for c in tripped if c.provider not in guards and c.provider in mapping}
    return Brake(guards, frozenset(stopped))


def _least(limits: Limits) -> int:
    """So much news of one calendar, at least, can be an accident."""
    return min(limits.count + 1, limits.common)


def _judge_all(
    store: Store,
    state: ProviderState,
    systems: Sequence[str],
    observed: Mapping[str, Observation],
    limits: Limits,
) -> list[Conflict]:
    return [
        found
        for system in systems
        if (found := _judge(store, state, system, observed.get(system), limits)) is not None
    ]


def _system(conflict: Conflict) -> str:
    return conflict.subject.split("/")[0]


def _judge(
    store: Store,
    state: ProviderState,
    system: str,
    observation: Observation | None,
    limits: Limits,
) -> Conflict | None:
    provider = state.provider
    old = next((h.conflict for h in state.conflicts if _is(h, system, provider)), None)
    coverage = observation.coverage if observation is not None else ()
    covered: list[Window] = [c.window for c in coverage if c.provider == provider]
    if not covered and old is None:
        return None
    tripped = frozenset(claim.event or "" for claim in old.claims) if old else frozenset()
    records = _without_handed_over(state)
    found = judge(provider, system, records, covered, limits, tripped=tripped)
    if found is None:
        return None
    accepted = _accepted(store, provider, records)
    if not accepted:
        return found
    return judge(provider, system, records, covered, limits, accepted=accepted, tripped=tripped)


def _without_handed_over(state: ProviderState) -> list[Record]:
    """The records of a provider; what was handed over has vanished from its calendar.

    Not so where the provider still is a host: the same record has another event there now.
    """
    given = {(c.system, c.event): c for c in state.owner_changes if c.proven}
    gone = [
        Record(
            system=change.system,
            provider=change.provider,
            id=change.event,
            kind=Kind.APPOINTMENT,
            observed=None,
            observed_at=change.since,
            fingerprint="",
            base=change.value,
        )
        for change in given.values()
    ]
    left = [r for r in state.records if (r.system, r.id) not in given]
    shown = {(r.system, record_id(r.id)) for r in left if r.observed and not r.mine}
    return [r for r in (*left, *gone) if r.observed or (r.system, record_id(r.id)) not in shown]


def _is(held: HeldConflict, system: str, provider: str) -> bool:
    guard = held.conflict.kind is ConflictKind.GUARD
    return guard and held.conflict.subject == f"{system}/{provider}"


def _accepted(store: Store, provider: str, records: Sequence[Record]) -> frozenset[str]:
    """The marks of the news that a person let pass; the same news, seen anew, is other news."""
    until: dict[str, datetime] = {}
    for held in store.ended_conflicts(provider, ACCEPTED):
        for claim in held.conflict.claims:
            until[mark(claim.system, claim.event, claim.value)] = held.closed_at or held.opened_at
    return frozenset(
        name
        for record in records
        if (name := mark_of(record)) in until and record.observed_at <= until[name]
    )
