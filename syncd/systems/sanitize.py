"""Texts of strangers, made harmless to look at: no control character gets through.

An id, an error of a platform or a file's name may hold terminal escapes, line breaks that forge a
second line of the log, or marks that turn the reading direction around.
"""

from __future__ import annotations

import unicodedata

_HARMLESS = {"\u200c", "\u200d"}
"""Joiners, which some scripts and many emoji need."""


def sanitize(text: str, *, keep: str = "") -> str:
    """Return the text with each character that a terminal would act upon spelled out.

    ``keep`` are the ones that are wanted, like a line break in a text of ours.
    """
    if text.isprintable():
        return text
    return "".join(c if c in keep or not _acts(c) else _spelled(c) for c in text)


def _acts(character: str) -> bool:
    """Whether it is a control or format character, a lone surrogate, or ends a line."""
    kind = unicodedata.category(character)
    return kind in {"Cc", "Cf", "Cs", "Zl", "Zp"} and character not in _HARMLESS


def _spelled(character: str) -> str:
    return f"\\u{ord(character):04x}"
