"""Odd times, texts and statuses that platforms were seen to send, inserted into a JSON body."""

from __future__ import annotations

import re
from collections.abc import Mapping

from syncd.lab.sandbox.faults import FaultKind

_TIMES: Mapping[str, tuple[re.Pattern[bytes], bytes]] = {
    "": (re.compile(rb'("(?:startTime|DueDate)":\s*)"[^"]*"'), rb'\1"0001-01-01T00:00:00"'),
    "ever": (re.compile(rb'("(?:endTime|EndDate)":\s*)"[^"]*"'), rb'\1"9999-12-31T23:59:59"'),
    "updated": (
        re.compile(rb'("(?:dateUpdated|updatedAt|ModifiedOn)":\s*)"[^"]*"'),
        rb'\1"0001-01-01T00:00:00"',
    ),
}
_REPAIRED = rb"Kim ?(?:\xef\xbf\xbd|\\ufffd)"
_TEXT = re.compile(rb'("(?:title|notes|Description)":\s*")(?!' + _REPAIRED + rb")")
"""Matches the start of a text. A text that a client repaired and sent back is not cut again."""

_HALVES: Mapping[str, bytes] = {
    "": rb"\1Kim \\ud83d ",
    "bytes": b"\\1Kim \xf0\x9f\x98 ",
    "nul": rb"\1Kim\\u0000 ",
}

UNKNOWN_STATUS = "In Review"
"""An undocumented status. An update that sends it back leaves the status unchanged."""

_WORDS: Mapping[str, bytes] = {
    "new": b"pending",
    "confirmed": b"Confirmed",
    "showed": b"Completed",
    "cancelled": b"CANCELED",
    "noshow": b"no-show",
}
_CODES: Mapping[str, bytes] = {"0": b"Pending", "1": b"Completed", "2": b"Cancelled"}
_TAKEN = frozenset({"new", "confirmed", "showed", "0", "1"})
_STATUS = re.compile(rb'("app(?:ointment|oinment)Status":\s*)"(\w+)"')
_CODE = re.compile(rb'("StatusCode":\s*)([0-9]+)(?=,\s*"OwnerId")')


def replace_status_words(body: bytes, *, unknown: bool) -> bytes:
    """Return the body of a response with other spellings of its statuses.

    With ``unknown``, each status that takes time is replaced by an undocumented one instead.
    """

    def word(match: re.Match[bytes]) -> bytes:
        status = match[2].decode()
        if not unknown:
            return match[1] + b'"' + _WORDS.get(status, match[2]) + b'"'
        return match[1] + b'"' + UNKNOWN_STATUS.encode() + b'"' if status in _TAKEN else match[0]

    def code(match: re.Match[bytes]) -> bytes:
        status = match[2].decode()
        if not unknown:
            return match[1] + b'"' + _CODES[status] + b'"'
        return match[1] + b"-1" if status in _TAKEN else match[0]

    return _CODE.sub(code, _STATUS.sub(word, body))


def insert_odd_values(body: bytes, kind: FaultKind, spelling: str) -> bytes:
    """Return the body of a response with odd values, as this kind of fault asks for.

    ODD_TIME changes one time; other kinds change texts or statuses everywhere. ``spelling`` is that
    of the fault.
    """
    if kind is FaultKind.ODD_STATUS:
        return replace_status_words(body, unknown=spelling == "unknown")
    if kind is FaultKind.ODD_TIME:
        pattern, odd = _TIMES[spelling]
        return pattern.sub(odd, body, count=1)
    return _TEXT.sub(_HALVES[spelling], body)
