"""Events that are derived from one record of a platform.

A meeting of several hosts is one record, and takes the time of each of them; so does one that uses
a room. The record itself is the event of its first mapped host. Every further host, room and piece
of equipment has a derived event in its own calendar, with an id such as ``ID@users/USER`` or
``ID@rooms/yoga room``.

A derived event is a source only: a write to it would be a write to the record, which belongs to
the first host. So the record is written to at most once in a cycle, by one decision.
"""

from __future__ import annotations

import re

USER_PREFIX = "users/"
"""How the part of a further host begins; the user's id follows."""

_MARK = re.compile(r"@(?=users/|rooms/|equipment/)")


def derived_id(record: str, part: str) -> str:
    """Return the id of the event that is derived from a record for one host or resource."""
    return f"{record}@{part}"


def record_id(event: str) -> str:
    """Return the platform's own id of the record behind an event."""
    return _MARK.split(event, maxsplit=1)[0]


def part_of(event: str) -> str:
    """Return for whom an event is derived, such as ``users/USER``; '' for the record itself."""
    _, *part = _MARK.split(event, maxsplit=1)
    return part[0] if part else ""


def is_derived(event: str) -> bool:
    """Return whether the event is derived from a record."""
    return _MARK.search(event) is not None


def same_record(event: str, other: str) -> bool:
    """Return whether two events of one system show the same record, each to another calendar."""
    return event != other and record_id(event) == record_id(other)
