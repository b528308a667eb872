"""The one way in which adapters talk HTTP: retries, budget, clocks, and errors made of answers.

A *read* is safe to repeat and is repeated. A *write* is sent at most once: what cannot be known to
have failed is `UnknownOutcomeError`, and the engine reads before it goes on
(docs/design.md#replies).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, repeat
from typing import TYPE_CHECKING, TypeVar
from urllib.request import getproxies

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception
from tenacity.stop import stop_after_attempt
from tenacity.wait import wait_exponential

from syncd.systems import decoding
from syncd.systems.access import Access, CheapRead
from syncd.systems.answer_fault import fault_of_answer
from syncd.systems.call_limit import OverCallLimitError, sends_at_the_end, take_call
from syncd.systems.client import LIMITS
from syncd.systems.connections import Connections
from syncd.systems.exchange import NotSentError, exchange
from syncd.systems.fault_boundary import bare, contained
from syncd.systems.open_files import expect_open_files
from syncd.systems.overload import overload_text
from syncd.systems.port import (
    CallStats,
    DelayedError,
    IncompleteReadError,
    PlatformError,
    RateLimitedError,
    RejectedError,
    RetryableError,
    StoppingError,
    UnknownOutcomeError,
)
from syncd.systems.rate_limiter import http_date, retry_after
from syncd.systems.redact import Redactor, platform_words, without
from syncd.systems.sizes import expect_room
from syncd.systems.stopping import Stopping

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from syncd.model import Clock
    from syncd.systems.client import Answer, Client, Params
    from syncd.systems.rate_limiter import RateLimiter

T = TypeVar("T")

_BACK_OFF = wait_exponential(multiplier=0.5, max=8.0)

_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""Failures that happen before the first byte of a request leaves."""

_UNUSABLE = (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL)
"""Requests that can never be sent as they are: a secret with a line break in it, a bad base URL."""

_UNANSWERED = (httpx.RequestError, httpx.InvalidURL)

_LONGEST_SKEW = timedelta(days=36_525)
"""A clock that is further off is none: even one that was reset to 1970 is nearer."""


def network(ca_file: str | None) -> httpx.AsyncBaseTransport | None:
    """Make connections, which with a file also trust the authorities in it.

    Whoever answers is verified in any case; nothing turns that off. With a file, a proxy that the
    environment names is not used. Without one it is, and None is returned: httpx's own transports
    know which host it is for. Raises OSError where too few files may be open.
    """
    expect_open_files()
    if ca_file is None and not {"http", "https", "all"}.isdisjoint(getproxies()):
        return None
    context = httpx.create_ssl_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return Connections(context, LIMITS)


@dataclass(slots=True)
class _Counters:
    reads: int = 0
    writes: int = 0
    waited: float = 0.0
    skew: timedelta | None = None
    last_fault: str = ""


class Transport:
    """The calls of one account.

    ``fault_of`` is the platform's table from an answer to a fault, or None for a success. It need
    not fill in system, call, status or wait, nor mask anything: that happens here. ``attempts`` and
    ``patience`` (seconds) bound how often a read is repeated, and how long any call waits for room.
    """

    def __init__(
        self,
        system: str,
        client: Client,
        clock: Clock,
        budget: RateLimiter,
        fault_of: Callable[[Answer], PlatformError | None],
        *,
        attempts: int = 3,
        patience: float = 15.0,
        redact: Redactor | None = None,
        cheap: CheapRead | None = None,
        stopping: Stopping | None = None,
    ) -> None:
        """Keep the parts; nothing is sent yet. ``cheap`` tells whether the secret is accepted.

        Once ``stopping`` is set, nothing waits, nothing is repeated, and nothing more is sent.
        """
        self._system = system
        self._client = client
        self._clock = clock
        self._budget = budget
        self._fault_of = fault_of
        self._attempts = attempts
        self._patience = patience
        self._redact = redact or Redactor()
        self._count = _Counters()
        self._stopping = stopping or Stopping()

        async def check() -> object:
            read = cheap or CheapRead("")
            return await self._send("GET", read.path, read.params, None, read.headers, write=False)

        self._access = Access(clock, check if cheap else None, self._pause)
        self._cheap = cheap.path if cheap else None

    @property
    def traffic(self) -> CallStats:
        """What was counted and learned so far."""
        count = self._count
        return CallStats(
            reads=count.reads,
            writes=count.writes,
            waited=count.waited,
            limits=self._budget.limits,
            left_today=self._budget.left_today,
            resets_in=self._budget.resets_in,
            skew=count.skew,
            last_fault=count.last_fault,
        )

    async def read(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Ask something that is safe to ask twice, and return the body of the success.

        Repeated on failed connections, time-outs, 5xx, short rate limits and a 401. Raises
        PlatformError, never Ambiguous.
        """

        async def sent() -> Answer:
            return await self._send(method, path, params, json, headers, write=False)

        async def once() -> Answer:
            return await self._access.repeated(sent, cheap=path == self._cheap)

        try:
            answer = await once()
        except PlatformError as fault:
            answer = await self._again(once, [fault])
        return answer.content

    async def _again(
        self, once: Callable[[], Awaitable[Answer]], before: list[PlatformError]
    ) -> Answer:
        """Repeat what has failed once: what need not be repeated does not pay for the loop."""

        async def attempt() -> Answer:
            if before:
                raise before.pop()
            return await once()

        retrying = AsyncRetrying(
            sleep=self._pause,
            stop=stop_after_attempt(self._attempts),
            wait=_back_off,
            retry=retry_if_exception(self._worth_repeating),
            reraise=True,
        )
        try:
            return await retrying(attempt)
        except PlatformError as fault:
            raise bare(fault)  # noqa: B904 - it is the same one, without tenacity's frames

    async def write(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        deadline: float = math.inf,
        private: Sequence[str] = (),
        judged: bool = False,
    ) -> Answer:
        """Change something, sending it at most once, and return the success.

        A 401 says that nothing was done, and is repeated, if there is time for it.
        ``deadline`` (of the clock's `monotonic`) is checked last before the request leaves.
        ``private`` are texts of the body of which no error may repeat a word. ``judged``: the
        caller reads from the body whether it was done.

        Raises RetryableError if nothing was sent (Delayed: because of the deadline),
        RateLimitedError if it was refused for that, Ambiguous if it may have taken effect,
        UnauthorizedError or Rejected as the platform's table says.
        """
        latest = min(deadline, self._clock.monotonic() + self._patience)
        deadlines = chain((deadline,), repeat(latest))

        async def once() -> Answer:
            return await self._send(
                method,
                path,
                params,
                json,
                headers,
                write=True,
                deadline=next(deadlines),
                private=private,
                judged=judged,
            )

        try:
            return await self._access.repeated(once)
        except RetryableError as fault:
            if fault.status is None:
                raise
            # The platform received it and did not clearly refuse it.
            raise self._recast(fault, UnknownOutcomeError) from None

    def decode(self, body: bytes, shape: type[T], call: str) -> T:
        """Read a JSON body into a shape.

        Raises IncompleteReadError: the answer did not arrive whole.
        """

        def found() -> T:
            decoded, weighs = decoding.decode_weighed(body, shape)
            expect_room(weighs, decoded)
            return decoded

        return self.decoded(found, call)

    def decoded(self, decode: Callable[[], T], call: str) -> T:
        """Decode a body. Raises IncompleteReadError, whatever the body does to the decoder."""
        try:
            with contained(self._system, call, through=decoding.UNREADABLE):
                return decode()
        except decoding.UNREADABLE as error:
            raise self.incomplete(call, f"unreadable body: {error}") from None
        except PlatformError as fault:
            raise self.incomplete(call, f"unreadable body: {fault.detail}") from None

    def incomplete(self, call: str, detail: str) -> PlatformError:
        """Make the fault for a success whose body is not what was asked for."""
        return self._noted(IncompleteReadError(self._system, call, status=200, detail=detail))

    def rejected(self, call: str, words: str, *, each: bool = False) -> RejectedError:
        """Make the fault for a success whose body says that nothing was done, and why."""
        detail = platform_words(self._redact.secrets(words))
        fault = RejectedError(self._system, call, status=200, detail=detail, each=each)
        self._noted(fault)
        return fault

    async def aclose(self) -> None:
        """Close the connections."""
        self._budget.end()
        await self._client.aclose()

    async def _send(
        self,
        method: str,
        path: str,
        params: Params | None,
        json: object,
        headers: Mapping[str, str] | None,
        *,
        write: bool,
        deadline: float = math.inf,
        private: Sequence[str] = (),
        judged: bool = False,
    ) -> Answer:
        """Send one request, inside the budget. Each PlatformError raised is complete and masked.

        This is the boundary: no answer raises anything else.
        """
        call = f"{method} {path}"
        kind = UnknownOutcomeError if write else IncompleteReadError
        answer: Answer | None = None
        try:
            with contained(self._system, call, RetryableError, through=_UNANSWERED):
                request = self._client.request(method, path, params, json, headers)
        except _UNANSWERED as error:
            raise self._noted(self._silence(call, error, kind)) from None
        except PlatformError as unsent:
            raise self._noted(unsent) from None
        wait = await self._enter(call, write=write)
        if wait > 0:
            detail = "the budget of this account is spent"
            spent = RateLimitedError(self._system, call, wait=wait, detail=detail)
            raise self._noted(spent)
        if self._clock.monotonic() > deadline:
            self._budget.release()
            detail = "not sent: it had to wait too long for the budget of this account"
            raise DelayedError(self._system, call, detail=detail)
        if write:
            self._count.writes += 1
        else:
            self._count.reads += 1
        try:
            with contained(self._system, call, kind, through=_UNANSWERED):
                answer, midway = await self._exchanged(request)
                self._learn(answer, midway)
                fault = fault_of_answer(answer, self._fault_of, private, write=write, judged=judged)
                if fault is None:
                    return answer
                fault.detail = without(self._redact.secrets(fault.detail), private)
                fault = self._complete(fault, call, answer)
        except _UNANSWERED as error:
            # Not chained: the cause holds the request, and with it the secrets.
            fault = self._silence(call, error, kind)
        except PlatformError as odd:
            fault = odd
        try:
            raise self._noted(fault) from None
        finally:
            del fault, answer  # or this frame would keep itself, with the whole answer

    async def _enter(self, call: str, *, write: bool) -> float:
        """Wait for room in the budget, as it does. Raises StoppingError."""
        take_call(self._system, self._redact(call))
        if sends_at_the_end():
            return await self._budget.acquire(write=write, patience=self._patience)
        if self._stopping.is_set():
            raise self._interrupted(call)
        try:
            async with self._stopping.cut(), self._stopping.reporting_wait(self._system) as waits:
                return await self._budget.acquire(write=write, patience=self._patience, waits=waits)
        except TimeoutError:
            raise self._interrupted(call) from None

    async def _pause(self, seconds: float) -> None:
        """Wait before something is repeated. Raises StoppingError."""
        if not await self._stopping.pause(self._clock, seconds):
            raise self._interrupted("a call")

    def _interrupted(self, call: str) -> StoppingError:
        return StoppingError(self._system, self._redact(call))

    async def _exchanged(self, request: httpx.Request) -> tuple[Answer, datetime]:
        """Send, and leave the budget; the answer, and the middle between request and answer."""
        asked, began = self._clock.now(), self._clock.monotonic()
        try:
            stopping = Stopping() if sends_at_the_end() else self._stopping
            answer = await exchange(self._client, request, stopping)
        finally:
            self._budget.release()
            self._count.waited += self._clock.monotonic() - began
        return answer, asked + (self._clock.now() - asked) / 2

    def _learn(self, answer: Answer, midway: datetime) -> None:
        self._budget.learn(answer.headers)
        date = http_date(answer.headers)
        if date is not None:  # cut to whole seconds by the platform: on average half a second early
            skew = date - midway + timedelta(seconds=0.5)
            if abs(skew) <= _LONGEST_SKEW:
                self._count.skew = skew

    def _silence(
        self,
        call: str,
        error: httpx.RequestError | httpx.InvalidURL,
        kind: Callable[..., PlatformError],
    ) -> PlatformError:
        """Name the fault behind a request that got no answer, or one that cannot be unpacked."""
        if isinstance(error, NotSentError):
            return StoppingError(self._system, call)
        detail = f"{type(error).__name__}: {error}".rstrip(": ")
        if isinstance(error, _UNUSABLE):
            return RejectedError(self._system, call, detail=detail)
        if isinstance(error, _UNSENT) or (
            kind is IncompleteReadError and not isinstance(error, httpx.DecodingError)
        ):
            kind = RetryableError  # nothing was sent, or there is no harm in not knowing: ask again
        return kind(self._system, call, detail=detail)

    def _complete(self, fault: PlatformError, call: str, answer: Answer) -> PlatformError:
        """Fill in what the platform's table need not know; hold the account if it asks for it."""
        fault.system, fault.call = self._system, call
        fault.status = fault.status or answer.status_code
        fault.detail = platform_words(fault.detail)
        if isinstance(fault, RateLimitedError):
            said = overload_text(answer) or answer.text
            fault.wait = self._budget.refused(answer.headers, said)
        else:
            asked_for = retry_after(answer.headers, self._clock.now())
            if asked_for is not None:
                self._budget.pause(asked_for)
        return fault

    def _recast(self, fault: PlatformError, kind: type[PlatformError]) -> PlatformError:
        return self._noted(kind(fault.system, fault.call, status=fault.status, detail=fault.detail))

    def _noted(self, fault: PlatformError) -> PlatformError:
        """Mask the texts of a fault, also those that its repr shows, and remember it."""
        fault.call, fault.detail = self._redact(fault.call), self._redact(fault.detail)
        fault.args = (fault.system, fault.call, fault.status, fault.detail)
        self._count.last_fault = str(fault)
        return fault

    def _worth_repeating(self, error: BaseException) -> bool:
        if self._stopping.is_set():
            return False
        match error:
            case OverCallLimitError():
                return False
            case RetryableError():
                return True
            case RateLimitedError():
                return error.wait <= self._patience
            case _:
                return False


def _back_off(state: RetryCallState) -> float:
    """Seconds before the next attempt; the budget itself waits where a rate was exceeded."""
    error = state.outcome.exception() if state.outcome is not None else None
    return 0.0 if isinstance(error, RateLimitedError) else _BACK_OFF(state)
