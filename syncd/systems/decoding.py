"""Decode JSON bodies: repair text that is not valid Unicode, and give up a row, not a list.

Platforms cut texts at a length in bytes or UTF-16 units, so a title may end in half an emoji: a
lone surrogate escape, or the first bytes of a character. A healthy body is decoded once, as a
whole; the slower steps run only after that failed.
"""

from __future__ import annotations

import re
from functools import partial
from types import NoneType
from typing import Any, TypeVar, cast, get_args, get_origin

import msgspec

T = TypeVar("T")

UNREADABLE = (ValueError, RecursionError)
"""What decoding raises: `msgspec.DecodeError` and `UnicodeDecodeError` are ValueErrors."""

MOST_REPAIRED = 4 * 1024 * 1024
"""Longer bodies are not repaired, so that no platform can keep the process busy: lists are 2 MB."""

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
    """Decode a body into a shape. Raises one of `UNREADABLE` if even a repaired body does not fit.

    A row of a list that cannot be decoded keeps the fields that can be. Where the shape allows
    None, a row without any becomes None.
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except UNREADABLE:
        if len(body) > MOST_REPAIRED:
            raise
        sound = repaired(body)
    try:
        return msgspec.json.decode(sound, type=shape)
    except UNREADABLE:
        return cast("T", _salvaged(sound, shape))


def repaired(body: bytes) -> bytes:
    """Return the body with valid text: what is no character becomes U+FFFD, a raw control a space.

    Outside of texts there are no escapes, and a space is as good as any other white space.
    """
    text = body.decode("utf-8-sig", "replace").encode().translate(_NO_CONTROLS)
    return _ESCAPES.sub(_sound, text)


def _sound(part: re.Match[bytes]) -> bytes:
    return part[1] or _REPLACEMENT


def _salvaged(body: bytes | msgspec.Raw, shape: Any) -> Any:
    """Decode part by part: the rows of lists, and the fields of objects that hold lists."""
    if get_origin(shape) is list:
        (row,) = get_args(shape)
        rows = msgspec.json.decode(body, type=list[msgspec.Raw])
        return [_part(raw, row) for raw in rows]
    if not (isinstance(shape, type) and issubclass(shape, msgspec.Struct)):
        return msgspec.json.decode(body, type=shape)
    parts = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    known = {
        field.name: _part(parts[field.encode_name], field.type)
        for field in msgspec.structs.fields(shape)
        if field.encode_name in parts
    }
    missing = [f for f in msgspec.structs.fields(shape) if f.required and f.name not in known]
    if missing:
        message = f"Object missing required field `{missing[0].encode_name}`"
        raise msgspec.ValidationError(message)
    return shape(**known)


def _part(raw: msgspec.Raw, shape: Any) -> Any:
    """Decode a row or field: as it should be, else what is left of it, else None if that fits."""
    choices = get_args(shape) or (shape,)
    attempts = [partial(cast("Any", msgspec.json.decode), raw, type=shape)]
    if get_origin(shape) is list:
        return _salvaged(raw, shape)
    attempts += [
        partial(_salvaged, raw, choice)
        for choice in choices
        if isinstance(choice, type) and issubclass(choice, msgspec.Struct)
    ]
    for attempt in attempts:
        try:
            return attempt()
        except UNREADABLE:
            continue
    if shape is Any or NoneType in choices:
        return None
    message = "a part of the answer cannot be decoded"
    raise msgspec.ValidationError(message)
