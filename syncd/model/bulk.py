"""The bulk calls of a platform, as data."""

from __future__ import annotations

from typing import NamedTuple


class BulkCall(NamedTuple):
    """A call that carries out several operations at once, and how many rows it may have.

    Operations whose bulk calls are equal share one request, whatever their actions are. ``check``
    says what to check where only the configuration says that the call exists. A write by such a
    call that a read shows not to have happened counts as refused, however it was answered.
    """

    name: str
    rows: int
    check: str = ""
