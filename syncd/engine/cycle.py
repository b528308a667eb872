"""The cycle: recover, observe, decide, write, confirm. The resync: cycles until nothing is left.

One engine per state, one cycle at a time. A provider is decided on again until a decision finds
nothing to do for it. Which ones those are is kept only in memory, so a restart decides on all.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from syncd.core import plan
from syncd.core.decide import Case, Decision, decide, persons_for
from syncd.core.facts import Calendar, Limits, Rules
from syncd.core.guard import judge, mark_of
from syncd.engine.execute import Desk, Written, execute
from syncd.engine.observe import Observation, observe
from syncd.engine.persons import Persons
from syncd.engine.recover import confirm, recover
from syncd.engine.report import Health, Report, SystemReport
from syncd.model import (
    Claim,
    Clock,
    Conflict,
    ConflictKind,
    Kind,
    Operation,
    ProviderState,
    Record,
    Window,
)
from syncd.store.store import Store
from syncd.systems.port import System

log = structlog.get_logger(__name__)

MOST_CYCLES = 12
"""A resync that is not done after so many cycles says so instead of going on."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

PAUSES = (0.3, 0.6, 1.0, 2.0, 5.0, 10.0, 15.0, 15.0, 15.0)
"""Seconds between two cycles of a resync that waits for a platform to confirm."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration says of deciding: rules per provider, the guard's limits, spans.

    ``read_only`` holds the calendars, (provider, system), that are never written to.
    """

    rules: Mapping[str, Rules]
    limits: Limits = field(default_factory=Limits)
    past: timedelta = timedelta(days=1)
    future: timedelta = timedelta(days=60)
    ahead: timedelta = timedelta(days=2)
    read_only: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Ids:
    """Where new names come from: rows' ids, and the keys that blocks carry."""

    row: Callable[[], str]
    key: Callable[[], str]


@dataclass(slots=True)
class Engine:
    """The engine of one state. ``mapping`` tells for each provider the systems it is kept in."""

    systems: Mapping[str, System]
    mapping: Mapping[str, Sequence[str]]
    store: Store
    clock: Clock
    ids: Ids
    persons: Persons
    policy: Policy
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    on_write: Callable[[Operation, str], None] = lambda _operation, _what: None
    _dirty: set[str] = field(default_factory=set)
    _seen_whole: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Everything is to be decided on once."""
        self._dirty = set(self.mapping)
        whole: dict[tuple[str, str], set[Kind]] = {}
        for c in self.store.last_coverage():
            whole.setdefault((c.provider, c.system), set()).update(c.kinds)
        self._seen_whole = {where for where, kinds in whole.items() if Kind.APPOINTMENT in kinds}

    def window(self, *, near: bool) -> Window:
        """The near or the full window, from now."""
        now = self.clock.now()
        ahead = self.policy.ahead if near else self.policy.future
        return Window(now - self.policy.past, now + ahead)

    async def resync(
        self,
        *,
        window: Window | None = None,
        providers: Sequence[str] | None = None,
        accept: str | None = None,
        dry_run: bool = False,
        progress: Progress = lambda _text: None,
    ) -> Report:
        """Cycle over the full window until nothing is left to do, or nothing more can be done."""
        self._dirty |= set(providers or self.mapping)
        report = Report(run=self.ids.row(), dry_run=dry_run)
        before = (0, 0)
        for turn in range(1 if dry_run else MOST_CYCLES):
            await self.cycle(
                window or self.window(near=False),
                report,
                providers,
                accept,
                progress,
                thorough=True,
            )
            done = (report.operations.total(), len(report.failures))
            if report.converged or report.guarded or self.stopping.is_set():
                break
            waits = report.suspected or self._waits(report)
            if not waits and done == before:
                # Nothing was written, refused or is to be confirmed: another cycle is the same.
                break
            before = done
            if waits and not dry_run:
                progress("waiting for a platform to confirm")
                await self.clock.sleep(PAUSES[min(turn, len(PAUSES) - 1)])
        self._file(report, "resync")
        return report

    async def watch(self, *, near: bool) -> Report:
        """One cycle of the daemon."""
        report = Report(run=self.ids.row())
        await self.cycle(self.window(near=near), report)
        self._file(report, "near" if near else "far")
        return report

    def _waits(self, report: Report) -> bool:
        """Whether a system that answers has still to show the outcome of a write."""
        answering = {name for name, s in report.systems.items() if s.state is Health.OK}
        return any(i.operation.system in answering for i in self.store.pending_intents())

    def _file(self, report: Report, kind: str) -> None:
        """Keep the run, if anything happened in it."""
        quiet = not (report.news or report.operations or report.guarded or report.failures)
        if report.dry_run or (kind != "resync" and quiet and report.answered):
            return
        now = self.clock.now()
        self.store.start_run(report.run, kind, now)
        self.store.finish_run(report.run, now, report.to_json())

    async def cycle(
        self,
        window: Window,
        report: Report,
        providers: Sequence[str] | None = None,
        accept: str | None = None,
        progress: Progress = lambda _text: None,
        *,
        thorough: bool = False,
    ) -> None:
        """Recover, observe, decide, write, confirm, once. The report is brought up to date."""
        chosen = sorted(providers or self.mapping)
        report.cycles += 1
        desk = Desk(
            self.store,
            self.clock,
            self.ids.row,
            self.ids.key,
            report.run,
            self.stopping,
            self.on_write,
        )
        before = {name: system.traffic for name, system in self.systems.items()}
        pending = self.store.pending_intents()
        if pending and not report.dry_run:
            progress("looking after writes without an answer")
            await asyncio.gather(
                *(recover(system, pending, desk) for system in self.systems.values())
            )
        progress("reading")
        intents = self.store.pending_intents() if pending else pending
        seen = await asyncio.gather(
            *(
                observe(
                    system,
                    self.store,
                    self.clock,
                    window,
                    mine,
                    intents,
                    by_id=thorough and report.cycles == 1,
                )
                for name, system in self.systems.items()
                if (mine := [p for p in chosen if name in self.mapping[p]])
            )
        )
        observed = {o.system: o for o in seen}
        if intents:
            confirm(self.store.pending_intents(), desk)
        progress("deciding")
        decisions = await self._decide(chosen, observed, report, accept)
        operations = [o for d in decisions.values() for o in d.operations]
        report.planned = operations
        if operations and not report.dry_run:
            progress(f"writing {len(operations)} change{'s' if len(operations) > 1 else ''}")
            await self._write(operations, observed, desk, report)
        self._tell(report, observed, decisions, before)

    async def _decide(
        self,
        chosen: Sequence[str],
        observed: Mapping[str, Observation],
        report: Report,
        accept: str | None,
    ) -> dict[str, Decision]:
        """Decide on every provider that may have something to do, and store the decisions."""
        for observation in observed.values():
            self._dirty |= observation.touched & set(self.mapping)
            for c in observation.coverage:
                self._seen_whole.add((c.provider, c.system))
        states = {p: self.store.state(p) for p in chosen if p in self._dirty}
        guards = self._guards(states, observed, accept)
        stopped = {g.subject.split("/")[0] for found in guards.values() for g in found}
        stopped |= self._still_stopped(set(states), accept)
        decisions: dict[str, Decision] = {}
        for provider, state in states.items():
            case = self._case(provider, state, observed, stopped, guards[provider], report.run)
            wanted = persons_for(state, case)
            who = await self.persons.learn(wanted, self.systems) if wanted else {}
            case = self._case(provider, state, observed, stopped, guards[provider], report.run, who)
            decision = decide(state, case, self.ids.row)
            self.store.apply(decision.changes)
            decisions[provider] = decision
            if self._finished(decision, case, state):
                self._dirty.discard(provider)
        report.guarded = sorted(stopped)
        return decisions

    def _finished(self, decision: Decision, case: Case, state: ProviderState) -> bool:
        """Whether this provider needs no further decision until there is news of it."""
        return (
            not decision.operations
            and not decision.exposures
            and not state.intents
            and all(
                c.believed and (c.writable or (state.provider, c.system) in self.policy.read_only)
                for c in case.calendars.values()
            )
        )

    def _guards(
        self,
        states: Mapping[str, ProviderState],
        observed: Mapping[str, Observation],
        accept: str | None,
    ) -> dict[str, list[Conflict]]:
        accepted = self._accepted(accept)
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
                covered = self._covered(observed.get(system), provider)
                if not covered and old is None:
                    continue
                found = judge(
                    provider,
                    system,
                    state.records,
                    covered,
                    self.policy.limits,
                    accepted=accepted,
                    tripped=frozenset(_mark(c) for c in old.claims) if old else frozenset(),
                )
                if found is not None:
                    guards[provider].append(found)
        return guards

    def _covered(self, observation: Observation | None, provider: str) -> list[Window]:
        if observation is None:
            return []
        return [c.window for c in observation.coverage if c.provider == provider]

    def _accepted(self, run: str | None) -> frozenset[str]:
        """The marks of the news that the guard stopped in that run, and a person lets pass."""
        if run is None:
            return frozenset()
        return frozenset(
            _mark(claim)
            for held in self.store.conflicts_of(run)
            if held.conflict.kind is ConflictKind.GUARD
            for claim in held.conflict.claims
        )

    def _still_stopped(self, decided: set[str], accept: str | None) -> set[str]:
        """Systems on which the guard stands for a provider that is not decided on now."""
        accepted = self._accepted(accept)
        return {
            held.conflict.subject.split("/")[0]
            for held in self.store.open_conflicts()
            if held.conflict.kind is ConflictKind.GUARD
            and held.conflict.provider not in decided
            and held.conflict.provider in self.mapping
            and not all(_mark(c) in accepted for c in held.conflict.claims)
        }

    def _case(
        self,
        provider: str,
        state: ProviderState,
        observed: Mapping[str, Observation],
        stopped: set[str],
        guards: Sequence[Conflict],
        run: str,
        who: Mapping[tuple[str, str], frozenset[str]] | None = None,
    ) -> Case:
        now = self.clock.now()
        keys = {r.key for r in state.records if r.key is not None and not r.mine}
        failed = self.store.failed_operations(provider)
        return Case(
            calendars={
                system: self._calendar(provider, system, observed.get(system), system in stopped)
                for system in self.mapping[provider]
            },
            rules=self.policy.rules[provider],
            now=now,
            horizon=now - self.policy.past,
            run=run,
            who=who or {},
            guards=guards,
            failures=Counter(plan.name(o) for o in failed),
            our_keys=frozenset(k for k in keys if self.store.knows_key(k)),
        )

    def _calendar(
        self, provider: str, system: str, observation: Observation | None, stopped: bool
    ) -> Calendar:
        capabilities = self.systems[system].capabilities
        answered = observation is not None and observation.state is Health.OK
        return Calendar(
            system=system,
            writable=answered
            and (provider, system) not in self.policy.read_only
            and (provider, system) in self._seen_whole,
            believed=answered and not stopped,
            grain=capabilities.grain,
            statuses=capabilities.statuses,
            skew=self.systems[system].traffic.skew or timedelta(0),
        )

    async def _write(
        self,
        operations: Sequence[Operation],
        observed: Mapping[str, Observation],
        desk: Desk,
        report: Report,
    ) -> None:
        by_system: dict[str, list[Operation]] = {}
        for operation in operations:
            by_system.setdefault(operation.system, []).append(operation)
        results = await asyncio.gather(
            *(
                execute(self.systems[name], mine, self._read_at(observed.get(name)), desk)
                for name, mine in sorted(by_system.items())
            )
        )
        for name, written in zip(sorted(by_system), results, strict=True):
            self._count(name, written, observed, report)

    def _read_at(self, observation: Observation | None) -> dict[str, datetime]:
        if observation is None or observation.asked_at is None:
            return {}
        return {c.provider: observation.asked_at for c in observation.coverage}

    def _count(
        self,
        name: str,
        written: Written,
        observed: Mapping[str, Observation],
        report: Report,
    ) -> None:
        report.operations.update(o.action for o in (*written.done, *written.queued))
        report.failures += written.failures
        if written.fault is not None:
            observation = observed[name]
            observation.fault = written.fault
            observation.cause = str(written.fault)
            observation.state = Health.DOWN
        self._dirty |= {o.provider for o in (*written.left, *written.queued, *written.done)}

    def _tell(
        self,
        report: Report,
        observed: Mapping[str, Observation],
        decisions: Mapping[str, Decision],
        before: Mapping[str, object],
    ) -> None:
        """Bring the report up to date: states, calls, what is left."""
        for name, observation in observed.items():
            told = report.systems.setdefault(name, SystemReport())
            told.state = observation.state
            told.cause = observation.cause
            report.news += observation.news
            report.remarks += observation.remarks
        for name, system in self.systems.items():
            told = report.systems.setdefault(name, SystemReport())
            start = before[name]
            told.reads += system.traffic.reads - getattr(start, "reads", 0)
            told.writes += system.traffic.writes - getattr(start, "writes", 0)
        report.suspected = sum(o.suspected for o in observed.values())
        report.pending = len(self.store.pending_intents())
        report.conflicts = len(
            [h for h in self.store.open_conflicts() if h.conflict.kind is not ConflictKind.GUARD]
        )
        report.exposures = sum(d.exposures for d in decisions.values())


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
