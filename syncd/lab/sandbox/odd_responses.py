"""Odd responses, as data: what a broken proxy, a hostile server or a faulty platform may send.

`Fault.spelling` selects one by its name. Each is valid HTTP that any server can send; responses
that are not valid HTTP are in ``tests/hostile``.
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
class OddResponse:
    """One odd answer. A status or body of None means the platform's real one.

    ``asks_to_wait``: a client that obeys this answer waits for up to an hour.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    asks_to_wait: bool = False

    @property
    def refuses(self) -> bool:
        """Return true if the answer says that the request had no effect.

        The request then really has none.
        """
        return self.status in _REFUSED

    @property
    def readable(self) -> bool:
        """Return true if the client still receives the data for which it asked."""
        return self.status is None and self.body is None


ODD_RESPONSES: Mapping[str, OddResponse] = {
    # bodies
    "deep": OddResponse(_OK, {}, _DEEP),
    "deep-error": OddResponse(502, {}, _DEEP),
    "deep-refusal": OddResponse(400, {}, _DEEP),
    "truncated-deep": OddResponse(_OK, {}, b'{"extra":' * 60_000),
    "empty": OddResponse(_OK, {}, b""),
    "html": OddResponse(_OK, {"Content-Type": "text/html"}, _HTML),
    "null": OddResponse(_OK, {}, b"null"),
    "digits": OddResponse(_OK, {}, b"9" * 5_000),
    "digits-in-a-field": OddResponse(_OK, {}, b'{"RecordCount":' + b"9" * 5_000 + b',"events":0}'),
    "not-utf8": OddResponse(_OK, {}, b'{"events":[{"id":"\xff\xfe"}]}'),
    # encodings
    "rot13": OddResponse(500, {"Content-Type": "text/html; charset=rot13"}, _HTML),
    "undefined": OddResponse(500, {"Content-Type": "text/html; charset=undefined"}, _HTML),
    "idna": OddResponse(403, {"Content-Type": "text/html; charset=idna"}, _HTML),
    "not-gzip": OddResponse(_OK, {"Content-Encoding": "gzip"}, _HTML),
    "half-gzip": OddResponse(_OK, {"Content-Encoding": "gzip"}, gzip.compress(_HTML, mtime=0)[:30]),
    "rot13-body": OddResponse(_OK, {"Content-Encoding": "rot13"}, b"\x00\x01\x02"),
    # dates
    "date-9999": OddResponse(headers={"Date": "Fri, 31 Dec 9999 23:59:59 GMT"}),
    "date-99999": OddResponse(headers={"Date": "Fri, 31 Dec 99999 23:59:59 GMT"}),
    "date-1": OddResponse(headers={"Date": "Mon, 01 Jan 0001 00:00:00 +2359"}),
    "date-offset": OddResponse(headers={"Date": f"Mon, 01 Jan 2020 00:00:00 +{_NINES}"}),
    "date-words": OddResponse(headers={"Date": "the day after tomorrow"}),
    # waits
    "retry-400-digits": OddResponse(503, {"Retry-After": _NINES}, _HTML, asks_to_wait=True),
    "retry-ten-years": OddResponse(429, {"Retry-After": "315360000"}, b"{}", asks_to_wait=True),
    "retry-9999": OddResponse(
        429, {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, b"{}", asks_to_wait=True
    ),
    "retry-offset": OddResponse(
        429, {"Retry-After": f"Mon, 01 Jan 2020 00:00:00 +{_NINES}"}, b"{}"
    ),
    "retry-past": OddResponse(429, {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, b"{}"),
    "retry-negative": OddResponse(429, {"Retry-After": "-5"}, b"{}"),
    "retry-nan": OddResponse(503, {"Retry-After": "nan"}, b"{}"),
    "rate-text": OddResponse(
        429,
        {},
        b'{"Status":"Error","ExceptionType":"MXAPIRateLimitExceededException","ExceptionMessage":'
        b'"API calls exceeded the limit of '
        + b"9" * 5_000
        + b" in "
        + b"9" * 5_000
        + b' seconds"}',
    ),
    "rate-odd": OddResponse(
        headers={
            "X-RateLimit-Max": "9" * 5_000,
            "X-RateLimit-Remaining": "-5",
            "X-RateLimit-Interval-Milliseconds": "nan",
            "X-RateLimit-Limit-Daily": "1e308",
            "X-RateLimit-Daily-Remaining": "many",
            "RateLimit-Reset": "-inf",
        }
    ),
    "rate-spent": OddResponse(
        headers={
            "X-RateLimit-Max": "1",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Interval-Milliseconds": "1e300",
        },
        asks_to_wait=True,
    ),
    "letters": OddResponse(headers={"X-Odd": "\xff\xfe", "Server": "\x80"}),
}
"""Odd answers by name. Never rename an odd answer: recorded scenarios refer to the names."""
