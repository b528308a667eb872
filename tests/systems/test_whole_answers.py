"""Compressed, partial, oversized and contradictory answers, over real sockets."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from syncd.systems import exchange, response_fault, unpacking
from syncd.systems.client import HttpResponse
from syncd.systems.errors import UnknownOutcomeError
from syncd.systems.errors_in_success import error_in_success
from tests.systems import whole_answers as w
from tests.systems.whole_answers import EMPTY, GZIP, answer_to, check_refused, spelled

LARGE = b'{"events":[' + b",".join(b'{"id":"%d"}' % n for n in range(90_000)) + b"]}"


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (gzip.compress(EMPTY), "gzip"),
        (gzip.compress(EMPTY), "X-GZIP"),
        (w.deflated(EMPTY), "deflate"),
        (w.deflated(EMPTY, raw=True), "deflate"),
        (EMPTY, "identity"),
        (gzip.compress(EMPTY), "identity, gzip"),
    ],
    ids=range(6),
)
async def test_one_layer_that_was_asked_for_is_unpacked(packed: bytes, encoding: str) -> None:
    assert await answer_to(spelled(packed, f"Content-Encoding: {encoding}")) == EMPTY


async def test_a_large_packed_answer_arrives_whole() -> None:
    assert await answer_to(spelled(gzip.compress(LARGE), GZIP)) == LARGE


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (spelled(EMPTY, "Content-Encoding: br"), "did not request"),
        (spelled(EMPTY, "Content-Encoding: zstd"), "did not request"),
        (spelled(gzip.compress(EMPTY), GZIP, GZIP), "compressed 2 times"),
        (spelled(gzip.compress(EMPTY) + b"x", GZIP), "data after the end"),
        (spelled(gzip.compress(EMPTY) * 2, GZIP), "data after the end"),
        (spelled(gzip.compress(EMPTY)[:-8] + b"\0" * 8, GZIP), "incorrect data check"),
        (spelled(w.deflated(EMPTY)[:-2], "Content-Encoding: deflate"), "incomplete"),
        (spelled(b"x", "Content-Encoding: deflate"), "incomplete"),
        (spelled(EMPTY, status="226 IM Used"), "the response is partial"),
        (spelled(EMPTY, length=len(EMPTY) + 1), "without sending complete"),
        (spelled(EMPTY, *(f"X-{n}: y" for n in range(300))), "header fields"),
    ],
    ids=range(11),
)
def test_an_answer_that_is_not_whole_says_why(raw: bytes, words: str) -> None:
    check_refused(raw, words)


def test_an_answer_in_too_many_parts_is_given_up() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    check_refused(head + b"1\r\nx\r\n" * (exchange.MAX_CHUNKS + 1) + b"0\r\n\r\n", "chunks")


def test_bombs_layers_cut_ends_and_parts_are_no_answers() -> None:
    w.check_bomb()
    w.check_two_layers()
    w.check_truncated()
    w.check_part()


def test_an_error_inside_a_success_is_that_error_on_each_platform() -> None:
    w.check_told_errors()


@pytest.mark.parametrize(("body", "_kind"), w.TOLD)
async def test_a_write_answered_by_an_error_in_a_success_may_be_done(
    body: bytes, _kind: type
) -> None:
    assert isinstance(
        await answer_to(spelled(body), write=True, system="legacy"), UnknownOutcomeError
    )


@pytest.mark.parametrize(
    "body",
    [
        EMPTY,
        b'{"id":"1","status":"failed","error":"typed by a person"}',
        b'{"Status":"Success","Message":{"IsSuccessful":true}}',
        b'{"statusCode":200,"error":null,"errors":[],"success":true,"events":[]}',
        b'{"code":"450","events":[]}',
        b'[{"statusCode":401}]',
        b'{"event":{"status":"error","statusCode":401}}',
        LARGE,
        b"OK",
        b"",
    ],
)
def test_a_success_without_an_error_stays_a_success(body: bytes) -> None:
    assert error_in_success(HttpResponse(200, {}, body)) is None


def test_an_error_is_found_before_and_after_a_long_list() -> None:
    for body in (LARGE[:-1] + b',"statusCode":401}', b'{"statusCode":401,' + LARGE[1:]):
        told = error_in_success(HttpResponse(200, {}, body))
        assert told is not None
        assert told.code == 401


@cache
def bomb() -> bytes:
    """Return a small body with two layers that decompresses to 300 MB."""
    return gzip.compress(gzip.compress(b"\0" * 300_000_000, compresslevel=1), compresslevel=1)


@pytest.mark.prove
def test_a_bomb_of_two_layers_takes_no_memory() -> None:
    grown, kind = w.peak(spelled(bomb(), "Content-Encoding: gzip, gzip"))
    assert kind == "IncompleteReadError"
    assert grown <= 24


# --- planted bugs ---------------------------------------------------------------------------------

_DECOMPRESSOR_FOR = unpacking.decompressor_for


class _Whole(unpacking.Decompressor):
    def _count(self, made: int) -> None:
        del made


class _Careless(unpacking.Decompressor):
    def end(self) -> None:
        return


def _layers(encodings: Any) -> unpacking.Decompressor | None:
    return _DECOMPRESSOR_FOR(encodings[:1])


PLANTS: dict[str, tuple[Callable[[], None], Callable[[pytest.MonkeyPatch], None]]] = {
    "a bomb is unpacked whole": (
        w.check_bomb,
        lambda patch: patch.setattr(exchange, "decompressor_for", lambda _: _Whole("gzip")),
    ),
    "two layers are one": (
        w.check_two_layers,
        lambda patch: patch.setattr(exchange, "decompressor_for", _layers),
    ),
    "a truncated gzip is whole": (
        w.check_truncated,
        lambda patch: patch.setattr(exchange, "decompressor_for", lambda _: _Careless("gzip")),
    ),
    "a 206 is whole": (
        w.check_part,
        lambda patch: patch.setattr(response_fault, "PARTIAL_STATUSES", frozenset()),
    ),
    "an error in a 200 is an empty list": (
        w.check_told_errors,
        lambda patch: patch.setattr(response_fault, "error_in_success", lambda _: None),
    ),
}


@contextmanager
def _planted(name: str) -> Iterator[Callable[[], None]]:
    check, plant = PLANTS[name]
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        yield check


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_is_caught(name: str) -> None:
    with _planted(name) as check, pytest.raises(AssertionError):
        check()


def test_a_fault_that_contradicts_its_status_proves_nothing_gone() -> None:
    gone = HttpResponse(404, {}, b'{"statusCode":404,"message":"not found"}')
    table = w.FAULTS_OF["clinic"]
    assert getattr(table(gone), "why", "") == "gone"
    told = response_fault.fault_of_response(replace(gone, status_code=200), table, (), write=False)
    assert getattr(told, "why", "") == "unfit"
