"""Text about reported events and lists, by system and topic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from syncd.cli import render
from syncd.model import ReportedItem, Topic
from syncd.systems.port import CheckResult
from syncd.systems.reported_lists import KNOWN_EVENTS

_MAX_ITEMS = 5
"""The number of items that are shown per system and topic; further items are counted."""

_SEE_ALL = "`syncd status --json` lists all"


def reported_lines(items: Iterable[ReportedItem], *, explained: bool = True) -> Iterator[str]:
    """Yield, per system and topic, the number of items, and a line for each of the first items.

    Acknowledged items are left out. ``explained`` adds the remedy.
    """
    items = [item for item in items if item.acknowledged_at is None]
    for system, topic, group in _groups(items):
        yield f"{system}: {_count(topic, sum(item.event_count for item in group))}:"
        yield from (f"  {_one(item)}" for item in group[:_MAX_ITEMS])
        if len(group) > _MAX_ITEMS:
            yield f"  and {len(group) - _MAX_ITEMS} more: {_SEE_ALL}"
        if explained:
            yield (
                f"{_explanation(system, topic)}. If this is as intended: "
                "`syncd acknowledge ID` with the id in brackets."
            )


def reported_findings(items: Iterable[ReportedItem]) -> list[CheckResult]:
    """Return the results of `syncd check` for reported items: one warning per system and topic."""
    return [
        CheckResult(
            "warning",
            f"{system}: {str(topic).replace('_', ' ')}",
            _count(topic, sum(item.event_count for item in group)),
            _explanation(system, topic),
        )
        for system, topic, group in _groups(i for i in items if i.acknowledged_at is None)
    ]


def item_json(item: ReportedItem) -> dict[str, Any]:
    """Return an entry of ``reported`` in JSON; keys are stable."""
    return {
        "id": item.id,
        "system": item.system,
        "topic": str(item.topic),
        "event": item.event,
        "calendars": list(item.calendars),
        "reason": item.reason,
        "since": render.instant_json(item.since),
        "seen_at": render.instant_json(item.seen_at),
        "events": list(item.events),
        "acknowledged_at": render.instant_json(item.acknowledged_at),
    }


def _groups(items: Iterable[ReportedItem]) -> Iterator[tuple[str, Topic, Sequence[ReportedItem]]]:
    order = list(Topic)
    ordered = sorted(items, key=lambda i: (i.system, order.index(i.topic), i.since, i.event))
    for (system, topic), each in groupby(ordered, key=lambda i: (i.system, i.topic)):
        yield system, topic, list(each)


def _count(topic: Topic, number: int) -> str:
    return render.count(number, *_NOUNS[topic])


def _explanation(system: str, topic: Topic) -> str:
    return f"{_MEANINGS[topic]}. {_REMEDIES[topic].format(system=system)}"


def _one(item: ReportedItem) -> str:
    if item.events:
        return f"[{item.id}] all {len(item.events)} listed events: {item.reason}"
    if item.event == KNOWN_EVENTS:
        return f"[{item.id}] {item.reason}"  # the reason names the list
    calendar = f" ({item.calendars[0]})" if len(item.calendars) == 1 else ""
    if calendar and item.event.endswith(f" of {item.calendars[0]}"):  # the list's name has it
        calendar = ""
    event = f"{item.event}{calendar}: " if item.event else ""
    return f"[{item.id}] {event}{item.reason}"


_NOUNS = {
    Topic.UNREADABLE: ("unreadable event", "unreadable events"),
    Topic.UNKNOWN_STATUS: ("event with an unknown status", "events with an unknown status"),
    Topic.UNMAPPED_OWNER: ("event of an unmapped user", "events of unmapped users"),
    Topic.UNASSIGNED: ("event without an assigned user", "events without an assigned user"),
    Topic.ASSUMED: ("event with an assumed time", "events with assumed times"),
    Topic.LIST: ("incomplete list", "incomplete lists"),
    Topic.RESOURCE: ("room or equipment not found", "rooms or equipment not found"),
    Topic.PERSON: ("meeting of two different customers", "meetings of two different customers"),
    Topic.ACCOUNT: ("problem of the whole account", "problems of the whole account"),
    Topic.DAMAGED: ("event that a write damaged", "events that writes damaged"),
}
_MEANINGS = {
    Topic.UNREADABLE: "A new event blocks no time. The last time of a known event stays blocked",
    Topic.UNKNOWN_STATUS: "The event counts as busy",
    Topic.UNMAPPED_OWNER: "The event blocks no time",
    Topic.UNASSIGNED: "The event blocks no time until a user is assigned",
    Topic.ASSUMED: "The event is synced with the assumed time",
    Topic.LIST: "A known event that the list lacks keeps its time blocked",
    Topic.RESOURCE: "Bookings of the resource block no time",
    Topic.PERSON: "The appointments are synced as one meeting",
    Topic.ACCOUNT: "The account is synced as far as possible",
    Topic.DAMAGED: "Further writes of this kind to appointments of the account wait. Writes to "
    "blocks continue",
}
_REMEDIES = {
    Topic.UNREADABLE: "Correct or delete the event in the system",
    Topic.UNKNOWN_STATUS: "If the time is not busy, map the status word under "
    "[systems.{system}.statuses], or correct the status in the system",
    Topic.UNMAPPED_OWNER: "Map the user under [providers] if the time should be blocked",
    Topic.UNASSIGNED: "Assign the event to a user in the system",
    Topic.ASSUMED: "Correct the event in the system if the assumption is wrong",
    Topic.LIST: "If the list stays incomplete, fix the cause that the reason names",
    Topic.RESOURCE: "Correct the resource under [providers], or the permissions of the token",
    Topic.PERSON: "Correct the customer in one of the systems",
    Topic.ACCOUNT: "Fix the cause that the reason names",
    Topic.DAMAGED: "Restore the named fields in the system. `syncd probe {system} --forget` "
    "makes syncd measure the next write again; once you acknowledge the item, writes may change "
    "the fields",
}
