"""Lines of history as a person reads them: what changed where, by which rule, and the reply."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

from syncd.cli import render, terminal
from syncd.cli.options import zone_of
from syncd.config.settings import Settings
from syncd.model import Booking, HistoryEntry

_SEEN = ("seen", "changed")


def why(booking: Booking, notes: Sequence[HistoryEntry], zone: tzinfo) -> list[str]:
    """Why a booking is when it is, in a few sentences; ``notes`` are all of its lines, in order."""
    last = next((n for n in reversed(notes) if n.what in {"agreed", *_SEEN}), None)
    if last is None:
        return ["why it is when it is was decided longer ago than history is kept"]
    of_it = [n for n in notes if n.run == last.run]
    said = [_sight(n, zone) for n in of_it if n.what in _SEEN]
    lines = [f"why: {text}" for text in said[:1]] + [f"     {text}" for text in said[1:]]
    if last.what == "agreed":
        moved = render.value_change(last.before, last.after, zone)
        lines.append(f"{'why: ' if not lines else '     '}so it was agreed: {moved}")
    lines.append(f"     rule: {render.local_times(ruled(last), zone)}; run {last.run}")
    writes = [n for n in of_it if n.what not in {"agreed", *_SEEN}]
    lines += [f"     {n.what} in {n.system}: {n.detail}" for n in writes]
    if last.after is not None and last.what == "agreed" and last.after != booking.agreed:
        lines.append("     it has changed since, and the reason is not kept any more")
    return lines


def _sight(note: HistoryEntry, zone: tzinfo) -> str:
    seen = (note.seen_at or note.at).astimezone(zone)
    shown = render.value_change(note.before, note.after, zone)
    return f"{note.system} showed {shown} at {seen:%d %b %H:%M:%S}"


def ruled(note: HistoryEntry) -> str:
    """The rule that decided, with its place in the configuration."""
    return f"{note.rule} ({note.place})" if note.place else note.rule


def print_notes(
    title: str, notes: Sequence[HistoryEntry], settings: Settings, *, provider: str | None
) -> None:
    """Print lines of history, in the provider's zone."""
    zone = zone_of(settings, provider)
    rows = [
        (
            note.at.astimezone(zone).strftime("%d %b %H:%M:%S"),
            note.system if provider else f"{note.provider} {note.system}",
            note.what,
            render.value_change(note.before, note.after, zone),
            " · ".join(
                filter(
                    None, (render.local_times(ruled(note), zone), note.detail, _late(note, zone))
                )
            ),
            note.run,
        )
        for note in notes
    ]
    columns = ("at", "where", "what", "value", "rule, reply", "run")
    terminal.table(title, columns, rows)


def _late(note: HistoryEntry, zone: tzinfo) -> str:
    """When it was seen, where it was decided on later."""
    if note.seen_at is None or (note.at - note.seen_at).total_seconds() < 1:
        return ""
    return f"seen {note.seen_at.astimezone(zone):%H:%M:%S}"


def note_json(note: HistoryEntry) -> dict[str, Any]:
    """A line of history as JSON; times are UTC. ``detail`` is the reply to a write."""
    return {
        "at": render.instant_json(note.at),
        "seen_at": render.instant_json(note.seen_at),
        "run": note.run,
        "provider": note.provider,
        "what": note.what,
        "booking": note.booking or None,
        "system": note.system or None,
        "event": note.event or None,
        "before": render.value_json(note.before),
        "after": render.value_json(note.after),
        "rule": note.rule,
        "place": note.place or None,
        "detail": note.detail,
    }
