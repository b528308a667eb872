"""Answers in which no record says when it was made or last changed: fields that may be absent."""

from __future__ import annotations

import json
from typing import Any

_TIMES = frozenset(
    {"dateAdded", "dateUpdated", "createdAt", "updatedAt", "CreatedOn", "ModifiedOn"}
)


def without_times(body: bytes) -> bytes:
    """Return the body without these fields, at any depth; as it is if it is no JSON."""
    if not any(name.encode() in body for name in _TIMES):
        return body
    try:
        shown = json.loads(body)
    except ValueError:
        return body
    return json.dumps(_without(shown)).encode()


def _without(shown: Any) -> Any:
    if isinstance(shown, list):
        return [_without(each) for each in shown]
    if isinstance(shown, dict):
        return {key: _without(value) for key, value in shown.items() if key not in _TIMES}
    return shown
