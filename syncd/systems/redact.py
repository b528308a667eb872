"""Keeps secrets and personal data out of every text that leaves a system adapter (promise 11)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from syncd.systems.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 300
_ABBREVIATION = 4
_SHORTEST_CUT = 3

_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+"), "[e-mail]"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',]+"), r"\1 [token]"),
    (re.compile(r"\beyJ[\w-]+(?:\.[\w-]+)*"), "[token]"),
    (re.compile(r"\bpit-[0-9a-fA-F-]{8,}"), "[token]"),
    (
        re.compile(r"(?i)\b(access_?key|secret_?key|api_?key|token)(\"?\s*[=:]\s*\"?)[^\s&\"',]+"),
        r"\1\2[token]",
    ),
    (re.compile(r"\b(?=\w*\d)[A-Za-z0-9_]{32,}\b"), "[token]"),
    (re.compile(r"\+\d[\d ().-]{6,}\d"), "[phone]"),
    (
        re.compile(r"\(?\b\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b|\b\d{5}[ -]\d{5}\b|\b\d{10,15}\b"),
        "[phone]",
    ),
)

_QUOTED = re.compile(
    r"""(["'`\u2018\u201c])([^"'`\u2019\u201d]*\s[^"'`\u2019\u201d]*)["'`\u2019\u201d]"""
)
_CAPITAL = re.compile(r"(?<![\w.$/-])[^\W\d_a-z][^\W\d_]*(?:['\u2019-][^\W\d_]+)*(?![\w/.]\w)")
_PART = re.compile(r"[^\W\d_a-z]+(?=[^\W\d_a-z][a-z]|$)|[^\W\d_a-z][^\W\d_A-Z]*")
_WORD = re.compile(r"[^\W_]{2,}")
_USUAL = frozenset(
    """
    a access account action already an and api appointment appointments are at authorization bad be
    bearer blocked body booked bulk busy calendar calendars call calls cannot channel client command
    conflict contact create custom date day deleted does duplicate duration email empty end error
    event exceeded exception expected expiry failed field fields for forbidden found free from
    gateway gone group has header id in input internal invalid is it item json key lead leads limit
    location login many maximum message method minimum missing must mx my name no not null object of
    only or owner page parameter parse password path permission phone please provided rate record
    reference request requested requests required resource response rest retry scope secret selected
    server service slot slots some something start status string success system task tasks team
    temporarily the there this time timed timeout timezone to token too try type unable unauthorized
    unavailable unexpected unknown unprocessable update user users validation value version was we
    webhook went while within wrong you your zone
    """.split()  # noqa: SIM905 - a list of 150 lines would say no more
)
"""Words that platforms begin sentences and name their things with."""


def platform_words(text: str) -> str:
    """A platform's own words without what may be a person or a title in them.

    An error may repeat what was booked and with whom. Quoted phrases go, and words that are written
    like names, unless platforms use them; ids, identifiers and plain words stay.
    """
    text = _QUOTED.sub(r"\1[text]\1", text)
    return _CAPITAL.sub(_unless_usual, text)


def without(text: str, private: Iterable[str]) -> str:
    """Mask in an error's text every word of the private texts that the request carried.

    The platform may repeat only a part of them, and cut a word. Words that platforms use themselves
    stay.
    """
    words = {word.lower() for each in private for word in _WORD.findall(each)} - _USUAL
    if not words:
        return text

    def mask(found: re.Match[str]) -> str:
        word = found[0].lower()
        cut = len(word) >= _SHORTEST_CUT and word not in _USUAL
        repeated = word in words or (cut and any(each.startswith(word) for each in words))
        return "[text]" if repeated else found[0]

    return _WORD.sub(mask, text)


def _unless_usual(found: re.Match[str]) -> str:
    word = found[0]
    # Abbreviations too, and identifiers made of such words: MXInvalidInputException, TaskOwner.
    short = (word.isupper() and len(word) <= _ABBREVIATION) or word.endswith("Exception")
    usual = all(part.lower() in _USUAL for part in _PART.findall(word))
    return word if short or (usual and word.isalpha()) else "[text]"


class Redactor:
    """Masks the secrets it was given, and whatever looks like an address, a phone or a token.

    Times and platform ids stay readable: without them an error cannot be acted upon.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Remember the secrets, as they are and as they look inside a URL."""
        spellings = {form for secret in secrets if secret for form in (secret, quote(secret, ""))}
        longest_first = sorted(spellings, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, longest_first))) if spellings else None

    def __call__(self, text: str) -> str:
        """Return the text on one line, masked, at most 300 characters."""
        if self._secrets is not None:
            text = self._secrets.sub("[secret]", text)
        for pattern, mask in _MASKS:
            text = pattern.sub(mask, text)
        text = visible(" ".join(text.split()))
        return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
