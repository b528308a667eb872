"""Escape control characters in untrusted texts before they are shown.

An id, an error text or a file name may contain terminal escapes, line breaks that forge a second
log line, or marks that reverse the reading direction.
"""

from __future__ import annotations

import unicodedata

_HARMLESS = {"\u200c", "\u200d"}
"""Zero-width joiners, which some scripts and many emoji need."""


def sanitize(text: str, *, keep: str = "") -> str:
    """Return the text with each control character replaced by its Unicode escape.

    ``keep`` are characters to leave as they are, such as a line break in syncd's own text.
    """
    if text.isprintable():
        return text
    return "".join(c if c in keep or not _is_control(c) else _escaped(c) for c in text)


def _is_control(character: str) -> bool:
    """Return whether this is a control or format character, lone surrogate or line separator."""
    kind = unicodedata.category(character)
    return kind in {"Cc", "Cf", "Cs", "Zl", "Zp"} and character not in _HARMLESS


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}"
