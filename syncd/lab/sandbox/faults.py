"""Faults of a platform, as data that tests, the demo and the simulator switch on.

Faults are not random: each one hits the next requests that it matches, so a run can be repeated.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from syncd.lab.sandbox.broken_rows import RowDefect
from syncd.lab.sandbox.odd_responses import ODD_RESPONSES

if TYPE_CHECKING:
    from datetime import datetime


class FaultKind(StrEnum):
    """The kinds of misbehaviour of a platform."""

    LAG = "lag"
    """Lists show the state of ``seconds`` ago; reads by id are current."""
    LOSE_BEFORE = "lose-before"
    """The connection drops before the request has any effect."""
    LOSE_AFTER = "lose-after"
    """The request takes effect, then the connection drops."""
    RESET_BODY = "reset-body"
    """The request takes effect; headers and half of the body arrive, then the connection drops."""
    ERROR = "error"
    """The request has no effect. The answer is ``status`` with an HTML page, or without a body if
    ``spelling="empty"``."""
    UNAUTHORISED = "unauthorised"
    """401 in the platform's own form."""
    EMPTY = "empty"
    """Lists are well formed and empty."""
    SHORT_PAGE = "short-page"
    """Lists omit the last third of their rows (at least one); their counts include all rows."""
    SHIFT_ROWS = "shift-rows"
    """Rows move between pages: every page except the first omits one row, or repeats one if
    ``spelling="again"``. LeadSquared only: the other platforms have no pages."""
    DUPLICATE_ROWS = "duplicate-rows"
    """Lists show every row twice."""
    RATE_LIMITED = "rate-limited"
    """The request is refused as one too many; ``spelling`` selects the form if the platform has
    several."""
    SLOW = "slow"
    """The response takes ``seconds``."""
    SLOW_JOBS = "slow-jobs"
    """Asynchronous jobs take ``seconds``."""
    FAIL_JOBS = "fail-jobs"
    """A job silently omits its last row (LeadSquared bulk calls)."""
    ROUNDING = "rounding"
    """Written times are stored rounded down to whole ``seconds`` since the epoch."""
    RESET_FIELDS = "reset-fields"
    """An update ignores the status and texts in its body and resets them (v2); only the status if
    ``spelling="status"``."""
    STRIP_KEYS = "strip-keys"
    """Text in square brackets is removed from written titles, notes and descriptions."""
    CLOCK_SKEW = "clock-skew"
    """The platform's clock is ``seconds`` fast, in the Date header and in update times."""
    NEW_ID_ON_MOVE = "new-id-on-move"
    """An appointment that a person moves gets a new id."""
    ODD_ANSWER = "odd-answer"
    """The answer is the one of `ODD_RESPONSES` that ``spelling`` names. The request takes effect
    unless that answer refuses it."""
    ODD_TIME = "odd-time"
    """The first row of an answer begins in year 1. It ends in 9999 if ``spelling="ever"``, and was
    last updated in year 1 if ``spelling="updated"``."""
    BROKEN_ROW = "broken-row"
    """The first row of a list lacks its end. It lacks its id if ``spelling="no-id"``, its owner if
    ``"no-owner"``, and is a string if ``"no-object"``. `Platform.broken_rows` does this to given
    rows."""
    HALF_EMOJI = "half-emoji"
    """Texts of events contain half an emoji as a JSON escape; as invalid UTF-8 bytes if
    ``spelling="bytes"``; a NUL character instead if ``"nul"``."""
    ODD_STATUS = "odd-status"
    """Reads show another spelling of each status. If ``spelling="unknown"``, each status that takes
    time is shown as an undocumented one."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: which requests it hits, how often, and until when.

    ``path`` is a regular expression matched at the start of the path (without the platform's base
    path); ``method`` is upper case; empty values match everything. ``times`` None means until
    cleared.
    """

    kind: FaultKind
    path: str = ""
    method: str = ""
    times: int | None = None
    until: datetime | None = None
    seconds: float = 0
    status: int = 503
    spelling: str = ""

    def matches(self, method: str, path: str, now: datetime | None) -> bool:
        """Return true if the fault applies to this request at this time."""
        return (
            (not self.method or self.method == method)
            and re.match(self.path, path) is not None
            and (self.until is None or now is None or now < self.until)
        )


class Faults:
    """The faults of one platform, in the order in which they were added."""

    def __init__(self) -> None:
        """Start without faults."""
        self._faults: list[tuple[Fault, list[int]]] = []
        self.injected: Counter[FaultKind] = Counter()
        """Number of requests that were hit, by kind."""

    def __bool__(self) -> bool:
        """Return true if any fault was added and not cleared since."""
        return bool(self._faults)

    def add(self, fault: Fault) -> None:
        """Switch a fault on.

        Raises ValueError if the path is not a regular expression, or if the spelling is not the
        name of an odd answer or row defect.
        """
        if fault.kind is FaultKind.ODD_ANSWER and fault.spelling not in ODD_RESPONSES:
            message = f"spelling {fault.spelling!r} is not one of {', '.join(ODD_RESPONSES)}"
            raise ValueError(message)
        if fault.kind is FaultKind.BROKEN_ROW and fault.spelling not in {"", *RowDefect}:
            message = f"spelling {fault.spelling!r} is not one of {', '.join(RowDefect)}"
            raise ValueError(message)
        try:
            re.compile(fault.path)
        except re.error as error:
            message = f"path {fault.path!r} is not a regular expression: {error}"
            raise ValueError(message) from error
        self._faults.append((fault, [0]))

    def pending(self) -> list[Fault]:
        """Return all faults that were not cleared."""
        return [fault for fault, _ in self._faults]

    def clear(self, kind: FaultKind | None = None) -> None:
        """Switch off all faults of a kind, or all faults."""
        self._faults = [each for each in self._faults if kind is not None and each[0].kind != kind]

    def active(
        self, kind: FaultKind, method: str = "", path: str = "", now: datetime | None = None
    ) -> Fault | None:
        """Return the first fault that hits this request, or None; count no hit."""
        match = self._find(kind, method, path, now)
        return match[0] if match else None

    def take(
        self, kind: FaultKind, method: str = "", path: str = "", now: datetime | None = None
    ) -> Fault | None:
        """Return the first fault of this kind that matches the request, and count one hit.

        Return None if no fault matches. ``now`` is compared with the end of each fault.
        """
        match = self._find(kind, method, path, now)
        if match is None:
            return None
        fault, hits = match
        hits[0] += 1
        self.injected[kind] += 1
        return fault

    def _find(
        self, kind: FaultKind, method: str, path: str, now: datetime | None
    ) -> tuple[Fault, list[int]] | None:
        for fault, hits in self._faults:
            hits_remain = fault.times is None or hits[0] < fault.times
            if fault.kind == kind and hits_remain and fault.matches(method, path, now):
                return fault, hits
        return None
