"""Odd answers, as data: what a broken proxy, a hostile host or a platform with a bug may send.

`FaultKind.ODD_ANSWER` names one of them by its spelling. Each is valid HTTP, so that it can be sent
by any server; those that are not are written out in ``tests/hostile``.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field

_HTML = b"<html><body><h1>Something went wrong</h1></body></html>"
_DEEP = b'{"extra":' + b"[" * 60_000 + b"]" * 60_000 + b"}"
_NINES = "9" * 400
_OK = 200
_REFUSED = range(400, 500)


@dataclass(frozen=True, slots=True)
class Odd:
    """One odd answer. None stands for the status or the body that the platform really gives.

    ``waits``: whoever believes it waits for an hour at most.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    waits: bool = False

    @property
    def refuses(self) -> bool:
        """Whether it says that nothing was done; then nothing is, as anything else is a lie."""
        return self.status in _REFUSED

    @property
    def readable(self) -> bool:
        """Whether a client gets what it asked for."""
        return self.status is None and self.body is None


ODD_ANSWERS: Mapping[str, Odd] = {
    # bodies
    "deep": Odd(_OK, {}, _DEEP),
    "deep-error": Odd(502, {}, _DEEP),
    "deep-refusal": Odd(400, {}, _DEEP),
    "truncated-deep": Odd(_OK, {}, b'{"extra":' * 60_000),
    "empty": Odd(_OK, {}, b""),
    "html": Odd(_OK, {"Content-Type": "text/html"}, _HTML),
    "null": Odd(_OK, {}, b"null"),
    "digits": Odd(_OK, {}, b"9" * 5_000),
    "digits-in-a-field": Odd(_OK, {}, b'{"RecordCount":' + b"9" * 5_000 + b',"events":0}'),
    "not-utf8": Odd(_OK, {}, b'{"events":[{"id":"\xff\xfe"}]}'),
    # encodings
    "rot13": Odd(500, {"Content-Type": "text/html; charset=rot13"}, _HTML),
    "undefined": Odd(500, {"Content-Type": "text/html; charset=undefined"}, _HTML),
    "idna": Odd(403, {"Content-Type": "text/html; charset=idna"}, _HTML),
    "not-gzip": Odd(_OK, {"Content-Encoding": "gzip"}, _HTML),
    "half-gzip": Odd(_OK, {"Content-Encoding": "gzip"}, gzip.compress(_HTML, mtime=0)[:30]),
    "rot13-body": Odd(_OK, {"Content-Encoding": "rot13"}, b"\x00\x01\x02"),
    # dates
    "date-9999": Odd(headers={"Date": "Fri, 31 Dec 9999 23:59:59 GMT"}),
    "date-99999": Odd(headers={"Date": "Fri, 31 Dec 99999 23:59:59 GMT"}),
    "date-1": Odd(headers={"Date": "Mon, 01 Jan 0001 00:00:00 +2359"}),
    "date-offset": Odd(headers={"Date": f"Mon, 01 Jan 2020 00:00:00 +{_NINES}"}),
    "date-words": Odd(headers={"Date": "the day after tomorrow"}),
    # waits
    "retry-400-digits": Odd(503, {"Retry-After": _NINES}, _HTML, waits=True),
    "retry-ten-years": Odd(429, {"Retry-After": "315360000"}, b"{}", waits=True),
    "retry-9999": Odd(429, {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, b"{}", waits=True),
    "retry-offset": Odd(429, {"Retry-After": f"Mon, 01 Jan 2020 00:00:00 +{_NINES}"}, b"{}"),
    "retry-past": Odd(429, {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, b"{}"),
    "retry-negative": Odd(429, {"Retry-After": "-5"}, b"{}"),
    "retry-nan": Odd(503, {"Retry-After": "nan"}, b"{}"),
    "rate-text": Odd(
        429,
        {},
        b'{"Status":"Error","ExceptionType":"MXAPIRateLimitExceededException","ExceptionMessage":'
        b'"API calls exceeded the limit of '
        + b"9" * 5_000
        + b" in "
        + b"9" * 5_000
        + b' seconds"}',
    ),
    "rate-odd": Odd(
        headers={
            "X-RateLimit-Max": "9" * 5_000,
            "X-RateLimit-Remaining": "-5",
            "X-RateLimit-Interval-Milliseconds": "nan",
            "X-RateLimit-Limit-Daily": "1e308",
            "X-RateLimit-Daily-Remaining": "many",
            "RateLimit-Reset": "-inf",
        }
    ),
    "rate-spent": Odd(
        headers={
            "X-RateLimit-Max": "1",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Interval-Milliseconds": "1e300",
        },
        waits=True,
    ),
    "letters": Odd(headers={"X-Odd": "\xff\xfe", "Server": "\x80"}),
}
"""By name. They are added to, never renamed: stories name them."""
