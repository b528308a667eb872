"""Attacks below the body: status lines, framing, compression, headers, sizes and speeds."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable
from functools import cache

from tests.hostile.attack import Attack, Exchange, Send, body, head, headers, raw
from tests.hostile.rows import ROWS, Row

MB = 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
FOR_EVER = 3600.0


# --- rows that other tests send, too --------------------------------------------------------------


def _family(row: Row) -> str:
    beginnings = {
        "status": "status lines", "http": "status lines", "other": "status lines",
        "nothing": "status lines", "switching": "status lines", "only": "framing",
        "length": "framing", "chunks": "framing", "coding": "framing", "header": "headers",
        "20000": "headers", "date": "headers", "retry": "headers", "rate": "headers",
        "letters": "headers", "rot13": "encodings", "undefined": "encodings", "idna": "encodings",
        "not-utf8": "encodings", "not-gzip": "compression", "half-gzip": "compression",
    }  # fmt: skip
    found = (family for start, family in beginnings.items() if row.name.startswith(start))
    return next(found, "JSON bodies")


def _known(row: Row) -> Attack:
    async def send(exchange: Exchange) -> None:
        await exchange.send(row.spelled(exchange.status, exchange.true))

    return Attack(row.name, _family(row), send, waits=row.odd is not None and row.odd.asks_to_wait)


KNOWN = tuple(map(_known, ROWS))


# --- status lines ---------------------------------------------------------------------------------


def _status(status: int) -> Attack:
    encoding = b'{"message": "Kim Example, kim@example.com: no"}'
    return Attack(f"status-{status}", "status lines", headers(status=status, body=encoding))


STATUSES = tuple(map(_status, (204, 205, 206, 304, 402, 407, 410, 418, 451, 501, 507, 511, 599)))


# --- framing --------------------------------------------------------------------------------------


async def _byte_by_byte(exchange: Exchange) -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in exchange.true)
    await exchange.send(head("Transfer-Encoding: chunked"), chunks, b"0\r\n\r\n")


async def _old_protocol(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.0 200 OK\r\n\r\n", exchange.true)


async def _after_interim(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\n\r\n" * 50)
    await exchange.answer(exchange.true)


async def _half(exchange: Exchange) -> None:
    true = exchange.true
    await exchange.send(head(f"Content-Length: {len(true)}"), true[: len(true) // 2])


async def _part(exchange: Exchange) -> None:
    half = exchange.with_rows(exchange.rows()[:1])
    await exchange.answer(half, f"Content-Range: bytes 0-{len(half) - 1}/{len(half)}", status=206)


async def _and_another(exchange: Exchange) -> None:
    lines = f"HTTP/1.1 200 OK\r\nContent-Length: {len(exchange.true)}\r\n\r\n".encode()
    other = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"events":[]}'
    await exchange.send(lines + exchange.true + other)
    await asyncio.sleep(1)


async def _and_garbage(exchange: Exchange) -> None:
    lines = f"HTTP/1.1 200 OK\r\nContent-Length: {len(exchange.true)}\r\n\r\n".encode()
    await exchange.send(lines + exchange.true + b"\x00\xff" * 50_000)
    await asyncio.sleep(1)


def _framed(*lines: bytes, rest: bytes = b"{}") -> Send:
    return raw(OK + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + rest)


CHUNKED = b"Transfer-Encoding: chunked"
FRAMING = tuple(
    Attack(name, "framing", send)
    for name, send in {
        "chunks-of-one-byte": _byte_by_byte,
        "chunk-of-2**64": _framed(CHUNKED, rest=b"ffffffffffffffff\r\n{}"),
        "chunk-negative": _framed(CHUNKED, rest=b"-2\r\n{}\r\n0\r\n\r\n"),
        "chunk-extension-1MB": _framed(CHUNKED, rest=b"2;x=" + b"y" * MB + b"\r\n{}\r\n0\r\n\r\n"),
        "chunk-zeros-1MB": _framed(CHUNKED, rest=b"0" * MB + b"2\r\n{}\r\n0\r\n\r\n"),
        "trailers-100000": _framed(
            CHUNKED, rest=b"2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 100_000 + b"\r\n"
        ),
        "length-and-chunks": _framed(b"Content-Length: 2", CHUNKED, rest=b"2\r\n{}\r\n0\r\n\r\n"),
        "chunked-twice": _framed(CHUNKED + b", chunked", rest=b"2\r\n{}\r\n0\r\n\r\n"),
        "chunked-spelled-oddly": _framed(b"Transfer-Encoding: \x0bchunked", rest=b"2\r\n{}\r\n"),
        "length-hexadecimal": _framed(b"Content-Length: 0x2"),
        "length-list": _framed(b"Content-Length: 2, 2"),
        "length-zero-with-body": _framed(b"Content-Length: 0", rest=b'{"events": []}'),
        "lines-without-cr": raw(b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}"),
        "folded-header": _framed(b"X-Odd: a", b" folded", b"Content-Length: 2"),
        "space-before-colon": _framed(b"Content-Length : 2"),
        "http-1.0": _old_protocol,
        "interim-then-true": _after_interim,
        "half-of-the-body": _half,
        "part-as-206": _part,
        "second-answer": _and_another,
        "garbage-after-answer": _and_garbage,
    }.items()
)
EARLY = Attack("before-the-request", "framing", _framed(b"Content-Length: 2"), early=True)


# --- compression ----------------------------------------------------------------------------------


@cache
def packed(unit: bytes, times: int, start: bytes = b"", *, gzipped: bool = True) -> bytes:
    """Compress ``unit`` many times over, without holding the result unpacked.

    Blocks that end with a full flush do not refer to each other, so one can be repeated.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if gzipped else 15)
    begun = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(unit) + packer.flush(zlib.Z_FULL_FLUSH)
    return begun + block * times


def zeros(size: int) -> bytes:
    """Return this many zero bytes, compressed."""
    return packed(bytes(MB), size // MB)


def encoded(coding: str, make: Callable[[Exchange], bytes]) -> Send:
    """Send a body with this Content-Encoding."""
    return body(make, f"Content-Encoding: {coding}")


def _layers(data: bytes, number: int) -> bytes:
    for _ in range(number):
        data = gzip.compress(data, mtime=0)
    return data


def _spoiled_trailer(exchange: Exchange) -> bytes:
    return gzip.compress(exchange.true)[:-8] + b"\0" * 8


def _cut(exchange: Exchange) -> bytes:
    return gzip.compress(exchange.true)[:-20]


@cache
def _twice_packed() -> bytes:
    return gzip.compress(zeros(3 * 1024 * MB), mtime=0)


COMPRESSION = tuple(
    Attack(name, "compression", send, heavy="bomb" in name, made=True)
    for name, send in {
        "gzip-bomb-1GB": encoded("gzip", lambda _: zeros(1024 * MB)),
        "gzip-gzip-bomb-3GB": encoded("gzip, gzip", lambda _: _twice_packed()),
        "deflate-bomb-1GB": encoded("deflate", lambda _: packed(bytes(MB), 1024, gzipped=False)),
        "gzip-bomb-of-empty-rows": encoded(
            "gzip", lambda e: packed(b"{}," * (MB // 3), 30, f'{{"{e.key}":['.encode())
        ),
        "gzip-bomb-of-nulls": encoded(
            "gzip", lambda e: packed(b"null," * (MB // 5), 30, f'{{"{e.key}":['.encode())
        ),
        "gzip-bomb-of-brackets": encoded("gzip", lambda _: packed(b"[" * MB, 200)),
        "gzip-bomb-error-page": body(
            lambda _: zeros(500 * MB), "Content-Encoding: gzip", status=500
        ),
        "gzip-ten-layers": encoded(", ".join(["gzip"] * 10), lambda e: _layers(e.true, 10)),
        "gzip-true": encoded("gzip", lambda e: gzip.compress(e.true)),
        "gzip-cut": encoded("gzip", _cut),
        "gzip-wrong-checksum": encoded("gzip", _spoiled_trailer),
        "gzip-rest-behind": encoded("gzip", lambda e: gzip.compress(e.true) + b"rest" * 1_000),
        "gzip-two-members": encoded("gzip", lambda e: gzip.compress(e.true) * 2),
        "gzip-of-nothing": encoded("gzip", lambda _: b""),
        "gzip-declared-2000-times": encoded("gzip," * 2_000, lambda e: gzip.compress(e.true)),
        "deflate-raw": encoded("deflate", lambda e: zlib.compress(e.true)[2:-4]),
        "br-declared": encoded("br", lambda e: e.true),
        "zstd-declared": encoded("zstd", lambda e: e.true),
        "identity-declared": encoded("identity", lambda e: e.true),
        "encoding-empty": encoded("", lambda e: e.true),
    }.items()
)


# --- headers --------------------------------------------------------------------------------------


def _redirect(status: int) -> Attack:
    there = headers("Location: http://169.254.169.254/latest", status=status, body=b"")
    return Attack(f"redirect-{status}", "headers", there)


HEADERS = (
    *map(_redirect, (301, 302, 307, 308)),
    Attack("header-100kB", "headers", headers("X-Odd: " + "x" * 100_000)),
    Attack("header-90kB", "headers", headers("X-Odd: " + "x" * 90_000)),
    Attack("10000-headers", "headers", headers(*["X: y"] * 10_000)),
    Attack(
        "1000-cookies", "headers", headers(*[f"Set-Cookie: a{n}=b; Secure" for n in range(1_000)])
    ),
    Attack("other-protocols-offered", "headers", headers('Alt-Svc: h3=":443"', "Upgrade: h2c")),
    Attack("type-multipart", "headers", headers("Content-Type: multipart/form-data; boundary=x")),
    Attack("charset-10kB", "headers", headers("Content-Type: text/html; charset=" + "x" * 10_000)),
    Attack("date-twice", "headers", headers("Date: x", "Date: Thu, 01 Jan 1970 00:00:00 GMT")),
    Attack("retry-after-on-success", "headers", headers("Retry-After: 86400")),
    Attack(
        "realm-50kB",
        "headers",
        headers("WWW-Authenticate: Basic realm=" + "x" * 50_000, status=401, body=b"{}"),
    ),
    Attack(
        "rate-day-is-spent",
        "headers",
        headers("X-RateLimit-Limit-Daily: 100", "X-RateLimit-Daily-Remaining: 0"),
        waits=True,
    ),
    Attack("rate-negative", "headers", headers("X-RateLimit-Max: -1", "RateLimit-Remaining: -9")),
    Attack("rate-one-a-minute", "headers", headers("X-RateLimit-Max: 1"), waits=True),
)


# --- sizes ----------------------------------------------------------------------------------------


def _endless(start: bytes, part: bytes, *lines: str) -> Send:
    async def send(exchange: Exchange) -> None:
        await exchange.send(head(*lines), start)
        while True:
            await exchange.send(part)

    return send


async def _endless_head(exchange: Exchange) -> None:
    await exchange.send(OK)
    while True:
        await exchange.send(b"X-Odd: " + b"x" * 1_000 + b"\r\n")


async def _endless_interim(exchange: Exchange) -> None:
    while True:
        await exchange.send(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)


async def _endless_pages(exchange: Exchange) -> None:
    """Send full pages without end, with new unreadable rows on each page."""
    row = {"id": "", "UserTaskId": "", "title": "x" * 100}
    rows = [
        dict(row, id=f"{exchange.number}-{n}", UserTaskId=f"{exchange.number}-{n}")
        for n in range(1_000)
    ]
    await exchange.answer(exchange.with_rows(rows, count=10**9))


async def _slow_pages(exchange: Exchange) -> None:
    await asyncio.sleep(3)
    await _endless_pages(exchange)


CHUNK = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
SIZES = (
    Attack("endless-body", "sizes", _endless(b'{"events":["', b"x" * MB), heavy=True),
    Attack("endless-chunks", "sizes", _endless(b"", CHUNK, CHUNKED.decode()), heavy=True),
    Attack("endless-white-space", "sizes", _endless(b"", b" " * MB), heavy=True),
    Attack("endless-rows", "sizes", _endless(b'{"events":[', b"{}," * 100_000), heavy=True),
    Attack("endless-headers", "sizes", _endless_head, heavy=True),
    Attack("endless-interim", "sizes", _endless_interim, heavy=True),
    Attack("endless-status-line", "sizes", raw(b"HTTP/1.1 200 " + b"O" * 10 * MB), heavy=True),
    Attack("endless-pages", "sizes", _endless_pages, heavy=True, slow=True),
    Attack("endless-slow-pages", "sizes", _slow_pages, slow=True),
    Attack(
        "error-page-20MB", "sizes", headers(status=500, body=b"<p>Kim</p>" * (2 * MB)), heavy=True
    ),
)


# --- speeds ---------------------------------------------------------------------------------------


async def _never(_exchange: Exchange) -> None:
    await asyncio.sleep(FOR_EVER)


async def _head_only(exchange: Exchange) -> None:
    await exchange.send(head(f"Content-Length: {len(exchange.true)}"))
    await asyncio.sleep(FOR_EVER)


async def _half_and_silence(exchange: Exchange) -> None:
    await _half(exchange)
    await asyncio.sleep(FOR_EVER)


async def _trickled(exchange: Exchange) -> None:
    await exchange.send(head(f"Content-Length: {len(exchange.true)}"))
    await exchange.trickle(exchange.true)


async def _trickled_head(exchange: Exchange) -> None:
    await exchange.trickle(head(f"Content-Length: {len(exchange.true)}") + exchange.true)


async def _trickled_interim(exchange: Exchange) -> None:
    while True:
        await exchange.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        await asyncio.sleep(1)


async def _trickled_chunks(exchange: Exchange) -> None:
    await exchange.send(head(CHUNKED.decode()))
    while True:
        await exchange.send(b"1\r\n \r\n")
        await asyncio.sleep(1)


async def _trickled_gzip(exchange: Exchange) -> None:
    data = gzip.compress(exchange.true)
    await exchange.send(head(f"Content-Length: {len(data)}", "Content-Encoding: gzip"))
    await exchange.trickle(data)


async def _late(exchange: Exchange) -> None:
    await asyncio.sleep(5)
    await exchange.answer(exchange.true)


async def _late_refusal(exchange: Exchange) -> None:
    await asyncio.sleep(5)
    await exchange.answer(json.dumps({"message": "busy"}).encode(), status=503)


SPEEDS = tuple(
    Attack(name, "speeds", send, slow=True, early=name.startswith("accepts"))
    for name, send in {
        "accepts-and-never-answers": _never,
        "reads-and-never-answers": _never,
        "head-then-silence": _head_only,
        "half-then-silence": _half_and_silence,
        "one-byte-a-second": _trickled,
        "head-one-byte-a-second": _trickled_head,
        "interim-every-second": _trickled_interim,
        "chunk-every-second": _trickled_chunks,
        "gzip-one-byte-a-second": _trickled_gzip,
        "true-after-5s": _late,
        "503-after-5s": _late_refusal,
    }.items()
)
