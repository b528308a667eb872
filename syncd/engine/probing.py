"""Measure the uncertain facts of accounts on canary events (`syncd probe`).

See docs/design.md#measured-facts.

One system after the other: find a time that is free, make the canary, take the steps that the
adapter names, remove the canary. Each fact is stored as soon as it was measured. It may run beside
cycles: they do not see canaries, and wait for nothing here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from syncd.engine.canaries import Canaries
from syncd.engine.first_writes import forget_accepted
from syncd.engine.probe_outcome import ProbeOutcome, ProbeRun
from syncd.engine.probe_plan import (
    DAYS_AHEAD,
    EACH_CALENDAR,
    MAX_CALLS,
    Interval,
    is_free,
    known_busy,
    place,
    probeable,
    provider_of,
    provider_zone,
    why_none,
)
from syncd.engine.supervise import supervised
from syncd.model import Changes, HistoryEntry, Window
from syncd.model.canary import Canary
from syncd.store.store import Store
from syncd.systems.call_limit import CallLimit, OverCallLimitError, limited
from syncd.systems.port import (
    PlatformError,
    RateLimitedError,
    StoppingError,
    System,
    UnauthorizedError,
    UnknownOutcomeError,
    UnreadableError,
)
from syncd.systems.probing import (
    CANARY_LENGTH,
    CanaryRefusedError,
    NotMeasuredError,
    ProbeContext,
    Prober,
    ProbeStep,
    StepTime,
)
from syncd.systems.remedies import cause_and_remedy

if TYPE_CHECKING:
    from syncd.engine.cycle import Engine

log = structlog.get_logger(__name__)

KEPT = 4
"""Calls to one system that are kept for the removal."""

Progress = Callable[[str], None]


async def probe(
    engine: Engine, names: Sequence[str], progress: Progress = lambda _text: None
) -> ProbeRun:
    """Measure these systems, one after the other. Whatever one answers, the others go on.

    Where the task is cancelled, or the engine told to end, the canary is removed before this
    returns or raises.
    """
    probed = ProbeRun()
    # What an earlier probe left is removed first.
    await engine.canaries.clear()
    read: dict[tuple[str, str], list[Interval]] = {}
    limits = {name: CallLimit(MAX_CALLS, reserved=KEPT) for name in engine.systems}
    for name in names:
        if engine.stopping.is_set():
            probed.interrupted = True
            break
        outcome = ProbeOutcome(name)
        probed.outcomes.append(outcome)
        await _System(engine, engine.canaries, name, outcome, limits, progress, read).run()
        probed.interrupted = probed.interrupted or engine.stopping.is_set()
    return probed


@dataclass(slots=True)
class _System:
    """The probe of one system."""

    engine: Engine
    canaries: Canaries
    name: str
    outcome: ProbeOutcome
    limits: Mapping[str, CallLimit]
    progress: Progress
    read: dict[tuple[str, str], list[Interval]]
    """When a provider is busy in a system, by (system, provider), as this run has read it."""
    ended: bool = False
    """No further step is taken."""

    @property
    def limit(self) -> CallLimit:
        return self.limits[self.name]

    async def run(self) -> None:
        """Measure what can be measured; the outcome says what was not, and why."""
        outcome = self.outcome
        try:
            with limited(self.limit), supervised(self.name, "probing"):
                await self._as_far_as_it_goes()
        except StoppingError:
            self._rest("interrupted")
        except PlatformError as fault:
            outcome.state = _state(fault)
            outcome.cause, outcome.remedy = cause_and_remedy(fault)
            self._rest(f"{self.name} did not answer" if outcome.state == "down" else outcome.cause)
        outcome.calls += self.limit.used

    def _rest(self, why: str, *, failed: bool = True) -> None:
        names = probeable(self.outcome.platform)
        self.outcome.missed([n for n in names if n not in self.outcome.why], why, failed=failed)

    async def _as_far_as_it_goes(self) -> None:
        try:
            await self._run()
        except CanaryRefusedError as cannot:
            self._note(cannot.facts)
            self._rest(cannot.reason, failed=cannot.failed)
        except NotMeasuredError as reason:
            self._rest(reason.reason, failed=reason.failed)

    async def _run(self) -> None:
        engine, outcome = self.engine, self.outcome
        system = engine.systems[self.name]
        outcome.platform = system.measured.platform
        prober = await system.prober()
        outcome.platform = prober.platform
        provider = provider_of(engine, self.name)
        if provider is None:
            raise NotMeasuredError(why_none(engine, self.name), failed=False)
        self._say("looking for a time that is free")
        busy = await self._busy(provider)
        start = place(engine, provider, prober, busy)
        if start is None:
            raise NotMeasuredError("no time is free for the canary")
        canary = Canary(
            engine.ids.key(), self.name, provider, start, start + CANARY_LENGTH, engine.clock.now()
        )
        bench = ProbeContext(
            canary,
            engine.clock,
            provider_zone(engine, provider),
            lambda first, last: self._put(bench, first, last),
            lambda first, last: is_free(busy, first, last),
            self._pause,
        )
        steps = await prober.steps(bench)
        slots = CallLimit(EACH_CALENDAR * (prober.slot_calendars(provider) or 0))
        outcome.allowed = MAX_CALLS + slots.maximum
        for step in _in(steps, StepTime.BEFORE):
            await self._take(step, bench, slots)
        await self._with_canary(prober, bench, steps, slots)
        outcome.calls += slots.used

    async def _busy(self, provider: str) -> list[Interval]:
        """Read this calendar around the canary's day; others only where they were not read yet."""
        engine = self.engine
        middle = engine.now() + timedelta(days=DAYS_AHEAD)
        window = Window(middle - timedelta(days=4), middle + timedelta(days=3))
        busy = known_busy(engine, provider)
        covered = {
            c.system
            for c in engine.store.last_coverage()
            if c.provider == provider and c.window.start <= window.start <= c.window.end
        }
        for other in engine.mapping[provider]:
            if other not in engine.systems or (other in covered and other != self.name):
                continue
            try:
                if (other, provider) not in self.read:
                    with limited(self.limits[other]):
                        self.read[other, provider] = await self._read(other, provider, window)
                busy += self.read[other, provider]
            except PlatformError:
                if other == self.name:
                    raise
                # Nobody can tell; the canary closes nothing there.
        return busy

    async def _read(self, name: str, provider: str, window: Window) -> list[Interval]:
        system = self.engine.systems[name]
        snapshot = await system.read(window, [provider])
        if snapshot.faults and name == self.name:
            raise snapshot.faults[0]
        found: list[Interval] = []
        for row in snapshot.rows:
            try:
                event = system.event(row)
            except UnreadableError:
                continue
            if event.value.busy:
                found.append(event.value.interval)
        return found

    async def _with_canary(
        self, prober: Prober, bench: ProbeContext, steps: Sequence[ProbeStep], slots: CallLimit
    ) -> None:
        """Make the canary, take the steps, and remove it, however they end."""
        if self.ended or self.engine.stopping.is_set():
            raise StoppingError(self.name)
        self._say(f"making the {prober.canary_name}")
        self.canaries.begin(bench.canary)
        try:
            await self._make(prober, bench)
            for step in _in(steps, StepTime.WITH):
                await self._take(step, bench, slots)
        finally:
            await self._remove(prober, bench)
        if self.outcome.canary is not None and not self.outcome.canary.stands:
            for step in _in(steps, StepTime.AFTER):
                await self._take(step, bench, slots)

    async def _make(self, prober: Prober, bench: ProbeContext) -> None:
        canary = bench.canary
        try:
            event = await prober.create(canary)
        except UnknownOutcomeError:
            self.limit.reserved = 0
            looked_for = await self.canaries.look_for(canary)
            if looked_for is None or looked_for.event is None:
                raise
            bench.canary = looked_for
        except (PlatformError, NotMeasuredError):
            # Nothing was made.
            bench.canary = self.canaries.end(canary)
            raise
        else:
            bench.canary = self.canaries.prove(canary, event)
        # It need not be looked for any more.
        self.limit.reserved = KEPT - 1
        bench.made = self.engine.clock.monotonic()
        self._history(bench.canary, "made by syncd probe")

    async def _remove(self, prober: Prober, bench: ProbeContext) -> None:
        """Remove the canary, also while syncd is told to end."""
        canary = bench.canary
        self.limit.reserved, self.limit.cleans_up = 0, True
        try:
            if canary.stands and canary.event is None:
                # The create was not answered, or nobody waited for its answer.
                canary = await self.canaries.look_for(canary) or canary
            if canary.stands and canary.event is not None:
                self._say(f"removing the {prober.canary_name}")
                await self.canaries.remove(canary, prober)
                self._history(canary, "removed by syncd probe")
        except PlatformError as fault:
            log.warning("a probe's canary is not removed yet", system=self.name, fault=str(fault))
        finally:
            self.limit.cleans_up = False
            self.canaries.live.discard(canary.tag)
            self.outcome.canary = self._stored(canary)

    def _stored(self, canary: Canary) -> Canary:
        return self.canaries.stored(canary.tag) or canary

    def _put(self, bench: ProbeContext, start: datetime, end: datetime) -> None:
        bench.canary = self.canaries.put(bench.canary, start, end)

    def _history(self, canary: Canary, detail: str) -> None:
        value = canary.value
        note = HistoryEntry(
            at=self.engine.clock.now(),
            run="",
            provider=canary.provider,
            what="probe",
            system=canary.system,
            event=canary.event or "",
            after=value,
            detail=detail,
        )
        self.engine.store.apply(Changes(history=[note]))

    async def _take(self, step: ProbeStep, bench: ProbeContext, slots: CallLimit) -> None:
        """Take a step, if it still may be; store what it finds."""
        if self.ended:
            self.outcome.missed(step.facts, "interrupted")
            return
        limit = slots if step.per_calendar else self.limit
        if limit.remaining < step.calls:
            self.outcome.missed(step.facts, "it would take more calls than were agreed to")
            return
        self._say(step.label)
        try:
            with limited(limit):
                found = await step.run()
        except NotMeasuredError as reason:
            self.outcome.missed(step.facts, reason.reason, failed=reason.failed)
        except OverCallLimitError:
            self.outcome.missed(step.facts, "it took more calls than were agreed to")
        except PlatformError as fault:
            self.outcome.missed(step.facts, _in_short(fault))
            # After these no other call would be answered.
            self.ended = isinstance(fault, UnauthorizedError | RateLimitedError | StoppingError)
            if isinstance(fault, UnauthorizedError | RateLimitedError):
                self.outcome.state = _state(fault)
                self.outcome.cause, self.outcome.remedy = cause_and_remedy(fault)
        else:
            bench.found |= found
            self._note(found)
            self.outcome.missed(step.facts, "nothing in this account shows it", failed=False)

    def _note(self, found: Mapping[str, str]) -> None:
        """Store facts, with the date."""
        system = self.engine.systems[self.name]
        for name, value in found.items():
            system.measured.note(name, value)
            self.outcome.measured[name] = value
            self.outcome.why.pop(name, None)
            self.outcome.failed.discard(name)
        if unsaved := system.facts.unsaved():
            self.engine.store.save_health(*unsaved)

    async def _pause(self, seconds: float) -> None:
        """Wait. Raises StoppingError."""
        if seconds > 0:
            self._say(f"waiting {seconds:.0f} s for the lists")
            if not await self.engine.stopping.pause(self.engine.clock, seconds):
                raise StoppingError(self.name)
        elif self.engine.stopping.is_set():
            raise StoppingError(self.name)
        await asyncio.sleep(0)

    def _say(self, what: str) -> None:
        most = self.outcome.allowed
        count = f"{self.limit.used} of at most {most} calls"
        found = len(self.outcome.measured)
        self.progress(f"{self.name}: {what} ({count}, {found} facts)")


def _in(steps: Sequence[ProbeStep], when: StepTime) -> list[ProbeStep]:
    return [step for step in steps if step.when is when]


def _state(fault: PlatformError) -> str:
    match fault:
        case UnauthorizedError():
            return "unauthorised"
        case RateLimitedError():
            return "rate_limited"
        case _:
            return "down"


def _in_short(fault: PlatformError) -> str:
    if isinstance(fault, StoppingError):
        return "interrupted"
    return f"answered {fault.status}" if fault.status is not None else fault.without_status


def forget_facts(
    systems: Mapping[str, System], store: Store, names: Sequence[str]
) -> dict[str, list[str]]:
    """Withdraw what was measured of these systems; return the facts, by system.

    Raises StateError.
    """
    found: dict[str, list[str]] = {}
    for name in names:
        system = systems[name]
        found[name] = list(system.measured.forget())
        forget_accepted(system)
        if unsaved := system.facts.unsaved():
            store.save_health(*unsaved)
    return found
