"""What is reported of a record or a list that cannot be carried, or only with an assumption."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256


class Topic(StrEnum):
    """Why an item is reported.

    - UNREADABLE: the record cannot be understood (no usable id, time or interval). It closes no
      time, except that a known event keeps its last interval.
    - UNKNOWN_STATUS: its status is not known; it counts as busy.
    - UNMAPPED_OWNER: nobody who is mapped is among its hosts.
    - UNASSIGNED: nobody is assigned to it yet.
    - ASSUMED: a part of it had to be assumed: a length, or a local time that does not exist.
    - LIST: a list is not whole (capped, or it hides events): what it lacks proves nothing.
    - RESOURCE: a mapped room or piece of equipment is not there, or cannot be read.
    - PERSON: two systems name different people for one meeting.
    - DAMAGED: a write by syncd changed more of the record than it was to.
    - ACCOUNT: a fact about the whole account, reported once and not for each record.
    """

    UNREADABLE = "unreadable"
    UNKNOWN_STATUS = "unknown_status"
    UNMAPPED_OWNER = "unmapped_owner"
    UNASSIGNED = "unassigned"
    ASSUMED = "assumed"
    LIST = "list"
    RESOURCE = "resource"
    PERSON = "person"
    ACCOUNT = "account"
    DAMAGED = "damaged"

    @property
    def still_blocks(self) -> bool:
        """Whether the record closes its time in the other systems although it is reported."""
        return self in _CARRIED


_CARRIED = frozenset(
    {Topic.UNKNOWN_STATUS, Topic.ASSUMED, Topic.PERSON, Topic.ACCOUNT, Topic.DAMAGED}
)


@dataclass(frozen=True, slots=True)
class ReportedItem:
    """One reported record or list, from the read that first showed it until it is gone.

    ``event`` is the record's id. For rows without one, and for lists, it is the list's name.
    ``calendars`` are the providers whose lists may show it, as far as they have not shown the
    opposite since. The read that showed it reached from ``back`` before to ``ahead`` after its
    time; ``seen_at`` is kept to the hour. ``events`` is only set where one item stands for the
    same fault of every record of an account. ``acknowledged_at`` is when a person silenced it.
    """

    system: str
    event: str
    topic: Topic
    reason: str
    calendars: tuple[str, ...]
    back: timedelta
    ahead: timedelta
    since: datetime
    seen_at: datetime
    ended_at: datetime | None = None
    events: tuple[str, ...] = ()
    acknowledged_at: datetime | None = None

    @property
    def digest(self) -> str:
        """What `syncd acknowledge` accepts, or the beginning of it: the same in every read."""
        # One item for all records is another one than that of a record.
        name = (self.system, str(self.topic), self.reason if self.events else f" {self.event}")
        return item_digest(*name)

    @property
    def id(self) -> str:
        """The beginning of the digest that is shown."""
        return self.digest[:SHOWN_ID]

    @property
    def inputs(self) -> str:
        """What the acknowledgement is of: once it differs, the item counts again."""
        return item_digest(self.reason)

    @property
    def record_count(self) -> int:
        """How many records it counts as: a fact about an account is one."""
        return 1 if self.topic is Topic.ACCOUNT else len(self.events) or 1

    @property
    def key(self) -> tuple[Topic, str]:
        """What names the item within its system."""
        return (self.topic, self.event)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A person has acknowledged a reported item or a double booking.

    ``subject`` is the item's digest or the conflict's id, ``inputs`` what it was of. ``by`` is the
    login name of whoever did it.
    """

    subject: str
    inputs: str
    at: datetime
    by: str


SHOWN_ID = 8
"""The letters of a digest that are shown."""

_KEPT_DIGEST = 16


def item_digest(*parts: str) -> str:
    """Return a short digest of texts, in hexadecimal digits."""
    return sha256("\0".join(parts).encode()).hexdigest()[:_KEPT_DIGEST]
