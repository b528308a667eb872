"""What the tables of LeadSquared are built from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A row of a list: what is odd, and what it is read as.

    ``read`` is provider, kind, status, minutes and person; None if the row is no event. ``told`` is
    the topic under which it is reported, '' for none.
    """

    name: str
    odd: Mapping[str, Any]
    read: tuple[str, str, str, int, str] | None
    told: str = ""


@dataclass(frozen=True)
class Page:
    """A whole answer of the list: its body, the ids that are read, and whether it proves absence.

    ``ids`` is None where the answer is no list at all.
    """

    name: str
    body: bytes
    ids: tuple[str, ...] | None
    whole: bool = True


@dataclass(frozen=True)
class StatusCase:
    """An answer with its status, and what it means: the name of the fault, '' for a success."""

    name: str
    status: int
    body: bytes
    means: str
    write: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


MEETING = ("alice", "appointment", "confirmed", 45, "lead-7")
UNRELATED = ("alice", "appointment", "confirmed", 45, "")
NOBODY = {"RelatedEntity": 0, "RelatedEntityId": ...}
BUSY = {"TaskType": {"Name": "Busy", "Category": 0}, **NOBODY}

ONE = b'{"UserTaskId":"t1","DueDate":"2026-03-02 10:30:00.000","EndDate":"2026-03-02 11:15:00",'
ONE += b'"OwnerEmailAddress":"alice@example.com","TaskType":{"Name":"Visit"}}'


def error(kind: str, words: str) -> bytes:
    """The envelope of all errors."""
    return b'{"Status":"Error","ExceptionType":"%b","ExceptionMessage":"%b"}' % (
        kind.encode(),
        words.encode(),
    )
