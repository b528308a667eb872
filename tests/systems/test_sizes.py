"""Bounds on decoding: memory, rows, repairs, pages."""

from __future__ import annotations

import gzip
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
import msgspec
import pytest

from syncd.systems import paging
from syncd.systems.decoding import MAX_REPAIRS, MAX_SALVAGED, decode, decode_weighed
from syncd.systems.errors import IncompleteReadError, PlatformError
from syncd.systems.leadconnector import wire
from syncd.systems.lenient import text
from syncd.systems.paging import all_pages
from syncd.systems.sizes import MAX_ROWS, TooLargeError, expect_room, one_read
from syncd.systems.unpacking import decompressor_for

MIB = 1024 * 1024
LONG_ENOUGH = 3.0
"""Seconds. Without bounds, these take 10 to 90 s on an idle machine."""


def events(row: bytes, count: int) -> bytes:
    """Return the JSON of a list of equal rows."""
    return b'{"events":[' + b",".join([row] * count) + b"]}"


def taken(body: bytes) -> wire.AppointmentList:
    """Decode a list as a call of an adapter does."""
    found, weighs = decode_weighed(body, wire.AppointmentList)
    expect_room(weighs, found)
    return found


@pytest.mark.parametrize(
    "row",
    [b"{}", b"[]", b'"a"', b'{"id":[{"a":1}]}', b'{"id":[' + b"[]," * 50 + b"1]}", b'{"a" :1}'],
    ids=range(6),
)
def test_a_body_that_is_small_and_takes_much_memory_is_not_decoded(row: bytes) -> None:
    began = time.process_time()
    with pytest.raises(TooLargeError):
        taken(events(row, 4 * MIB // len(row)))
    assert time.process_time() - began < LONG_ENOUGH


def test_the_largest_usual_list_is_decoded() -> None:
    row = (
        b'{"id":"ocQHyuzHvysMo5N5VsXc","title":"A meeting of some people","calendarId":'
        b'"BqTwX8QFwXzpegMve9EQ","locationId":"0007BWpSzSwfiuSl0tR2","contactId":'
        b'"9NkT25Vor1v4aQatFsv2","appointmentStatus":"confirmed","assignedUserId":'
        b'"YlWd2wuCAZQzh2cH1fVZ","address":"https://example.com/meeting","startTime":'
        b'"2027-03-01T04:00:00+05:30","endTime":"2027-03-01T05:00:00+05:30"}'
    )
    body = events(row, 5 * MIB // len(row))
    assert len(taken(body).events) == 5 * MIB // len(row) <= MAX_ROWS


def test_a_v2_list_of_10000_meetings_is_decoded() -> None:
    row = (
        b'{"id":"bJ2Anyjt4MWTusiES8PB","title":"Knee pain","calendarId":"mq3CfzRot1BfYvbXgRZH",'
        b'"locationId":"06wZGBpelObCzqUm120f","contactId":"srIgyRy9oKFuKRn5Q2aI","appointmentStatus":'
        b'"confirmed","appoinmentStatus":"confirmed","address":"","isRecurring":false,"dateAdded":'
        b'"2026-11-30T09:29:06.746Z","dateUpdated":"2026-11-30T09:29:06.746Z","startTime":'
        b'"2026-11-30T13:00:00+01:00","endTime":"2026-11-30T13:30:00+01:00","assignedResources":[],'
        b'"createdBy":{"source":"calendar_page","userId":null},"deleted":false,"assignedUserId":'
        b'"aq1SABUrcaCKJW7MJGxF","users":[],"groupId":"hvhhIzI1NYtoe7cRzpHy"}'
    )
    with one_read():
        assert len(taken(events(row, 10_000)).events) == 10_000


def test_a_list_with_too_many_rows_is_refused() -> None:
    assert len(taken(events(b'{"id":1}', MAX_ROWS)).events) == MAX_ROWS
    with pytest.raises(TooLargeError, match="more than 20000 rows"):
        taken(events(b'{"id":1}', MAX_ROWS + 1))


def test_the_rows_of_one_read_are_bounded_together() -> None:
    body = events(b'{"id":1}', MAX_ROWS)
    with one_read(), one_read():
        taken(body)
        taken(body)
        with pytest.raises(TooLargeError, match="one read have more than 50000 rows"):
            taken(body)
    taken(body)


def test_the_memory_of_one_read_is_bounded_and_usual_lists_have_room() -> None:
    fat = events(b'{"id":"' + b"x" * MIB + b'"}', 7)

    def read() -> None:
        for _ in range(20):
            taken(fat)

    with one_read(), pytest.raises(TooLargeError, match="too much memory"):
        read()
    lean = events(b'{"id":"1","title":"' + b"x" * 2000 + b'"}', 500)
    with one_read():
        for _ in range(45):  # their titles are not decoded, so that they are no burden
            taken(lean)


def test_broken_rows_take_little_time_and_keep_readable_fields() -> None:
    broken = b'{"id":"a","startTime":1e999}'
    began = time.process_time()
    found = decode(events(broken, MAX_ROWS), wire.AppointmentList).events
    assert time.process_time() - began < LONG_ENOUGH
    assert isinstance(found[MAX_SALVAGED - 1], wire.Appointment)
    assert found[MAX_SALVAGED:] == [None] * (MAX_ROWS - MAX_SALVAGED)


def test_text_that_is_invalid_all_over_is_not_repaired() -> None:
    row = b'{"id":"' + rb"\ud83d" * 5 + b'"}'
    assert len(decode(events(row, MAX_REPAIRS // 5), wire.AppointmentList).events) == 4_000
    began = time.process_time()
    with pytest.raises(TooLargeError, match="20000 places"):
        decode(events(rb'{"id":"' + rb"\ud83d" * 400_000 + b'"}', 1), wire.AppointmentList)
    assert time.process_time() - began < LONG_ENOUGH


def test_a_body_that_grows_beyond_the_ratio_is_refused_while_it_is_short() -> None:
    packed = gzip.compress(bytes(4 * MIB))
    found = decompressor_for(["gzip"])
    assert found is not None
    with pytest.raises(httpx.DecodingError, match="more than 250 times as long"):
        list(found.decompress(packed))
    rows = gzip.compress(b",".join(b'{"id":"%d"}' % number for number in range(100_000)))
    found = decompressor_for(["gzip"])
    assert found is not None
    assert len(b"".join(found.decompress(rows))) > MIB


@dataclass
class Wire:
    """A transport that only creates faults."""

    def incomplete(self, call: str, detail: str) -> PlatformError:
        """Return a fault."""
        return IncompleteReadError("clinic", call, detail=detail)


async def test_pages_that_never_end_are_no_list() -> None:
    asked: list[int] = []

    async def ask(skip: int) -> Sequence[int]:
        asked.append(skip)
        return range(skip, skip + 10)

    with pytest.raises(IncompleteReadError, match="did not end after 1000 rows"):
        await all_pages(ask, Wire(), "GET /list", int)  # type: ignore[arg-type]
    assert len(asked) == paging.MAX_PAGES


async def test_a_page_that_repeats_ends_the_list() -> None:
    async def ask(_skip: int) -> Sequence[int]:
        return [1, 2, 3]

    assert await all_pages(ask, Wire(), "GET /list", int) == [1, 2, 3]  # type: ignore[arg-type]


def test_megabytes_of_text_are_neither_an_id_nor_a_word() -> None:
    assert text("x" * 64 * 1024) == "x" * 64 * 1024
    assert text("x" * MIB) == ""


def test_a_decoded_struct_without_lists_has_no_rows() -> None:
    with one_read():
        expect_room(2, msgspec.convert({}, wire.Appointment))
