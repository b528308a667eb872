"""The shared HTTP transport: repeats, faults and learned limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta

import httpx
import msgspec
import pytest

from syncd.systems.access import CheapRead
from syncd.systems.client import HttpResponse as Whole
from syncd.systems.client import open_client
from syncd.systems.errors import (
    DelayedError,
    IncompleteReadError,
    PlatformError,
    RateLimitedError,
    RejectedError,
    RetryableError,
    UnauthorizedError,
    UnknownOutcomeError,
)
from syncd.systems.rate_limiter import RateLimiter
from syncd.systems.redact import Redactor
from syncd.systems.remedies import advice
from syncd.systems.transport import Transport
from tests.systems.virtual import VirtualClock

SECRET = "pit-very-secret-1234"

Answer = httpx.Response | Exception


def fault_of(response: Whole) -> PlatformError | None:
    """Classify an answer, as a minimal platform."""
    match response.status_code:
        case 200 | 201:
            return None
        case 401 | 410:
            return UnauthorizedError("", detail=response.text)
        case 429:
            return RateLimitedError("", wait=0, detail=response.text)
        case code if code >= 500:
            return RetryableError("", detail=response.text)
        case _:
            return RejectedError("", detail=response.text)


class Platform:
    """Returns its answers in order, the last one repeated."""

    def __init__(self, answers: Iterable[Answer], clock: VirtualClock, delay: float) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self._clock = clock
        self._delay = delay

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self._delay:
            await self._clock.sleep(self._delay)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


class Bench:
    """A transport, its scripted platform, and the clock of both."""

    def __init__(
        self,
        *answers: Answer,
        delay: float = 0.0,
        patience: float = 15.0,
        cheap: CheapRead | None = None,
        secret: str = SECRET,
    ) -> None:
        self.clock = VirtualClock()
        self.platform = Platform(answers, self.clock, delay)
        self.transport = Transport(
            "clinic",
            open_client(
                "https://api.example.com/v1",
                {"Authorization": f"Bearer {SECRET}"},
                transport=httpx.MockTransport(self.platform),
            ),
            self.clock,
            RateLimiter(self.clock, (100, 10.0)),
            fault_of,
            patience=patience,
            redact=Redactor([secret]),
            cheap=cheap,
        )

    @property
    def paths(self) -> list[str]:
        """The requests, in order."""
        return [request.url.path for request in self.platform.requests]

    async def read(self) -> bytes:
        return await self.clock.drive(self.transport.read("GET", "things/7", params={"q": "1"}))

    async def write(self) -> Whole:
        return await self.clock.drive(self.transport.write("POST", "things", json={"a": 1}))

    @property
    def sent(self) -> int:
        return len(self.platform.requests)


OK = httpx.Response(200, content=b"{}")
DOWN = httpx.Response(503, text="down")

UNSENT = [httpx.ConnectError("no route"), httpx.ConnectTimeout("slow"), httpx.PoolTimeout("full")]
DOUBTFUL = [
    httpx.ReadTimeout("slow"),
    httpx.WriteTimeout("slow"),
    httpx.ReadError("reset"),
    httpx.WriteError("reset"),
    httpx.RemoteProtocolError("closed"),
]


# --- reads ------------------------------------------------------------------------------------


async def test_a_read_brings_the_body_under_the_base_url() -> None:
    bench = Bench(OK)
    assert await bench.read() == b"{}"
    assert str(bench.platform.requests[0].url) == "https://api.example.com/v1/things/7?q=1"
    assert bench.platform.requests[0].headers["user-agent"].startswith("syncd")


async def test_a_parameter_without_value_is_not_sent() -> None:
    bench = Bench(OK)
    await bench.transport.read("GET", "things", params={"a": None, "b": 0})
    assert bench.platform.requests[0].url.query == b"b=0"


@pytest.mark.parametrize("failure", [*UNSENT, *DOUBTFUL, DOWN], ids=lambda f: type(f).__name__)
async def test_a_read_is_repeated_after_a_failure(failure: Answer) -> None:
    bench = Bench(failure, OK)
    assert await bench.read() == b"{}"
    assert bench.sent == 2


async def test_a_read_backs_off_longer_each_time_and_gives_up_after_three() -> None:
    bench = Bench(DOWN)
    with pytest.raises(RetryableError) as caught:
        await bench.read()
    assert (bench.sent, caught.value.status) == (3, 503)
    assert bench.clock.slept == [0.5, 1.0]


@pytest.mark.parametrize("failure", DOUBTFUL, ids=lambda f: type(f).__name__)
async def test_a_read_that_failed_is_never_ambiguous(failure: Exception) -> None:
    with pytest.raises(RetryableError) as caught:
        await Bench(failure).read()
    assert caught.value.status is None


@pytest.mark.parametrize(("status", "kind"), [(404, RejectedError), (302, RejectedError)])
async def test_a_refusal_is_not_repeated(status: int, kind: type[PlatformError]) -> None:
    bench = Bench(httpx.Response(status, headers={"location": "https://evil.example.com"}))
    with pytest.raises(kind):
        await bench.read()
    assert bench.sent == 1


DENIED = httpx.Response(401, text="no")


@pytest.mark.parametrize("ask", [Bench.read, Bench.write], ids=["read", "write"])
async def test_a_sporadic_401_is_repeated_once_after_a_second(
    ask: Callable[[Bench], Awaitable[object]],
) -> None:
    bench = Bench(DENIED, OK)
    await ask(bench)
    assert (bench.sent, bench.clock.slept) == (2, [1.0])


async def test_access_counts_as_lost_when_a_cheap_read_is_denied_too() -> None:
    bench = Bench(DENIED, cheap=CheapRead("me"))
    with pytest.raises(UnauthorizedError):
        await bench.read()
    assert bench.paths == ["/v1/things/7", "/v1/things/7", "/v1/me"]
    # What was settled a moment ago is not asked again.
    with pytest.raises(UnauthorizedError):
        await bench.read()
    assert bench.sent == 4


async def test_a_call_denied_twice_is_tried_once_more_while_a_cheap_read_works() -> None:
    bench = Bench(DENIED, DENIED, OK, OK, cheap=CheapRead("me"))
    assert await bench.read() == b"{}"
    assert bench.paths == ["/v1/things/7", "/v1/things/7", "/v1/me", "/v1/things/7"]


async def test_a_write_denied_twice_is_checked_before_access_counts_as_lost() -> None:
    bench = Bench(DENIED, DENIED, OK, OK, cheap=CheapRead("me"))
    await bench.write()
    assert bench.paths == ["/v1/things", "/v1/things", "/v1/me", "/v1/things"]
    lost = Bench(DENIED, cheap=CheapRead("me"))
    with pytest.raises(UnauthorizedError):
        await lost.write()
    assert lost.paths == ["/v1/things", "/v1/things", "/v1/me"]


SWITCHED_OFF = httpx.Response(410, text="Gone")


async def test_a_410_of_one_record_does_not_mean_the_api_is_switched_off() -> None:
    bench = Bench(SWITCHED_OFF, OK, cheap=CheapRead("me"))
    with pytest.raises(RejectedError) as raised:
        await bench.read()
    assert (raised.value.status, bench.paths) == (410, ["/v1/things/7", "/v1/me"])
    bench = Bench(SWITCHED_OFF, cheap=CheapRead("me"))
    with pytest.raises(UnauthorizedError) as lost:
        await bench.write()
    assert "docs/moving-to-v2.md" in advice(lost.value)


async def test_calls_that_are_denied_together_check_once() -> None:
    bench = Bench(DENIED, cheap=CheapRead("me"))

    async def both() -> list[object]:
        reads = (bench.transport.read("GET", f"things/{n}") for n in range(3))
        return await asyncio.gather(*reads, return_exceptions=True)

    assert {type(fault) for fault in await bench.clock.drive(both())} == {UnauthorizedError}
    assert bench.paths.count("/v1/me") == 1


async def test_a_check_that_fails_for_another_reason_proves_nothing() -> None:
    bench = Bench(DENIED, DENIED, DOWN, cheap=CheapRead("me"))
    with pytest.raises(UnauthorizedError):
        await bench.read()
    assert bench.sent == 3


async def test_a_write_that_is_denied_is_not_sent_again_after_its_deadline() -> None:
    bench = Bench(DENIED)
    late = bench.clock.monotonic() + 0.5
    with pytest.raises(DelayedError):
        await bench.clock.drive(bench.transport.write("PUT", "things/7", deadline=late))
    assert bench.sent == 1


async def test_a_read_waits_one_window_after_too_many_calls() -> None:
    bench = Bench(httpx.Response(429), OK)
    await bench.read()
    assert bench.sent == 2
    assert bench.clock.monotonic() == pytest.approx(10.0)


async def test_a_read_does_not_wait_longer_than_its_patience() -> None:
    bench = Bench(httpx.Response(429, headers={"retry-after": "60"}), OK)
    with pytest.raises(RateLimitedError) as caught:
        await bench.read()
    assert (bench.sent, caught.value.wait, bench.clock.slept) == (1, 60.0, [])
    with pytest.raises(RateLimitedError):
        await bench.read()
    assert bench.sent == 1


async def test_retry_after_of_a_server_error_holds_the_next_try() -> None:
    bench = Bench(httpx.Response(503, headers={"retry-after": "7"}), OK)
    await bench.read()
    assert bench.clock.monotonic() == pytest.approx(7.0)


async def test_a_body_that_is_no_json_is_incomplete() -> None:
    bench = Bench(OK)
    with pytest.raises(IncompleteReadError) as caught:
        bench.transport.decode(b"<html>", dict[str, int], "GET things")
    assert caught.value.call == "GET things"


async def test_a_text_that_is_no_utf8_is_repaired() -> None:
    read = Bench(OK).transport.decode(b'{"a": "\xff"}', dict[str, str], "GET things")
    assert read == {"a": "\ufffd"}


async def test_a_body_of_the_wrong_shape_is_incomplete() -> None:
    class Shape(msgspec.Struct):
        events: list[int]

    with pytest.raises(IncompleteReadError):
        Bench(OK).transport.decode(b"{}", Shape, "GET things")


# --- writes -----------------------------------------------------------------------------------


async def test_a_write_brings_the_answer() -> None:
    bench = Bench(httpx.Response(201, json={"id": "7"}))
    assert msgspec.json.decode((await bench.write()).content) == {"id": "7"}
    assert bench.platform.requests[0].content == b'{"a":1}'


@pytest.mark.parametrize("failure", UNSENT, ids=lambda f: type(f).__name__)
async def test_a_write_that_was_not_sent_may_be_tried_again(failure: Exception) -> None:
    bench = Bench(failure)
    with pytest.raises(RetryableError):
        await bench.write()
    assert bench.sent == 1


@pytest.mark.parametrize("failure", [*DOUBTFUL, DOWN], ids=lambda f: type(f).__name__)
async def test_a_write_without_a_trustworthy_answer_is_ambiguous_and_not_repeated(
    failure: Answer,
) -> None:
    bench = Bench(failure, OK)
    with pytest.raises(UnknownOutcomeError):
        await bench.write()
    assert bench.sent == 1


DEADLINE = {
    "code": 4,
    "message": "4 DEADLINE_EXCEEDED: Deadline exceeded after 61.998s",
    "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
}


async def test_a_write_that_times_out_with_500_is_unknown_and_keeps_its_code() -> None:
    bench = Bench(httpx.Response(500, json=DEADLINE), delay=62.0)
    with pytest.raises(UnknownOutcomeError) as raised:
        await bench.write()
    assert bench.sent == 1
    assert "DEADLINE_EXCEEDED" in str(raised.value)


async def test_a_write_refused_for_its_rate_says_how_long_to_wait_and_is_not_repeated() -> None:
    bench = Bench(httpx.Response(429), OK)
    with pytest.raises(RateLimitedError) as caught:
        await bench.write()
    assert (bench.sent, caught.value.wait) == (1, 10.0)


async def test_a_write_beyond_the_budget_is_never_sent() -> None:
    bench = Bench(httpx.Response(200, headers={"x-ratelimit-daily-remaining": "0"}))
    await bench.write()
    with pytest.raises(RateLimitedError) as caught:
        await bench.write()
    assert (bench.sent, caught.value.status) == (1, None)


@pytest.mark.parametrize(
    "unusable", [httpx.LocalProtocolError("bad header"), httpx.UnsupportedProtocol("ftp")]
)
async def test_a_request_that_cannot_be_sent_at_all_is_rejected(unusable: Exception) -> None:
    with pytest.raises(RejectedError):
        await Bench(unusable).write()


# --- what is learned --------------------------------------------------------------------------


async def test_reads_and_writes_are_counted_as_sent() -> None:
    bench = Bench(DOWN, OK)
    await bench.read()
    await bench.write()
    assert (bench.transport.traffic.reads, bench.transport.traffic.writes) == (2, 1)


async def test_limits_are_learned_from_any_answer() -> None:
    headers = {"x-ratelimit-max": "25", "x-ratelimit-daily-remaining": "9000"}
    bench = Bench(httpx.Response(404, headers=headers))
    with pytest.raises(RejectedError):
        await bench.read()
    traffic = bench.transport.traffic
    assert (traffic.limits, traffic.left_today) == (((25, 10.0),), 9000)


async def test_skew_is_measured_at_half_of_the_round_trip() -> None:
    ahead = httpx.Response(200, headers={"date": "Wed, 01 Jul 2026 00:01:00 GMT"})
    bench = Bench(ahead, delay=4.0)
    await bench.read()
    # Between 0 and 4 s the platform showed 60 s, cut to whole seconds.
    assert bench.transport.traffic.skew == timedelta(seconds=60.5 - 2)


async def test_the_last_fault_is_kept_as_text() -> None:
    bench = Bench(httpx.Response(404, text="nothing here"))
    with pytest.raises(RejectedError):
        await bench.read()
    assert (
        bench.transport.traffic.last_fault == "clinic: GET things/7 returned HTTP 404: nothing here"
    )


# --- discretion -------------------------------------------------------------------------------


async def test_no_part_of_a_fault_shows_a_secret_or_an_address() -> None:
    text = f"{SECRET} belongs to jo@example.com, +1 555 010 9999"
    bench = Bench(httpx.Response(401, text=text))
    with pytest.raises(UnauthorizedError) as caught:
        await bench.read()
    shown = f"{caught.value} {caught.value!r} {caught.value.args} {bench.transport.traffic}"
    for private in (SECRET, "jo@example.com", "555"):
        assert private not in shown


async def test_the_failed_request_with_its_headers_is_not_chained() -> None:
    with pytest.raises(UnknownOutcomeError) as caught:
        await Bench(httpx.ReadTimeout(f"sent {SECRET}")).write()
    assert SECRET not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_no_url_reaches_a_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("httpx").setLevel(logging.DEBUG)
        await Bench(OK).read()
    logging.getLogger("httpx").setLevel(logging.NOTSET)
    assert "example.com" not in caplog.text


@pytest.fixture(autouse=True)
def _levels() -> Iterable[None]:
    yield
    logging.getLogger("httpcore").setLevel(logging.NOTSET)


async def test_a_secret_with_a_capital_letter_is_masked_completely() -> None:
    """Its first letters look like a name and are masked, so the rest must be, too."""
    key = "Kx$abcdefgh-1234"
    bench = Bench(httpx.Response(400, text=f"Denied for {key}"), secret=key)
    with pytest.raises(RejectedError) as caught:
        await bench.read()
    assert "abcdefgh" not in str(caught.value)
