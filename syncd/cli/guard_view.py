"""Stops of the guard, in the words that a person reads: what waits, what goes on, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from syncd.cli import render


def lines(stops: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a few lines for each stop, as ``stopped`` of `resync --json` has it."""
    for stop in stops:
        system, provider = stop["system"], stop["provider"]
        where = f"{provider} in {system}" if provider else f"all calendars of {system} together"
        meetings = render.count(stop["count"], "meeting is", "meetings are")
        yield f"stopped by the guard: {where}: {meetings} gone, cancelled or moved at once"
        yield (
            "  withheld: what would free their time, move or cancel them in any system; "
            "old and new times stay closed"
        )
        yield "  carried as usual: new bookings and newly busy time there, all other calendars"
        yield f"  if these changes are right: syncd resync --accept {stop['run']}"
        yield f"  if they are not: put them back in {system}; the stop then ends by itself"


def left_over(run: str) -> str:
    """Say of stops that are left after a run was accepted why they are."""
    from syncd.engine.guard_stops import is_dry  # noqa: PLC0415 - `status` needs no SQLAlchemy

    if is_dry(run):
        return (
            f"what is stopped now is not what the dry run {run} listed, so nothing of it was "
            "accepted: accept the run that is named below"
        )
    return f"run {run} did not list what is named below: that stays stopped"
