"""The poll intervals and the poll schedule, for `status`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from syncd.cli.system_status import config_duration
from syncd.store.queries.status_query import StatusSnapshot


@dataclass(frozen=True, slots=True)
class PollPlan:
    """The poll intervals that the daemon planned last, in seconds.

    ``near`` and ``far`` are the intervals of the near and the whole window; ``systems`` has both
    for each system. ``slices`` is the number of parts in which the whole window is read.
    """

    near: float
    far: float
    slices: int
    systems: Mapping[str, tuple[float, float]]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object. Keys are stable."""
        return {
            "near_seconds": self.near,
            "far_seconds": self.far,
            "slices": self.slices,
            "slice_seconds": self.far / self.slices,
            "systems": {
                name: {"near_seconds": near, "far_seconds": far}
                for name, (near, far) in sorted(self.systems.items())
            },
        }

    def lines(self) -> Iterator[str]:
        """Yield lines of at most 100 columns for `status`."""
        slices = f", in {self.slices} slices, one every {config_duration(self.far / self.slices)}"
        yield (
            f"reading  the near window every {config_duration(self.near)}; "
            f"the whole window every {config_duration(self.far)}{slices if self.slices > 1 else ''}"
        )
        for name, (near, far) in sorted(self.systems.items()):
            if near > self.near or far > self.far:
                intervals = (
                    f"near window every {config_duration(near)}, whole window every "
                    f"{config_duration(far)}"
                )
                yield f"slower   {name}: {intervals}"


def poll_plan(seen: StatusSnapshot, systems: Collection[str]) -> PollPlan | None:
    """Return the poll intervals that the daemon planned last for these systems.

    Return None if no daemon has planned any yet.
    """
    known = [each for name, each in seen.allowances.items() if name in systems]
    if not known or not seen.poll_schedule:
        return None
    return PollPlan(
        min(each.near for each in known),
        min(each.far for each in known),
        len({each.slice for each in seen.poll_schedule}),
        {each.system: (each.near, each.far) for each in known},
    )
