"""Wrap a system in a circuit breaker whose state survives restarts.

The wrapper has the same interface as the system, so that no caller handles back-off. While the
breaker is open, each call raises the last fault at once and reaches no platform.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import structlog

from syncd.core.health.circuit_breaker import (
    Attempt,
    Transition,
    is_open,
    next_state,
    reset,
    transition,
    why_no_writes,
)
from syncd.engine.tasks.supervise import supervised
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
from syncd.model.event_fields import EventFields
from syncd.store.errors import StateError
from syncd.store.queries.facts import facts
from syncd.store.store import Store
from syncd.systems.call_stats import CallStats
from syncd.systems.errors import (
    IncompleteReadError,
    PlatformError,
    RateLimitedError,
    RetryableError,
    StoppingError,
    UnauthorizedError,
    UnknownOutcomeError,
    UnreadableError,
)
from syncd.systems.facts import FactStore
from syncd.systems.findings import run_check
from syncd.systems.learned_limits import LIMIT_FACTS, LearnedLimits
from syncd.systems.lookup_results import LookupResult
from syncd.systems.measured import MeasuredFacts, contradicted_facts
from syncd.systems.port import (
    NO_LOOK_BACK,
    NOTHING_KNOWN,
    Capabilities,
    CheckResult,
    ListCall,
    Row,
    Snapshot,
    System,
)
from syncd.systems.probing import Prober
from syncd.systems.remedies import cause_and_remedy
from syncd.systems.replies import Reply
from syncd.systems.sizes import one_read

log = structlog.get_logger(__name__)

CredentialRefresh = Callable[[], tuple[Sequence[str], System] | None]
"""Reads the credentials again.

Returns None if they are unchanged, otherwise the secrets and a system that uses them.
"""


def secret_fingerprint(system: str, secrets: Sequence[str]) -> str:
    """Return a short hex digest that shows whether credentials changed, and reveals no secret."""
    joined = "\0".join(secrets).encode()
    return blake2b(joined, digest_size=6, key=system.encode()[:64]).hexdigest()


class BreakerSystem:
    """A System behind a circuit breaker; it raises only PlatformError."""

    def __init__(
        self,
        system: System,
        store: Store,
        clock: Clock,
        secrets: Sequence[str] = (),
        refresh: CredentialRefresh = lambda: None,
    ) -> None:
        """Load the stored health; if ``secrets`` changed since it was stored, close the breaker.

        ``refresh`` reads the credentials again while the system rejects the current ones.
        """
        self.name = system.name
        self.providers: Collection[str] = system.providers
        self._system = system
        self.facts: FactStore = system.facts
        self._earlier: CallStats | None = None
        self._begun = False
        self._store = store
        self._clock = clock
        self._refresh = refresh
        self.health = store.health().get(self.name) or SystemHealth(self.name)
        self._load_facts()
        self._set_secret(secret_fingerprint(self.name, secrets))

    def reset_backoff(self) -> None:
        """Let the next call through, whatever failed before: the operator requested the call."""
        self.health = reset(self.health, self.health.secret)

    async def unwrap(self) -> System:
        """Return the wrapped system. Raises PlatformError while the breaker is open."""
        await self._check_closed(writing=False)
        return self._system

    def writes_suspended(self) -> WaitReason | None:
        """Return why no write is sent to the system now; None if writes are allowed."""
        return why_no_writes(self.health, self._clock.now())

    @property
    def refused_writes(self) -> bool:
        """Return whether the system refused the last write for lack of rights."""
        return self.health.writing and self.health.failures > 0

    async def read(
        self,
        window: Window,
        providers: Collection[str] | None = None,
        known: Mapping[str, str] = NOTHING_KNOWN,
        *,
        look_back: timedelta = NO_LOOK_BACK,
    ) -> Snapshot:
        """Read a snapshot (`System.read`) and update the system's health.

        Raises PlatformError, also while the breaker is open.
        """
        await self._check_closed(writing=False)
        before = self.traffic
        try:
            with supervised(self.name, "read"), one_read():
                snapshot = await self._system.read(window, providers, known, look_back=look_back)
        except PlatformError as fault:
            self._note_fault(fault)
            raise
        finally:
            self._store_facts()
        if snapshot.faults:
            self._note_fault(snapshot.faults[0], partial=bool(snapshot.coverage))
        else:
            after = self.traffic
            calls, waited = after.reads - before.reads, after.waited - before.waited
            self._note(Attempt(self._clock.now(), latency=waited / max(1, calls)))
        return snapshot

    async def write(self, operations: Sequence[Operation]) -> Reply:
        """Send the operations (`System.write`) and return the reply.

        Of the faults, only missing rights and rate limits change the system's health. Raises
        PlatformError, also while the breaker is open.
        """
        await self._check_closed(writing=True)
        before = self._system.traffic.writes

        def write_fault(*given: Any, **named: Any) -> PlatformError:
            sent = self._system.traffic.writes > before
            return (UnknownOutcomeError if sent else RetryableError)(*given, **named)

        try:
            with supervised(self.name, "write", write_fault):
                reply = await self._system.write(operations)
        except (UnauthorizedError, RateLimitedError) as fault:
            self._note_fault(fault, writing=True)
            raise
        finally:
            self._store_facts()
        if self.health.writing:
            self._note(Attempt(self._clock.now(), writing=True))
        return reply

    def event(self, row: Row) -> Event:
        """Parse a row (`System.event`). Raises UnreadableError, also if the parser itself fails."""
        try:
            with supervised(self.name, "event"):
                return self._system.event(row)
        except IncompleteReadError as fault:
            raise UnreadableError(
                self.name, row.id, f"it cannot be parsed: {fault.detail}"
            ) from None

    async def read_one(self, ref: EventRef, value: Value | None = None) -> LookupResult:
        """Delegate to the system. Raises PlatformError while the breaker is open."""
        await self._check_closed(writing=False)
        with supervised(self.name, "read_one"):
            try:
                return await self._system.read_one(ref, value)
            finally:
                self._store_facts()

    async def whole(self, ref: EventRef) -> EventFields:
        """Delegate to the system. Raises PlatformError while the breaker is open."""
        await self._check_closed(writing=False)
        with supervised(self.name, "whole"):
            return await self._system.whole(ref)

    async def users(self) -> UserDirectory:
        """Delegate to the system. Raises PlatformError while the breaker is open."""
        await self._check_closed(writing=False)
        return await self._system.users()

    async def customer(self, event: Event) -> Person | None:
        """Delegate to the system. Raises PlatformError while the breaker is open."""
        await self._check_closed(writing=False)
        with supervised(self.name, "person"):
            return await self._system.customer(event)

    async def free_slots(self, provider: str, window: Window) -> Sequence[Offer]:
        """Delegate to the system. Raises PlatformError while the breaker is open."""
        await self._check_closed(writing=False)
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
        """Delegate to the system."""
        return self._system.seats

    @property
    def buffers(self) -> Mapping[str, Buffer]:
        """Delegate to the system."""
        return self._system.buffers

    def plan(self, window: Window, providers: Collection[str] | None = None) -> Sequence[ListCall]:
        """Delegate to the system."""
        return self._system.plan(window, providers)

    def calls_per_read(self, window: Window, providers: Collection[str] | None = None) -> int:
        """Delegate to the system."""
        return self._system.calls_per_read(window, providers)

    async def prober(self) -> Prober:
        """Delegate to the system. Raises PlatformError while the breaker is open."""
        await self._check_closed(writing=False)
        return await self._system.prober()

    async def check(self) -> Sequence[CheckResult]:
        """Check the system, even while the breaker is open: the operator requested the check."""
        return await run_check(self.name, self._system.check())

    @property
    def traffic(self) -> CallStats:
        """Return the call counts, including those before the last credential refresh."""
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
        """Close the system, and store its last calls for the rate limit of the next process."""
        await self._system.aclose()
        try:
            self._store_facts()
        except StateError as error:
            log.warning("recent calls not stored for the rate limit", reason=str(error))

    # --- private ------------------------------------------------------------------------------

    async def _check_closed(self, *, writing: bool) -> None:
        """Raise the last fault if the breaker is open and reading the credentials again is no help.

        ``writing``: the next call is a write, for which the breaker may be open on its own.
        """
        if not self._begun:
            # Store this before the first call: if this process crashes right after that call, the
            # next one still counts it against the rate limit.
            self._begun = True
            # The previous process may have stored its calls after this object was built.
            of_limits = [f for f in facts(self._store, self.name) if f.name in LIMIT_FACTS]
            self.facts.load(of_limits)
            LearnedLimits(self.facts).begin()
            self._store_facts()
        if not is_open(self.health, self._clock.now(), writing=writing):
            return
        if (
            self.health.state is SystemState.UNAUTHORISED
            and (refreshed := self._refresh()) is not None
        ):
            self._earlier, old = self.traffic, self._system
            secrets, self._system = refreshed
            await old.aclose()
            self._store_facts()
            self._begun = False
            self._load_facts()
            self._set_secret(secret_fingerprint(self.name, secrets))
            if not is_open(self.health, self._clock.now(), writing=writing):
                return
        raise _open_breaker_fault(self.health, self._clock.now())

    def _load_facts(self) -> None:
        """Load the stored facts of the system."""
        self.facts = self._system.facts
        self.facts.load(facts(self._store, self.name))

    def _store_facts(self) -> None:
        """Store the facts that were measured and not stored yet."""
        if measured := self.facts.unsaved():
            try:
                self._store.save_health(*measured)
            except StateError:
                self.facts.mark_unsaved(measured)
                raise
            for fact in contradicted_facts(self.measured.platform, measured):
                log.warning(
                    "a platform fact was contradicted",
                    system=self.name,
                    fact=fact.name,
                    now=fact.value,
                    remedy=f"syncd probe {self.name}",
                )

    def _set_secret(self, secret: str) -> None:
        if secret == self.health.secret:
            return
        if self.health.state is SystemState.UNAUTHORISED:
            log.info("secret changed", system=self.name, then="the next call is made at once")
        self.health = reset(self.health, secret)

    def _note_fault(
        self, fault: PlatformError, *, partial: bool = False, writing: bool = False
    ) -> None:
        if isinstance(fault, StoppingError):
            return  # Caused by our own shutdown, not by the system.
        cause, remedy = cause_and_remedy(fault)
        self._note(
            Attempt(
                self._clock.now(),
                _state_after(fault),
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
                seconds = round((attempt.at - before.since).total_seconds())
                log.info(
                    "system ok again", system=self.name, was=str(before.state), seconds=seconds
                )


def _state_after(fault: PlatformError) -> SystemState:
    match fault:
        case UnauthorizedError():
            return SystemState.UNAUTHORISED
        case RateLimitedError():
            return SystemState.RATE_LIMITED
        case _:
            return SystemState.DOWN


def _open_breaker_fault(health: SystemHealth, now: datetime) -> PlatformError:
    """Return the fault that an open breaker raises instead of making a call."""
    until = health.retry_at or now
    detail = f"{health.system} {health.cause}; no call is made before {until:%H:%M:%S} UTC"
    match health.state:
        case SystemState.UNAUTHORISED:
            return UnauthorizedError(health.system, "it", detail=detail)
        case SystemState.RATE_LIMITED:
            wait = (until - now).total_seconds()
            return RateLimitedError(health.system, "it", wait=wait, detail=detail)
        case _:
            return RetryableError(health.system, "it", detail=detail)
