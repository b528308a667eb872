"""The last line of `resync` and `status`: what remains, how much, and which command shows it."""

from __future__ import annotations

from collections.abc import Mapping

from syncd.cli import render
from syncd.engine.report.run_report import Remaining, RunExit

_NOUNS: Mapping[Remaining, tuple[str, str, str]] = {
    Remaining.STOPPED: (
        "calendar stopped by the guard",
        "calendars stopped by the guard",
        "conflicts",
    ),
    Remaining.SYSTEMS: ("system that did not respond", "systems that did not respond", "status"),
    Remaining.UNKNOWN_OWNERS: (
        "calendar with unknown owners",
        "calendars with unknown owners",
        "status",
    ),
    Remaining.LISTS: ("incomplete list", "incomplete lists", "status"),
    Remaining.WRITES: ("write not confirmed yet", "writes not confirmed yet", "status"),
    Remaining.UNMADE: ("write not made yet", "writes not made yet", "plan"),
    Remaining.WAITING: ("waiting write", "waiting writes", "plan"),
    Remaining.REMOVALS: (
        "removal waiting for a second read",
        "removals waiting for a second read",
        "resync",
    ),
    Remaining.UNPROVEN: (
        "event that only an id lookup shows as gone",
        "events that only id lookups show as gone",
        "status",
    ),
    Remaining.CONFLICTS: ("held conflict", "held conflicts", "conflicts"),
    Remaining.DOUBLE_BOOKINGS: ("double booking", "double bookings", "conflicts"),
    Remaining.UNREADABLE: ("unreadable event", "unreadable events", "status"),
    Remaining.REPORTED: ("reported item", "reported items", "status"),
    Remaining.EXPOSURES: (
        "busy interval that can still be booked",
        "busy intervals that can still be booked",
        "status",
    ),
}
_RESULTS = {
    RunExit.DONE: "everything{scope} that can be synced agrees",
    RunExit.CONFLICTS: "everything else{scope} agrees, but the operator is needed",
    RunExit.UNANSWERED: "done as far as possible",
    RunExit.GUARDED: "stopped by the guard",
}


def remaining_from_json(counts: Mapping[str, int]) -> dict[Remaining, int]:
    """Parse ``left`` of a command's JSON object: the number of each kind of remaining thing."""
    return {kind: counts[kind] for kind in Remaining if counts.get(kind)}


def summary_line(
    remaining: Mapping[Remaining, int],
    acknowledged: int,
    *,
    left_behind: bool = False,
    held_back: int = 0,
) -> str:
    """Return how a run ended, and what remains to be done, in one line.

    If blocks are ``left_behind``, their calendars are no longer read, so the text speaks only of
    the configured calendars. "Everything agrees" is not said while writes are ``held_back``.
    ``acknowledged`` is the number of acknowledged items.
    """
    scope = " in the configuration" if left_behind else ""
    known = f"{acknowledged} acknowledged (syncd acknowledge)" if acknowledged else ""
    if not remaining and not held_back:
        return "; ".join(filter(None, (f"everything{scope} agrees", known)))
    paused = _held_back(held_back)
    names = ", ".join(filter(None, (paused, *_remaining_names(remaining), known)))
    if paused and RunExit.of(remaining) is RunExit.DONE:
        return f"done, except for writes that are held back; left: {names}"
    return f"{_result(remaining).format(scope=scope)}; left: {names}"


def interrupted_line(remaining: Mapping[Remaining, int], sent: int) -> str:
    """Return how many writes of an interrupted run were sent, and how many were not."""
    unsent, unconfirmed = remaining.get(Remaining.UNMADE, 0), remaining.get(Remaining.WRITES, 0)
    if not (sent or unsent or unconfirmed):
        return "interrupted while reading: no write was sent"
    parts = [f"sent: {render.count(sent, 'write')}"]
    if unconfirmed:
        parts.append(f"sent, but not confirmed yet: {unconfirmed} (the next run checks them first)")
    parts.append(f"not sent: {unsent}")
    return "interrupted; " + "; ".join(parts)


def remaining_line(
    remaining: Mapping[Remaining, int], acknowledged: int, held_back: int = 0
) -> str:
    """Return what remains to be done and how many writes are held back, for `status`."""
    known = f"{acknowledged} acknowledged (syncd acknowledge)" if acknowledged else ""
    names = ", ".join(filter(None, (_held_back(held_back), *_remaining_names(remaining), known)))
    return f"left: {names or 'nothing'}"


def _held_back(held_back: int) -> str:
    return f"{render.count(held_back, 'write')} held back (syncd plan)" if held_back else ""


def _result(remaining: Mapping[Remaining, int]) -> str:
    if Remaining.INTERRUPTED in remaining:
        return (
            "interrupted: the writes that were sent are in the journal, and the next run continues"
        )
    unfinished = {kind for kind in remaining if kind.exit is RunExit.UNANSWERED}
    if unfinished == {Remaining.REMOVALS} and RunExit.of(remaining) is RunExit.UNANSWERED:
        return "done, except for removals: run the command again"
    return _RESULTS[RunExit.of(remaining)]


def _remaining_names(remaining: Mapping[Remaining, int]) -> list[str]:
    return [
        f"{render.count(number, *_NOUNS[kind][:2])} (syncd {_NOUNS[kind][2]})"
        for kind, number in remaining.items()
        if kind in _NOUNS
    ]
