"""Recognise an error that is told inside a success: a 200 whose body says 401, or "error".

Gateways and proxies in front of a platform send such answers. Read as what they pretend to be, they
are an empty list. The rule is the same for all platforms and all calls.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from syncd.systems.lenient import number, read_json, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.systems.client import Answer

_SUCCESS = range(200, 300)
_ERRORS = range(400, 600)
_SHORT = 4096
"""Bytes up to which a body is looked at as a whole; else its first and its last fields are."""

_CODES = ("statuscode", "httpstatus", "httpstatuscode", "httpcode", "status")
_CODES_BESIDE_A_TEXT = ("code", "errorcode")
_TEXTS = ("message", "msg", "error", "errors", "errormessage")
_FLAGS = ("success", "succeeded", "succeded", "issuccess", "issuccessful", "ok")
_ERROR_FIELDS = ("error", "errors", "exceptiontype")
_ERROR_WORDS = frozenset({"error", "failure", "failed", "fail"})
_NAMES = frozenset({*_CODES, *_CODES_BESIDE_A_TEXT, *_FLAGS, *_ERROR_FIELDS})

_KEY = re.compile(rb'"([A-Za-z_-]{2,20})"\s*:')
_HINT = re.compile(rb"status|code|succ|error|exception|\bok\b", re.IGNORECASE)
"""Part of each name; a short body without any need not be decoded."""

_SEPARATORS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class ErrorInSuccess:
    """The error that a body tells of. ``code`` is the HTTP status that it names, None: none."""

    code: int | None
    words: str


def error_in_success(answer: Answer) -> ErrorInSuccess | None:
    """Return the error that a success tells of, None if it tells of none."""
    body = answer.content
    if answer.status_code not in _SUCCESS or body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{":
        return None
    if not (_HINT.search(body) if len(body) <= _SHORT else _names_an_error(body)):
        return None
    found = read_json(body, dict[str, msgspec.Raw])
    if found is None:
        return None
    fields = {_plain(key): raw for key, raw in found.items()}
    if not _NAMES & fields.keys():
        return None
    told = {key: _value(raw) for key, raw in fields.items() if key in _NAMES or key in _TEXTS}
    return _error(told, is_record="id" in fields)


def _error(told: Mapping[str, object], *, is_record: bool) -> ErrorInSuccess | None:
    words = next((said for key in _TEXTS if (said := text(told.get(key)))), "")
    names = [*_CODES]
    if any(told.get(key) for key in _TEXTS):
        names += _CODES_BESIDE_A_TEXT
    code = _code(told, names)
    if code is None and isinstance(inner := told.get("error"), dict):
        inside = {_plain(str(key)): value for key, value in inner.items()}
        code = _code(inside, [*_CODES, *_CODES_BESIDE_A_TEXT])
        words = words or text(inside.get("message"))
    if code is not None:
        return ErrorInSuccess(code, words)
    refused = any(told.get(key) is False or _word(told, key) == "false" for key in _FLAGS)
    # A record has an id; its status is its own, and so is a field of that name.
    failed = not is_record and (
        _word(told, "status") in _ERROR_WORDS or any(told.get(key) for key in _ERROR_FIELDS)
    )
    return ErrorInSuccess(None, words) if refused or failed else None


def _code(told: Mapping[str, object], names: list[str]) -> int | None:
    for key in names:
        value = told.get(key)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        code = number(value)
        if code in _ERRORS:
            return code
    return None


def _word(told: Mapping[str, object], key: str) -> str:
    return text(told.get(key)).casefold()


def _names_an_error(body: bytes) -> bool:
    """Whether a field before the first list or object, or after the last one, may be an error's."""
    opened = min((at for mark in (b"[", b"{") if (at := body.find(mark, 2)) > 0), default=_SHORT)
    closed = body.rstrip(b"} \t\r\n")
    closed = closed[max(closed.rfind(b"]"), closed.rfind(b"}"), len(closed) - _SHORT) :]
    keys = (*_KEY.findall(body[: min(opened, _SHORT)]), *_KEY.findall(closed))
    return any(_plain(key.decode()) in _NAMES for key in keys)


def _plain(key: str) -> str:
    return _SEPARATORS.sub("", key).lower()


def _value(raw: msgspec.Raw) -> object:
    return read_json(bytes(raw), object)
