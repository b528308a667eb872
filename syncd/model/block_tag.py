"""syncd's own mark on a block: a short opaque key that travels in a title or note."""

from __future__ import annotations

import re

_KEY = re.compile(r"\[s:([a-z2-7]{10})\]")


def embed_tag(text: str, key: str) -> str:
    """Put a key behind a text, in the form that `find_tag` finds again."""
    return f"{text} [s:{key}]"


def find_tag(*texts: object) -> str | None:
    """Find syncd's key in the texts of an event; None where there is none."""
    for text in texts:
        if isinstance(text, str) and (found := _KEY.search(text)):
            return found.group(1)
    return None
