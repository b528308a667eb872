"""Recognise an error inside a success: a 200 whose body says 401, or "error".

Gateways and proxies in front of a platform send such bodies. Decoded as a list, they would be an
empty one. The rules are the same for all platforms and all calls.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from syncd.systems.lenient import number, read_json, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.systems.client import HttpResponse

_SUCCESS = range(200, 300)
_ERRORS = range(400, 600)
_SHORT = 4096
"""Bytes up to which a whole body is searched; of longer ones, only the first and last fields."""

_CODES = ("statuscode", "httpstatus", "httpstatuscode", "httpcode", "status")
_CODES_BESIDE_A_TEXT = ("code", "errorcode")
_TEXTS = ("message", "msg", "error", "errors", "errormessage")
_FLAGS = ("success", "succeeded", "succeded", "issuccess", "issuccessful", "ok")
_ERROR_FIELDS = ("error", "errors", "exceptiontype")
_ERROR_WORDS = frozenset({"error", "failure", "failed", "fail"})
_NAMES = frozenset({*_CODES, *_CODES_BESIDE_A_TEXT, *_FLAGS, *_ERROR_FIELDS})

_KEY = re.compile(rb'"([A-Za-z_-]{2,20})"\s*:')
_HINT = re.compile(rb"status|code|succ|error|exception|\bok\b", re.IGNORECASE)
"""Matches a part of each name; a short body without a match need not be decoded."""

_SEPARATORS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class ErrorInSuccess:
    """The error that a body reports. ``code`` is the HTTP status in the body; None if missing."""

    code: int | None
    words: str


def error_in_success(response: HttpResponse) -> ErrorInSuccess | None:
    """Return the error that the body of a success reports; None if the body reports none."""
    body = response.content
    if response.status_code not in _SUCCESS or body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{":
        return None
    if not (_HINT.search(body) if len(body) <= _SHORT else _names_an_error(body)):
        return None
    decoded = read_json(body, dict[str, msgspec.Raw])
    if decoded is None:
        return None
    raws = {_plain(key): raw for key, raw in decoded.items()}
    if not _NAMES & raws.keys():
        return None
    fields = {key: _value(raw) for key, raw in raws.items() if key in _NAMES or key in _TEXTS}
    return _error(fields, is_record="id" in raws)


def _error(fields: Mapping[str, object], *, is_record: bool) -> ErrorInSuccess | None:
    words = next((words for key in _TEXTS if (words := text(fields.get(key)))), "")
    names = [*_CODES]
    if any(fields.get(key) for key in _TEXTS):
        names += _CODES_BESIDE_A_TEXT
    code = _code(fields, names)
    if code is None and isinstance(error := fields.get("error"), dict):
        inner = {_plain(str(key)): value for key, value in error.items()}
        code = _code(inner, [*_CODES, *_CODES_BESIDE_A_TEXT])
        words = words or text(inner.get("message"))
    if code is not None:
        return ErrorInSuccess(code, words)
    refused = any(fields.get(key) is False or _word(fields, key) == "false" for key in _FLAGS)
    # A record has an id. Its fields `status` and `error` describe the record, not the call.
    failed = not is_record and (
        _word(fields, "status") in _ERROR_WORDS or any(fields.get(key) for key in _ERROR_FIELDS)
    )
    return ErrorInSuccess(None, words) if refused or failed else None


def _code(fields: Mapping[str, object], names: list[str]) -> int | None:
    for key in names:
        value = fields.get(key)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        code = number(value)
        if code in _ERRORS:
            return code
    return None


def _word(fields: Mapping[str, object], key: str) -> str:
    return text(fields.get(key)).casefold()


def _names_an_error(body: bytes) -> bool:
    """Return whether an error's field may be before the first list or object, or after the last."""
    first = min((at for mark in (b"[", b"{") if (at := body.find(mark, 2)) > 0), default=_SHORT)
    tail = body.rstrip(b"} \t\r\n")
    tail = tail[max(tail.rfind(b"]"), tail.rfind(b"}"), len(tail) - _SHORT) :]
    keys = (*_KEY.findall(body[: min(first, _SHORT)]), *_KEY.findall(tail))
    return any(_plain(key.decode()) in _NAMES for key in keys)


def _plain(key: str) -> str:
    return _SEPARATORS.sub("", key).lower()


def _value(raw: msgspec.Raw) -> object:
    return read_json(bytes(raw), object)
