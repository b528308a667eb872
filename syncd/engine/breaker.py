"""A system whose health is kept: it is asked when that is of use, and rests when it is not.

It stands in the place of the system itself, so that nobody else need know of back-off.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import structlog

from syncd.core.circuit_breaker import (
    Attempt,
    Transition,
    is_open,
    next_state,
    reset,
    transition,
    why_no_writes,
)
from syncd.engine.supervise import supervised
from syncd.model import (
    Buffer,
    Clock,
    Event,
    EventRef,
    Offer,
    Operation,
    Person,
    SystemHealth,
    SystemState,
    UserDirectory,
    Value,
    WaitReason,
    Window,
)
from syncd.model.whole_record import WholeRecord
from syncd.store.errors import StateError
from syncd.store.facts import facts
from syncd.store.store import Store
from syncd.systems.facts import FactStore
from syncd.systems.findings import run_check
from syncd.systems.learned_limits import LIMIT_FACTS, LearnedLimits
from syncd.systems.measured import MeasuredFacts, contradicted_facts
from syncd.systems.port import (
    NO_LOOK_BACK,
    NOTHING_KNOWN,
    CallStats,
    Capabilities,
    CheckResult,
    IncompleteReadError,
    ListCall,
    LookupResult,
    PlatformError,
    RateLimitedError,
    Reply,
    RetryableError,
    Row,
    Snapshot,
    StoppingError,
    System,
    UnauthorizedError,
    UnknownOutcomeError,
    UnreadableError,
)
from syncd.systems.probing import Prober
from syncd.systems.remedies import cause_and_remedy
from syncd.systems.sizes import one_read

log = structlog.get_logger(__name__)

CredentialRefresh = Callable[[], tuple[Sequence[str], System] | None]
"""Fetches the credentials again: None, or what they are now and a system that uses them."""


def secret_fingerprint(system: str, secrets: Sequence[str]) -> str:
    """A few bytes that tell whether credentials are the same, and nothing about them."""
    said = "\0".join(secrets).encode()
    return blake2b(said, digest_size=6, key=system.encode()[:64]).hexdigest()


class BreakerSystem:
    """A System with a health that survives restarts, and that raises nothing unexpected."""

    def __init__(
        self,
        system: System,
        store: Store,
        clock: Clock,
        secrets: Sequence[str] = (),
        renew: CredentialRefresh = lambda: None,
    ) -> None:
        """Take up what is known of it; a new secret ends its rest."""
        self.name = system.name
        self.providers: Collection[str] = system.providers
        self._system = system
        self.facts: FactStore = system.facts
        self._earlier: CallStats | None = None
        self._begun = False
        self._store = store
        self._clock = clock
        self._renew = renew
        self.health = store.health().get(self.name) or SystemHealth(self.name)
        self._recall()
        self._use(secret_fingerprint(self.name, secrets))

    def reset_backoff(self) -> None:
        """Ask it at the next occasion, whatever came before: a person wants it."""
        self.health = reset(self.health, self.health.secret)

    async def unwrap(self) -> System:
        """The system itself, as it is now. Raises the fault of one that rests."""
        await self._let(writing=False)
        return self._system

    def writes_suspended(self) -> WaitReason | None:
        """Return why nothing is written to it for now; None if it may be tried."""
        return why_no_writes(self.health, self._clock.now())

    @property
    def refused_writes(self) -> bool:
        """Whether the key, as it is now, was refused a write when that was last tried."""
        return self.health.writing and self.health.failures > 0

    async def read(
        self,
        window: Window,
        providers: Collection[str] | None = None,
        known: Mapping[str, str] = NOTHING_KNOWN,
        *,
        look_back: timedelta = NO_LOOK_BACK,
    ) -> Snapshot:
        """As the system's own; its outcome is noted. Raises PlatformError, also while it rests."""
        await self._let(writing=False)
        before = self.traffic
        try:
            with supervised(self.name, "read"), one_read():
                snapshot = await self._system.read(window, providers, known, look_back=look_back)
        except PlatformError as fault:
            self._failed(fault)
            raise
        finally:
            self._store_facts()
        if snapshot.faults:
            self._failed(snapshot.faults[0], partial=bool(snapshot.coverage))
        else:
            after = self.traffic
            calls, waited = after.reads - before.reads, after.waited - before.waited
            self._note(Attempt(self._clock.now(), latency=waited / max(1, calls)))
        return snapshot

    async def write(self, operations: Sequence[Operation]) -> Reply:
        """As the system's own; only the lack of a right, and of calls, tells of its health."""
        await self._let(writing=True)
        before = self._system.traffic.writes

        def unsure(*given: Any, **named: Any) -> PlatformError:
            sent = self._system.traffic.writes > before
            return (UnknownOutcomeError if sent else RetryableError)(*given, **named)

        try:
            with supervised(self.name, "write", unsure):
                reply = await self._system.write(operations)
        except (UnauthorizedError, RateLimitedError) as fault:
            self._failed(fault, writing=True)
            raise
        finally:
            self._store_facts()
        if self.health.writing:
            self._note(Attempt(self._clock.now(), writing=True))
        return reply

    def event(self, row: Row) -> Event:
        """As the system's own; one that it stumbles over is malformed."""
        try:
            with supervised(self.name, "event"):
                return self._system.event(row)
        except IncompleteReadError as fault:
            raise UnreadableError(self.name, row.id, f"it cannot be read: {fault.detail}") from None

    async def read_one(self, ref: EventRef, value: Value | None = None) -> LookupResult:
        """As the system's own, unless it rests."""
        await self._let(writing=False)
        with supervised(self.name, "read_one"):
            try:
                return await self._system.read_one(ref, value)
            finally:
                self._store_facts()

    async def whole(self, ref: EventRef) -> WholeRecord:
        """Delegate to the system, unless it rests."""
        await self._let(writing=False)
        with supervised(self.name, "whole"):
            return await self._system.whole(ref)

    async def users(self) -> UserDirectory:
        """Delegate to the system, unless it rests."""
        await self._let(writing=False)
        return await self._system.users()

    async def person(self, event: Event) -> Person | None:
        """As the system's own, unless it rests."""
        await self._let(writing=False)
        with supervised(self.name, "person"):
            return await self._system.person(event)

    async def free_slots(self, provider: str, window: Window) -> Sequence[Offer]:
        """As the system's own, unless it rests."""
        await self._let(writing=False)
        with supervised(self.name, "free_slots"):
            return await self._system.free_slots(provider, window)

    @property
    def capabilities(self) -> Capabilities:
        """Delegate to the system."""
        return self._system.capabilities

    @property
    def measured(self) -> MeasuredFacts:
        """Delegate to the system."""
        return self._system.measured

    @property
    def seats(self) -> Mapping[str, int]:
        """As the system's own."""
        return self._system.seats

    @property
    def buffers(self) -> Mapping[str, Buffer]:
        """Delegate to the system."""
        return self._system.buffers

    def plan(self, window: Window, providers: Collection[str] | None = None) -> Sequence[ListCall]:
        """As the system's own."""
        return self._system.plan(window, providers)

    def calls_per_read(self, window: Window, providers: Collection[str] | None = None) -> int:
        """As the system's own."""
        return self._system.calls_per_read(window, providers)

    async def prober(self) -> Prober:
        """Delegate to the system, unless it rests."""
        await self._let(writing=False)
        return await self._system.prober()

    async def check(self) -> Sequence[CheckResult]:
        """As the system's own, also while it rests: it is a person who asks."""
        return await run_check(self.name, self._system.check())

    @property
    def traffic(self) -> CallStats:
        """As the system's own, and what was counted before its credentials were renewed."""
        now, earlier = self._system.traffic, self._earlier
        if earlier is None:
            return now
        return replace(
            now,
            reads=now.reads + earlier.reads,
            writes=now.writes + earlier.writes,
            waited=now.waited + earlier.waited,
        )

    async def aclose(self) -> None:
        """As the system's own; the calls of its last window are stored for the next process."""
        await self._system.aclose()
        try:
            self._store_facts()
        except StateError as error:
            log.warning("calls of the last window not stored", reason=str(error))

    # --- within -------------------------------------------------------------------------------

    async def _let(self, *, writing: bool) -> None:
        """Raise the fault of a system that rests, unless its credentials were renewed."""
        if not self._begun:
            # Stored before the first call: the next process has to know of a death right after it.
            self._begun = True
            # Whoever this one takes the place of ended, and noted its calls, after this was built.
            of_limits = [f for f in facts(self._store, self.name) if f.name in LIMIT_FACTS]
            self.facts.load(of_limits)
            LearnedLimits(self.facts).begin()
            self._store_facts()
        if not is_open(self.health, self._clock.now(), writing=writing):
            return
        if self.health.state is SystemState.UNAUTHORISED and (fresh := self._renew()) is not None:
            self._earlier, old = self.traffic, self._system
            secrets, self._system = fresh
            await old.aclose()
            self._store_facts()
            self._begun = False
            self._recall()
            self._use(secret_fingerprint(self.name, secrets))
            if not is_open(self.health, self._clock.now(), writing=writing):
                return
        raise _rest(self.health, self._clock.now())

    def _recall(self) -> None:
        """Give the system what was measured of it before."""
        self.facts = self._system.facts
        self.facts.load(facts(self._store, self.name))

    def _store_facts(self) -> None:
        """Store what was measured, if anything is new."""
        if measured := self.facts.unsaved():
            try:
                self._store.save_health(*measured)
            except StateError:
                self.facts.mark_unsaved(measured)
                raise
            for standing in contradicted_facts(self.measured.platform, measured):
                log.warning(
                    "a platform fact was contradicted",
                    system=self.name,
                    fact=standing.name,
                    now=standing.value,
                    remedy=f"syncd probe {self.name}",
                )

    def _use(self, secret: str) -> None:
        if secret == self.health.secret:
            return
        if self.health.state is SystemState.UNAUTHORISED:
            log.info("secret changed", system=self.name, then="it is asked again at once")
        self.health = reset(self.health, secret)

    def _failed(
        self, fault: PlatformError, *, partial: bool = False, writing: bool = False
    ) -> None:
        if isinstance(fault, StoppingError):
            return  # It says nothing of the system.
        cause, remedy = cause_and_remedy(fault)
        self._note(
            Attempt(
                self._clock.now(),
                _trouble(fault),
                cause,
                remedy,
                wait=fault.wait if isinstance(fault, RateLimitedError) else 0.0,
                partial=partial,
                writing=writing and isinstance(fault, UnauthorizedError),
            )
        )

    def _note(self, attempt: Attempt) -> None:
        before, now = self.health, next_state(self.health, attempt)
        if now == before:
            return
        self.health = now
        self._store.save_health(now)
        match transition(before, now):
            case Transition.LOST:
                log.warning(
                    "system in trouble",
                    system=self.name,
                    state=str(now.state),
                    cause=now.cause,
                    remedy=now.remedy,
                    writes_only=now.writing,
                )
            case Transition.RECOVERED if before.since is not None:
                gone = round((attempt.at - before.since).total_seconds())
                log.info("system ok again", system=self.name, was=str(before.state), seconds=gone)


def _trouble(fault: PlatformError) -> SystemState:
    match fault:
        case UnauthorizedError():
            return SystemState.UNAUTHORISED
        case RateLimitedError():
            return SystemState.RATE_LIMITED
        case _:
            return SystemState.DOWN


def _rest(health: SystemHealth, now: datetime) -> PlatformError:
    """The fault that stands for one that was met before."""
    until = health.retry_at or now
    detail = f"{health.cause}; it is not asked before {until:%H:%M:%S} UTC"
    match health.state:
        case SystemState.UNAUTHORISED:
            return UnauthorizedError(health.system, "it", detail=detail)
        case SystemState.RATE_LIMITED:
            wait = (until - now).total_seconds()
            return RateLimitedError(health.system, "it", wait=wait, detail=detail)
        case _:
            return RetryableError(health.system, "it", detail=detail)
