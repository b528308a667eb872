"""Measure the uncertain facts of accounts on canary events (`syncd probe`, DESIGN section 7).

One system after the other: find a time that is free, make the canary, take the steps that the
adapter names, remove the canary. Each fact is stored as soon as it was measured. It may run beside
cycles: they do not see canaries, and wait for nothing here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import structlog

from syncd.engine.canaries import Canaries
from syncd.engine.report import Exit
from syncd.engine.supervise import supervised
from syncd.model import Changes, Note, Window, resolve_wall_time, zone
from syncd.model.canary import Canary
from syncd.model.platform_facts import Measure, platform_facts
from syncd.store.store import Store
from syncd.systems.advice import cause_and_remedy
from syncd.systems.call_limit import CallLimit, OverLimit, limited
from syncd.systems.port import (
    Ambiguous,
    AuthLost,
    Interrupted,
    Malformed,
    RateLimited,
    System,
    SystemFault,
)
from syncd.systems.probing import LENGTH, ROOM, Bench, CannotMake, NotMeasured, Prober, Step, When

if TYPE_CHECKING:
    from syncd.engine.cycle import Engine

log = structlog.get_logger(__name__)

MOST = 20
"""Calls to one system, besides those for free slots. The removal of the canary is among them."""

KEPT = 4
"""Calls of them that are kept for the removal."""

EACH_CALENDAR = 2
"""Calls for the free slots of one calendar."""

AHEAD = 60
"""Days until the canary's day."""

_DAYS = (0, -1, -2)
"""Other days are tried where nothing is free on that one."""

Progress = Callable[[str], None]
Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Planned:
    """What a probe of one system will do: shown before it is agreed to."""

    system: str
    platform: str
    makes: str
    provider: str
    start: datetime
    end: datetime
    zone: str
    calls: int
    calendars: int | None
    """How many calendars are asked for free slots besides, twice each; None: not known yet."""
    facts: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Return one entry of ``planned``; its keys are stable."""
        return {
            "makes": self.makes,
            "provider": self.provider,
            "start": _iso(self.start),
            "end": _iso(self.end),
            "calls": self.calls,
            "calls_per_calendar": EACH_CALENDAR,
            "calendars": self.calendars,
            "facts": list(self.facts),
        }


@dataclass(slots=True)
class Outcome:
    """What became of the probe of one system.

    ``why`` says, by fact, why it was not measured; ``failed`` are those that should have been.
    """

    system: str
    platform: str = ""
    state: str = "ok"
    cause: str = ""
    remedy: str = ""
    calls: int = 0
    allowed: int = MOST
    measured: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    canary: Canary | None = None

    def missed(self, names: Iterable[str], why: str, *, failed: bool = True) -> None:
        """Note that facts were not measured."""
        for name in names:
            if name not in self.measured:
                self.why[name] = why
                (self.failed.add if failed else self.failed.discard)(name)

    def to_json(self) -> dict[str, object]:
        """Return one entry of ``systems``; its keys are stable."""
        facts = {}
        for row in platform_facts(self.platform):
            if row.measured is Measure.PROBE:
                facts[row.name] = {
                    "measured": self.measured.get(row.name),
                    "safe": row.safe,
                    "why": self.why.get(row.name),
                }
        canary = self.canary
        made = canary is not None and canary.event is not None
        return {
            "state": self.state,
            "cause": self.cause,
            "remedy": self.remedy,
            "platform": self.platform,
            "calls": self.calls,
            "calls_allowed": self.allowed,
            "facts": facts,
            "canary": {
                "provider": canary.provider,
                "event": canary.event,
                "start": _iso(canary.start),
                "end": _iso(canary.end),
                "removed": not canary.stands,
            }
            if canary is not None and (made or canary.stands)
            else None,
        }


@dataclass(slots=True)
class Probed:
    """How a probe of one or more systems ended."""

    outcomes: list[Outcome] = field(default_factory=list)
    interrupted: bool = False

    @property
    def exit(self) -> Exit:
        """Return how the command ends."""
        done = not self.interrupted and all(
            o.state == "ok" and not o.failed and (o.canary is None or not o.canary.stands)
            for o in self.outcomes
        )
        return Exit.DONE if done else Exit.UNANSWERED

    def to_json(self) -> dict[str, object]:
        """Return the object of `probe --json`; its keys are stable."""
        return {
            "systems": {o.system: o.to_json() for o in self.outcomes},
            "interrupted": self.interrupted,
            "exit": self.exit.code,
        }


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def probeable(platform: str) -> tuple[str, ...]:
    """Return the facts of a platform that a probe measures."""
    rows = platform_facts(platform)
    return tuple(row.name for row in rows if row.measured is Measure.PROBE)


async def plan_probe(engine: Engine, names: Sequence[str]) -> list[Planned]:
    """Say what a probe of these systems will make and call. Asks nobody.

    A system that rests, or has no calendar that may be written to, is left out.
    """
    found: list[Planned] = []
    for name in names:
        try:
            prober = await engine.systems[name].prober()
        except SystemFault:
            continue
        provider = provider_of(engine, name)
        if provider is None:
            continue
        busy = _known_busy(engine, provider)
        start = _places(engine, provider, prober, busy)
        seats = prober.slot_calendars(provider)
        where = _zone(engine, provider)
        facts = probeable(prober.platform)
        at = start or _first(engine, provider, prober)
        of = (prober.platform, prober.makes, provider, at, at + LENGTH, where, MOST, seats, facts)
        found.append(Planned(name, *of))
    return found


def provider_of(engine: Engine, name: str) -> str | None:
    """Return in whose calendar of a system the canary is made; None where none may be written."""
    closed = engine.policy.read_only | {(p, s) for p, s in engine.policy.resources.items()}
    able = (
        provider
        for provider in sorted(engine.policy.rules)
        if name in engine.mapping.get(provider, ()) and (provider, name) not in closed
    )
    return next(able, None)


def _zone(engine: Engine, provider: str) -> str:
    return engine.policy.rules[provider].search.hours.zone


def _first(engine: Engine, provider: str, prober: Prober) -> datetime:
    return next(iter(_times(engine, provider, prober)))


def _times(engine: Engine, provider: str, prober: Prober) -> Iterable[datetime]:
    """Return the times at which the canary may be made, the best first: outside of hours."""
    where = _zone(engine, provider)
    today = engine.now().astimezone(zone(where)).date()
    found = [
        resolve_wall_time(
            datetime.combine(today + timedelta(days=AHEAD + day), time(hour, 5)), where
        ).instant
        for day in _DAYS
        for hour in prober.hours
    ]
    hours = engine.policy.rules[provider].search.hours
    return sorted(found, key=lambda at: bool(hours.spans) and hours.hold(at, at + ROOM))


def _places(
    engine: Engine, provider: str, prober: Prober, busy: Sequence[Interval]
) -> datetime | None:
    times = _times(engine, provider, prober)
    return next((at for at in times if _is_free(busy, at, at + ROOM)), None)


def _is_free(busy: Sequence[Interval], start: datetime, end: datetime) -> bool:
    return not any(first < end and start < last for first, last in busy)


def _known_busy(engine: Engine, provider: str) -> list[Interval]:
    """Return when the provider is busy in any system, as far as was read."""
    return [
        record.observed.interval
        for system in engine.mapping[provider]
        for record in engine.store.events_of(system, provider)
        if record.observed is not None and record.observed.busy
    ]


async def probe(
    engine: Engine, names: Sequence[str], progress: Progress = lambda _text: None
) -> Probed:
    """Measure these systems, one after the other. Whatever one answers, the others go on.

    Where the task is cancelled, or the engine told to end, the canary is removed before this
    returns or raises.
    """
    probed = Probed()
    # What an earlier probe left is removed first.
    await engine.canaries.clear()
    read: dict[tuple[str, str], list[Interval]] = {}
    limits = {name: CallLimit(MOST, reserved=KEPT) for name in engine.systems}
    for name in names:
        if engine.stopping.is_set():
            probed.interrupted = True
            break
        outcome = Outcome(name)
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
    outcome: Outcome
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
        except Interrupted:
            self._rest("interrupted")
        except SystemFault as fault:
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
        except CannotMake as cannot:
            self._note(cannot.facts)
            self._rest(cannot.reason, failed=cannot.failed)
        except NotMeasured as reason:
            self._rest(reason.reason, failed=reason.failed)

    async def _run(self) -> None:
        engine, outcome = self.engine, self.outcome
        system = engine.systems[self.name]
        outcome.platform = system.measured.platform
        prober = await system.prober()
        outcome.platform = prober.platform
        provider = provider_of(engine, self.name)
        if provider is None:
            raise NotMeasured("no calendar of it may be written to", failed=False)
        self._say("looking for a time that is free")
        busy = await self._busy(provider)
        start = _places(engine, provider, prober, busy)
        if start is None:
            raise NotMeasured("no time is free for the canary")
        canary = Canary(
            engine.ids.key(), self.name, provider, start, start + LENGTH, engine.clock.now()
        )
        bench = Bench(
            canary,
            engine.clock,
            _zone(engine, provider),
            lambda first, last: self._put(bench, first, last),
            lambda first, last: _is_free(busy, first, last),
            self._pause,
        )
        steps = await prober.steps(bench)
        slots = CallLimit(EACH_CALENDAR * (prober.slot_calendars(provider) or 0))
        outcome.allowed = MOST + slots.most
        for step in _in(steps, When.BEFORE):
            await self._take(step, bench, slots)
        await self._with_canary(prober, bench, steps, slots)
        outcome.calls += slots.used

    async def _busy(self, provider: str) -> list[Interval]:
        """Read this calendar around the canary's day; others only where they were not read yet."""
        engine = self.engine
        middle = engine.now() + timedelta(days=AHEAD)
        window = Window(middle - timedelta(days=4), middle + timedelta(days=3))
        busy = _known_busy(engine, provider)
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
            except SystemFault:
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
            except Malformed:
                continue
            if event.value.busy:
                found.append(event.value.interval)
        return found

    async def _with_canary(
        self, prober: Prober, bench: Bench, steps: Sequence[Step], slots: CallLimit
    ) -> None:
        """Make the canary, take the steps, and remove it, however they end."""
        if self.ended or self.engine.stopping.is_set():
            raise Interrupted(self.name)
        self._say(f"making the {prober.makes}")
        self.canaries.begin(bench.canary)
        try:
            await self._make(prober, bench)
            for step in _in(steps, When.WITH):
                await self._take(step, bench, slots)
        finally:
            await self._remove(prober, bench)
        if self.outcome.canary is not None and not self.outcome.canary.stands:
            for step in _in(steps, When.AFTER):
                await self._take(step, bench, slots)

    async def _make(self, prober: Prober, bench: Bench) -> None:
        canary = bench.canary
        try:
            event = await prober.create(canary)
        except Ambiguous:
            self.limit.reserved = 0
            looked_for = await self.canaries.look_for(canary)
            if looked_for is None or looked_for.event is None:
                raise
            bench.canary = looked_for
        except (SystemFault, NotMeasured):
            # Nothing was made.
            bench.canary = self.canaries.end(canary)
            raise
        else:
            bench.canary = self.canaries.prove(canary, event)
        # It need not be looked for any more.
        self.limit.reserved = KEPT - 1
        bench.made = self.engine.clock.monotonic()
        self._history(bench.canary, "made by syncd probe")

    async def _remove(self, prober: Prober, bench: Bench) -> None:
        """Remove the canary, also while syncd is told to end."""
        canary = bench.canary
        self.limit.reserved, self.limit.ends = 0, True
        try:
            if canary.stands and canary.event is None:
                # The create was not answered, or nobody waited for its answer.
                canary = await self.canaries.look_for(canary) or canary
            if canary.stands and canary.event is not None:
                self._say(f"removing the {prober.makes}")
                await self.canaries.remove(canary, prober)
                self._history(canary, "removed by syncd probe")
        except SystemFault as fault:
            log.warning("a probe's canary is not removed yet", system=self.name, fault=str(fault))
        finally:
            self.limit.ends = False
            self.canaries.live.discard(canary.tag)
            self.outcome.canary = self._stored(canary)

    def _stored(self, canary: Canary) -> Canary:
        return self.canaries.stored(canary.tag) or canary

    def _put(self, bench: Bench, start: datetime, end: datetime) -> None:
        bench.canary = self.canaries.put(bench.canary, start, end)

    def _history(self, canary: Canary, detail: str) -> None:
        value = canary.value
        note = Note(
            at=self.engine.clock.now(),
            run="",
            provider=canary.provider,
            what="probe",
            system=canary.system,
            event=canary.event or "",
            after=value,
            detail=detail,
        )
        self.engine.store.apply(Changes(notes=[note]))

    async def _take(self, step: Step, bench: Bench, slots: CallLimit) -> None:
        """Take a step, if it still may be; store what it finds."""
        if self.ended:
            self.outcome.missed(step.facts, "interrupted")
            return
        limit = slots if step.per_calendar else self.limit
        if limit.left < step.calls:
            self.outcome.missed(step.facts, "it would take more calls than were agreed to")
            return
        self._say(step.says)
        try:
            with limited(limit):
                found = await step.run()
        except NotMeasured as reason:
            self.outcome.missed(step.facts, reason.reason, failed=reason.failed)
        except OverLimit:
            self.outcome.missed(step.facts, "it took more calls than were agreed to")
        except SystemFault as fault:
            self.outcome.missed(step.facts, _in_short(fault))
            # After these no other call would be answered.
            self.ended = isinstance(fault, AuthLost | RateLimited | Interrupted)
            if isinstance(fault, AuthLost | RateLimited):
                self.outcome.state = _state(fault)
                self.outcome.cause, self.outcome.remedy = cause_and_remedy(fault)
        else:
            bench.found |= found
            self._note(found)

    def _note(self, found: Mapping[str, str]) -> None:
        """Store facts, with the date."""
        system = self.engine.systems[self.name]
        for name, value in found.items():
            system.measured.note(name, value)
            self.outcome.measured[name] = value
            self.outcome.why.pop(name, None)
            self.outcome.failed.discard(name)
        if unsaved := system.facts.unsaved():
            self.engine.store.note_standing(*unsaved)

    async def _pause(self, seconds: float) -> None:
        """Wait. Raises Interrupted."""
        if seconds > 0:
            self._say(f"waiting {seconds:.0f} s for the lists")
            if not await self.engine.stopping.pause(self.engine.clock, seconds):
                raise Interrupted(self.name)
        elif self.engine.stopping.is_set():
            raise Interrupted(self.name)
        await asyncio.sleep(0)

    def _say(self, what: str) -> None:
        most = self.outcome.allowed
        count = f"{self.limit.used} of at most {most} calls"
        found = len(self.outcome.measured)
        self.progress(f"{self.name}: {what} ({count}, {found} facts)")


def _in(steps: Sequence[Step], when: When) -> list[Step]:
    return [step for step in steps if step.when is when]


def _state(fault: SystemFault) -> str:
    match fault:
        case AuthLost():
            return "unauthorised"
        case RateLimited():
            return "rate_limited"
        case _:
            return "down"


def _in_short(fault: SystemFault) -> str:
    if isinstance(fault, Interrupted):
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
        if unsaved := system.facts.unsaved():
            store.note_standing(*unsaved)
    return found
