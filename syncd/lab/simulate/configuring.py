"""Changes to the configuration file during a day.

A provider, a system or a calendar is left out of the file for some hours, or a rule changes. The
program then reloads the file or restarts.

Nothing may be written to a place that is left out. The calendars of a provider that is left out
stay as they are. Events of a system or calendar that is left out close nothing elsewhere until it
is back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.config.load import load
from syncd.lab.simulate.acts import SYSTEMS, EventKind, SimEvent
from syncd.lab.simulate.unmapped import ConfigPlace

if TYPE_CHECKING:
    from syncd.config.settings import Settings
    from syncd.lab.simulate.scenario import Scenario
    from syncd.lab.simulate.world import World

LEAVES_OUT = frozenset(
    {EventKind.LEAVE_OUT_PROVIDER, EventKind.LEAVE_OUT_SYSTEM, EventKind.LEAVE_OUT_CALENDAR}
)
_PEOPLE = ("alice", "bob")
"""The providers that may be left out. carol has the block that proves that v2's block list
works."""
_CHANGED_RULES = {
    "moved_apart": ("latest", "prefer", "hold"),
    "moved_and_cancelled": ("cancel", "move", "hold"),
    "double_booked": ("report", "hold"),
}
"""Rules that may change during the day, with their choices. The oracle does not depend on them."""


@dataclass(slots=True)
class Configuration:
    """The configuration file. ``whole`` is its text without rules; tables of it may be left out."""

    path: Path
    whole: str
    scenario: Scenario
    out: set[ConfigPlace] = field(default_factory=set)
    rules: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Start with the rules of the scenario."""
        self.rules = dict(self.scenario.rules)

    def change(self, step: SimEvent, world: World) -> str:
        """Change the file as a step says; return what was done, '' if nothing was."""
        if step.kind in LEAVES_OUT:
            return self._leave_out(step, world)
        if step.kind is EventKind.PUT_BACK:
            return self.put_back(world)
        kinds = sorted(_CHANGED_RULES)
        kind = kinds[step.number % len(kinds)]
        choices = [c for c in _CHANGED_RULES[kind] if c != self.rules.get(kind)]
        self.rules[kind] = choices[step.slot // 2 % len(choices)]
        world.choices |= {self.rules[kind]}
        # The new rule may decide conflicts that were held.
        world.note_answer()
        return f"set {kind} to {self.rules[kind]}"

    def _leave_out(self, step: SimEvent, world: World) -> str:
        provider = _PEOPLE[step.number % len(_PEOPLE)]
        match step.kind:
            case EventKind.LEAVE_OUT_PROVIDER:
                place = ConfigPlace("", provider)
            case EventKind.LEAVE_OUT_SYSTEM:
                place = ConfigPlace(step.system, "")
            case _:
                place = ConfigPlace(step.system, provider)
        if self.out:
            # A provider needs two calendars and the file a system, so only one place is left out at
            # a time.
            return ""
        self.out.add(place)
        world.unmapped.leave_out(place, world.clock.now())
        return f"leave {place} out of the file"

    def put_back(self, world: World) -> str:
        """Restore the whole file; return what was done."""
        if not self.out:
            return ""
        self.out.clear()
        world.unmapped.put_back(world.clock.now())
        world.staff.since.append(world.clock.now())
        return "restore the whole file"

    def read(self) -> Settings:
        """Write the file, and load it as the program does."""
        systems = sorted(set(SYSTEMS) - {place.system for place in self.out if not place.provider})
        rules = "".join(f'{kind} = "{choice}"\n' for kind, choice in self.rules.items())
        override = dict(self.scenario.override)
        if override and override.get("system", systems[0]) in systems:
            lines = "".join(f'{key} = "{value}"\n' for key, value in override.items())
            rules += f"[[rules.override]]\n{lines}"
        self.path.write_text(
            f"{remove_places(self.whole, self.out)}[rules]\nprefer = {systems}\n{rules}"
        )
        return load(self.path, {})


def remove_places(text: str, out: set[ConfigPlace]) -> str:
    """Return the configuration without the tables and lines of these places."""
    remaining: list[str] = []
    table: tuple[str, ...] = ()
    for line in text.splitlines():
        if line.startswith("["):
            table = tuple(line.strip("[]").split("."))
        match table:
            case ("systems", name, *_):
                place = ConfigPlace(name, "")
            case ("providers", name, "calendars"):
                place = ConfigPlace(line.partition(" ")[0], name)
            case ("providers", name):
                place = ConfigPlace("", name)
            case _:
                place = ConfigPlace("", "")
        if not any(place_out.covers(place) for place_out in out):
            remaining.append(line)
    return "\n".join(remaining) + "\n"


def judge_configured(world: World, system: str, provider: str, at: datetime) -> Iterator[str]:
    """Yield a violation if syncd writes to a place outside of its configuration (promise 6)."""
    since = world.unmapped.absent_since(system, provider)
    if since is not None and at > since + _IN_FLIGHT:
        yield f"6: wrote to {provider} in {system}, which is not in the configuration"


_IN_FLIGHT = timedelta(minutes=30)
"""How long after its request a write may show: LeadSquared queues bulk moves."""
