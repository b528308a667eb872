"""Bulk calls: requests to a platform that carry several operations."""

from __future__ import annotations

from typing import NamedTuple


class BulkCall(NamedTuple):
    """A request that carries out several operations at once; ``rows`` is the maximum number.

    Operations with equal bulk calls share one request, whatever their actions are. ``check`` is set
    if only the configuration says that the call exists; the text says what the operator must check.
    If a later read shows that a write by such a call did not happen, the write counts as refused,
    whatever the response was.
    """

    name: str
    rows: int
    check: str = ""
