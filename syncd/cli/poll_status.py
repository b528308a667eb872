"""How often the windows are read and by which rota, for `status`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.cli import render
from syncd.cli.system_status import duration
from syncd.store.status_query import StatusSnapshot

_WIDTH = 100
_USUAL = 2


@dataclass(frozen=True, slots=True)
class PollPlan:
    """Seconds between two polls, as planned last; ``often`` and ``seldom`` are providers.

    ``systems`` are the seconds between two reads of each system, near and far.
    """

    near: float
    far: float
    slices: int
    often: Sequence[str]
    seldom: Sequence[str]
    systems: Mapping[str, tuple[float, float]]

    def to_json(self) -> dict[str, Any]:
        """Stable keys."""
        return {
            "near_seconds": self.near,
            "far_seconds": self.far,
            "slices": self.slices,
            "slice_seconds": self.far / self.slices,
            "more_often": list(self.often),
            "less_often": list(self.seldom),
            "systems": {
                name: {"near_seconds": near, "far_seconds": far}
                for name, (near, far) in sorted(self.systems.items())
            },
        }

    def lines(self) -> Iterator[str]:
        """For a person; no line is wider than a terminal."""
        turns = f", in {self.slices} slices, one every {duration(self.far / self.slices)}"
        yield (
            f"reading  the near window every {duration(self.near)}; "
            f"the whole one every {duration(self.far)}{turns if self.slices > 1 else ''}"
        )
        for name, (near, far) in sorted(self.systems.items()):
            if near > self.near or far > self.far:
                yield f"slower   {name}: every {duration(near)} and every {duration(far)}"
        if self.often:
            more = ": up to twice as often, for they had news;"
            yield f"busy     {_names(self.often, _WIDTH - 9 - len(more))}{more}"
            calm = f"calm     {render.count(len(self.seldom), 'provider')} with none lately"
            yield f"{calm}: it is every {duration(2 * self.far)} for them, to make up for that"


def poll_plan(seen: StatusSnapshot, systems: Collection[str]) -> PollPlan | None:
    """What the daemon planned last for these systems; None if it never did."""
    known = [each for name, each in seen.allowances.items() if name in systems]
    if not known or not seen.poll_schedule:
        return None
    return PollPlan(
        min(each.near for each in known),
        min(each.far for each in known),
        len({each.slice for each in seen.poll_schedule}),
        [each.provider for each in seen.poll_schedule if each.reads > _USUAL],
        [each.provider for each in seen.poll_schedule if each.reads < _USUAL],
        {each.system: (each.near, each.far) for each in known},
    )


def _names(names: Sequence[str], width: int) -> str:
    """As many as there is room for, and how many more there are."""
    for shown in range(len(names), 0, -1):
        rest = len(names) - shown
        text = ", ".join(names[:shown]) + (f" and {rest} more" if rest else "")
        if len(text) <= width:
            return text
    return render.count(len(names), "provider")
