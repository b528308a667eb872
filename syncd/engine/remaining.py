"""What is left as the state stands, without a run: for `status`, and its exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from syncd.engine.report import Left, Stop, UnknownOwners, left_of_items
from syncd.model import ConflictKind
from syncd.model.summary import acknowledged
from syncd.store.glance import Glance


def left_in(
    seen: Glance, systems: Collection[str], unknown: Collection[UnknownOwners]
) -> dict[Left, int]:
    """Count what is left as the state stands, by kind, in these ``systems``.

    What is not left is not named.
    """
    held = [h for h in seen.conflicts if h.conflict.held]
    # A system that is read, and takes no writes, is not silent: its writes wait, if there are any.
    silent = [
        name
        for name in systems
        if (health := seen.health.get(name)) and not health.state.answers and not health.writing
    ]
    found = {
        Left.STOPPED: len(stops_in(seen)),
        Left.SYSTEMS: len(silent),
        Left.UNKNOWN_OWNERS: len(unknown),
        Left.WRITES: seen.counts["intents"],
        Left.WAITING: len(seen.waiting),
        Left.CONFLICTS: sum(h.conflict.kind is not ConflictKind.GUARD for h in held),
        Left.DOUBLE_BOOKINGS: sum(
            not h.conflict.held and acknowledged(h, seen.marks) is None for h in seen.conflicts
        ),
        Left.EXPOSURES: len(seen.exposures),
        **left_of_items(seen.items),
    }
    return {kind: found[kind] for kind in Left if found.get(kind)}


def stops_in(seen: Glance) -> list[Stop]:
    """Return the stops of the guard, as runs tell them: a stop of a whole system is one."""
    claims = Counter[tuple[str, str]]()
    for h in seen.conflicts:
        if h.conflict.held and h.conflict.kind is ConflictKind.GUARD:
            claims[h.conflict.subject, h.run] += len(h.conflict.claims)
    return [
        Stop(system, provider, run, count)
        for (subject, run), count in sorted(claims.items())
        for system, _, provider in [subject.partition("/")]
    ]


def acknowledged_in(seen: Glance) -> int:
    """Count what persons have acknowledged."""
    known = sum(acknowledged(h, seen.marks) is not None for h in seen.conflicts)
    return known + sum(item.acknowledged_at is not None for item in seen.items)
