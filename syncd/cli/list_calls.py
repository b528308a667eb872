"""What each list call of a read is for: the plans of all systems as rows and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.cli import terminal
from syncd.model import Kind, Window
from syncd.systems.port import ListCall, System

MOST_ROWS = 12
"""Of a system, unless all are asked for."""
_MOST_NAMES = 4


@dataclass(frozen=True, slots=True)
class ListCallRow:
    """One list, and how often it is asked for in each window: a long one takes several calls."""

    system: str
    call: str
    selector: str
    ids: tuple[str, ...]
    kinds: frozenset[Kind]
    providers: frozenset[str]
    near: int
    far: int

    @property
    def asked(self) -> str:
        """What is asked, in short."""
        _, _, path = self.call.partition(" ")
        named = self.ids[0] if len(self.ids) == 1 else f"({len(self.ids)})"
        return f"{path} {self.selector}={named}"

    @property
    def purpose(self) -> str:
        """What it is for."""
        return f"{' and '.join(f'{kind}s' for kind in sorted(self.kinds))} of {_names(self)}"

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "system": self.system,
            "call": self.call,
            "selector": self.selector,
            "ids": list(self.ids),
            "kinds": sorted(self.kinds),
            "providers": sorted(self.providers),
            "near": self.near,
            "far": self.far,
        }


def lists_of(systems: Mapping[str, System], near: Window, far: Window) -> list[ListCallRow]:
    """What reading the two windows takes, system by system, as far as is known by now."""
    return [
        found
        for name, system in systems.items()
        for found in _listed(name, system.plan(near), system.plan(far))
    ]


def print_lists(lists: Collection[ListCallRow], *, every: bool) -> None:
    """Print a table of them; of each system the first few, unless every one is asked for."""
    if not lists:
        return
    rows, left = [], []
    for system in dict.fromkeys(one.system for one in lists):
        own = [one for one in lists if one.system == system]
        shown = own if every else own[:MOST_ROWS]
        rows += [(o.system, o.asked, o.purpose, str(o.near), str(o.far)) for o in shown]
        if len(own) > len(shown):
            left.append((system, len(own) - len(shown)))
    columns = ("system", "list call", "for", "near", "far")
    title = "what each list call is for, and how often a near and a far read make it"
    terminal.table(title, columns, rows)
    for system, count in left:
        terminal.say(f"{system}: and {count} more like these; `syncd check --calls` shows all\n")


def _listed(
    system: str, near: Iterable[ListCall], far: Iterable[ListCall]
) -> Sequence[ListCallRow]:
    counts = [Counter(map(_same, calls)) for calls in (near, far)]
    return [
        ListCallRow(system, *same, counts[0][same], counts[1][same])
        for same in dict.fromkeys([*counts[1], *counts[0]])
    ]


def _same(
    call: ListCall,
) -> tuple[str, str, tuple[str, ...], frozenset[Kind], frozenset[str]]:
    """All but the span."""
    return call.call, call.selector, call.ids, call.kinds, call.providers


def _names(listed: ListCallRow) -> str:
    names = sorted(listed.providers)
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
