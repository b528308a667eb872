"""What a system answers to a write."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.model import Value
    from syncd.systems.port import RejectedError
    from syncd.systems.sightings import LookupResult


@dataclass(frozen=True, slots=True)
class Done:
    """It happened. Per operation: the event's id, and the value that was shown right after it.

    ``restored`` names the fields that the write itself reset and that were put back, ``lost`` those
    that could not be put back.
    """

    events: Sequence[tuple[str, Value | None]]
    restored: Sequence[str] = ()
    lost: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """It was queued under this job id; only a read can confirm it.

    ``refused`` are the events of the call that were left as they are, and why.
    """

    job: str
    refused: Mapping[str, RejectedError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TargetChanged:
    """Nothing was written: read just before the write, the target was not as decided on."""

    sighting: LookupResult


Reply = Done | Accepted | TargetChanged
