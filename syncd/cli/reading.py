"""How often the windows are read and by which rota, for `status`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.cli import words
from syncd.cli.standing import span
from syncd.store.glance import Glance

_WIDTH = 100
_USUAL = 2


@dataclass(frozen=True, slots=True)
class Plan:
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
        turns = f", in {self.slices} slices, one every {span(self.far / self.slices)}"
        yield (
            f"reading  the near window every {span(self.near)}; "
            f"the whole one every {span(self.far)}{turns if self.slices > 1 else ''}"
        )
        for name, (near, far) in sorted(self.systems.items()):
            if near > self.near or far > self.far:
                yield f"slower   {name}: every {span(near)} and every {span(far)}"
        if self.often:
            more = ": up to twice as often, for they had news;"
            yield f"busy     {_names(self.often, _WIDTH - 9 - len(more))}{more}"
            calm = f"calm     {words.count(len(self.seldom), 'provider')} with none lately"
            yield f"{calm}: it is every {span(2 * self.far)} for them, to make up for that"


def plan_of(seen: Glance, systems: Collection[str]) -> Plan | None:
    """What the daemon planned last for these systems; None if it never did."""
    known = [each for name, each in seen.allowances.items() if name in systems]
    if not known or not seen.rota:
        return None
    return Plan(
        min(each.near for each in known),
        min(each.far for each in known),
        len({each.slice for each in seen.rota}),
        [each.provider for each in seen.rota if each.reads > _USUAL],
        [each.provider for each in seen.rota if each.reads < _USUAL],
        {each.system: (each.near, each.far) for each in known},
    )


def _names(names: Sequence[str], width: int) -> str:
    """As many as there is room for, and how many more there are."""
    for shown in range(len(names), 0, -1):
        rest = len(names) - shown
        text = ", ".join(names[:shown]) + (f" and {rest} more" if rest else "")
        if len(text) <= width:
            return text
    return words.count(len(names), "provider")
