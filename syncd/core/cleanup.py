"""What `syncd cleanup` may remove where nothing proves which blocks are ours: by tags alone.

A tag proves nothing, as people copy blocks. But a copy bears the tag of its original, so a tag that
stands once in all that was read was not copied there. Only such a block is preselected, and a
person is asked for each calendar.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from syncd.model import Event, Kind
from syncd.model.former_calendars import provider_of_former


@dataclass(frozen=True, slots=True)
class CleanupScope:
    """What is cleaned up: a system, a provider, one calendar, or everything; empty means any."""

    system: str = ""
    provider: str = ""

    def covers(self, provider: str, system: str) -> bool:
        """Whether a calendar is to be cleaned up; a provider's former ones are among theirs."""
        names = {"", provider, provider_of_former(provider)}
        return self.system in {"", system} and self.provider in names


class OwnershipDoubt(StrEnum):
    """Why a tagged block is not preselected.

    REPEATED: its tag stands more than once, so that one of them is somebody's copy. COPY: its tag
    is that of a block that is known under another id. UNCOUNTED: a calendar of its system was not
    read whole, and a copy may stand there. CUSTOMER: it was a block of ours, and a person gave it a
    customer: it is somebody's meeting now.
    """

    REPEATED = "repeated"
    COPY = "copy"
    UNCOUNTED = "uncounted"
    CUSTOMER = "customer"

    @property
    def settled(self) -> bool:
        """Whether the block is known to be somebody else's, so that no person has to decide."""
        return self in {OwnershipDoubt.COPY, OwnershipDoubt.CUSTOMER}


@dataclass(frozen=True, slots=True)
class TaggedBlock:
    """A tagged block that nothing proves ours; ``doubt`` says why it is not preselected."""

    event: Event
    doubt: OwnershipDoubt | None = None


def tagged_blocks(
    events: Iterable[Event],
    proven: Collection[tuple[str, str]],
    copied: Collection[str],
    unread: Collection[str],
) -> list[TaggedBlock]:
    """Judge the tagged blocks among all events that were read, in the order of their times.

    ``proven`` are events, (system, id), known to be ours: they are no matter of tags. ``copied``
    are tags of blocks of ours that are known, ``unread`` the systems that were not read whole.
    A meeting with a tag in its text is never a block, and counts as a use of the tag.
    """
    found = [event for event in events if event.key is not None]
    uses = Counter(event.key for event in found)

    def doubt(event: Event) -> OwnershipDoubt | None:
        if event.kind is not Kind.BLOCK:
            return OwnershipDoubt.CUSTOMER
        if event.key in copied:
            return OwnershipDoubt.COPY
        if uses[event.key] > 1:
            return OwnershipDoubt.REPEATED
        return OwnershipDoubt.UNCOUNTED if event.system in unread else None

    judged = [
        TaggedBlock(event, doubt(event))
        for event in found
        if (event.kind is Kind.BLOCK) is not ((event.system, event.id) in proven)
    ]
    return sorted(judged, key=lambda t: (t.event.system, t.event.value.start, t.event.id))
