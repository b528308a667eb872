"""The results of a lookup of one event by id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncd.model import Event


@dataclass(frozen=True, slots=True)
class Found:
    """The event exists, with this value, perhaps with an owner that is not mapped.

    ``elsewhere``: the lists that were read for its provider cannot show it. ``outdated``: they
    cannot show its whole calendar, which may have moved to another group or team; the adapter
    reads the directory again, so the next read uses the right lists.
    """

    event: Event
    elsewhere: bool = False
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """The system says that the event does not exist.

    ``own_list``: the list of its own user shows other events, so that user is not missing.
    """

    own_list: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """The lookup was inconclusive. ``refused``: the system refused to read this id."""

    why: str = ""
    refused: bool = False


LookupResult = Found | Gone | Unknown
