"""Checks of large, compressed, partial and contradictory answers, over real sockets.

Each check raises AssertionError where it does not hold, so that planted bugs can be shown to fail.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import subprocess
import sys
import zlib

from syncd.lab.sandbox.clock import ManualClock
from syncd.systems import leadconnector, leadconnector_v1, leadsquared
from syncd.systems.client import open_client
from syncd.systems.errors import PlatformError, RejectedError, RetryableError, UnauthorizedError
from syncd.systems.rate_limiter import RateLimiter
from syncd.systems.transport import Transport, network
from tests.hostile.front import fronted
from tests.hostile.rows import Row
from tests.hostile.test_transport import NOW, _app

EMPTY = b'{"events":[],"List":[],"appointments":[]}'
FAULTS_OF = {
    "crm": leadsquared.faults.fault_of,
    "clinic": leadconnector.faults.fault_of,
    "legacy": leadconnector_v1.faults.fault_of,
}
GZIP = "Content-Encoding: gzip"


def spelled(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """Return the bytes of an answer."""
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", "Connection: close", f"Content-Length: {size}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def answer_to(
    raw: bytes, *, write: bool = False, system: str = "clinic"
) -> bytes | PlatformError:
    """Return the result of a call with this answer: the body or the fault."""
    async with fronted(_app) as front:
        front.respond_oddly(Row("raw", raw=raw))
        clock = ManualClock(NOW)
        client = open_client(front.url, {"Authorization": "Bearer x"}, transport=network(None))
        budget = RateLimiter(clock, (100, 1.0))
        wire = Transport(system, client, clock, budget, FAULTS_OF[system], attempts=1)
        try:
            if write:
                return (await wire.write("POST", "/events")).content
            return await wire.read("GET", "/events")
        except PlatformError as fault:
            return fault
        finally:
            await wire.aclose()


def check_refused(raw: bytes, words: str = "") -> None:
    """Check that an answer becomes a fault with these words."""
    found = asyncio.run(answer_to(raw))
    assert isinstance(found, RetryableError), found
    assert words in str(found)


def check_bomb() -> None:
    """Check that a compressed bomb is decompressed no further than the bound."""
    check_refused(spelled(gzip.compress(b" " * 5_000_000), GZIP), "times as long")
    check_refused(spelled(gzip.compress(b" " * 60_000_000), GZIP), "longer than")


def check_two_layers() -> None:
    """Check that a second layer is not decompressed."""
    twice = gzip.compress(gzip.compress(EMPTY))
    check_refused(spelled(twice, "Content-Encoding: gzip, gzip"), "compressed 2 times")


def check_truncated() -> None:
    """Check that a truncated compressed answer is incomplete, even if its text is complete."""
    for cut in (1, 4, 8):  # all of the text is there; the checksum is not
        check_refused(spelled(gzip.compress(EMPTY)[:-cut], GZIP), "incomplete")


def check_part() -> None:
    """Check that a 206 is refused."""
    check_refused(spelled(EMPTY, status="206 Partial Content"), "the response is partial")


def check_told_errors() -> None:
    """Check that an error inside a 200 is recognised on each platform."""
    for system in FAULTS_OF:
        for body, kind in TOLD:
            found = asyncio.run(answer_to(spelled(body), system=system))
            assert isinstance(found, kind), (system, body, found)


TOLD: tuple[tuple[bytes, type[PlatformError]], ...] = (
    (b'{"statusCode": 401, "events": [], "message": "Unauthorized"}', UnauthorizedError),
    (b'{"events": [], "List": [], "appointments": [], "statusCode": "401"}', UnauthorizedError),
    (b'{"status": 403, "message": "Forbidden", "events": []}', UnauthorizedError),
    (b'{"statusCode": 500.0, "events": []}', RetryableError),
    (b'{"status_code": 503, "appointments": []}', RetryableError),
    (b'{"error": {"code": 502, "message": "no"}, "List": []}', RetryableError),
    (b'{"code": 400, "message": "Bad request", "events": []}', RejectedError),
    (b'{"statusCode": 404, "message": "not found", "events": []}', RejectedError),
    (b'{"status": "failed", "events": [], "appointments": []}', RetryableError),
    (b'{"success": false, "events": [], "appointments": [], "List": []}', RetryableError),
    (b'{"error": "Unauthorized", "events": [], "appointments": []}', RetryableError),
    (b'{"errors": ["x"], "events": []}', RetryableError),
)

PROGRAM = """
import asyncio, sys
from tests.systems import whole_answers as w
def high():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) // 1024
before = high()
found = asyncio.run(w.answer_to(sys.stdin.buffer.read()))
print(high() - before, type(found).__name__)
"""


def peak(raw: bytes) -> tuple[int, str]:
    """Return the growth of the process in MiB, and the result of the call."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=raw,
        capture_output=True,
        check=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    grown, kind = done.stdout.decode().split()
    return int(grown), kind


def deflated(body: bytes, *, raw: bool = False) -> bytes:
    """Compress with deflate, with or without the zlib header."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS if raw else zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()
