"""Keeps secrets and personal data out of every text that leaves a system adapter (promise 11)."""

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

_LONGEST = 300
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
"""A phone number; group 1 is a UUID, whose digits are none."""

_CREDENTIAL = re.compile(
    r"(?i)\b((?:bearer|basic)\s+|(?:access_?key|secret_?key|api_?key|token)\"?\s*[=:]\s*\"?)"
    r"([^\s&\"',]+)"
)
_LONG = re.compile(
    r"(?i:\b((?:trace(?:[ _-]?id)?|(?:request|correlation|span)[ _-]?id)\W{1,4}))?"
    r"\b(?=\w*\d)([A-Za-z0-9_]{32,})\b"
)
"""A token; group 1 names it where it is an id by which the platform's support finds a request."""

_CODE = re.compile(r"[A-Z]+\d{0,2}(?:_[A-Z]+\d{0,2})+")
"""An error code such as DEADLINE_EXCEEDED. Of a key, more than one part has digits."""

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
"""Words that platforms begin sentences and name their things with."""

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
"""Reason phrases of HTTP, and the codes of operating systems and gRPC: no names of persons."""


def platform_words(text: str) -> str:
    """A platform's own words without what may be a person or a title in them.

    An error may repeat what was booked and with whom. Quoted phrases go, and words that are written
    like names, unless platforms use them; ids, identifiers and plain words stay.
    """
    text = _QUOTED.sub(_unless_code, text)
    found, at = [], 0
    for kept in KEPT_PHRASES.finditer(text):
        found += [CAPITALISED.sub(_unless_usual, text[at : kept.start()]), kept[0]]
        at = kept.end()
    masked = "".join((*found, CAPITALISED.sub(_unless_usual, text[at:])))
    return _SHORT_NAME.sub(
        lambda short: short[0] if (short[1] or short[2]).lower() in _USUAL else "[text]", masked
    )


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


def _unless_code(found: re.Match[str]) -> str:
    """Mask a quoted phrase but for the error codes in it."""
    phrase = found[2]
    codes = [code[0] for code in _CODE.finditer(phrase)]
    codes = [c for c in codes if any(part.lower() in _USUAL for part in c.split("_"))]
    return f"{found[1]}{' '.join(('[text]', *codes))}{found[1]}"


def _unless_usual(found: re.Match[str]) -> str:
    word = found[0]
    # Abbreviations too, and identifiers made of such words: MXInvalidInputException, TaskOwner.
    short = word.isupper() and len(word) <= _ABBREVIATION
    short = short or word.endswith(("Exception", "Error"))
    usual = all(part.lower() in _USUAL for part in _PART.findall(word))
    return word if short or (usual and word.isalpha()) else "[text]"


def _credential(found: re.Match[str]) -> str:
    """Mask what follows the name of a credential, unless that is a word of the platform's."""
    said = found[2].strip(".;:!)").lower()
    return found[0] if said in _USUAL else f"{found[1]}[token]"


def _token(found: re.Match[str]) -> str:
    named, token = found[1] or "", found[2]
    numbered = sum(any(c.isdigit() for c in part) for part in token.split("_"))
    is_code = _CODE.fullmatch(token) is not None and numbered <= 1
    return found[0] if named or is_code else "[token]"


def _spellings(secret: str) -> Iterator[str]:
    """A secret as it is, and as it looks in a URL, in JSON and in Base64."""
    spelt = json.dumps(secret)[1:-1]
    yield from (secret, quote(secret, ""), spelt, spelt.replace("/", "\\/"))
    if len(secret) >= _LONG_SECRET:
        yield b64encode(secret.encode()).decode().rstrip("=")


def _broken(secret: str) -> str:
    """Return the pattern of a secret; a long one may be broken by the end of a line."""
    return (r"\s*" if len(secret) >= _LONG_SECRET else "").join(map(re.escape, secret))


class Redactor:
    """Masks the secrets it was given, and whatever looks like an address, a phone or a token.

    Times and platform ids stay readable: without them an error cannot be acted upon.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Remember the secrets, as they are and as other texts spell them."""
        found = {form for secret in secrets if secret for form in _spellings(secret)}
        longest_first = [_broken(form) for form in sorted(found, key=len, reverse=True)]
        self._secrets = re.compile("|".join(longest_first), re.IGNORECASE) if found else None

    def secrets(self, text: str) -> str:
        """Return the text with nothing but the secrets masked.

        Before anything else is: a secret of which a part is masked is not found any more.
        """
        return self._secrets.sub("[secret]", text) if self._secrets is not None else text

    def __call__(self, text: str) -> str:
        """Return the text on one line, masked, at most 300 characters."""
        text = self.secrets(text)
        text = _CREDENTIAL.sub(_credential, text)
        for pattern, mask in _MASKS:
            text = pattern.sub(mask, text)
        text = _PHONE.sub(lambda found: found[1] or "[phone]", _LONG.sub(_token, text))
        text = sanitize(" ".join(text.split()))
        return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
