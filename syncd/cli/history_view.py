"""The history as tables, sentences and JSON: changes, rules and replies to writes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

from syncd.cli import render, terminal
from syncd.cli.options import zone_of
from syncd.config.settings import Settings
from syncd.model import Booking, HistoryEntry

_SEEN = ("seen", "changed")


def explain_time(booking: Booking, notes: Sequence[HistoryEntry], zone: tzinfo) -> list[str]:
    """Return lines that explain why a booking has its current time, for `syncd show`.

    ``notes`` is the complete history of the booking, oldest first. Times are shown in ``zone``.
    """
    last = next((n for n in reversed(notes) if n.what in {"agreed", *_SEEN}), None)
    if last is None:
        return ["the reason for the current time is older than the stored history"]
    same_run = [n for n in notes if n.run == last.run]
    seen = [_observation(n, zone) for n in same_run if n.what in _SEEN]
    lines = [f"why: {text}" for text in seen[:1]] + [f"     {text}" for text in seen[1:]]
    if last.what == "agreed":
        moved = render.value_change(last.before, last.after, zone)
        lines.append(f"{'why: ' if not lines else '     '}agreed: {moved}")
    lines.append(f"     rule: {render.local_times(_rule(last), zone)}; run {last.run}")
    writes = [n for n in same_run if n.what not in {"agreed", *_SEEN}]
    lines += [f"     {n.what} in {n.system}: {n.detail}" for n in writes]
    if last.after is not None and last.what == "agreed" and last.after != booking.agreed:
        lines.append("     the booking has changed since then; the reason is no longer stored")
    return lines


def _observation(note: HistoryEntry, zone: tzinfo) -> str:
    seen = (note.seen_at or note.at).astimezone(zone)
    shown = render.value_change(note.before, note.after, zone)
    return f"{note.system} showed {shown} at {seen:%d %b %H:%M:%S}"


def _rule(note: HistoryEntry) -> str:
    """Return the rule that decided, with its place in the configuration."""
    return f"{note.rule} ({note.place})" if note.place else note.rule


def print_history(
    title: str, notes: Sequence[HistoryEntry], settings: Settings, *, provider: str | None
) -> None:
    """Print a table of history entries.

    Times are in the time zone of ``provider``; without a provider, in that of the configuration.
    """
    zone = zone_of(settings, provider)
    rows = [
        (
            note.at.astimezone(zone).strftime("%d %b %H:%M:%S"),
            note.system if provider else f"{note.provider} {note.system}",
            note.what,
            render.value_change(note.before, note.after, zone),
            " · ".join(
                filter(
                    None, (render.local_times(_rule(note), zone), note.detail, _late(note, zone))
                )
            ),
            note.run,
        )
        for note in notes
    ]
    columns = ("at", "where", "what", "value", "rule, response", "run")
    terminal.table(title, columns, rows)


def _late(note: HistoryEntry, zone: tzinfo) -> str:
    """Return when a change was seen, if it was decided on a second or more later."""
    if note.seen_at is None or (note.at - note.seen_at).total_seconds() < 1:
        return ""
    return f"seen {note.seen_at.astimezone(zone):%H:%M:%S}"


def history_json(note: HistoryEntry) -> dict[str, Any]:
    """Return a history entry as JSON; times are UTC. ``detail`` is the reply to a write."""
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
