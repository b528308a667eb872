"""What can go wrong on a platform, as data that tests, the demo and the simulator switch on.

Nothing here is random: a fault hits the next requests that it matches, so a run can be repeated.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from syncd.sandbox.broken_rows import Lack
from syncd.sandbox.odd_answers import ODD_ANSWERS

if TYPE_CHECKING:
    from datetime import datetime


class FaultKind(StrEnum):
    """The ways in which a platform misbehaves."""

    LAG = "lag"
    """Lists show the state as it was ``seconds`` ago; reads by id are current."""
    LOSE_BEFORE = "lose-before"
    """The connection drops and nothing happened."""
    LOSE_AFTER = "lose-after"
    """The effect happens, then the connection drops."""
    RESET_BODY = "reset-body"
    """The effect happens; headers and half of the body arrive, then the connection drops."""
    ERROR = "error"
    """Nothing happens; ``status`` with an HTML page, or no body with ``spelling="empty"``."""
    UNAUTHORISED = "unauthorised"
    """401 in the platform's own words."""
    EMPTY = "empty"
    """Lists answer well formed and empty."""
    SHORT_PAGE = "short-page"
    """Lists leave out the last third of their rows (at least one); counts still tell them all."""
    SHIFT_ROWS = "shift-rows"
    """Rows move between pages: every page but the first leaves one row out, or shows one again
    with ``spelling="again"`` (LeadSquared, the only one with pages)."""
    DUPLICATE_ROWS = "duplicate-rows"
    """Lists show every row twice."""
    RATE_LIMITED = "rate-limited"
    """Refused as too many calls; ``spelling`` where the platform has several."""
    SLOW = "slow"
    """The answer takes ``seconds``."""
    SLOW_JOBS = "slow-jobs"
    """Asynchronous jobs take ``seconds``."""
    FAIL_JOBS = "fail-jobs"
    """A job silently drops its last row (LeadSquared bulk calls)."""
    ROUNDING = "rounding"
    """Written times are stored rounded down to whole ``seconds`` since the epoch."""
    RESET_FIELDS = "reset-fields"
    """An update ignores the status and the texts that it was sent, and resets them (v2); with
    ``spelling="status"`` only the status."""
    STRIP_KEYS = "strip-keys"
    """Markers in square brackets vanish from written titles, notes and descriptions."""
    CLOCK_SKEW = "clock-skew"
    """The platform's clock is ``seconds`` ahead: Date header and update times."""
    NEW_ID_ON_MOVE = "new-id-on-move"
    """An appointment that is moved from outside comes back under a new id."""
    ODD_ANSWER = "odd-answer"
    """An answer that nobody expects; ``spelling`` says which of `ODD_ANSWERS`. What it does not say
    to be refused is done."""
    ODD_TIME = "odd-time"
    """The first row that is read begins in year 1; with ``spelling="ever"`` it ends in 9999, with
    ``"updated"`` it was last updated in year 1."""
    BROKEN_ROW = "broken-row"
    """The first row of a list lacks its end; with ``spelling="no-id"`` its id, with ``"no-owner"``
    its owner, with ``"no-object"`` it is a text. `Platform.broken_rows` does so to given rows."""
    HALF_EMOJI = "half-emoji"
    """Texts of events that are read hold half an emoji as an escape; with ``spelling="bytes"`` as
    bytes that are no UTF-8, with ``"nul"`` a NUL character."""
    ODD_STATUS = "odd-status"
    """Reads show another spelling of each status; with ``spelling="unknown"`` a word that is in no
    documentation in place of each status that takes time."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: which requests it hits, how often, until when.

    ``path`` is a regular expression matched at the start of the path (without the platform's base
    path); ``method`` is upper case; both empty mean all. ``times`` None means until cleared.
    """

    kind: FaultKind
    path: str = ""
    method: str = ""
    times: int | None = None
    until: datetime | None = None
    seconds: float = 0
    status: int = 503
    spelling: str = ""

    def hits(self, method: str, path: str, now: datetime | None) -> bool:
        """Whether it applies to this request at this time."""
        return (
            (not self.method or self.method == method)
            and re.match(self.path, path) is not None
            and (self.until is None or now is None or now < self.until)
        )


class Faults:
    """The faults of one platform, in the order in which they were added."""

    def __init__(self) -> None:
        """Start with a platform that behaves."""
        self._faults: list[tuple[Fault, list[int]]] = []
        self.injected: Counter[FaultKind] = Counter()
        """How many requests were hit, by kind."""

    def __bool__(self) -> bool:
        """Whether any was added and not cleared since."""
        return bool(self._faults)

    def add(self, fault: Fault) -> None:
        """Switch a fault on.

        Raises ValueError for a path that is no regular expression, and for an
        unknown odd answer or row.
        """
        if fault.kind is FaultKind.ODD_ANSWER and fault.spelling not in ODD_ANSWERS:
            message = f"spelling {fault.spelling!r} is none of {', '.join(ODD_ANSWERS)}"
            raise ValueError(message)
        if fault.kind is FaultKind.BROKEN_ROW and fault.spelling not in {"", *Lack}:
            message = f"spelling {fault.spelling!r} is none of {', '.join(Lack)}"
            raise ValueError(message)
        try:
            re.compile(fault.path)
        except re.error as error:
            message = f"path {fault.path!r} is no regular expression: {error}"
            raise ValueError(message) from error
        self._faults.append((fault, [0]))

    def standing(self) -> list[Fault]:
        """All that are to be injected from now on."""
        return [fault for fault, _ in self._faults]

    def clear(self, kind: FaultKind | None = None) -> None:
        """Switch off all faults of a kind, or all."""
        self._faults = [each for each in self._faults if kind is not None and each[0].kind != kind]

    def active(
        self, kind: FaultKind, method: str = "", path: str = "", now: datetime | None = None
    ) -> Fault | None:
        """Find the fault that would hit, without using it up."""
        found = self._find(kind, method, path, now)
        return found[0] if found else None

    def take(
        self, kind: FaultKind, method: str = "", path: str = "", now: datetime | None = None
    ) -> Fault | None:
        """Find the first fault that hits this request, and use up one of its hits."""
        found = self._find(kind, method, path, now)
        if found is None:
            return None
        fault, used = found
        used[0] += 1
        self.injected[kind] += 1
        return fault

    def _find(
        self, kind: FaultKind, method: str, path: str, now: datetime | None
    ) -> tuple[Fault, list[int]] | None:
        for fault, used in self._faults:
            left = fault.times is None or used[0] < fault.times
            if fault.kind == kind and left and fault.hits(method, path, now):
                return fault, used
        return None
