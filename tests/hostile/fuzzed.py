"""Hypothesis strategies for the fuzzed parsers: changed JSON, HTTP bytes, odd texts."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**31, 2**53 + 1, 2**63, 2**64, 10**30, 1e308, float("nan"),
    float("inf"), "", " ", "null", "0", "-1", "true", "\ud83d", "a\x00b", "\ufeff", "x" * 5_000,
    "é" * 300, "9" * 400, "0001-01-01T00:00:00", "9999-12-31T23:59:59Z", "2027-06-14T10:00:00",
    "2027-06-14T10:00:00+02:00", "2027-03-28T02:30:00", "/Date(253402300799999)/", [], {}, [[]],
    [None], {"id": None}, {"id": {}}, ["a", 1, None, {}], {"": ""}, "cancelled", "confirmed",
)  # fmt: skip
"""Values that platforms, proxies and people were seen to send in place of valid ones."""

TEXT = st.text(st.characters(), max_size=20)
JSON = st.recursive(
    st.sampled_from(ODD_VALUES) | TEXT | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)


@dataclass(frozen=True)
class Change:
    """One change of a JSON tree: the new value of the node at ``place`` (modulo the size)."""

    place: int
    how: str
    value: Any = None


CHANGES = st.builds(
    Change,
    place=st.integers(0, 5_000),
    how=st.sampled_from(["put", "put", "put", "drop", "double", "rename", "swap", "copy"]),
    value=JSON,
)


@dataclass(frozen=True)
class Spoiled:
    """The changes of one example to the answers: first to the tree, then to the bytes."""

    changes: Sequence[Change] = ()
    every: int = 1
    cut: int | None = None
    patches: Sequence[tuple[int, bytes]] = ()
    status: int | None = None
    ascii_only: bool = True
    headers: dict[str, str] = field(default_factory=dict)

    def body(self, true: bytes) -> bytes:
        """Return the body to send instead of the true one."""
        try:
            tree = json.loads(true)
        except ValueError:
            said = true
        else:
            for change in self.changes:
                tree = changed(tree, change)
            text = json.dumps(tree, ensure_ascii=self.ascii_only)
            said = text.encode("utf-8", "surrogatepass")
        for place, patch in self.patches:
            at = place % (len(said) + 1)
            said = said[:at] + patch + said[at + len(patch) // 2 :]
        return said if self.cut is None else said[: self.cut % (len(said) + 1)]


HEADER_NAMES = (
    "Retry-After", "Date", "Content-Type", "X-RateLimit-Max", "X-RateLimit-Remaining",
    "X-RateLimit-Interval-Milliseconds", "X-RateLimit-Limit-Daily", "X-RateLimit-Daily-Remaining",
    "X-RateLimit-Daily-Reset", "RateLimit-Remaining", "RateLimit-Reset",
)  # fmt: skip
HEADER_TEXT = st.one_of(
    st.sampled_from(
        ["", "nan", "inf", "-1", "1e308", "0", "9" * 400, "1_0", "text/html;charset=x"]
    ),
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(str),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
)
HEADERS = st.dictionaries(st.sampled_from(HEADER_NAMES), HEADER_TEXT, max_size=3)
SPOILED = st.builds(
    Spoiled,
    changes=st.lists(CHANGES, min_size=1, max_size=5),
    every=st.integers(1, 3),
    cut=st.none() | st.none() | st.none() | st.integers(0, 5_000),
    patches=st.lists(
        st.tuples(st.integers(0, 5_000), st.binary(min_size=1, max_size=6)), max_size=1
    )
    | st.just([]),
    status=st.none() | st.none() | st.none() | st.integers(200, 599),
    ascii_only=st.booleans(),
    headers=st.just({}) | HEADERS,
)


def changed(tree: Any, change: Change) -> Any:
    """Return the tree with one node changed."""
    tree = copy.deepcopy(tree)
    places = [(holder, key) for holder, key in _places(tree) if key is not None]
    if not places:
        return change.value
    holder, key = places[change.place % len(places)]
    other, beside = places[(change.place * 7 + 1) % len(places)]
    match change.how:
        case "put":
            holder[key] = change.value
        case "drop":
            del holder[key]
        case "double" if isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        case "rename" if isinstance(holder, dict):
            holder[str(change.value)] = holder.pop(key)
        case "swap" | "copy" if not (_within(holder[key], other) or _within(other[beside], holder)):
            mine, theirs = copy.deepcopy(holder[key]), copy.deepcopy(other[beside])
            holder[key] = theirs
            if change.how == "swap":
                other[beside] = mine
        case _:
            holder[key] = [holder[key]]
    return tree


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(node) if isinstance(node, dict) else range(len(node) if _is_list(node) else 0)
    for key in keys:
        yield node, key
        yield from _places(node[key])


def _is_list(node: object) -> bool:
    return isinstance(node, list)


def _within(node: Any, holder: Any) -> bool:
    return node is holder or any(inner[key] is holder for inner, key in _places(node))


_LINES = st.sampled_from([
    b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 100 Continue", b"HTTP/1.1 204 No Content",
    b"HTTP/1.1 304 Not Modified", b"HTTP/1.1 429 Slow", b"HTTP/2 200", b"HTTP/1.1 200", b"ICY 200",
])  # fmt: skip
_FIELDS = st.sampled_from([
    b"Content-Length: 2", b"Content-Length: 0", b"Content-Length: 1, 2", b"Content-Length: +2",
    b"Content-Length: 0x2", b"Content-Length: 99999999999", b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: Chunked, chunked", b"Transfer-Encoding: identity", b"Connection: close",
    b"Connection: keep-alive", b"Content-Encoding: gzip", b"Content-Encoding: deflate",
    b"Content-Encoding: gzip, gzip", b"Content-Encoding: br", b"Content-Encoding: identity",
    b"Content-Encoding: ,", b"Upgrade: h2c", b"Trailer: X", b"X: y", b" folded", b"X : y", b"X",
    b"Retry-After: 1", b"Date: Fri, 31 Dec 9999 23:59:59 GMT", b"Content-Range: bytes 0-1/9",
])  # fmt: skip
_BODIES = st.one_of(
    st.sampled_from([
        b"{}", b"", b"2\r\n{}\r\n0\r\n\r\n",
        b"2;a=b\r\n{}\r\n0\r\nX: y\r\n\r\n", b"-1\r\n", b"\x1f\x8b\x08",
        b"ffffffffffffffff\r\n{}", b"0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"\x78\x9c\xab\xae\x05\x00\x01\x75\x00\xf9",
    ]),
    st.binary(max_size=60),
)  # fmt: skip
_ANSWER = st.builds(
    lambda line, fields, body: b"\r\n".join([line, *fields, b"", b""]) + body,
    _LINES,
    st.lists(_FIELDS, max_size=5),
    _BODIES,
)
HTTP_BYTES = st.one_of(
    st.lists(_ANSWER, min_size=1, max_size=3).map(b"".join),
    st.builds(
        lambda answer, at, patch: answer[: at % (len(answer) + 1)] + patch + answer[at:],
        _ANSWER,
        st.integers(0, 200),
        st.binary(max_size=8),
    ),
    st.binary(max_size=200),
)

NUMBERS = st.integers(-(10**9), 10**12).map(str) | st.sampled_from(["9" * 30, "0", "", "٣"])
LIMIT_WORDS = st.builds(
    lambda calls, count, unit: (
        f"API calls exceeded the limit of {calls} in {count} {unit}".encode()
    ),
    NUMBERS,
    NUMBERS,
    st.sampled_from(["second", "minutes", "hour", "day", "weeks"]),
)
_KEYS = st.sampled_from([
    "List", "RecordCount", "events", "appointments", "id", "startTime", "Status", "Message",
    "services", "contact", "teamMembers", "CustomFields", "TaskType", "appointment",
])  # fmt: skip
_TREES = st.recursive(
    JSON,
    lambda inner: st.dictionaries(_KEYS, inner, max_size=4) | st.lists(inner, max_size=4),
    max_leaves=10,
)
BODIES = st.one_of(
    _TREES.map(lambda tree: json.dumps(tree, ensure_ascii=True).encode()),
    st.builds(
        lambda body, at, patch: body[: at % (len(body) + 1)] + patch + body[at + 1 :],
        _TREES.map(lambda tree: json.dumps(tree).encode()),
        st.integers(0, 300),
        st.binary(max_size=6),
    ),
    st.binary(max_size=300),
)
_ARGUMENTS = st.dictionaries(
    st.sampled_from([
        "from", "to", "provider", "accept", "run", "booking", "conflict", "id", "by", "undo",
        "dry_run", "way", "value", "start", "end", "keep", "system", "event", "status", "inputs",
    ])
    | TEXT,
    JSON
    | st.sampled_from([
        "2027-06-14T10:00:00+00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00",
        "2027-06-14", "bob", "clinic",
    ]),
    max_size=5,
)  # fmt: skip
FRAMES = st.one_of(
    st.builds(
        lambda command, arguments, tail: (
            json.dumps({"command": command, "arguments": arguments}).encode() + tail
        ),
        st.sampled_from(["resync", "undo", "resolve", "acknowledge"]) | JSON,
        _ARGUMENTS | JSON,
        st.sampled_from([b"\n", b"", b"\n{}\n", b"\0\n"]),
    ),
    JSON.map(lambda tree: json.dumps(tree).encode() + b"\n"),
    st.binary(max_size=200),
    st.just(b"[" * 50_000 + b"\n"),
    st.just(b"x" * 70_000),
)
