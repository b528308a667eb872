"""Lists that are reported: with rows that have no usable id, or with rows missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.model import Topic
from syncd.systems.port import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from syncd.systems.port import ListCall

KNOWN_EVENTS = "known events"
"""Names the report of known events that lists lack; it is about all lists of a system."""


def list_name(call: ListCall) -> str:
    """Name a list in a report: its path, and whose it is if it is one provider's."""
    provider = _only(call)
    return f"{call.call} of {provider}" if provider else call.call


def nameless(system: str, call: ListCall, count: int) -> UnreadableError:
    """Report the rows of a list that have no usable id, or are no objects."""
    return _reported(system, call, "1 row has no id" if count == 1 else f"{count} rows have no id")


def shortened(system: str, call: ListCall, why: str) -> UnreadableError:
    """Report a list from which rows are missing, or may be."""
    return _reported(system, call, why, Topic.LIST)


def _reported(
    system: str, call: ListCall, why: str, topic: Topic = Topic.UNREADABLE
) -> UnreadableError:
    reason = f"{why}: what this list lacks is not taken for deleted"
    return UnreadableError(system, list_name(call), reason, topic, _only(call), call.providers)


def _only(call: ListCall) -> str:
    """The provider of a list that is read for one only, else ''."""
    return next(iter(call.providers)) if len(call.providers) == 1 else ""


def not_shown(
    system: str, events: Mapping[str, str], providers: Collection[str]
) -> UnreadableError:
    """Report that lists lack known events, by their ids with their providers.

    It is one report for all lists of a system: ``providers`` are those whose lists lack any.
    """
    count = f"{len(events)} known event" + ("" if len(events) == 1 else "s")
    reason = (
        f"{system} does not show {count} in its lists: their time stays blocked, and new events "
        "may not be seen. Compare with the calendar on the platform: if they stand there, its "
        "lists are at fault (see its status page and the rights of the key)"
    )
    of = frozenset({*events.values(), *providers})
    return UnreadableError(system, KNOWN_EVENTS, reason, Topic.LIST, providers=of)
