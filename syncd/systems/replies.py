"""The replies of a system to a write."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.model import Value
    from syncd.systems.lookup_results import LookupResult
    from syncd.systems.port import RejectedError


@dataclass(frozen=True, slots=True)
class Done:
    """The write is done. ``events`` has each event's id, and its value right afterwards if read.

    ``restored`` are fields that the write reset and the adapter restored, ``lost`` those that could
    not be restored.
    """

    events: Sequence[tuple[str, Value | None]]
    restored: Sequence[str] = ()
    lost: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The write is queued under this job id; only a read can confirm it.

    ``refused`` maps the events that the call did not change to the reason.
    """

    job: str
    refused: Mapping[str, RejectedError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TargetChanged:
    """Nothing was written: the re-read before the write showed another value than decided on."""

    current: LookupResult


Reply = Done | Accepted | TargetChanged
