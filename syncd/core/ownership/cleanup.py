"""Choose the tagged blocks that `syncd cleanup` may remove although nothing proves them ours.

A tag proves nothing, because people on the platform copy blocks. But a copy has the tag of its
original, so a tag that occurs only once in all events that were read was not copied within them.
Only such a block is preselected, and the operator is asked for each calendar.
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
    """What to clean up: a system, a provider, one calendar, or everything; '' means any."""

    system: str = ""
    provider: str = ""

    def covers(self, provider: str, system: str) -> bool:
        """Return true if a calendar is in scope; a provider's former calendars are in scope too."""
        names = {"", provider, provider_of_former(provider)}
        return self.system in {"", system} and self.provider in names


class OwnershipDoubt(StrEnum):
    """Why a tagged block is not preselected.

    - REPEATED: its tag occurs more than once, so at least one of these blocks is a copy.
    - COPY: its tag belongs to a block of ours that is known under another id.
    - UNCOUNTED: a calendar of its system was not read in full and may have a copy.
    - CUSTOMER: the event was our block until somebody on the platform added a customer, so the
      event is a meeting now.
    """

    REPEATED = "repeated"
    COPY = "copy"
    UNCOUNTED = "uncounted"
    CUSTOMER = "customer"

    @property
    def settled(self) -> bool:
        """True if the block is known not to be ours, so that the operator is not asked."""
        return self in {OwnershipDoubt.COPY, OwnershipDoubt.CUSTOMER}


@dataclass(frozen=True, slots=True)
class TaggedBlock:
    """A tagged block that is not proven to be ours; ``doubt`` is why it is not preselected."""

    event: Event
    doubt: OwnershipDoubt | None = None


def tagged_blocks(
    events: Iterable[Event],
    proven: Collection[tuple[str, str]],
    copied: Collection[str],
    unread: Collection[str],
) -> list[TaggedBlock]:
    """Judge the tagged blocks among all events that were read; sort them by system and time.

    - ``proven``: the events, as (system, id), that are proven to be ours; they are left out.
    - ``copied``: the tags of known blocks of ours.
    - ``unread``: the systems that were not read in full.

    A meeting that has a tag in its text is no block, but counts as one occurrence of the tag.
    """
    tagged = [event for event in events if event.key is not None]
    uses = Counter(event.key for event in tagged)

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
        for event in tagged
        if (event.kind is Kind.BLOCK) is not ((event.system, event.id) in proven)
    ]
    return sorted(judged, key=lambda t: (t.event.system, t.event.value.start, t.event.id))
