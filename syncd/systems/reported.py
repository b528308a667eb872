"""Lists that are reported: with rows that have no usable id, or with rows missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.model import Topic
from syncd.systems.port import Malformed

if TYPE_CHECKING:
    from collections.abc import Collection

    from syncd.systems.port import ListCall


def list_name(call: ListCall) -> str:
    """Name a list in a report: its path, and whose it is if it is one provider's."""
    of = f" of {next(iter(call.providers))}" if len(call.providers) == 1 else ""
    return f"{call.call}{of}"


def nameless(system: str, call: ListCall, count: int) -> Malformed:
    """Report the rows of a list that have no usable id, or are no objects."""
    rows = "1 row has" if count == 1 else f"{count} rows have"
    reason = f"{rows} no id: what this list lacks is not taken for deleted"
    return Malformed(system, list_name(call), reason, providers=call.providers)


def shortened(system: str, call: ListCall, why: str) -> Malformed:
    """Report a list from which rows are missing, or may be."""
    reason = f"{why}: what this list lacks is not taken for deleted"
    return Malformed(system, list_name(call), reason, Topic.LIST, providers=call.providers)


def hiding(system: str, call: ListCall, providers: Collection[str]) -> Malformed:
    """Report a list that lacks events of these providers which are shown by their ids."""
    reason = (
        "it lacks events that the system shows by their ids: new ones in it may not be seen, "
        "and what it lacks is not taken for deleted"
    )
    return Malformed(system, list_name(call), reason, Topic.LIST, providers=providers)
