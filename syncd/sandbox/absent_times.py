"""Removal of creation and update times from a JSON body, to emulate records that lack them."""

from __future__ import annotations

import json
from typing import Any

_TIMES = frozenset(
    {"dateAdded", "dateUpdated", "createdAt", "updatedAt", "CreatedOn", "ModifiedOn"}
)


def without_times(body: bytes) -> bytes:
    """Return the body without these fields, at any depth; return it unchanged if it is not JSON."""
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
