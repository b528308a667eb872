"""Keeps secrets and personal data out of every text that leaves a system adapter (promise 11)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from syncd.systems.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 300

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
