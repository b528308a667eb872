"""Derived events: one record of a platform that takes the time of several providers.

A meeting with several hosts, or one that uses a room, is one record. The record itself is the event
of its first mapped host. Each further host, room and piece of equipment gets a derived event in
its own calendar, with an id such as ``ID@users/USER`` or ``ID@rooms/yoga room``.

A derived event is a source only. A write to it would change the record, which belongs to the first
host. So a record is written at most once per cycle, by one decision.
"""

from __future__ import annotations

import re

USER_PREFIX = "users/"
"""The prefix of the part of a further host. The user's id follows."""

_MARK = re.compile(r"@(?=users/|rooms/|equipment/)")


def derived_id(record: str, part: str) -> str:
    """Return the id of the derived event of a record; ``part`` names the host or resource."""
    return f"{record}@{part}"


def record_id(event: str) -> str:
    """Return the platform's id of the record to which an event belongs."""
    return _MARK.split(event, maxsplit=1)[0]


def part_of(event: str) -> str:
    """Return the part of a derived event, such as ``users/USER``, or '' for the record itself."""
    _, *part = _MARK.split(event, maxsplit=1)
    return part[0] if part else ""


def is_derived(event: str) -> bool:
    """Return true if the id is that of a derived event."""
    return _MARK.search(event) is not None


def same_record(event: str, other: str) -> bool:
    """Return true if two different events of one system belong to the same record."""
    return event != other and record_id(event) == record_id(other)
