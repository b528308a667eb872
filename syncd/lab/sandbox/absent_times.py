"""Removal of creation and update times from a JSON body, to emulate records that lack them."""

from __future__ import annotations

import json
from typing import Any

_TIMES = frozenset(
    {"dateAdded", "dateUpdated", "createdAt", "updatedAt", "CreatedOn", "ModifiedOn"}
)


def without_times(body: bytes) -> bytes:
    """Return the body without creation and update times, at any depth.

    A body that is not JSON is returned unchanged.
    """
    if not any(name.encode() in body for name in _TIMES):
        return body
    try:
        parsed = json.loads(body)
    except ValueError:
        return body
    return json.dumps(_without(parsed)).encode()


def _without(value: Any) -> Any:
    if isinstance(value, list):
        return [_without(item) for item in value]
    if isinstance(value, dict):
        return {key: _without(inner) for key, inner in value.items() if key not in _TIMES}
    return value
