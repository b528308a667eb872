"""The list calls that reading the systems takes, and their purpose: as a table and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.cli import terminal
from syncd.model import Kind, Window
from syncd.systems.port import ListCall, System

MAX_ROWS_PER_SYSTEM = 12
"""Rows shown per system, unless all are requested."""

_MAX_NAMES = 4


@dataclass(frozen=True, slots=True)
class ListCallRow:
    """One list call, and the number of calls that a near and a far read need for it.

    A far read covers the whole window; a long window takes several calls.
    """

    system: str
    call: str
    selector: str
    ids: tuple[str, ...]
    kinds: frozenset[Kind]
    providers: frozenset[str]
    near: int
    far: int

    @property
    def request(self) -> str:
        """Return the path and the selected ids in short."""
        _, _, path = self.call.partition(" ")
        named = self.ids[0] if len(self.ids) == 1 else f"({len(self.ids)})"
        return f"{path} {self.selector}={named}"

    @property
    def purpose(self) -> str:
        """Return which kinds of events of which providers the list shows."""
        return f"{' and '.join(f'{kind}s' for kind in sorted(self.kinds))} of {_names(self)}"

    def to_json(self) -> dict[str, Any]:
        """Return the row with stable keys."""
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


def list_call_rows(systems: Mapping[str, System], near: Window, far: Window) -> list[ListCallRow]:
    """Return the list calls for the two windows, by system, as far as they are known.

    They are planned from what is cached; no call is made.
    """
    return [
        row
        for name, system in systems.items()
        for row in _rows_of(name, system.plan(near), system.plan(far))
    ]


def print_list_calls(lists: Collection[ListCallRow], *, every: bool) -> None:
    """Print a table of list calls: the first `MAX_ROWS_PER_SYSTEM` of each system, or ``every``."""
    if not lists:
        return
    rows, hidden = [], []
    for system in dict.fromkeys(one.system for one in lists):
        own = [one for one in lists if one.system == system]
        shown = own if every else own[:MAX_ROWS_PER_SYSTEM]
        rows += [(o.system, o.request, o.purpose, str(o.near), str(o.far)) for o in shown]
        if len(own) > len(shown):
            hidden.append((system, len(own) - len(shown)))
    columns = ("system", "list call", "purpose", "near", "far")
    terminal.table("list calls, and how many a near and a far read make", columns, rows)
    for system, count in hidden:
        terminal.say(f"{system}: … and {count} more; `syncd check --calls` shows all\n")


def _rows_of(
    system: str, near: Iterable[ListCall], far: Iterable[ListCall]
) -> Sequence[ListCallRow]:
    near_calls, far_calls = (Counter(map(_identity, calls)) for calls in (near, far))
    return [
        ListCallRow(system, *identity, near_calls[identity], far_calls[identity])
        for identity in dict.fromkeys([*far_calls, *near_calls])
    ]


def _identity(
    call: ListCall,
) -> tuple[str, str, tuple[str, ...], frozenset[Kind], frozenset[str]]:
    """Return everything about a call except its time span."""
    return call.call, call.selector, call.ids, call.kinds, call.providers


def _names(row: ListCallRow) -> str:
    names = sorted(row.providers)
    more = len(names) - _MAX_NAMES
    return ", ".join(names[:_MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
