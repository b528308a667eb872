"""Decode JSON bodies: repair invalid Unicode, and lose at most a row of a list, not the list.

Platforms cut texts at a length in bytes or UTF-16 units, so a title may end in half an emoji: a
lone surrogate escape, or the first bytes of a character. A valid body is decoded once, as a whole;
the slower steps run only if that fails.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from types import NoneType
from typing import Any, TypeVar, cast, get_args, get_origin

import msgspec

from syncd.systems.sizes import TooLargeError, expect_rows, expect_small

T = TypeVar("T")

UNREADABLE = (ValueError, RecursionError)
"""The errors of decoding: `msgspec.DecodeError` and `UnicodeDecodeError` are ValueErrors."""

MAX_REPAIRED_BYTES = 3 * 1024 * 1024
"""Bytes above which a body is not repaired, to bound the CPU time; the largest lists are 2 MB."""

MAX_REPAIRS = 20_000
"""Places of a body that are repaired at most: one in each row of the longest list."""

MAX_SALVAGED = 2_000
"""Unreadable rows of a list whose readable fields are searched for; further rows are lost."""

_LARGE = 64 * 1024

_NO_CONTROLS = bytes(max(byte, 32) for byte in range(256))
_ESCAPES = re.compile(
    rb"((?:[^\\]++"
    rb'|\\["\\/bfnrt]'
    rb"|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}"
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    rb")++)"
    rb"|\\(?:u[0-9a-fA-F]{0,4})?"  # half a pair, or no escape at all
)
_REPLACEMENT = rb"\ufffd"


def decode(body: bytes, shape: type[T]) -> T:
    """Decode a body into a type. Raises one of `UNREADABLE` if even the repaired body does not fit.

    A list row that cannot be decoded keeps its readable fields. If it has none and the type allows
    None, the row becomes None.
    """
    return decode_weighed(body, shape)[0]


def decode_weighed(body: bytes, shape: type[T]) -> tuple[T, int]:
    """Decode a body; also return an estimate of its memory in bytes.

    Raises one of `UNREADABLE`.
    """
    weighs = expect_small(body)
    return _decoded(body, shape), weighs


def _decoded(body: bytes, shape: type[T]) -> T:
    with _without_collection(len(body)):
        try:
            return msgspec.json.decode(body, type=shape)
        except UNREADABLE:
            if len(body) > MAX_REPAIRED_BYTES:
                raise
            valid = repaired(body, MAX_REPAIRS)
        try:
            return msgspec.json.decode(valid, type=shape)
        except UNREADABLE:
            return cast("T", _salvaged(valid, shape))


@contextmanager
def _without_collection(size: int) -> Iterator[None]:
    """Disable the garbage collector, which would traverse a large result again and again."""
    if size < _LARGE or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def repaired(body: bytes, limit: int | None = None) -> bytes:
    """Return the body with valid text: invalid characters become U+FFFD, raw controls a space.

    This is safe outside of strings: there are no escapes, and controls are white space. Raises
    TooLargeError if more than ``limit`` places need a repair.
    """
    text = body.decode("utf-8-sig", "replace").encode().translate(_NO_CONTROLS)
    places = 0

    def repair(part: re.Match[bytes]) -> bytes:
        nonlocal places
        if part[1]:
            return part[1]
        places += 1
        if limit is not None and places > limit:
            raise TooLargeError(f"the text is invalid in more than {limit} places")
        return _REPLACEMENT

    return _ESCAPES.sub(repair, text)


def _salvaged(body: bytes | msgspec.Raw, shape: Any) -> Any:
    """Decode part by part: the rows of a list, and each field of an object."""
    if get_origin(shape) is list:
        (row,) = get_args(shape)
        return _rows(_RAWS.decode(body), row)
    if not _is_struct(shape):
        return _decoder(shape).decode(body)
    parts = _RAW_FIELDS.decode(body)
    fields = _fields(shape)
    known = {
        field.name: _part(parts[field.encode_name], field.type)
        for field in fields
        if field.encode_name in parts
    }
    missing = [f for f in fields if f.required and f.name not in known]
    if missing:
        message = f"Object missing required field `{missing[0].encode_name}`"
        raise msgspec.ValidationError(message)
    return shape(**known)


def _rows(raws: Sequence[msgspec.Raw], shape: Any) -> list[Any]:
    """Decode each row; salvage at most `MAX_SALVAGED` rows that cannot be decoded."""
    expect_rows(len(raws))
    remaining, rows = MAX_SALVAGED, list[Any]()
    for raw in raws:
        try:
            rows.append(_decoder(shape).decode(raw))
        except UNREADABLE:
            remaining -= 1
            rows.append(_salvaged_part(raw, shape, thorough=remaining >= 0))
    return rows


def _part(raw: msgspec.Raw, shape: Any) -> Any:
    """Decode a field; if that fails, its readable parts, or None if the type allows it."""
    if get_origin(shape) is list:
        return _salvaged(raw, shape)
    try:
        return _decoder(shape).decode(raw)
    except UNREADABLE:
        return _salvaged_part(raw, shape)


def _salvaged_part(raw: msgspec.Raw, shape: Any, *, thorough: bool = True) -> Any:
    choices = get_args(shape) or (shape,)
    for choice in filter(_is_struct, choices if thorough else ()):
        try:
            return _salvaged(raw, choice)
        except UNREADABLE:
            continue
    if shape is Any or NoneType in choices:
        return None
    message = "a part of the response cannot be decoded"
    raise msgspec.ValidationError(message)


_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_RAW_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


@lru_cache(maxsize=256)
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    """Return a cached decoder: creating one takes far longer than decoding a row."""
    return msgspec.json.Decoder(shape)


@lru_cache(maxsize=256)
def _fields(shape: Any) -> Sequence[msgspec.structs.FieldInfo]:
    return msgspec.structs.fields(shape)


def _is_struct(shape: Any) -> bool:
    return isinstance(shape, type) and issubclass(shape, msgspec.Struct)
