"""Text about reported records and lists, by system and topic."""

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
        return f"[{item.id}] all {len(item.events)} listed records: {item.reason}"
    if item.event == KNOWN_EVENTS:
        return f"[{item.id}] {item.reason}"  # the reason names the list
    calendar = f" ({item.calendars[0]})" if len(item.calendars) == 1 else ""
    if calendar and item.event.endswith(f" of {item.calendars[0]}"):  # the list's name has it
        calendar = ""
    event = f"{item.event}{calendar}: " if item.event else ""
    return f"[{item.id}] {event}{item.reason}"


_NOUNS = {
    Topic.UNREADABLE: ("unreadable record", "unreadable records"),
    Topic.UNKNOWN_STATUS: ("record with an unknown status", "records with an unknown status"),
    Topic.UNMAPPED_OWNER: ("record of an unmapped user", "records of unmapped users"),
    Topic.UNASSIGNED: ("record without an assigned user", "records without an assigned user"),
    Topic.ASSUMED: ("record with an assumed time", "records with assumed times"),
    Topic.LIST: ("incomplete list", "incomplete lists"),
    Topic.RESOURCE: ("room or equipment not found", "rooms or equipment not found"),
    Topic.PERSON: ("meeting of two different people", "meetings of two different people"),
    Topic.ACCOUNT: ("fact about the whole account", "facts about the whole account"),
    Topic.DAMAGED: ("record that a write damaged", "records that writes damaged"),
}
_MEANINGS = {
    Topic.UNREADABLE: "A new record blocks no time; a known one keeps its last time blocked",
    Topic.UNKNOWN_STATUS: "Counted as busy",
    Topic.UNMAPPED_OWNER: "Blocks no time",
    Topic.UNASSIGNED: "Blocks no time until somebody is assigned",
    Topic.ASSUMED: "Synced with the assumed time",
    Topic.LIST: "No time is freed only because an event is missing from the list",
    Topic.RESOURCE: "Bookings of the resource block no time",
    Topic.PERSON: "Synced as one meeting",
    Topic.ACCOUNT: "Synced as far as possible",
    Topic.DAMAGED: "Further such writes to appointments of the account wait; block writes continue",
}
_REMEDIES = {
    Topic.UNREADABLE: "Correct or delete the record in the system",
    Topic.UNKNOWN_STATUS: "If the time is not busy, map the status word under "
    "[systems.{system}.statuses], or correct it in the system",
    Topic.UNMAPPED_OWNER: "Map the user under [providers] if the time should be blocked",
    Topic.UNASSIGNED: "Assign the record in the system",
    Topic.ASSUMED: "Correct the record in the system if the assumption is wrong",
    Topic.LIST: "If it persists, fix the cause that the reason names",
    Topic.RESOURCE: "Correct the resource under [providers], or the permissions of the token",
    Topic.PERSON: "Correct the customer in one of the systems",
    Topic.ACCOUNT: "Fix the cause that the reason names",
    Topic.DAMAGED: "Restore the named fields in the system. `syncd probe {system} --forget` "
    "makes syncd measure the next write again; once acknowledged, writes may change the fields",
}
