"""Settings of an emulated platform for the uncertain facts in `model.platform_facts`.

Each fact in that table has one knob, under the same name, on the platform that it is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from syncd.lab.sandbox.damage import Damage
from syncd.model.platform_facts import NO, YES, PlatformFact, PlatformKind, platform_facts

_V2, _V1, _LSQ = PlatformKind.V2, PlatformKind.V1, PlatformKind.LEADSQUARED


@dataclass(frozen=True, slots=True)
class Knob:
    """The attribute of an emulated platform that a fact sets, and its value for each side.

    A side is a possible value of the fact. ``other_side`` is the side for all other values of the
    attribute ('': no side).
    """

    attribute: str
    values: Mapping[str, object]
    other_side: str = ""

    @classmethod
    def flag(cls, attribute: str, *, yes: bool = True) -> Knob:
        """Return the knob of a yes/no fact."""
        return cls(attribute, MappingProxyType({YES: yes, NO: not yes}))

    @classmethod
    def choice(cls, attribute: str, values: Mapping[str, object], rest: str = "") -> Knob:
        """Return the knob of a fact with these sides and values.

        ``rest`` is the side for all other values of the attribute ('': no side).
        """
        return cls(attribute, MappingProxyType(dict(values)), rest)

    @classmethod
    def named(cls, attribute: str, *sides: str) -> Knob:
        """Return the knob of a fact whose sides are also the values."""
        return cls.choice(attribute, {side: side for side in sides})


_LAG = Knob.choice("list_lag", {"0": 0.0, "5": 5.0})
_CAP = Knob.choice(
    "list_cap", {"none": None} | {str(n): n for n in (100, 150, 200, 250, 500, 1000)}
)
_MOVES = Knob.choice("update_damage", {YES: None, NO: Damage.NOTED}, NO)
_STATUSES = Knob.choice("status_damage", {YES: None, NO: Damage.NOTED}, NO)
_CANCELS = "Task.svc/BulkCancelAppointments"

_NAMED: Mapping[tuple[PlatformKind, str], Knob] = MappingProxyType(
    {
        (_V2, "block_by_id"): Knob.flag("blocks_by_id"),
        (_V2, "second_delete"): Knob.choice("second_delete", {"200": 200, "400": 400, "404": 404}),
        (_V2, "list_cap"): _CAP,
        (_V1, "list_cap"): _CAP,
        (_LSQ, "list_cap"): _CAP,
        (_V2, "instance_writes"): Knob.flag("writes_whole_series", yes=False),
        (_V2, "update_keeps_hosts"): Knob.flag("update_drops_hosts", yes=False),
        (_V2, "moves_change_only_time"): _MOVES,
        (_V1, "moves_change_only_time"): _MOVES,
        (_LSQ, "moves_change_only_time"): _MOVES,
        (_V2, "status_changes_only_status"): _STATUSES,
        (_V1, "status_changes_only_status"): _STATUSES,
        (_LSQ, "status_changes_only_status"): _STATUSES,
        (_V2, "list_lag"): _LAG,
        (_V1, "list_lag"): _LAG,
        (_LSQ, "list_lag"): _LAG,
        (_LSQ, "instance_writes"): Knob.flag("writes_whole_series", yes=False),
        (_LSQ, "date_zone"): Knob.choice(
            "date_zone",
            {"account": ""} | {z: z for z in ("UTC", "Pacific/Kiritimati", "Etc/GMT+12")},
        ),
        (_LSQ, "slot_names"): Knob.choice(
            "slot_names", {"StartTime/EndTime": ("StartTime", "EndTime"), "From/To": ("From", "To")}
        ),
        (_LSQ, "bulk_rows"): Knob.choice("most_bulk_rows", {"100": 100, "1000": 1000}),
        (_LSQ, "phone_spelling"): Knob.named("phone_spelling", "digits", "dashed"),
        (_LSQ, "rate_spelling"): Knob.named("rate_spelling", "429", "403", "200"),
        (_LSQ, "home_host"): Knob.choice("home_host", {YES: "home.example.com", NO: ""}, YES),
        (_LSQ, "cancel_path"): Knob.choice(
            "cancel_path", {_CANCELS: _CANCELS, "elsewhere": "Task.svc/Elsewhere"}, "elsewhere"
        ),
    }
)
"""The knobs that are not simply a flag with the name of the fact."""


class FactKnobs:
    """Access to a platform's uncertain facts by name; a mix-in of each emulated platform."""

    kind: ClassVar[PlatformKind]
    """The platform that is emulated."""

    def set_fact(self, name: str, side: str) -> None:
        """Make the platform behave as this side of an uncertain fact.

        Raises ValueError for a name or side that the table does not have.
        """
        knob = self._knob(name)
        if side not in knob.values:
            message = f"{side!r} is not a value of {name}; the values are: {', '.join(knob.values)}"
            raise ValueError(message)
        setattr(self, knob.attribute, knob.values[side])

    def fact(self, name: str) -> str:
        """Return the current side of an uncertain fact.

        Raises ValueError for a name that the table does not have, and if the attribute was set to a
        value that belongs to no side.
        """
        knob = self._knob(name)
        current = getattr(self, knob.attribute)
        for side, value in knob.values.items():
            if value == current:
                return side
        if knob.other_side:
            return knob.other_side
        message = f"{name} is set to {current!r}, which is none of its documented values"
        raise ValueError(message)

    def facts(self) -> dict[str, str]:
        """Return the side of each uncertain fact, by name. Raises ValueError as `fact` does."""
        return {row.name: self.fact(row.name) for row in platform_facts(self.kind)}

    def _knob(self, name: str) -> Knob:
        rows = platform_facts(self.kind)
        if all(row.name != name for row in rows):
            known = ", ".join(row.name for row in rows)
            message = f"{self.kind} has no fact {name!r}; the facts are: {known}"
            raise ValueError(message)
        return _NAMED.get((self.kind, name)) or Knob.flag(name)


def is_settable(row: PlatformFact) -> bool:
    """Return true if the sandbox has a value for each side of a fact."""
    knob = _NAMED.get((row.platform, row.name)) or Knob.flag(row.name)
    return set(knob.values) == set(row.sides)
