"""Measure the uncertain facts of accounts on canary events (`syncd probe`).

See docs/design.md#measured-facts. For each system in turn: find a free time, create the canary, run
the steps of the adapter, and remove the canary. Each fact is stored as soon as it is measured. A
probe may run beside cycles: cycles ignore canaries and do not wait for the probe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from syncd.engine.context import Context
from syncd.engine.probing.canaries import Canaries
from syncd.engine.probing.outcome import ProbeOutcome, ProbeRun
from syncd.engine.probing.plan import (
    DAYS_AHEAD,
    EACH_CALENDAR,
    MAX_CALLS,
    BusyInterval,
    canary_provider,
    choose_start,
    is_free,
    known_busy,
    probed_facts,
    provider_zone,
    why_no_provider,
)
from syncd.engine.report.progress import Progress
from syncd.engine.tasks.supervise import supervised
from syncd.engine.writing.first_writes import forget_accepted
from syncd.model import Changes, HistoryEntry, Window
from syncd.model.canary import Canary
from syncd.store.store import Store
from syncd.systems.call_limit import CallLimit, OverCallLimitError, limited
from syncd.systems.errors import (
    PlatformError,
    RateLimitedError,
    StoppingError,
    UnauthorizedError,
    UnknownOutcomeError,
    UnreadableError,
)
from syncd.systems.port import System
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

log = structlog.get_logger(__name__)

RESERVED_CALLS = 4
"""Calls to one system that are reserved for removing the canary."""


async def probe_systems(
    ctx: Context, names: Sequence[str], progress: Progress = lambda _text: None
) -> ProbeRun:
    """Measure the facts of these systems, one system after the other; return the results.

    A fault of one system does not stop the others. ``progress`` shows each step. If the asyncio
    task is cancelled or the engine stops, the canary is removed before this function returns or
    raises.
    """
    run_result = ProbeRun()
    # First remove the canaries that an earlier probe left.
    await ctx.canaries.clear()
    read: dict[tuple[str, str], list[BusyInterval]] = {}
    limits = {name: CallLimit(MAX_CALLS, reserved=RESERVED_CALLS) for name in ctx.systems}
    for name in names:
        if ctx.stopping.is_set():
            run_result.interrupted = True
            break
        outcome = ProbeOutcome(name)
        run_result.outcomes.append(outcome)
        await _System(ctx, ctx.canaries, name, outcome, limits, progress, read).run()
        run_result.interrupted = run_result.interrupted or ctx.stopping.is_set()
    return run_result


@dataclass(slots=True)
class _System:
    """The probe of one system; ``run`` fills ``outcome``."""

    ctx: Context
    canaries: Canaries
    name: str
    outcome: ProbeOutcome
    limits: Mapping[str, CallLimit]
    progress: Progress
    read: dict[tuple[str, str], list[BusyInterval]]
    """The busy intervals that this run has read, by (system, provider)."""
    ended: bool = False
    """True if no further step is run."""

    @property
    def limit(self) -> CallLimit:
        return self.limits[self.name]

    async def run(self) -> None:
        """Measure as many facts as possible; ``outcome`` has the reasons for all others."""
        outcome = self.outcome
        try:
            with limited(self.limit), supervised(self.name, "probing"):
                await self._measure()
        except StoppingError:
            self._miss_others("interrupted")
        except PlatformError as fault:
            outcome.state = _state(fault)
            outcome.cause, outcome.remedy = cause_and_remedy(fault)
            down = outcome.state == "down"
            self._miss_others(f"{self.name} did not answer" if down else outcome.cause)
        outcome.calls += self.limit.used

    def _miss_others(self, why: str, *, failed: bool = True) -> None:
        """Record this reason for all facts that are not measured and have no reason yet."""
        names = probed_facts(self.outcome.platform)
        self.outcome.missed([n for n in names if n not in self.outcome.why], why, failed=failed)

    async def _measure(self) -> None:
        try:
            await self._run()
        except CanaryRefusedError as refusal:
            self._note(refusal.facts)
            self._miss_others(refusal.reason, failed=refusal.failed)
        except NotMeasuredError as error:
            self._miss_others(error.reason, failed=error.failed)

    async def _run(self) -> None:
        ctx, outcome = self.ctx, self.outcome
        system = ctx.systems[self.name]
        outcome.platform = system.measured.platform
        prober = await system.prober()
        outcome.platform = prober.platform
        provider = canary_provider(ctx, self.name)
        if provider is None:
            raise NotMeasuredError(why_no_provider(ctx, self.name), failed=False)
        self._say("looking for a free time")
        busy = await self._busy(provider)
        start = choose_start(ctx, provider, prober, busy)
        if start is None:
            raise NotMeasuredError("no calendar has free time for the canary")
        canary = Canary(
            ctx.ids.key(), self.name, provider, start, start + CANARY_LENGTH, ctx.clock.now()
        )
        probe = ProbeContext(
            canary,
            ctx.clock,
            provider_zone(ctx, provider),
            lambda first, last: self._put(probe, first, last),
            lambda first, last: is_free(busy, first, last),
            self._pause,
        )
        steps = await prober.steps(probe)
        slots = CallLimit(EACH_CALENDAR * (prober.slot_calendars(provider) or 0))
        outcome.allowed = MAX_CALLS + slots.maximum
        for step in _in(steps, StepTime.BEFORE):
            await self._take(step, probe, slots)
        await self._with_canary(prober, probe, steps, slots)
        outcome.calls += slots.used

    async def _busy(self, provider: str) -> list[BusyInterval]:
        """Return the provider's busy intervals around the canary's day.

        Reads the probed system, and the other systems whose stored events do not cover that day.
        """
        ctx = self.ctx
        middle = ctx.now() + timedelta(days=DAYS_AHEAD)
        window = Window(middle - timedelta(days=4), middle + timedelta(days=3))
        busy = known_busy(ctx, provider)
        covered = {
            c.system
            for c in ctx.store.last_coverage()
            if c.provider == provider and c.window.start <= window.start <= c.window.end
        }
        for other in ctx.mapping[provider]:
            if other not in ctx.systems or (other in covered and other != self.name):
                continue
            try:
                if (other, provider) not in self.read:
                    with limited(self.limits[other]):
                        self.read[other, provider] = await self._read(other, provider, window)
                busy += self.read[other, provider]
            except PlatformError:
                if other == self.name:
                    raise
                # Its busy time stays unknown. That is harmless: the canary blocks no time there.
        return busy

    async def _read(self, name: str, provider: str, window: Window) -> list[BusyInterval]:
        system = self.ctx.systems[name]
        snapshot = await system.read(window, [provider])
        if snapshot.faults and name == self.name:
            raise snapshot.faults[0]
        found: list[BusyInterval] = []
        for row in snapshot.rows:
            try:
                event = system.event(row)
            except UnreadableError:
                continue
            if event.value.busy:
                found.append(event.value.interval)
        return found

    async def _with_canary(
        self, prober: Prober, probe: ProbeContext, steps: Sequence[ProbeStep], slots: CallLimit
    ) -> None:
        """Create the canary, run the steps, and remove the canary even if a step fails."""
        if self.ended or self.ctx.stopping.is_set():
            raise StoppingError(self.name)
        self._say(f"creating the {prober.canary_name}")
        self.canaries.begin(probe.canary)
        try:
            await self._make(prober, probe)
            for step in _in(steps, StepTime.WITH):
                await self._take(step, probe, slots)
        finally:
            await self._remove(prober, probe)
        if self.outcome.canary is not None and not self.outcome.canary.may_exist:
            for step in _in(steps, StepTime.AFTER):
                await self._take(step, probe, slots)

    async def _make(self, prober: Prober, probe: ProbeContext) -> None:
        canary = probe.canary
        try:
            event = await prober.create(canary)
        except UnknownOutcomeError:
            self.limit.reserved = 0
            looked_for = await self.canaries.look_for(canary)
            if looked_for is None or looked_for.event is None:
                raise
            probe.canary = looked_for
        except (PlatformError, NotMeasuredError):
            # No canary was created.
            probe.canary = self.canaries.end(canary)
            raise
        else:
            probe.canary = self.canaries.prove(canary, event)
        # The reserved call for finding the canary is no longer needed.
        self.limit.reserved = RESERVED_CALLS - 1
        probe.made = self.ctx.clock.monotonic()
        self._history(probe.canary, "created by syncd probe")

    async def _remove(self, prober: Prober, probe: ProbeContext) -> None:
        """Remove the canary, even while syncd is stopping. A failure is logged."""
        canary = probe.canary
        self.limit.reserved, self.limit.cleans_up = 0, True
        try:
            if canary.may_exist and canary.event is None:
                # The create got no response, or was cancelled before the response.
                canary = await self.canaries.look_for(canary) or canary
            if canary.may_exist and canary.event is not None:
                self._say(f"removing the {prober.canary_name}")
                await self.canaries.remove(canary, prober)
                self._history(canary, "removed by syncd probe")
        except PlatformError as fault:
            log.warning("canary of a probe not removed yet", system=self.name, fault=str(fault))
        finally:
            self.limit.cleans_up = False
            self.canaries.live.discard(canary.tag)
            self.outcome.canary = self._stored(canary)

    def _stored(self, canary: Canary) -> Canary:
        return self.canaries.stored(canary.tag) or canary

    def _put(self, probe: ProbeContext, start: datetime, end: datetime) -> None:
        probe.canary = self.canaries.put(probe.canary, start, end)

    def _history(self, canary: Canary, detail: str) -> None:
        value = canary.value
        note = HistoryEntry(
            at=self.ctx.clock.now(),
            run="",
            provider=canary.provider,
            what="probe",
            system=canary.system,
            event=canary.event or "",
            after=value,
            detail=detail,
        )
        self.ctx.store.apply(Changes(history=[note]))

    async def _take(self, step: ProbeStep, probe: ProbeContext, slots: CallLimit) -> None:
        """Run a step if the plan allows its calls; store the facts that the step measured.

        ``slots`` limits the calls for free slots, which are counted by calendar.
        """
        if self.ended:
            self.outcome.missed(step.facts, "interrupted")
            return
        limit = slots if step.per_calendar else self.limit
        if limit.remaining < step.calls:
            self.outcome.missed(step.facts, "measuring it takes more calls than the plan allows")
            return
        self._say(step.label)
        try:
            with limited(limit):
                found = await step.run()
        except NotMeasuredError as reason:
            self.outcome.missed(step.facts, reason.reason, failed=reason.failed)
        except OverCallLimitError:
            self.outcome.missed(step.facts, "measuring it took more calls than the plan allows")
        except PlatformError as fault:
            self.outcome.missed(step.facts, _in_short(fault))
            # After these faults, no other call would succeed.
            self.ended = isinstance(fault, UnauthorizedError | RateLimitedError | StoppingError)
            if isinstance(fault, UnauthorizedError | RateLimitedError):
                self.outcome.state = _state(fault)
                self.outcome.cause, self.outcome.remedy = cause_and_remedy(fault)
        else:
            probe.found |= found
            self._note(found)
            self.outcome.missed(step.facts, "this account has no data that shows it", failed=False)

    def _note(self, found: Mapping[str, str]) -> None:
        """Store the measured facts (values by name) with the time of the measurement."""
        system = self.ctx.systems[self.name]
        for name, value in found.items():
            system.measured.note(name, value)
            self.outcome.measured[name] = value
            self.outcome.why.pop(name, None)
            self.outcome.failed.discard(name)
        if unsaved := system.facts.unsaved():
            self.ctx.store.save_health(*unsaved)

    async def _pause(self, seconds: float) -> None:
        """Wait for this number of seconds. Raises StoppingError if syncd stops."""
        if seconds > 0:
            self._say(f"waiting {seconds:.0f} s for the lists to update")
            if not await self.ctx.stopping.pause(self.ctx.clock, seconds):
                raise StoppingError(self.name)
        elif self.ctx.stopping.is_set():
            raise StoppingError(self.name)
        await asyncio.sleep(0)

    def _say(self, what: str) -> None:
        allowed = self.outcome.allowed
        count = f"{self.limit.used} of at most {allowed} calls"
        found = len(self.outcome.measured)
        self.progress(f"{self.name}: {what} ({count}, {found} facts measured)")


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
    answer = fault.without_status if fault.status is None else f"answered {fault.status}"
    return f"the platform {answer}"


def forget_facts(
    systems: Mapping[str, System], store: Store, names: Sequence[str]
) -> dict[str, list[str]]:
    """Delete the measured facts of these systems; return the names of the facts, by system.

    Used by `syncd probe --forget`. Raises StateError.
    """
    found: dict[str, list[str]] = {}
    for name in names:
        system = systems[name]
        found[name] = list(system.measured.forget())
        forget_accepted(system)
        if unsaved := system.facts.unsaved():
            store.save_health(*unsaved)
    return found
