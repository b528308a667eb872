"""The tag of a block: a short opaque key in its title or note, by which syncd finds it again."""

from __future__ import annotations

import re

_KEY = re.compile(r"\[s:([a-z2-7]{10})\]")


def embed_tag(text: str, key: str) -> str:
    """Append a tag to a text, in the form that `find_tag` recognises."""
    return f"{text} [s:{key}]"


def find_tag(*texts: object) -> str | None:
    """Return the first tag in the texts of an event, or None. Skip values that are not text."""
    for text in texts:
        if isinstance(text, str) and (match := _KEY.search(text)):
            return match.group(1)
    return None
