"""Store guard stops: which changes each run listed, and which changes the operator accepted.

Used for `syncd resync --accept RUN`. A run lists the ids of the guard's open conflicts. A closed
conflict keeps its changes until the history is compacted. So the operator can accept every run that
showed a stop, and accepts exactly what the run listed. A dry run stores nothing; its name is a
digest of what it listed. The acceptance is stored before any change is carried out, as a conflict
that the operator closed. So the operator is not asked twice after a crash, or if another conflict
delays some of the accepted changes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from syncd.core.inputs import inputs_digest
from syncd.core.mass_change.guard import change_key, change_keys_of, count_stopped
from syncd.engine.report.remaining import newest_run
from syncd.engine.report.run_report import Report, Stop
from syncd.model import Changes, Conflict, ConflictKind, StoredConflict
from syncd.store import Store

ACCEPTED = "accepted by a person"
"""The resolution of a guard conflict whose changes the operator accepted."""

LISTED = "listed"
"""The key of the listed conflicts in the stored report of a run."""

_DRY = "dry-"


class AcceptError(Exception):
    """The run has no stops to accept; ``remedy`` says what the operator can do instead."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Set the reason and the remedy."""
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


def open_stops(store: Store) -> list[StoredConflict]:
    """Return the guard's open conflicts."""
    return [h for h in store.open_conflicts() if h.conflict.kind is ConflictKind.GUARD]


def dry_run_of(conflicts: Iterable[Conflict]) -> str:
    """Return the name of a dry run that listed these conflicts."""
    return _DRY + inputs_digest(*sorted(change_keys_of(conflicts)))


def is_dry(run: str) -> bool:
    """Return whether this is the name of a dry run."""
    return run.startswith(_DRY)


def listed_changes(store: Store, run: str) -> frozenset[str] | None:
    """Return the keys of the changes that a run listed; None if it listed none."""
    stored = store.run(run)
    names = (stored.report or {}).get(LISTED, ()) if stored is not None else ()
    conflicts = [h for name in names for h in store.find_conflicts(name) if h.id == name]
    conflicts += [h for h in store.conflicts_of(run) if h.conflict.kind is ConflictKind.GUARD]
    return change_keys_of(h.conflict for h in conflicts) if conflicts else None


def check_accept(store: Store, run: str | None) -> None:
    """Check that the stops of a run can be accepted; None: no run is to be accepted.

    Raises AcceptError.
    """
    if run is None or is_dry(run):
        # Only after all systems were read is it known whether a dry run matches the open stops.
        return
    stopped = open_stops(store)
    keys = listed_changes(store, run)
    hint = f"{describe_open_stops(newest_run(stopped) if stopped else None)}."
    if keys is None:
        known = store.run(run) is not None
        reason = f"the guard did not stop run {run!r}" if known else f"there is no run {run!r}"
        raise AcceptError(reason, hint)
    if keys.isdisjoint(change_keys_of(h.conflict for h in stopped)):
        reason = f"the guard no longer stops any change that run {run!r} listed"
        raise AcceptError(reason, f"The changes were accepted or reverted. {hint}")


def describe_open_stops(run: str | None) -> str:
    """Return how to accept all open stops, without a full stop; ``run`` None: none are open."""
    if run is None:
        return "The guard stops no changes now"
    return f"To accept the changes that the guard stops now: syncd resync --accept {run}"


def accept_stops(
    store: Store, run: str, found: Iterable[Conflict], now: datetime, new_id: Callable[[], str]
) -> int:
    """Accept the changes in ``found`` that the run listed; return the number of changes.

    ``found`` are the guard's conflicts of this cycle.
    """
    found = list(found)
    keys = (
        change_keys_of(found)
        if run == dry_run_of(found)
        else listed_changes(store, run) or frozenset()
    )
    accepted: list[StoredConflict] = []
    for conflict in found:
        claims = tuple(c for c in conflict.claims if change_key(c.system, c.event, c.value) in keys)
        if claims:
            part = replace(conflict, claims=claims, inputs=inputs_digest(ACCEPTED, *claims))
            accepted.append(StoredConflict(new_id(), part, now, run, now, ACCEPTED))
    if accepted:
        store.apply(Changes(closed=accepted))
    return sum(len(held.conflict.claims) for held in accepted)


def log_stops(store: Store, report: Report, mapped: Collection[str]) -> None:
    """Put the open stops of the ``mapped`` providers into a report; a dry run gets its name."""
    open_ = sorted(
        (h for h in open_stops(store) if h.conflict.provider in mapped),
        key=lambda h: (_system(h), h.conflict.subject),
    )
    report.guarded = sorted({_system(held) for held in open_})
    report.listed = [held.id for held in open_]
    if open_ and report.dry_run:
        report.run = dry_run_of(held.conflict for held in open_)
    report.stopped = [
        _stop(store, subject, list(each), report.run)
        for subject, each in groupby(open_, key=lambda h: h.conflict.subject)
    ]


def count_stopped_changes(store: Store, held: Iterable[StoredConflict]) -> int:
    """Count the meetings that these guard conflicts stop."""
    conflicts = [each.conflict for each in held]
    events: dict[str, set[str]] = {}
    for claim in (c for each in conflicts for c in each.claims if c.event):
        events.setdefault(claim.system, set()).add(claim.event or "")
    known = {
        (r.system, r.id): r
        for system, ids in events.items()
        for r in store.records(system, sorted(ids))
    }
    return count_stopped(conflicts, known)


def _stop(store: Store, subject: str, held: list[StoredConflict], run: str) -> Stop:
    system, _, provider = subject.partition("/")
    return Stop(system, provider, run, count_stopped_changes(store, held))


def _system(held: StoredConflict) -> str:
    return held.conflict.subject.partition("/")[0]
