"""The guard in a cycle: what it stops, what a person let pass, what stands from before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from syncd.core.facts import Limits
from syncd.core.guard import claim_mark, judge
from syncd.engine.observe import Observation
from syncd.model import Conflict, ConflictKind, ProviderState, Window
from syncd.store.store import Store


@dataclass(frozen=True, slots=True)
class Watch:
    """The guard of one cycle; ``accept`` names the run whose stopped news a person lets pass."""

    store: Store
    mapping: Mapping[str, Sequence[str]]
    limits: Limits
    accept: str | None = None

    def over(
        self, states: Mapping[str, ProviderState], observed: Mapping[str, Observation]
    ) -> dict[str, list[Conflict]]:
        """What is too much to be believed at once, by provider."""
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
                    tripped=frozenset(claim_mark(c) for c in old.claims) if old else frozenset(),
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
            and not all(claim_mark(c) in accepted for c in held.conflict.claims)
        }

    def _accepted(self) -> frozenset[str]:
        """The marks of the news that the guard stopped in that run."""
        if self.accept is None:
            return frozenset()
        return frozenset(
            claim_mark(claim)
            for held in self.store.conflicts_of(self.accept)
            if held.conflict.kind is ConflictKind.GUARD
            for claim in held.conflict.claims
        )


def _covered(observation: Observation | None, provider: str) -> list[Window]:
    if observation is None:
        return []
    return [c.window for c in observation.coverage if c.provider == provider]
