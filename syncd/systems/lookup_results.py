"""The results of a lookup of one event by id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncd.model import Event


@dataclass(frozen=True, slots=True)
class Found:
    """The event exists and has this value. Its owner may be nobody in the configuration.

    ``elsewhere``: the lists of the last read cannot show this event, because they do not include
    its calendar. ``outdated``: the calendar may have moved to another group or team, so that the
    lists show none of its events. The adapter then reads its directory of calendars again, and the
    next read uses the right lists.
    """

    event: Event
    elsewhere: bool = False
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """The system says that the event does not exist.

    ``own_list``: the list of the event's user shows other events, so the user still exists, and the
    event is missing although its list works.
    """

    own_list: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """The lookup proved neither that the event exists nor that it is gone.

    ``why`` is the reason for a log or message, '' for none. ``refused``: the system refused to read
    this id.
    """

    why: str = ""
    refused: bool = False


LookupResult = Found | Gone | Unknown
