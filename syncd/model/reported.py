"""What is reported of a record or a list that cannot be carried, or only with an assumption."""

from __future__ import annotations

from enum import StrEnum


class Topic(StrEnum):
    """Why an item is reported.

    - UNREADABLE: the record cannot be understood (no usable id, time or interval). It closes no
      time, except that a known event keeps its last interval.
    - UNKNOWN_STATUS: its status is not known; it counts as busy.
    - UNMAPPED_OWNER: nobody who is mapped is among its hosts.
    - UNASSIGNED: nobody is assigned to it yet.
    - ASSUMED: a part of it had to be assumed: a length, or a local time that does not exist.
    - LIST: a list is not whole (capped, or it hides events): what it lacks proves nothing.
    """

    UNREADABLE = "unreadable"
    UNKNOWN_STATUS = "unknown_status"
    UNMAPPED_OWNER = "unmapped_owner"
    UNASSIGNED = "unassigned"
    ASSUMED = "assumed"
    LIST = "list"
