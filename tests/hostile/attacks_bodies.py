"""Attacks in the body: encodings, JSON, and rows of every shape."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.hostile.attack import Attack, Exchange, Send, body, each_row, headers, more_rows

MB = 1024 * 1024
Row = dict[str, Any]
IDS = ("id", "UserTaskId")
TIMES = ("startTime", "endTime", "DueDate", "EndDate")
TEXTS = ("title", "notes", "Name", "Description")


def put(row: Row, names: tuple[str, ...], value: Any) -> Row:
    """Return the row with a value in each of these fields that it has."""
    return row | {name: value for name in names if name in row}


def unreadable(row: Row, number: int) -> Row:
    """Return an additional row whose times cannot be read."""
    return put(put(row, IDS, f"odd-{number}"), TIMES, "soon")


def off(row: Row, number: int) -> Row:
    """Return an additional row that is cancelled."""
    new = put(row, IDS, f"off-{number}")
    new = put(new, ("appointmentStatus", "appoinmentStatus", "status"), "cancelled")
    return put(new, ("StatusCode",), 2)


# --- encodings ------------------------------------------------------------------------------------


def _as(coding: str, encoding: str | None = None) -> Send:
    async def send(exchange: Exchange) -> None:
        lines = [] if encoding is None else [f"Content-Type: application/json; charset={encoding}"]
        text = json.dumps(exchange.tree, ensure_ascii=False)
        await exchange.answer(text.encode(coding), *lines)

    return send


def _titled(text: str) -> Send:
    return each_row(lambda row: put(row, TEXTS, text))


def _in_bytes(change: Callable[[bytes], bytes]) -> Send:
    return body(lambda exchange: change(exchange.true))


ENCODINGS = tuple(
    Attack(name, "encodings", send, made=True)
    for name, send in {
        "utf-16": _as("utf-16"),
        "utf-16-declared": _as("utf-16", "utf-16"),
        "utf-32": _as("utf-32"),
        "utf-7-declared": _as("utf-8", "utf-7"),
        "utf-8-with-bom": _as("utf-8-sig"),
        "latin-1-text": _in_bytes(lambda true: true.replace(b"Knee", b"Kn\xe9e")),
        "half-an-emoji": _titled("Knee \ud83d"),
        "half-an-emoji-first": _titled("\ude00 Knee"),
        "zeros-in-texts": _titled("Knee\x00pain"),
        "every-control-character": _titled("".join(map(chr, range(0x20)))),
        "raw-control-characters": _in_bytes(lambda true: true.replace(b"Knee", b"\x01\x02\n\t")),
        "zeros-between": _in_bytes(lambda true: true.replace(b",", b",\x00")),
        "overlong-slash": _in_bytes(lambda true: true.replace(b"Knee", b"\xc0\xaf")),
        "written-backwards": _titled("\u202eKnee\u2066"),
        "half-emojis-3MB": _titled("\ud83d" * 20_000),
        "escapes-3MB": _in_bytes(lambda true: true.replace(b"Knee", b"\\ud83d" * 15_000)),
    }.items()
)


# --- JSON -----------------------------------------------------------------------------------------


def _beside(text: str) -> Send:
    """Send the true answer with one more field, written exactly as given."""
    return body(lambda exchange: b'{"extra":' + text.encode() + b"," + exchange.true.lstrip()[1:])


def _in_rows(text: str) -> Send:
    """Send each row with one more field, written exactly as given."""

    def made(exchange: Exchange) -> bytes:
        rows = ",".join('{"extra":' + text + "," + json.dumps(r)[1:] for r in exchange.rows())
        return f'{{"{exchange.key}":[{rows}],"RecordCount":{len(exchange.rows())}}}'.encode()

    return body(made)


def _key_twice(exchange: Exchange) -> bytes:
    return exchange.true.rstrip()[:-1] + f',"{exchange.key}":[]}}'.encode()


def _list_as(value: Any) -> Send:
    return body(lambda exchange: json.dumps(exchange.tree | {exchange.key: value}).encode())


def _says_401(exchange: Exchange) -> bytes:
    return json.dumps({"statusCode": 401, "message": "Invalid JWT", exchange.key: []}).encode()


def _retyped(value: Any) -> Send:
    """Send each row with values of a wrong type in every field except the id."""
    return each_row(lambda row: {k: v if k in IDS else value for k, v in row.items()})


WRONG_TYPES: Mapping[str, Any] = {
    "null": None, "true": True, "number": 7, "fraction": 1.5e300, "text": "x", "list": [[]],
    "object": {"a": {}}, "long-text": "x" * 100_000,
}  # fmt: skip
JSON = (
    *(
        Attack(name, "JSON bodies", send, made=True)
        for name, send in {
            "deep-beside": _beside("[" * 200_000 + "]" * 200_000),
            "deep-objects-beside": _beside('{"a":' * 100_000 + "1" + "}" * 100_000),
            "deep-in-rows": _in_rows("[" * 5_000 + "]" * 5_000),
            "digits-1MB": _beside("9" * MB),
            "digits-as-id": more_rows(lambda r, _: put(r, IDS, 10**4_000)),
            "exponent": _beside("1e999999999"),
            "nan-and-infinity": _beside("[NaN, Infinity, -Infinity]"),
            "key-twice": body(_key_twice),
            "rest-behind": _in_bytes(lambda true: true + b"]]}} x"),
            "two-documents": _in_bytes(lambda true: true + true),
            "comments": _in_bytes(lambda true: b"/* odd */" + true),
            "single-quotes": _in_bytes(lambda true: true.replace(b'"', b"'")),
            "jsonp": _in_bytes(lambda true: b"callback(" + true + b");"),
            "list-as-object": _list_as({"0": {}}),
            "list-as-text": _list_as("none"),
            "list-as-number": _list_as(0),
            "list-of-lists": _list_as([[[]]] * 50),
            "list-of-texts": _list_as(["x"] * 50),
            "list-within-data": body(lambda e: json.dumps({"data": e.tree}).encode()),
            "200-that-says-401": body(_says_401),
            "empty-list": _list_as([]),
            "100000-keys": _beside(json.dumps({f"k{n}": n for n in range(100_000)})),
            "date-1MB": more_rows(lambda r, n: put(unreadable(r, n), TIMES, "2026-" + "0" * MB)),
            "white-space-10MB": _in_bytes(lambda true: b" " * 10 * MB + true),
        }.items()
    ),
    *(Attack(f"fields-{n}", "JSON bodies", _retyped(v)) for n, v in WRONG_TYPES.items()),
)


# --- rows -----------------------------------------------------------------------------------------


def _same_id_other_times(row: Row, _number: int) -> Row:
    return put(row, TIMES, "2030-01-01T10:00:00Z")


def _echo(exchange: Exchange) -> bytes:
    encoding = f"Kim Example <kim@example.com> +4930555010 Knee pain {exchange.target}"
    return json.dumps(
        {"message": encoding, "ExceptionMessage": encoding, "Status": "Error"}
    ).encode()


def _flood(make: Callable[[Row, int], Row], number: int) -> Send:
    def made(exchange: Exchange) -> bytes:
        rows = exchange.rows()
        first = json.dumps(make(dict(rows[0]) if rows else {}, 0))
        kind = make(dict.fromkeys(IDS, ""), 0)["id"].rsplit("-", 1)[0]

        def numbered() -> Iterator[str]:
            for n in range(number):
                yield first.replace(f'"{kind}-0"', f'"{kind}-{n}"')

        inside = ",".join([*map(json.dumps, rows), *numbered()])
        count = f',"RecordCount":{len(rows) + number}'
        return f'{{"{exchange.key}":[{inside}]{count}}}'.encode()

    return body(made)


def small(row: Row, number: int) -> Row:
    """Return an unreadable row that has only an id and a user."""
    fields = ("userId", "assignedUserId", "calendarId", "OwnerEmailAddress", "id", "UserTaskId")
    return unreadable({k: v for k, v in row.items() if k in fields}, number) | {"startTime": "soon"}


_Make = Callable[[Row, int], Any]


def _ids(make: Callable[[int], Any]) -> _Make:
    return lambda row, number: put(unreadable(row, number), IDS, make(number))


def _long(size: int) -> _Make:
    return lambda row, number: put(unreadable(row, number), TEXTS, "x" * size)


def _in_other_case(row: Row, _number: int) -> Row:
    return {
        name: encoding.swapcase() if name in IDS else encoding for name, encoding in row.items()
    }


def _copy(row: Row, _number: int) -> Row:
    return dict(list(row.items())[:8])


_NAMED = headers("X-Trace: kim@example.com", status=500, body=b"Kim Example +4930555010")
ROWS = (
    *(
        Attack(name, "rows", send, heavy=True, made=True)
        for name, send in {
            "100000-unreadable-rows": _flood(small, 100_000),
            "20000-unreadable-rows": _flood(small, 20_000),
            "30000-rows-off": _flood(off, 30_000),
            "100000-copies": more_rows(_copy, 100_000),
            "10000-rows-without-id": more_rows(lambda row, _: put(row, IDS, None), 10_000),
            "20-rows-of-1MB": more_rows(_long(MB), 20),
            "row-of-40MB": more_rows(_long(13 * MB), 3),
        }.items()
    ),
    *(
        Attack(name, "rows", send)
        for name, send in {
            "ids-of-10kB": more_rows(_ids(lambda n: f"{n}" + "x" * 10_000), 20),
            "ids-in-other-case": more_rows(_in_other_case),
            "id-again-with-other-times": more_rows(_same_id_other_times),
            "ids-empty": more_rows(lambda row, _: put(row, IDS, ""), 10),
            "ids-as-lists": more_rows(lambda row, n: put(row, IDS, [n]), 10),
            "ids-with-zeros": more_rows(_ids(lambda n: f"a\x00{n}"), 10),
            "ids-with-half-emojis": more_rows(_ids(lambda n: f"\ud83d{n}"), 10),
            "ids-as-paths": more_rows(_ids(lambda n: f"../../{n}?x=#"), 10),
            "ids-as-numbers": more_rows(_ids(lambda n: n), 10),
            "rows-null": more_rows(lambda _r, _n: None, 50),
            "exactly-100-rows": more_rows(off, 100),
            "names-and-secrets-in-an-error": body(_echo, status=400),
            "names-in-a-500": _NAMED,
        }.items()
    ),
)
