"""Read status words: one table for all platforms, and the configured words of a system.

Only a known word can free time (docs/design.md#ends). A word that is not in the table counts as
busy and is reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from syncd.model.types import Status

_MEANINGS: Mapping[Status, tuple[str, ...]] = {
    Status.NEW: ("new", "pending", "unconfirmed", "requested", "tentative", "overdue"),
    Status.CONFIRMED: (
        "confirmed",
        "booked",
        "active",
        "scheduled",
        "rescheduled",
        "accepted",
        "open",
    ),
    Status.SHOWED: ("showed", "show", "completed", "complete", "attended", "checkedin"),
    Status.CANCELLED: ("cancelled", "canceled"),
    Status.NOSHOW: ("noshow",),
    Status.INVALID: ("invalid",),
}

STATUS_WORDS: Mapping[str, Status] = MappingProxyType(
    {word: status for status, words in _MEANINGS.items() for word in words}
)
"""The meaning of each normalized word, on any platform."""

COMMON_WORDS = frozenset(status.value for status in Status) | {"booked"}
"""Words of LeadConnector that every version of syncd reads in the same way."""

LEADSQUARED_CODES: Mapping[str, Status] = MappingProxyType(
    {"0": Status.NEW, "1": Status.SHOWED, "2": Status.CANCELLED}
)
"""The meaning of LeadSquared's StatusCode. A code of -1 means that the status is unknown.

See docs/platforms/leadsquared.md#status.
"""

_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.0{0,9})?")
_MOST_LETTERS = 40
"""The maximum length of a word in a message."""

NO_WORD = "(no word)"
"""Replaces a status that is neither text nor number, such as an object."""


def status_text(value: object) -> str:
    """Return a status as text: '' for None, `NO_WORD` if it is neither text nor number."""
    match value:
        case None:
            return ""
        case bool():
            return NO_WORD
        case str():
            # The text becomes part of a stored fingerprint, and PostgreSQL rejects NUL in text.
            return value.replace("\0", "\ufffd").strip()
        case int():
            return str(value)
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return NO_WORD


def normalize_status(word: str) -> str:
    """Remove case, spaces, hyphens and punctuation from a word; a number keeps its sign."""
    word = word.strip()
    if _NUMBER.fullmatch(word):
        return str(int(word.partition(".")[0]))
    return "".join(filter(str.isalnum, word.casefold()))


@dataclass(frozen=True, slots=True)
class Statuses:
    """The status words of one system.

    - ``own``: the configured words, normalized. They take precedence.
    - ``codes``: numbers that mean a status on this platform.
    - ``one_open``: the platform has one status for all meetings that will take place, so it is
      read as confirmed and never as new.
    - ``plain``: spellings that every version reads in the same way, so they need no lookup.
    - ``plain_busy``: those of ``plain`` that mean busy.
    """

    own: Mapping[str, Status] = field(default_factory=dict)
    codes: Mapping[str, Status] = field(default_factory=dict)
    one_open: bool = False
    plain: frozenset[str] = COMMON_WORDS
    plain_busy: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Compute ``plain_busy`` once, because every row is compared with it."""
        busy = frozenset(word for word in self.plain if self.status_of(word).busy)
        object.__setattr__(self, "plain_busy", busy)

    @classmethod
    def of(cls, own: Mapping[str, Status] = MappingProxyType({})) -> Statuses:
        """Return the table of a LeadConnector location with these configured words."""
        mapped = _squeezed(own)
        return cls(mapped, plain=frozenset(word for word in COMMON_WORDS if word not in mapped))

    @classmethod
    def of_leadsquared(cls, own: Mapping[str, Status] = MappingProxyType({})) -> Statuses:
        """Return the statuses of a LeadSquared account; ``own`` are the configured status names."""
        mapped = _squeezed(own)
        plain = frozenset(code for code in ("0", "1") if code not in mapped)
        return cls(mapped, LEADSQUARED_CODES, one_open=True, plain=plain)

    def read(self, word: str) -> Status | None:
        """Return the meaning of a word, or None if it is not known."""
        key = normalize_status(word)
        if key in self.own:
            return self.own[key]
        status = self.codes.get(key) or STATUS_WORDS.get(key)
        return Status.CONFIRMED if self.one_open and status is Status.NEW else status

    def status_of(self, word: str) -> Status:
        """Return the meaning of a word. An empty or unknown word means confirmed, thus busy."""
        return self.read(word) or Status.CONFIRMED

    def round_tripping(self, written: Iterable[Status]) -> Mapping[Status, Status]:
        """Return the statuses that are read as they were written, for `Capabilities.statuses`.

        Without this, a status whose word the configuration maps to another status would look like
        a change when it is read back.
        """
        return {status: status for status in written if self.read(status.value) is status}

    def fingerprint_text(self, word: str) -> str:
        """Return a word with its meaning, for a fingerprint.

        If the configuration or a later version gives the word another meaning, the fingerprint
        changes and the row is parsed again.
        """
        return word if not word or word in self.plain else f"{word}={self.read(word) or '?'}"


def _squeezed(own: Mapping[str, Status]) -> dict[str, Status]:
    return {normalize_status(word): status for word, status in own.items()}


LEADCONNECTOR = Statuses.of()
LEADSQUARED = Statuses.of_leadsquared()
"""The tables of systems without configured words."""


def unknown_status_message(word: str) -> str:
    """Return the message that a status is not known and counts as busy."""
    shown = word if len(word) <= _MOST_LETTERS else f"{word[:_MOST_LETTERS]}..."
    return f"the status {shown!r} is not known, so the time counts as taken"
