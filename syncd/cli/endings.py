"""The last line of `resync` and `status`: what is left, how much of it, and where to see it."""

from __future__ import annotations

from collections.abc import Mapping

from syncd.cli import words
from syncd.engine.report import Exit, Left

_NOUNS: Mapping[Left, tuple[str, str, str]] = {
    Left.STOPPED: ("calendar stopped by the guard", "calendars stopped by the guard", "conflicts"),
    Left.SYSTEMS: ("system that did not answer", "systems that did not answer", "status"),
    Left.UNKNOWN_OWNERS: (
        "calendar with unknown owners",
        "calendars with unknown owners",
        "status",
    ),
    Left.LISTS: ("incomplete list", "incomplete lists", "status"),
    Left.WRITES: ("write not confirmed yet", "writes not confirmed yet", "status"),
    Left.UNMADE: ("write not made yet", "writes not made yet", "plan"),
    Left.WAITING: ("write that waits", "writes that wait", "plan"),
    Left.REMOVALS: (
        "removal that waits for a second read",
        "removals that wait for a second read",
        "resync",
    ),
    Left.UNPROVEN: (
        "event that is gone by its id only",
        "events that are gone by their ids only",
        "status",
    ),
    Left.CONFLICTS: ("held conflict", "held conflicts", "conflicts"),
    Left.DOUBLE_BOOKINGS: ("double booking", "double bookings", "conflicts"),
    Left.UNREADABLE: ("unreadable record", "unreadable records", "status"),
    Left.REPORTED: ("reported record", "reported records", "status"),
    Left.EXPOSURES: ("busy interval still offered", "busy intervals still offered", "status"),
}
_BEGINNINGS = {
    Exit.DONE: "everything{scope} that can be carried agrees",
    Exit.CONFLICTS: "everything else{scope} agrees, but a person is needed",
    Exit.UNANSWERED: "done as far as possible",
    Exit.GUARDED: "stopped by the guard",
}


def left_of(counts: Mapping[str, int]) -> dict[Left, int]:
    """Read ``left`` of a command's JSON object."""
    return {kind: counts[kind] for kind in Left if counts.get(kind)}


def ending(
    left: Mapping[Left, int], acknowledged: int, *, left_behind: bool = False, held_back: int = 0
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
    if paused and Exit.of(left) is Exit.DONE:
        return f"done, but for what is held back; left: {found}"
    return f"{_beginning(left).format(scope=scope)}; left: {found}"


def cut_short(left: Mapping[Left, int], sent: int) -> str:
    """Say of an interrupted run how many of its writes were sent, and how many were not."""
    unsent, unsure = left.get(Left.UNMADE, 0), left.get(Left.WRITES, 0)
    if not (sent or unsent or unsure):
        return "interrupted while reading: no write was sent"
    told = [f"sent: {words.count(sent, 'write')}"]
    if unsure:
        told.append(f"sent, but not confirmed yet: {unsure} (the next run looks for them first)")
    told.append(f"not sent: {unsent}")
    return "interrupted; " + "; ".join(told)


def rest(left: Mapping[Left, int], acknowledged: int, held_back: int = 0) -> str:
    """Name each thing that is left, and how many writes are held back, for `status`."""
    known = f"{acknowledged} acknowledged (syncd acknowledge)" if acknowledged else ""
    found = ", ".join(filter(None, (_paused(held_back), *_named(left), known)))
    return f"left: {found or 'nothing'}"


def _paused(held_back: int) -> str:
    return f"{words.count(held_back, 'write')} held back (syncd plan)" if held_back else ""


def _beginning(left: Mapping[Left, int]) -> str:
    if Left.INTERRUPTED in left:
        return "interrupted: what was sent is in the journal, and the next run does the rest"
    unfinished = {kind for kind in left if kind.exit is Exit.UNANSWERED}
    if unfinished == {Left.REMOVALS} and Exit.of(left) is Exit.UNANSWERED:
        return "done, but for removals: run it again"
    return _BEGINNINGS[Exit.of(left)]


def _named(left: Mapping[Left, int]) -> list[str]:
    return [
        f"{words.count(number, *_NOUNS[kind][:2])} (syncd {_NOUNS[kind][2]})"
        for kind, number in left.items()
        if kind in _NOUNS
    ]
