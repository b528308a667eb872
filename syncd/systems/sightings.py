"""What a read of one event by id brings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncd.model import Event


@dataclass(frozen=True, slots=True)
class Found:
    """The event is there, with this value, perhaps elsewhere, or at an owner that is not mapped.

    ``elsewhere``: the lists that were read for its provider cannot show it. ``outdated``: nor can
    they show the rest of its calendar, which may belong to another group or team by now; the
    adapter has noted that, and the next read asks the right lists.
    """

    event: Event
    elsewhere: bool = False
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """The system says that there is no such event (any more).

    ``own_list``: the list of its own user shows others, as that of a missing user would not.
    """

    own_list: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """The system cannot tell. ``refused``: it refuses to read this id, whatever that means."""

    why: str = ""
    refused: bool = False


LookupResult = Found | Gone | Unknown
