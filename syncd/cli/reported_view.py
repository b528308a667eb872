"""Reported records and lists, in the words that a person reads: by system and topic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from syncd.cli import render
from syncd.model import ReportedItem, Topic
from syncd.systems.port import CheckResult
from syncd.systems.reported_lists import KNOWN_EVENTS

_LISTED = 5
"""So many items of a system and topic are shown one by one; the rest is counted."""

_EVERY = "`syncd status --json` lists all"


def lines(items: Iterable[ReportedItem], *, explained: bool = True) -> Iterator[str]:
    """For each system and topic a line, one for each of the first few items, and what to do.

    What a person has acknowledged is left out.
    """
    items = [item for item in items if item.acknowledged_at is None]
    for system, topic, of_it in _groups(items):
        yield f"{system}: {_count(topic, sum(item.record_count for item in of_it))}:"
        yield from (f"  {_one(item)}" for item in of_it[:_LISTED])
        if len(of_it) > _LISTED:
            yield f"  and {len(of_it) - _LISTED} more: {_EVERY}"
        if explained:
            yield (
                f"{_explained(system, topic)}. If all is well with it: "
                "`syncd acknowledge ID`, the id in brackets."
            )


def findings(items: Iterable[ReportedItem]) -> list[CheckResult]:
    """The findings of `syncd check`: one for each system and topic."""
    return [
        CheckResult(
            "warning",
            f"{system}: {str(topic).replace('_', ' ')}",
            _count(topic, sum(item.record_count for item in of_it)),
            _explained(system, topic),
        )
        for system, topic, of_it in _groups(i for i in items if i.acknowledged_at is None)
    ]


def item_json(item: ReportedItem) -> dict[str, Any]:
    """One entry of ``reported`` in JSON: its keys are stable."""
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


def _explained(system: str, topic: Topic) -> str:
    return f"{_MEANINGS[topic]}. {_REMEDIES[topic].format(system=system)}"


def _one(item: ReportedItem) -> str:
    if item.events:
        return f"[{item.id}] all {len(item.events)} records that are listed: {item.reason}"
    if item.event == KNOWN_EVENTS:
        return f"[{item.id}] {item.reason}"  # it says which system's
    of = f" ({item.calendars[0]})" if len(item.calendars) == 1 else ""
    if of and item.event.endswith(f" of {item.calendars[0]}"):  # the list's name says it
        of = ""
    named = f"{item.event}{of}: " if item.event else ""
    return f"[{item.id}] {named}{item.reason}"


_NOUNS = {
    Topic.UNREADABLE: ("unreadable record", "unreadable records"),
    Topic.UNKNOWN_STATUS: ("record with an unknown status", "records with an unknown status"),
    Topic.UNMAPPED_OWNER: ("record of nobody mapped", "records of nobody mapped"),
    Topic.UNASSIGNED: ("record without an assigned user", "records without an assigned user"),
    Topic.ASSUMED: ("record with an assumed time", "records with assumed times"),
    Topic.LIST: ("incomplete list", "incomplete lists"),
    Topic.RESOURCE: ("room or equipment not found", "rooms or equipment not found"),
    Topic.PERSON: ("meeting of two different people", "meetings of two different people"),
    Topic.ACCOUNT: ("fact about the whole account", "facts about the whole account"),
    Topic.DAMAGED: ("record that a write damaged", "records that writes damaged"),
}
_MEANINGS = {
    Topic.UNREADABLE: "A new one blocks no time; one read before keeps its last known time blocked",
    Topic.UNKNOWN_STATUS: "Counted as busy",
    Topic.UNMAPPED_OWNER: "Blocks no time",
    Topic.UNASSIGNED: "Blocks no time until somebody is assigned",
    Topic.ASSUMED: "Carried with the assumption",
    Topic.LIST: "Nothing is freed because such a list does not show it",
    Topic.RESOURCE: "Bookings of it block no time",
    Topic.PERSON: "Carried as one meeting",
    Topic.ACCOUNT: "Carried as far as possible",
    Topic.DAMAGED: "Further such writes to appointments of the account wait; blocks are still made",
}
_REMEDIES = {
    Topic.UNREADABLE: "Correct or delete the record in the system",
    Topic.UNKNOWN_STATUS: "If it is not busy, say what the word means under "
    "[systems.{system}.statuses], or correct it in the system",
    Topic.UNMAPPED_OWNER: "Map the user under [providers], if the time is to be blocked",
    Topic.UNASSIGNED: "Assign the record in the system",
    Topic.ASSUMED: "Correct the record in the system, if the assumption is wrong",
    Topic.LIST: "If it stays so, look for what the reason names",
    Topic.RESOURCE: "Correct the resource under [providers], or the rights of the token",
    Topic.PERSON: "Correct the customer in one of the systems",
    Topic.ACCOUNT: "See what the reason names",
    Topic.DAMAGED: "Restore the named fields in the system. `syncd probe {system} --forget` "
    "measures the next write anew; acknowledged, such writes may change these fields",
}
