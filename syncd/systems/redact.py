"""Mask secrets and personal data in every text that leaves a system adapter.

This is promise 11 (docs/design.md#promises).
"""

from __future__ import annotations

import errno
import json
import re
from base64 import b64encode
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from syncd.systems.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MAX_LENGTH = 300
_ABBREVIATION = 4
_SHORTEST_CUT = 3
_LONG_SECRET = 12

_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<![\w.+%'-])[\w.+%'-]+(?:@|%40|&#64;|\\u0040)[\w-]+(?:\.[\w-]+)+"), "[e-mail]"),
    (re.compile(r"\beyJ[\w-]+(?:\.[\w-]+)*"), "[token]"),
    (re.compile(r"\bpit-[0-9a-fA-F-]{8,}"), "[token]"),
    (re.compile(r"\+\d[\d ()./-]{6,}\d"), "[phone]"),
)

_PHONE = re.compile(
    r"(\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b)"
    r"|(?<![\w:.+/-])\(?(?:0[1-9]\d{1,4}\)?[ /-]\d{3,}|00[1-9]\d{0,2}[ -]\d{2,})(?:[ -]\d{2,})*\b"
    r"|\(?\b\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b|\b\d{5}[ -]\d{5}\b|\b\d{10,15}\b"
)
"""Matches phone numbers; group 1 is a UUID, which is kept."""

_CREDENTIAL = re.compile(
    r"(?i)\b((?:bearer|basic)\s+|(?:access_?key|secret_?key|api_?key|token)\"?\s*[=:]\s*\"?)"
    r"([^\s&\"',]+)"
)
_LONG = re.compile(
    r"(?i:\b((?:trace(?:[ _-]?id)?|(?:request|correlation|span)[ _-]?id)\W{1,4}))?"
    r"\b(?=\w*\d)([A-Za-z0-9_]{32,})\b"
)
"""Matches tokens; group 1 is the label of a request id, which the platform's support needs."""

_CODE = re.compile(r"[A-Z]+\d{0,2}(?:_[A-Z]+\d{0,2})+")
"""Matches error codes such as DEADLINE_EXCEEDED. In a key, more than one part has digits."""

_QUOTED = re.compile(
    r"""(["'`\u2018\u201c])(?!\s*[:,;=\])}.]+[\s(]*["'])"""
    r"""((?=[^\s"'`\u2019\u201d]*\s)[^"'`\u2019\u201d]*+)["'`\u2019\u201d]"""
)
CAPITALISED = re.compile(r"(?<![\w.$/-])[^\W\d_a-z][^\W\d_]*(?:['\u2019-][^\W\d_]+)*(?![\w/.]\w)")
_SHORT_NAME = re.compile(r"\b([A-Z]{2,4})(?= \[text\])|(?<=\[text\] )([A-Z]{2,4})\b")
_PART = re.compile(r"[^\W\d_a-z]+(?=[^\W\d_a-z][a-z]|$)|[^\W\d_a-z][^\W\d_A-Z]*")
_WORD = re.compile(r"[^\W_]{2,}")
_USUAL = frozenset(
    """
    a aborted access account action already an and api appointment appointments are argument at auth
    authentication authorization bad basic be bearer blocked body booked bulk busy calendar
    calendars call calls cannot channel client command conflict contact create custom date day
    deadline deleted denied does duplicate duration email empty end error event exceeded exception
    exhausted expected expiry failed field fields for forbidden found free from gateway gone group
    has header http id in input internal invalid is it item json key lead leads limit location login
    many maximum message method minimum missing must mx my name no not null object of only or owner
    page parameter parse password path permission phone please precondition provided quota rate
    record reference request requested requests required resource response rest retry scope secret
    selected server service slot slots some something start status string success system task tasks
    team temporarily the there this time timed timeout timezone to token too try type unable
    unauthenticated unauthorized unavailable unexpected unimplemented unknown unprocessable update
    user users validation value version was we webhook went while within wrong you your zone
    """.split()  # noqa: SIM905 - a list of 150 lines would say no more
)
"""Words that platforms use in errors and names; they are never masked."""

_PHRASES = (
    *(status.phrase for status in HTTPStatus),
    *("Request Timeout", "Payload Too Large", "Request-URI Too Long", "Unprocessable Entity"),
)
KEPT_PHRASES = re.compile(
    r"\b(?:(?i:"
    + "|".join(sorted((re.escape(p) for p in _PHRASES if " " in p), key=len, reverse=True))
    + r")|"
    + "|".join(sorted({*errno.errorcode.values(), "ENOTFOUND", "EAI_AGAIN"}, reverse=True))
    + r"|CANCELLED|INTERNAL|UNKNOWN|ABORTED|UNAVAILABLE|SQLSTATE|Trace(?:Id)?|Ray ID)(?!\w)"
)
"""Matches reason phrases of HTTP and error codes of operating systems and gRPC: never names."""


def platform_words(text: str) -> str:
    """Mask possible names and titles in a platform's error text.

    An error may repeat a customer's name or an appointment's title. Quoted phrases and capitalised
    words are masked, except words that platforms use; ids, identifiers and plain words stay.
    """
    text = _QUOTED.sub(_unless_code, text)
    parts, at = [], 0
    for phrase in KEPT_PHRASES.finditer(text):
        parts += [CAPITALISED.sub(_unless_usual, text[at : phrase.start()]), phrase[0]]
        at = phrase.end()
    masked = "".join((*parts, CAPITALISED.sub(_unless_usual, text[at:])))
    return _SHORT_NAME.sub(
        lambda short: short[0] if (short[1] or short[2]).lower() in _USUAL else "[text]", masked
    )


def mask_words(text: str, private: Iterable[str]) -> str:
    """Mask each word of the request's private texts in an error text.

    The platform may repeat only a part of these texts, or cut a word, so the beginnings of words
    are masked, too. Words that platforms use themselves stay.
    """
    words = {word.lower() for each in private for word in _WORD.findall(each)} - _USUAL
    if not words:
        return text

    def mask(match: re.Match[str]) -> str:
        word = match[0].lower()
        cut = len(word) >= _SHORTEST_CUT and word not in _USUAL
        repeated = word in words or (cut and any(each.startswith(word) for each in words))
        return "[text]" if repeated else match[0]

    return _WORD.sub(mask, text)


def _unless_code(match: re.Match[str]) -> str:
    """Mask a quoted phrase, except the error codes in it."""
    phrase = match[2]
    codes = [code[0] for code in _CODE.finditer(phrase)]
    codes = [c for c in codes if any(part.lower() in _USUAL for part in c.split("_"))]
    return f"{match[1]}{' '.join(('[text]', *codes))}{match[1]}"


def _unless_usual(match: re.Match[str]) -> str:
    word = match[0]
    # Keep abbreviations, too, and identifiers of such words: MXInvalidInputException, TaskOwner.
    short = word.isupper() and len(word) <= _ABBREVIATION
    short = short or word.endswith(("Exception", "Error"))
    usual = all(part.lower() in _USUAL for part in _PART.findall(word))
    return word if short or (usual and word.isalpha()) else "[text]"


def _credential(match: re.Match[str]) -> str:
    """Mask the text after the name of a credential, unless it is a word that platforms use."""
    word = match[2].strip(".;:!)").lower()
    return match[0] if word in _USUAL else f"{match[1]}[token]"


def _token(match: re.Match[str]) -> str:
    label, token = match[1] or "", match[2]
    numbered = sum(any(c.isdigit() for c in part) for part in token.split("_"))
    is_code = _CODE.fullmatch(token) is not None and numbered <= 1
    return match[0] if label or is_code else "[token]"


def _encodings(secret: str) -> Iterator[str]:
    """Yield a secret as it is, and encoded for a URL, JSON and Base64."""
    escaped = json.dumps(secret)[1:-1]
    yield from (secret, quote(secret, ""), escaped, escaped.replace("/", "\\/"))
    if len(secret) >= _LONG_SECRET:
        yield b64encode(secret.encode()).decode().rstrip("=")


def _pattern(secret: str) -> str:
    """Return the pattern of a secret; a long one may be split over lines."""
    return (r"\s*" if len(secret) >= _LONG_SECRET else "").join(map(re.escape, secret))


class Redactor:
    """Masks the given secrets, and texts that look like e-mail addresses, phone numbers or tokens.

    Times and platform ids stay readable, because the operator needs them to act on an error.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Keep the secrets, as they are and encoded."""
        forms = {form for secret in secrets if secret for form in _encodings(secret)}
        longest_first = [_pattern(form) for form in sorted(forms, key=len, reverse=True)]
        self._secrets = re.compile("|".join(longest_first), re.IGNORECASE) if forms else None

    def secrets(self, text: str) -> str:
        """Return the text with only the secrets masked.

        Call this before any other masking: a partly masked secret would not be found.
        """
        return self._secrets.sub("[secret]", text) if self._secrets is not None else text

    def __call__(self, text: str) -> str:
        """Return the text on one line, masked, at most 300 characters."""
        text = self.secrets(text)
        text = _CREDENTIAL.sub(_credential, text)
        for pattern, mask in _MASKS:
            text = pattern.sub(mask, text)
        text = _PHONE.sub(lambda match: match[1] or "[phone]", _LONG.sub(_token, text))
        text = sanitize(" ".join(text.split()))
        return text if len(text) <= _MAX_LENGTH else text[: _MAX_LENGTH - 1] + "…"
