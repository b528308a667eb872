"""The guard at work: what it stops in this cycle, and what a person lets pass (promise 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from syncd.core.facts import Limits
from syncd.core.guard import judge, mark_of
from syncd.engine.observe import Observation
from syncd.model import Claim, Conflict, ConflictKind, Kind, ProviderState, Record, Window
from syncd.store.store import Store

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class GuardPost:
    """What judging the news of a cycle needs; ``accept`` is the run whose news a person lets pass.

    ``mapping`` tells for each provider the systems it is kept in.
    """

    store: Store
    mapping: Mapping[str, Sequence[str]]
    limits: Limits
    accept: str | None

    def judge_all(
        self, states: Mapping[str, ProviderState], observed: Mapping[str, Observation]
    ) -> dict[str, list[Conflict]]:
        """The guard's conflicts, by provider."""
        accepted = self._accepted()
        guards: dict[str, list[Conflict]] = {}
        for provider, state in states.items():
            standing = {
                h.conflict.subject: h.conflict
                for h in state.conflicts
                if h.conflict.kind is ConflictKind.GUARD
            }
            guards[provider] = []
            for system in self.mapping[provider]:
                old = standing.get(f"{system}/{provider}")
                covered = _covered(observed.get(system), provider)
                if not covered and old is None:
                    continue
                found = judge(
                    provider,
                    system,
                    state.records,
                    covered,
                    self.limits,
                    accepted=accepted,
                    tripped=frozenset(_mark(c) for c in old.claims) if old else frozenset(),
                )
                if found is not None:
                    guards[provider].append(found)
        return guards

    def still_stopped(self, decided: set[str]) -> set[str]:
        """Systems on which the guard stands for a provider that is not decided on now."""
        accepted = self._accepted()
        return {
            held.conflict.subject.split("/")[0]
            for held in self.store.open_conflicts()
            if held.conflict.kind is ConflictKind.GUARD
            and held.conflict.provider not in decided
            and held.conflict.provider in self.mapping
            and not all(_mark(c) in accepted for c in held.conflict.claims)
        }

    def _accepted(self) -> frozenset[str]:
        """The marks of the news that the guard stopped in that run, and a person lets pass."""
        if self.accept is None:
            return frozenset()
        return frozenset(
            _mark(claim)
            for held in self.store.conflicts_of(self.accept)
            if held.conflict.kind is ConflictKind.GUARD
            for claim in held.conflict.claims
        )


def _covered(observation: Observation | None, provider: str) -> list[Window]:
    if observation is None:
        return []
    return [c.window for c in observation.coverage if c.provider == provider]


def _mark(claim: Claim) -> str:
    return mark_of(
        Record(
            system=claim.system,
            provider="",
            id=claim.event or "",
            kind=Kind.APPOINTMENT,
            observed=claim.value,
            observed_at=claim.seen_at or _EPOCH,
            fingerprint="",
        )
    )
