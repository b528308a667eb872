"""One answer: what is odd about it, where such a thing was seen, and what it is read as."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from syncd.model import Event
from syncd.systems.errors import UnreadableError
from syncd.systems.port import Row, Snapshot


@dataclass(frozen=True, slots=True)
class Case:
    """``call`` names what was asked; ``read`` is the outcome, one line for each thing found."""

    name: str
    seen: str
    call: str
    answer: Any
    read: tuple[str, ...]

    def __str__(self) -> str:
        """Return the name, for pytest."""
        return self.name.replace(" ", "-")


def shown(event: Event) -> str:
    """Spell an event: kind, provider, times in UTC, status."""
    value = event.value
    ends = (
        f"{value.end:%d %H:%M}" if value.end.date() != value.start.date() else f"{value.end:%H:%M}"
    )
    return f"{event.kind} {event.provider or '-'} {value.start:%d %H:%M}-{ends} {value.status}"


def read_as(
    snapshot: Snapshot, parsed: Iterable[tuple[Row, Event | UnreadableError]]
) -> tuple[str, ...]:
    """Spell a whole read: its events, what is reported, and whether it proves anything."""
    lines: list[str] = []
    for _, outcome in parsed:
        lines.append(shown(outcome) if isinstance(outcome, Event) else "unreadable")
    lines += [f"reported: {item.topic}" for item in snapshot.malformed if item.event]
    if snapshot.faults:
        lines.append("not whole")
    return tuple(lines) or ("nothing",)


def changed(row: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with other fields; ``...`` leaves one out."""
    return {name: value for name, value in (row | changes).items() if value is not ...}  # type: ignore[operator]
