"""Reported items: records and lists that cannot be synced, or only with an assumption."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256


class Topic(StrEnum):
    """Why an item is reported.

    - UNREADABLE: the record cannot be understood (no usable id, time or interval). It blocks no
      time, except that a known event keeps its last interval.
    - UNKNOWN_STATUS: the status of the record is not known. It counts as busy.
    - UNMAPPED_OWNER: no host of the record is mapped to a provider.
    - UNASSIGNED: no user is assigned to the record yet.
    - ASSUMED: a part of the record was assumed, such as a length or a local time in a clock gap.
    - LIST: a list is incomplete (capped, or it hides events). A missing event proves nothing.
    - RESOURCE: a mapped room or piece of equipment does not exist or cannot be read.
    - PERSON: two systems name different customers for one meeting.
    - DAMAGED: a write by syncd changed other fields of the record, too.
    - ACCOUNT: a fact about the whole account, reported once instead of for each record.
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
        """Return true if the record still blocks its time in the other systems."""
        return self in _CARRIED


_CARRIED = frozenset(
    {Topic.UNKNOWN_STATUS, Topic.ASSUMED, Topic.PERSON, Topic.ACCOUNT, Topic.DAMAGED}
)


@dataclass(frozen=True, slots=True)
class ReportedItem:
    """One reported record or list, from the first read that shows it until it is gone.

    ``event`` is the record's id, or the list's name for a list or a row without an id.
    ``calendars`` are the providers whose lists may show the record and have not yet been read
    without it. The window of the read that showed it began ``back`` before that read and ended
    ``ahead`` after it. ``seen_at`` is stored to the hour. ``events`` is only set if one item stands
    for the same fault in every record of an account. ``acknowledged_at`` is when the operator
    acknowledged the item.
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
        """Return the id that `syncd acknowledge` accepts, also shortened; stable across reads."""
        # An item for a whole account must not share the digest of an item for one record.
        name = (self.system, str(self.topic), self.reason if self.events else f" {self.event}")
        return item_digest(*name)

    @property
    def id(self) -> str:
        """Return the shortened digest by which the operator acknowledges the item."""
        return self.digest[:SHOWN_ID]

    @property
    def inputs(self) -> str:
        """Return a digest of the reason. When it changes, an acknowledgement no longer applies."""
        return item_digest(self.reason)

    @property
    def event_count(self) -> int:
        """Return the number of events that the item counts as; a fact about an account is one."""
        return 1 if self.topic is Topic.ACCOUNT else len(self.events) or 1

    @property
    def key(self) -> tuple[Topic, str]:
        """Return the key of the item within its system."""
        return (self.topic, self.event)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """An operator's acknowledgement of a reported item or a double booking.

    ``subject`` is the item's digest or the conflict's id. ``inputs`` is a digest of what was
    acknowledged: when the digest changes, the acknowledgement no longer applies. ``by`` is the
    operator's login name.
    """

    subject: str
    inputs: str
    at: datetime
    by: str


SHOWN_ID = 8
"""The number of characters of a digest that are shown."""

_KEPT_DIGEST = 16


def item_digest(*parts: str) -> str:
    """Return a short hexadecimal digest of the given texts."""
    return sha256("\0".join(parts).encode()).hexdigest()[:_KEPT_DIGEST]
