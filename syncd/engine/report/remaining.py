"""Count the remaining work in the stored state, without a run, for `status` and its exit code."""

from __future__ import annotations

from collections.abc import Collection
from itertools import groupby

from syncd.core.mass_change.guard import count_stopped
from syncd.engine.report.run_report import Remaining, Stop, UnknownOwners, remaining_of_items
from syncd.model import ConflictKind, StoredConflict
from syncd.model.health import is_silent
from syncd.model.summary import acknowledgement_of
from syncd.store.queries.status_query import StatusSnapshot


def count_remaining(
    seen: StatusSnapshot,
    systems: Collection[str],
    unknown: Collection[UnknownOwners],
    mapped: Collection[str],
) -> dict[Remaining, int]:
    """Count the remaining work by kind; kinds with a count of 0 are left out.

    ``seen`` is the stored state; ``systems`` are the configured systems, ``mapped`` the providers
    in the configuration; ``unknown`` are the calendars with unproven owners.
    """
    held = [h for h in seen.conflicts if h.conflict.held]
    stopped = _stopped(seen, mapped)
    silent = [
        name
        for name in systems
        if (health := seen.health.get(name))
        and is_silent(answers=health.state.answers, writing=health.writing)
    ]
    found = {
        Remaining.STOPPED: len(list_stops(seen, mapped)),
        Remaining.SYSTEMS: len(silent),
        Remaining.UNKNOWN_OWNERS: len(unknown),
        Remaining.WRITES: seen.counts["intents"],
        Remaining.WAITING: len(seen.waiting),
        Remaining.CONFLICTS: len(held) - len(stopped),
        Remaining.DOUBLE_BOOKINGS: sum(
            not h.conflict.held and acknowledgement_of(h, seen.acknowledgements) is None
            for h in seen.conflicts
        ),
        Remaining.EXPOSURES: len(seen.exposures),
        **remaining_of_items(seen.items),
    }
    return {kind: found[kind] for kind in Remaining if found.get(kind)}


def list_stops(seen: StatusSnapshot, mapped: Collection[str]) -> list[Stop]:
    """Return the open stops of the guard, as a run's report lists them.

    A stop of a whole system counts once. Stops of providers not in ``mapped`` are left out.
    """
    return [
        Stop(
            system,
            provider,
            newest_run(held),
            count_stopped((h.conflict for h in held), seen.stopped),
        )
        for subject, each in groupby(_stopped(seen, mapped), key=lambda h: h.conflict.subject)
        for system, _, provider in [subject.partition("/")]
        for held in [list(each)]
    ]


def newest_run(held: Collection[StoredConflict]) -> str:
    """Return the id of the run that listed the newest of these conflicts.

    That run listed the older conflicts too, so accepting that run accepts all of them.
    """
    return max(held, key=lambda h: (h.opened_at, h.run)).run


def _stopped(seen: StatusSnapshot, mapped: Collection[str]) -> list[StoredConflict]:
    """Return the guard's open conflicts of mapped providers, sorted by subject."""
    found = [
        h
        for h in seen.conflicts
        if h.conflict.kind is ConflictKind.GUARD and h.conflict.provider in mapped
    ]
    return sorted(found, key=lambda h: h.conflict.subject)


def count_acknowledged(seen: StatusSnapshot) -> int:
    """Count the conflicts and reported items that the operator has acknowledged."""
    known = sum(acknowledgement_of(h, seen.acknowledgements) is not None for h in seen.conflicts)
    return known + sum(item.acknowledged_at is not None for item in seen.items)
