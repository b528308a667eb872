"""Rows with times and texts that platforms were seen to send, put into an answer's JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping

from syncd.sandbox.faults import FaultKind

_TIMES: Mapping[str, tuple[re.Pattern[bytes], bytes]] = {
    "": (re.compile(rb'("(?:startTime|DueDate)":\s*)"[^"]*"'), rb'\1"0001-01-01T00:00:00"'),
    "ever": (re.compile(rb'("(?:endTime|EndDate)":\s*)"[^"]*"'), rb'\1"9999-12-31T23:59:59"'),
    "updated": (
        re.compile(rb'("(?:dateUpdated|updatedAt|ModifiedOn)":\s*)"[^"]*"'),
        rb'\1"0001-01-01T00:00:00"',
    ),
}
_TEXT = re.compile(rb'("(?:title|notes|Description)":\s*")')
_HALVES: Mapping[str, bytes] = {
    "": rb"\1Kim \\ud83d ",
    "bytes": b"\\1Kim \xf0\x9f\x98 ",
    "nul": rb"\1Kim\\u0000 ",
}


def spoilt(body: bytes, kind: FaultKind, spelling: str) -> bytes:
    """Return the body with one odd time, or with every text cut; as it is if it holds none."""
    if kind is FaultKind.ODD_TIME:
        pattern, odd = _TIMES[spelling]
        return pattern.sub(odd, body, count=1)
    return _TEXT.sub(_HALVES[spelling], body)
