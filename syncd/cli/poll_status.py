"""The poll intervals and the poll schedule, for `status`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.cli import render
from syncd.cli.system_status import config_duration
from syncd.store.status_query import StatusSnapshot

_WIDTH = 100
_NORMAL_READS = 2


@dataclass(frozen=True, slots=True)
class PollPlan:
    """The poll intervals that the daemon planned last, in seconds.

    ``near`` and ``far`` are the intervals of the near and the whole window; ``systems`` has both
    for each system. ``slices`` is the number of parts in which the whole window is read. ``busy``
    and ``calm`` are the providers that are read more often and less often than usual.
    """

    near: float
    far: float
    slices: int
    busy: Sequence[str]
    calm: Sequence[str]
    systems: Mapping[str, tuple[float, float]]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object. Keys are stable."""
        return {
            "near_seconds": self.near,
            "far_seconds": self.far,
            "slices": self.slices,
            "slice_seconds": self.far / self.slices,
            "more_often": list(self.busy),
            "less_often": list(self.calm),
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
        if self.busy:
            more = ": up to twice as often (recent changes);"
            yield f"active   {_names(self.busy, _WIDTH - 9 - len(more))}{more}"
            calm = f"calm     {render.count(len(self.calm), 'provider')} without recent changes"
            yield f"{calm}: every {config_duration(2 * self.far)}, to stay within the rate budget"


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
        [each.provider for each in seen.poll_schedule if each.reads > _NORMAL_READS],
        [each.provider for each in seen.poll_schedule if each.reads < _NORMAL_READS],
        {each.system: (each.near, each.far) for each in known},
    )


def _names(names: Sequence[str], width: int) -> str:
    """Return as many names as fit into a width, and the number of the others."""
    for shown in range(len(names), 0, -1):
        rest = len(names) - shown
        text = ", ".join(names[:shown]) + (f" and {rest} more" if rest else "")
        if len(text) <= width:
            return text
    return render.count(len(names), "provider")
