"""Lines on mass-change stops: what the guard withholds, what goes on, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from syncd.cli import render


def stop_lines(stops: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield some lines for each stop; ``stops`` is ``stopped`` of `resync --json`."""
    for stop in stops:
        system, provider = stop["system"], stop["provider"]
        where = f"{provider} in {system}" if provider else f"all calendars of {system} together"
        meetings = render.count(stop["count"], "meeting is", "meetings are")
        yield f"stopped by the guard: {where}: {meetings} gone, cancelled or moved at once"
        yield (
            "  withheld: writes that would free, move or cancel these meetings in any system; old "
            "and new times stay blocked"
        )
        yield (
            f"  synced as usual: new bookings and newly busy time in {system}, and all other "
            "calendars"
        )
        yield f"  if these changes are correct: syncd resync --accept {stop['run']}"
        yield f"  if they are not: undo the changes in {system}; the stop then ends by itself"


def remaining_stops_reason(run: str) -> str:
    """Return why guard stops remain although the operator accepted ``run``."""
    from syncd.engine.deciding.guard_stops import is_dry  # noqa: PLC0415 - `status` needs no SQLAlchemy

    if is_dry(run):
        return (
            f"the changes that are stopped now differ from those that dry run {run} listed, so "
            "none were accepted: accept the run below"
        )
    return f"run {run} did not list the changes below, so they stay stopped: accept the run below"
