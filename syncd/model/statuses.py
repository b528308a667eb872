"""Read status words: one table for all platforms, and the words that a system has of its own.

Only a word that certainly says so frees time (docs/design.md#ends). A word that is not in the
table counts as busy and is reported.
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
"""What each squeezed word means, on any platform."""

COMMON_WORDS = frozenset(status.value for status in Status) | {"booked"}
"""Words of LeadConnector that every version reads alike."""

LEADSQUARED_CODES: Mapping[str, Status] = MappingProxyType(
    {"0": Status.NEW, "1": Status.SHOWED, "2": Status.CANCELLED}
)
"""LeadSquared's StatusCode; -1 says that the status is unknown.

See docs/platforms/leadsquared.md#status.
"""

_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.0{0,9})?")
_MOST_LETTERS = 40
"""Longer words are cut where they are reported."""

NO_WORD = "(no word)"
"""Stands for a status that is neither text nor number, such as an object."""


def status_text(value: object) -> str:
    """Return a status as text: '' for none, `NO_WORD` for what is neither text nor number."""
    match value:
        case None:
            return ""
        case bool():
            return NO_WORD
        case str():
            # PostgreSQL keeps no text with NUL, and fingerprints are stored.
            return value.replace("\0", "\ufffd").strip()
        case int():
            return str(value)
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return NO_WORD


def normalize_status(word: str) -> str:
    """Spell a word without case, spaces, hyphens and punctuation; a number keeps its sign."""
    word = word.strip()
    if _NUMBER.fullmatch(word):
        return str(int(word.partition(".")[0]))
    return "".join(filter(str.isalnum, word.casefold()))


@dataclass(frozen=True, slots=True)
class Statuses:
    """The status words of one system.

    ``own`` are the words that the configuration maps, squeezed; they win. ``codes`` are numbers
    that mean a status on this platform. With ``one_open`` the platform has a single status for all
    meetings that are to take place, so that of such a meeting nobody is told that it is new.
    ``plain`` are the spellings that need no closer look, as every version reads them alike;
    ``plain_busy`` those of them that take the time.
    """

    own: Mapping[str, Status] = field(default_factory=dict)
    codes: Mapping[str, Status] = field(default_factory=dict)
    one_open: bool = False
    plain: frozenset[str] = COMMON_WORDS
    plain_busy: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Look the plain words up once: each row is compared with them."""
        busy = frozenset(word for word in self.plain if self.status_of(word).busy)
        object.__setattr__(self, "plain_busy", busy)

    @classmethod
    def of(cls, own: Mapping[str, Status] = MappingProxyType({})) -> Statuses:
        """Make the table of a LeadConnector location from the words that are configured."""
        mapped = _squeezed(own)
        return cls(mapped, plain=frozenset(word for word in COMMON_WORDS if word not in mapped))

    @classmethod
    def of_leadsquared(cls, own: Mapping[str, Status] = MappingProxyType({})) -> Statuses:
        """Make the table of a LeadSquared account from the words that are configured."""
        mapped = _squeezed(own)
        plain = frozenset(code for code in ("0", "1") if code not in mapped)
        return cls(mapped, LEADSQUARED_CODES, one_open=True, plain=plain)

    def read(self, word: str) -> Status | None:
        """Return what a word means, None for one that is not known."""
        key = normalize_status(word)
        if key in self.own:
            return self.own[key]
        status = self.codes.get(key) or STATUS_WORDS.get(key)
        return Status.CONFIRMED if self.one_open and status is Status.NEW else status

    def status_of(self, word: str) -> Status:
        """Return what a word means; no word, and one that is not known, take the time."""
        return self.read(word) or Status.CONFIRMED

    def round_tripping(self, written: Iterable[Status]) -> Mapping[Status, Status]:
        """Return, for `Capabilities.statuses`, those that read as they were written.

        A status whose word the configuration maps to another one would come back as news.
        """
        return {status: status for status in written if self.read(status.value) is status}

    def fingerprint_text(self, word: str) -> str:
        """Spell a word for a fingerprint.

        Its meaning stands beside a word that the configuration, or a later version, may give
        another one: then the row is read again.
        """
        return word if not word or word in self.plain else f"{word}={self.read(word) or '?'}"


def _squeezed(own: Mapping[str, Status]) -> dict[str, Status]:
    return {normalize_status(word): status for word, status in own.items()}


LEADCONNECTOR = Statuses.of()
LEADSQUARED = Statuses.of_leadsquared()
"""The tables of systems whose configuration maps no words."""


def unknown_status_message(word: str) -> str:
    """Say that a status is not known, and what syncd makes of it."""
    shown = word if len(word) <= _MOST_LETTERS else f"{word[:_MOST_LETTERS]}..."
    return f"the status {shown!r} is not known, so the time counts as taken"
