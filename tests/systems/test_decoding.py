"""Answers with invalid Unicode, or with a row that cannot be decoded."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from syncd.systems import decoding
from syncd.systems.decoding import decode, repaired
from syncd.systems.leadconnector.wire import AppointmentList, Block, OneAppointment
from syncd.systems.leadsquared.wire import Listing, Task
from syncd.systems.lenient import LenientValue

SOUND = b'{"UserTaskId":"t2","DueDate":"2026-03-02 10:30:00"}'


def listing(text: bytes) -> bytes:
    """Return the JSON of two tasks, the first with this name."""
    return b'{"RecordCount":2,"List":[{"UserTaskId":"t1","Name":"' + text + b'"},' + SOUND + b"]}"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (rb"Kim \ud83d", "Kim \ufffd"),
        (rb"\ude00 Kim", "\ufffd Kim"),
        (rb"\ude00\ud83d", "\ufffd\ufffd"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\uD83D x \uDE00", "\ufffd x \ufffd"),
        (b"Kim \xf0\x9f\x98", "Kim \ufffd"),
        (b"\xed\xa0\xbd", "\ufffd\ufffd\ufffd"),
        (b"M\xfcller", "M\ufffdller"),
        (rb"cut \ud8", "cut \ufffd"),
        (rb"cut \u", "cut \ufffd"),
        (rb"C:\q", "C:\ufffdq"),
        (b"a\x00b\nc", "a b c"),
        (rb"\\ud83d \" \u00e9 \n", '\\ud83d " \u00e9 \n'),
        (rb"\ud83d\ude00", "\U0001f600"),
    ],
)
def test_a_row_with_invalid_unicode_is_repaired_and_read(text: bytes, read: str) -> None:
    first, second = decode(listing(text), Listing).rows
    assert isinstance(first, Task)
    assert isinstance(second, Task)
    assert (first.user_task_id, first.name, second.user_task_id) == ("t1", read, "t2")


def test_text_is_repaired_in_fields_that_nobody_reads_and_in_names_of_fields() -> None:
    body = rb'{"traceId":"\ud83d","\ude00":1,"events":[{"id":"e1","note\ud83d":"\ud83d"}]}'
    (row,) = decode(body, AppointmentList).events
    assert getattr(row, "id", None) == "e1"


def test_a_healthy_body_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "repaired", pytest.fail)
    assert len(decode(listing(b"Kim"), Listing).rows) == 2


def test_a_number_out_of_range_costs_its_field_and_no_other_row() -> None:
    huge = b'{"List":[{"UserTaskId":"t1","RelatedEntity":' + b"9" * 5000 + b"}," + SOUND + b"]}"
    first, second = decode(huge, Listing).rows
    assert isinstance(first, Task)
    assert (first.user_task_id, first.related_entity) == ("t1", None)
    assert isinstance(second, Task)
    assert second.user_task_id == "t2"


def test_a_row_that_is_a_number_out_of_range_is_a_row_without_an_id() -> None:
    assert decode(b"[1e999, 5]", list[Block | LenientValue]) == [None, 5]


def test_a_single_record_is_read_like_a_row() -> None:
    body = b'{"appointment":{"id":"e1","users":1e999,"startTime":"x\xff"}}'
    found = decode(body, OneAppointment).appointment
    assert getattr(found, "id", None) == "e1"
    assert getattr(found, "start_time", None) == "x\ufffd"


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        (b"", Listing),
        (b"<html>", Listing),
        (b'{"RecordCount":1}', Listing),
        (b'{"List":5}', Listing),
        (listing(b"Kim")[:-5], Listing),
        (listing(rb"Kim \ud83d")[:-5], Listing),
        (listing(b"\\"), Listing),
        (b"[]", dict[str, Any]),
    ],
)
def test_an_incomplete_answer_is_an_error(body: bytes, shape: Any) -> None:
    with pytest.raises(decoding.UNREADABLE):
        decode(body, shape)


def test_a_body_that_is_too_long_is_not_repaired(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_REPAIRED_BYTES", 50)
    with pytest.raises(msgspec.DecodeError):
        decode(listing(rb"Kim \ud83d"), Listing)


def test_repairing_takes_time_in_proportion_to_the_length() -> None:
    for hostile in (b'"' * 400_000, b'\\"' * 200_000, b"\\" * 400_000, rb"\u" * 200_000):
        assert repaired(hostile)
