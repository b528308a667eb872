"""The last line of `resync` and `status`: what is left, how much of it, and where to see it."""

from __future__ import annotations

from collections.abc import Mapping

from syncd.cli import render
from syncd.engine.report import Remaining, RunExit

_NOUNS: Mapping[Remaining, tuple[str, str, str]] = {
    Remaining.STOPPED: (
        "calendar stopped by the guard",
        "calendars stopped by the guard",
        "conflicts",
    ),
    Remaining.SYSTEMS: ("system that did not answer", "systems that did not answer", "status"),
    Remaining.UNKNOWN_OWNERS: (
        "calendar with unknown owners",
        "calendars with unknown owners",
        "status",
    ),
    Remaining.LISTS: ("incomplete list", "incomplete lists", "status"),
    Remaining.WRITES: ("write not confirmed yet", "writes not confirmed yet", "status"),
    Remaining.UNMADE: ("write not made yet", "writes not made yet", "plan"),
    Remaining.WAITING: ("write that waits", "writes that wait", "plan"),
    Remaining.REMOVALS: (
        "removal that waits for a second read",
        "removals that wait for a second read",
        "resync",
    ),
    Remaining.UNPROVEN: (
        "event that is gone by its id only",
        "events that are gone by their ids only",
        "status",
    ),
    Remaining.CONFLICTS: ("held conflict", "held conflicts", "conflicts"),
    Remaining.DOUBLE_BOOKINGS: ("double booking", "double bookings", "conflicts"),
    Remaining.UNREADABLE: ("unreadable record", "unreadable records", "status"),
    Remaining.REPORTED: ("reported record", "reported records", "status"),
    Remaining.EXPOSURES: ("busy interval still offered", "busy intervals still offered", "status"),
}
_BEGINNINGS = {
    RunExit.DONE: "everything{scope} that can be carried agrees",
    RunExit.CONFLICTS: "everything else{scope} agrees, but a person is needed",
    RunExit.UNANSWERED: "done as far as possible",
    RunExit.GUARDED: "stopped by the guard",
}


def left_of(counts: Mapping[str, int]) -> dict[Remaining, int]:
    """Read ``left`` of a command's JSON object."""
    return {kind: counts[kind] for kind in Remaining if counts.get(kind)}


def ending(
    left: Mapping[Remaining, int],
    acknowledged: int,
    *,
    left_behind: bool = False,
    held_back: int = 0,
) -> str:
    """Say how a run ended, and name each thing that is left.

    Nobody reads the calendars of blocks that were ``left_behind``: nothing is said of those. That
    everything agrees is not said while writes are ``held_back``.
    """
    scope = " in the configuration" if left_behind else ""
    known = f"{acknowledged} acknowledged (syncd acknowledge)" if acknowledged else ""
    if not left and not held_back:
        return "; ".join(filter(None, (f"everything{scope} agrees", known)))
    paused = _paused(held_back)
    found = ", ".join(filter(None, (paused, *_named(left), known)))
    if paused and RunExit.of(left) is RunExit.DONE:
        return f"done, but for what is held back; left: {found}"
    return f"{_beginning(left).format(scope=scope)}; left: {found}"


def cut_short(left: Mapping[Remaining, int], sent: int) -> str:
    """Say of an interrupted run how many of its writes were sent, and how many were not."""
    unsent, unsure = left.get(Remaining.UNMADE, 0), left.get(Remaining.WRITES, 0)
    if not (sent or unsent or unsure):
        return "interrupted while reading: no write was sent"
    told = [f"sent: {render.count(sent, 'write')}"]
    if unsure:
        told.append(f"sent, but not confirmed yet: {unsure} (the next run looks for them first)")
    told.append(f"not sent: {unsent}")
    return "interrupted; " + "; ".join(told)


def rest(left: Mapping[Remaining, int], acknowledged: int, held_back: int = 0) -> str:
    """Name each thing that is left, and how many writes are held back, for `status`."""
    known = f"{acknowledged} acknowledged (syncd acknowledge)" if acknowledged else ""
    found = ", ".join(filter(None, (_paused(held_back), *_named(left), known)))
    return f"left: {found or 'nothing'}"


def _paused(held_back: int) -> str:
    return f"{render.count(held_back, 'write')} held back (syncd plan)" if held_back else ""


def _beginning(left: Mapping[Remaining, int]) -> str:
    if Remaining.INTERRUPTED in left:
        return "interrupted: what was sent is in the journal, and the next run does the rest"
    unfinished = {kind for kind in left if kind.exit is RunExit.UNANSWERED}
    if unfinished == {Remaining.REMOVALS} and RunExit.of(left) is RunExit.UNANSWERED:
        return "done, but for removals: run it again"
    return _BEGINNINGS[RunExit.of(left)]


def _named(left: Mapping[Remaining, int]) -> list[str]:
    return [
        f"{render.count(number, *_NOUNS[kind][:2])} (syncd {_NOUNS[kind][2]})"
        for kind, number in left.items()
        if kind in _NOUNS
    ]
