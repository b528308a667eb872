"""Report lists that contain rows without a usable id, or from which rows are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.model import Topic
from syncd.systems.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from syncd.systems.port import ListCall

KNOWN_EVENTS = "known events"
"""The name of the report about known events that lists lack; it covers all lists of a system."""


def list_name(call: ListCall) -> str:
    """Return the name of a list in a report: its path, and its provider if it has only one."""
    provider = _only_provider(call)
    return f"{call.call} of {provider}" if provider else call.call


def rows_without_id(system: str, call: ListCall, count: int) -> UnreadableError:
    """Return the report about list rows that have no usable id, or are no objects."""
    return _report(system, call, "1 row has no id" if count == 1 else f"{count} rows have no id")


def rows_missing(system: str, call: ListCall, why: str) -> UnreadableError:
    """Return the report about a list from which rows are, or may be, missing; ``why`` says so."""
    return _report(system, call, why, Topic.LIST)


def _report(
    system: str, call: ListCall, why: str, topic: Topic = Topic.UNREADABLE
) -> UnreadableError:
    reason = f"{why}: syncd does not treat events that this list lacks as deleted"
    provider = _only_provider(call)
    return UnreadableError(system, list_name(call), reason, topic, provider, call.providers)


def _only_provider(call: ListCall) -> str:
    """Return the provider of a list that is read for only one; '' otherwise."""
    return next(iter(call.providers)) if len(call.providers) == 1 else ""


def not_shown(
    system: str, events: Mapping[str, str], providers: Collection[str]
) -> UnreadableError:
    """Return the report about known events that lists lack; ``events`` maps ids to providers.

    One report covers all lists of a system; ``providers`` are those whose lists lack an event.
    """
    count = f"{len(events)} known event" + ("" if len(events) == 1 else "s")
    reason = (
        f"{system} does not show {count} in its lists: their time stays blocked, and new events "
        "may be missed. Compare with the calendar on the platform: if the events exist there, the "
        "lists are wrong (see the platform's status page and the permissions of the key)"
    )
    affected = frozenset({*events.values(), *providers})
    return UnreadableError(system, KNOWN_EVENTS, reason, Topic.LIST, providers=affected)
