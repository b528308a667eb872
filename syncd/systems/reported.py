"""Lists that are reported: with rows that have no usable id, or with rows missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.model import Topic
from syncd.systems.port import Malformed

if TYPE_CHECKING:
    from collections.abc import Collection

    from syncd.systems.port import ListCall


def list_name(call: ListCall) -> str:
    """Name a list in a report: its path, and whose it is if it is one provider's."""
    provider = _only(call)
    return f"{call.call} of {provider}" if provider else call.call


def nameless(system: str, call: ListCall, count: int) -> Malformed:
    """Report the rows of a list that have no usable id, or are no objects."""
    return _reported(system, call, "1 row has no id" if count == 1 else f"{count} rows have no id")


def shortened(system: str, call: ListCall, why: str) -> Malformed:
    """Report a list from which rows are missing, or may be."""
    return _reported(system, call, why, Topic.LIST)


def _reported(system: str, call: ListCall, why: str, topic: Topic = Topic.UNREADABLE) -> Malformed:
    reason = f"{why}: what this list lacks is not taken for deleted"
    return Malformed(system, list_name(call), reason, topic, _only(call), call.providers)


def _only(call: ListCall) -> str:
    """The provider of a list that is read for one only, else ''."""
    return next(iter(call.providers)) if len(call.providers) == 1 else ""


def hiding(system: str, call: ListCall, providers: Collection[str]) -> Malformed:
    """Report a list that lacks events of these providers which are shown by their ids."""
    reason = (
        "it lacks events that the system shows by their ids: new ones in it may not be seen, "
        "and what it lacks is not taken for deleted"
    )
    return Malformed(system, list_name(call), reason, Topic.LIST, providers=providers)
