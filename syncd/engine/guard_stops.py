"""Stops of the guard: which changes each run listed, and what a person let pass.

A run lists open conflicts of the guard by their ids; a conflict keeps its changes when it is
closed, until history is compacted. So every run that showed a stop can be accepted, and accepts
exactly what it listed. A dry run stores nothing: it is named by a digest of what it listed.
Acceptance is stored before anything follows from it, as a conflict that ended so: a crash, or a
conflict that holds some of the accepted changes up, does not ask the person twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from syncd.core.inputs import inputs_digest
from syncd.core.mass_change_guard import change_key, change_keys_of, count_stopped
from syncd.engine.remaining import accepting_run
from syncd.engine.report import Report, Stop
from syncd.model import Changes, Conflict, ConflictKind, HeldConflict
from syncd.store import Store

ACCEPTED = "accepted by a person"
"""How a guard's conflict ends whose changes may pass."""

LISTED = "listed"
"""Where the stored report of a run names the conflicts that it listed."""

_DRY = "dry-"


class AcceptError(Exception):
    """There is nothing that this run could let pass; carries the remedy."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Say why, and what to do instead."""
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


def standing(store: Store) -> list[HeldConflict]:
    """Return the guard's open conflicts."""
    return [h for h in store.open_conflicts() if h.conflict.kind is ConflictKind.GUARD]


def dry_run_of(conflicts: Iterable[Conflict]) -> str:
    """Return the name of a dry run that listed these conflicts."""
    return _DRY + inputs_digest(*sorted(change_keys_of(conflicts)))


def is_dry(run: str) -> bool:
    """Whether this is the name of a dry run."""
    return run.startswith(_DRY)


def listed_changes(store: Store, run: str) -> frozenset[str] | None:
    """Return the marks of the changes that a run listed; None if it stopped nothing."""
    stored = store.run(run)
    names = (stored.report or {}).get(LISTED, ()) if stored is not None else ()
    held = [h for name in names for h in store.find_conflicts(name) if h.id == name]
    held += [h for h in store.conflicts_of(run) if h.conflict.kind is ConflictKind.GUARD]
    return change_keys_of(h.conflict for h in held) if held else None


def check_accept(store: Store, run: str | None) -> None:
    """Refuse a run whose stop cannot be accepted. Raises AcceptError."""
    if run is None or is_dry(run):
        # Whether that is what is stopped now is known once everything was read.
        return
    stopped = standing(store)
    marks = listed_changes(store, run)
    now = f"{stopped_now(accepting_run(stopped) if stopped else None)}."
    if marks is None:
        known = store.run(run) is not None
        reason = f"the guard did not stop run {run!r}" if known else f"there is no run {run!r}"
        raise AcceptError(reason, now)
    if marks.isdisjoint(change_keys_of(h.conflict for h in stopped)):
        reason = f"nothing of what run {run!r} listed is stopped any more"
        raise AcceptError(reason, f"It was accepted or undone. {now}")


def stopped_now(run: str | None) -> str:
    """Say which run accepts all that is stopped now; None: nothing is."""
    if run is None:
        return "Nothing is stopped now"
    return f"What is stopped now is accepted by: syncd resync --accept {run}"


def accept_stops(
    store: Store, run: str, found: Iterable[Conflict], now: datetime, new_id: Callable[[], str]
) -> int:
    """Let pass what the run listed of what is stopped now; return how many changes these are."""
    found = list(found)
    marks = (
        change_keys_of(found)
        if run == dry_run_of(found)
        else listed_changes(store, run) or frozenset()
    )
    passed: list[HeldConflict] = []
    for conflict in found:
        claims = tuple(
            c for c in conflict.claims if change_key(c.system, c.event, c.value) in marks
        )
        if claims:
            part = replace(conflict, claims=claims, inputs=inputs_digest(ACCEPTED, *claims))
            passed.append(HeldConflict(new_id(), part, now, run, now, ACCEPTED))
    if passed:
        store.apply(Changes(closed=passed))
    return sum(len(held.conflict.claims) for held in passed)


def log_stops(store: Store, report: Report, mapped: Collection[str]) -> None:
    """Bring the stops of a report up to date."""
    open_ = sorted(
        (h for h in standing(store) if h.conflict.provider in mapped),
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


def count_stopped_changes(store: Store, held: Iterable[HeldConflict]) -> int:
    """Count the meetings that these conflicts of the guard are about."""
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


def _stop(store: Store, subject: str, held: list[HeldConflict], run: str) -> Stop:
    system, _, provider = subject.partition("/")
    return Stop(system, provider, run, count_stopped_changes(store, held))


def _system(held: HeldConflict) -> str:
    return held.conflict.subject.partition("/")[0]
