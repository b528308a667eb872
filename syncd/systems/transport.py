"""The HTTP calls of all adapters: retries, rate limit, clock skew, faults from responses.

A *read* may be repeated. A *write* is sent at most once: if its result is not known, it raises
UnknownOutcomeError, and the engine reads before it does anything else (docs/design.md#replies).
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
from syncd.systems.call_limit import OverCallLimitError, may_send_while_stopping, take_call
from syncd.systems.call_stats import CallStats
from syncd.systems.client import LIMITS
from syncd.systems.connections import Connections
from syncd.systems.errors import (
    DelayedError,
    IncompleteReadError,
    PlatformError,
    RateLimitedError,
    RejectedError,
    RetryableError,
    StoppingError,
    UnknownOutcomeError,
)
from syncd.systems.exchange import NotSentError, exchange
from syncd.systems.fault_boundary import contained, strip_traceback
from syncd.systems.open_files import expect_open_files
from syncd.systems.overload import overload_text
from syncd.systems.rate_limiter import http_date, retry_after
from syncd.systems.redact import Redactor, mask_words, platform_words
from syncd.systems.response_fault import fault_of_response
from syncd.systems.sizes import expect_room
from syncd.systems.stopping import Stopping

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from syncd.model import Clock
    from syncd.systems.client import Client, HttpResponse, Params
    from syncd.systems.rate_limiter import RateLimiter

T = TypeVar("T")

_BACK_OFF = wait_exponential(multiplier=0.5, max=8.0)

_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""Failures that happen before the first byte of a request is sent."""

_UNUSABLE = (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL)
"""Requests that can never be sent: a secret with a line break, an invalid base URL."""

_UNANSWERED = (httpx.RequestError, httpx.InvalidURL)

_MAX_SKEW = timedelta(days=36_525)
"""A larger skew is ignored; even a clock that was reset to 1970 is nearer."""


def network(ca_file: str | None) -> httpx.AsyncBaseTransport | None:
    """Create the connections to a platform; None if httpx must use the environment's proxies.

    With ``ca_file``, its certificate authorities are trusted in addition, and proxies are not used.
    Servers are always verified. Raises OSError if too few files may be open.
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
    """Makes the calls of one account.

    ``fault_of`` is the platform's function from a response to a fault, or None for a success; the
    transport adds system, call, status and wait to the fault and masks its texts. ``attempts`` is
    how often a read is sent at most, ``patience`` (seconds) how long a call may wait to be sent.
    """

    def __init__(
        self,
        system: str,
        client: Client,
        clock: Clock,
        limiter: RateLimiter,
        fault_of: Callable[[HttpResponse], PlatformError | None],
        *,
        attempts: int = 3,
        patience: float = 15.0,
        redact: Redactor | None = None,
        cheap: CheapRead | None = None,
        stopping: Stopping | None = None,
    ) -> None:
        """Keep the parts. ``cheap`` is a read that checks the secret; ``stopping`` ends waits."""
        self._system = system
        self._client = client
        self._clock = clock
        self._limiter = limiter
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
        """The call statistics so far."""
        count = self._count
        return CallStats(
            reads=count.reads,
            writes=count.writes,
            waited=count.waited,
            limits=self._limiter.limits,
            left_today=self._limiter.left_today,
            resets_in=self._limiter.resets_in,
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
        """Send a request that may be repeated, and return the body of the success.

        The request is repeated after failed connections, timeouts, 5xx, short rate limits and a
        401. Raises PlatformError, but never UnknownOutcomeError.
        """

        async def sent() -> HttpResponse:
            return await self._send(method, path, params, json, headers, write=False)

        async def once() -> HttpResponse:
            return await self._access.repeated(sent, cheap=path == self._cheap)

        try:
            response = await once()
        except PlatformError as fault:
            response = await self._repeat(once, [fault])
        return response.content

    async def _repeat(
        self, once: Callable[[], Awaitable[HttpResponse]], first_fault: list[PlatformError]
    ) -> HttpResponse:
        """Repeat a call that failed; ``first_fault`` holds that fault, for the first attempt."""

        async def attempt() -> HttpResponse:
            if first_fault:
                raise first_fault.pop()
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
            raise strip_traceback(fault)  # noqa: B904 - the same error, without tenacity's frames

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
        result_in_body: bool = False,
    ) -> HttpResponse:
        """Send a write at most once, and return the successful response.

        The write is repeated only after a 401, which proves that nothing was done, if time is left.
        ``deadline`` (monotonic seconds) is the latest time at which the request may be sent.
        ``private`` are texts of the body that no error text may repeat. ``result_in_body``: the
        caller reads from the body whether the write was done.

        Raises RetryableError if nothing was sent (DelayedError: because of the deadline),
        UnknownOutcomeError if the write may have taken effect, and otherwise the response's fault.
        """
        latest = min(deadline, self._clock.monotonic() + self._patience)
        deadlines = chain((deadline,), repeat(latest))

        async def once() -> HttpResponse:
            return await self._send(
                method,
                path,
                params,
                json,
                headers,
                write=True,
                deadline=next(deadlines),
                private=private,
                result_in_body=result_in_body,
            )

        try:
            return await self._access.repeated(once)
        except RetryableError as fault:
            if fault.status is None:
                raise
            # The platform received the request and did not clearly refuse it.
            raise self._recast(fault, UnknownOutcomeError) from None

    def decode(self, body: bytes, shape: type[T], call: str) -> T:
        """Decode the JSON body of ``call`` into a type. Raises IncompleteReadError."""

        def decode() -> T:
            decoded, estimate = decoding.decode_weighed(body, shape)
            expect_room(estimate, decoded)
            return decoded

        return self.decoded(decode, call)

    def decoded(self, decode: Callable[[], T], call: str) -> T:
        """Return the result of ``decode``; turn any of its errors into IncompleteReadError."""
        try:
            with contained(self._system, call, through=decoding.UNREADABLE):
                return decode()
        except decoding.UNREADABLE as error:
            raise self.incomplete(call, f"unreadable body: {error}") from None
        except PlatformError as fault:
            raise self.incomplete(call, f"unreadable body: {fault.detail}") from None

    def incomplete(self, call: str, detail: str) -> PlatformError:
        """Record and return the fault for a success whose body is not what was requested."""
        return self._record(IncompleteReadError(self._system, call, status=200, detail=detail))

    def rejected(self, call: str, words: str, *, each: bool = False) -> RejectedError:
        """Record and return the fault for a success whose body says that nothing was done."""
        detail = platform_words(self._redact.secrets(words))
        fault = RejectedError(self._system, call, status=200, detail=detail, each=each)
        self._record(fault)
        return fault

    async def aclose(self) -> None:
        """Close the connections."""
        self._limiter.end()
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
        result_in_body: bool = False,
    ) -> HttpResponse:
        """Send one request; raise a complete, masked PlatformError for anything but a success."""
        call = f"{method} {path}"
        kind = UnknownOutcomeError if write else IncompleteReadError
        response: HttpResponse | None = None
        try:
            with contained(self._system, call, RetryableError, through=_UNANSWERED):
                request = self._client.request(method, path, params, json, headers)
        except _UNANSWERED as error:
            raise self._record(self._unanswered(call, error, kind)) from None
        except PlatformError as unsent:
            raise self._record(unsent) from None
        wait = await self._acquire(call, write=write)
        if wait > 0:
            detail = "not sent: the rate limit of this account is reached"
            limited = RateLimitedError(self._system, call, wait=wait, detail=detail)
            raise self._record(limited)
        if self._clock.monotonic() > deadline:
            self._limiter.release()
            detail = "not sent: the rate limit of this account delayed the call for too long"
            raise DelayedError(self._system, call, detail=detail)
        if write:
            self._count.writes += 1
        else:
            self._count.reads += 1
        try:
            with contained(self._system, call, kind, through=_UNANSWERED):
                response, midway = await self._exchange(request)
                self._learn(response, midway)
                fault = fault_of_response(
                    response,
                    self._fault_of,
                    private,
                    write=write,
                    result_in_body=result_in_body,
                )
                if fault is None:
                    return response
                fault.detail = mask_words(self._redact.secrets(fault.detail), private)
                fault = self._complete(fault, call, response)
        except _UNANSWERED as error:
            # Not chained: the cause holds the request with its secrets.
            fault = self._unanswered(call, error, kind)
        except PlatformError as unexpected:
            fault = unexpected
        try:
            raise self._record(fault) from None
        finally:
            del fault, response  # break the cycle of this frame, which holds the whole answer

    async def _acquire(self, call: str, *, write: bool) -> float:
        """Wait for the rate limit, as `RateLimiter.acquire` does. Raises StoppingError."""
        take_call(self._system, self._redact(call))
        if may_send_while_stopping():
            return await self._limiter.acquire(write=write, patience=self._patience)
        if self._stopping.is_set():
            raise self._stopped(call)
        try:
            async with self._stopping.cut(), self._stopping.reporting_wait(self._system) as report:
                patience = self._patience
                return await self._limiter.acquire(write=write, patience=patience, on_wait=report)
        except TimeoutError:
            raise self._stopped(call) from None

    async def _pause(self, seconds: float) -> None:
        """Wait before a call is repeated. Raises StoppingError."""
        if not await self._stopping.pause(self._clock, seconds):
            raise self._stopped("a call")

    def _stopped(self, call: str) -> StoppingError:
        return StoppingError(self._system, self._redact(call))

    async def _exchange(self, request: httpx.Request) -> tuple[HttpResponse, datetime]:
        """Send a request, then release the rate limit; also return the middle of the exchange."""
        sent_at, began = self._clock.now(), self._clock.monotonic()
        try:
            stopping = Stopping() if may_send_while_stopping() else self._stopping
            response = await exchange(self._client, request, stopping)
        finally:
            self._limiter.release()
            self._count.waited += self._clock.monotonic() - began
        return response, sent_at + (self._clock.now() - sent_at) / 2

    def _learn(self, response: HttpResponse, midway: datetime) -> None:
        self._limiter.learn(response.headers)
        date = http_date(response.headers)
        if date is not None:  # in whole seconds, so half a second early on average
            skew = date - midway + timedelta(seconds=0.5)
            if abs(skew) <= _MAX_SKEW:
                self._count.skew = skew

    def _unanswered(
        self,
        call: str,
        error: httpx.RequestError | httpx.InvalidURL,
        kind: Callable[..., PlatformError],
    ) -> PlatformError:
        """Return the fault for a request to which no response could be received."""
        if isinstance(error, NotSentError):
            return StoppingError(self._system, call)
        detail = f"{type(error).__name__}: {error}".rstrip(": ")
        if isinstance(error, _UNUSABLE):
            return RejectedError(self._system, call, detail=detail)
        if isinstance(error, _UNSENT) or (
            kind is IncompleteReadError and not isinstance(error, httpx.DecodingError)
        ):
            kind = RetryableError  # nothing was sent, or it was a read, which may be repeated
        return kind(self._system, call, detail=detail)

    def _complete(self, fault: PlatformError, call: str, response: HttpResponse) -> PlatformError:
        """Complete the fault that `fault_of` returned; hold all calls if the response says so."""
        fault.system, fault.call = self._system, call
        fault.status = fault.status or response.status_code
        fault.detail = platform_words(fault.detail)
        if isinstance(fault, RateLimitedError):
            words = overload_text(response) or response.text
            fault.wait = self._limiter.refused(response.headers, words)
        else:
            seconds = retry_after(response.headers, self._clock.now())
            if seconds is not None:
                self._limiter.pause(seconds)
        return fault

    def _recast(self, fault: PlatformError, kind: type[PlatformError]) -> PlatformError:
        return self._record(
            kind(fault.system, fault.call, status=fault.status, detail=fault.detail)
        )

    def _record(self, fault: PlatformError) -> PlatformError:
        """Mask a fault's texts, including those in its repr, and keep it as the last fault."""
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
    """Return the seconds before the next attempt; after a rate limit, the limiter itself waits."""
    error = state.outcome.exception() if state.outcome is not None else None
    return 0.0 if isinstance(error, RateLimitedError) else _BACK_OFF(state)
