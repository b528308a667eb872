"""What a cycle came to: states of the systems, calls, what is left; into the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from syncd.engine.guard_stops import stopped_now
from syncd.engine.observation import Observation
from syncd.engine.report import Report, SystemReport, SystemStatus, UnknownOwners, unknown_owners
from syncd.model import ConflictKind, OwnerProof
from syncd.model.summary import acknowledged, stale
from syncd.store.owners import owner_changes
from syncd.store.reported import acknowledgements_of, delete_acknowledgements, shown_items
from syncd.systems.port import RateLimitedError
from syncd.systems.time_slices import yield_after

if TYPE_CHECKING:
    from syncd.engine.cycle import Engine


async def update_report(
    engine: Engine,
    report: Report,
    observed: Mapping[str, Observation],
    before: Mapping[str, object],
) -> None:
    """Bring the report up to date: states, calls, what is left."""
    for name, observation in observed.items():
        if name not in engine.systems:
            continue
        told = report.systems.setdefault(name, SystemReport())
        told.state = observation.state
        told.cause = observation.cause
        told.writing = observation.writing
        report.news += observation.news
        report.external_changes.update(observation.external_changes)
        report.remarks += observation.remarks
    for name, system in engine.systems.items():
        told = report.systems.setdefault(name, SystemReport())
        start, traffic = before[name], system.traffic
        told.reads += traffic.reads - getattr(start, "reads", 0)
        told.writes += traffic.writes - getattr(start, "writes", 0)
    for name, cause in engine.resources.unknown.items():
        told = report.systems[name]
        if told.state is SystemStatus.OK:
            told.state = SystemStatus.INTERRUPTED if engine.stopping.is_set() else SystemStatus.DOWN
            told.cause = f"what its rooms close is not known: {cause}"
    _name_refused_writes(engine, report)
    report.suspected = sum(o.suspected for o in observed.values())
    # Who does not answer tells no more by being asked again at once.
    answering = [
        o for o in observed.values() if o.state is SystemStatus.OK and o.recheck_at is not None
    ]
    report.recheck_at = min((o.recheck_at for o in answering if o.recheck_at), default=None)
    report.refused = {
        o.system: o.fault.wait for o in observed.values() if isinstance(o.fault, RateLimitedError)
    }
    report.unshown = {o.system: len(o.unshown) for o in observed.values() if o.unshown}
    for o in observed.values():
        for where, minutes in _covered(o).items():
            report.covered[where] = max(report.covered[where], minutes)
    report.pending = len(engine.store.pending_intents())
    await _tell_standing(engine, report)
    now = engine.clock.now()
    report.unknown = unknown_owners(owner_changes(engine.store), now)
    told_of = {(each.provider, each.system) for each in report.unknown}
    report.unknown += [
        UnknownOwners(provider, o.system, OwnerProof.USER_MISSING, 0, (), (), now)
        for o in observed.values()
        for provider in sorted(o.without_user)
        if (provider, o.system) not in told_of
    ]
    report.clock_error = engine.clock_error
    report.gone = sum(o.gone for o in observed.values())
    report.exposures = await engine.exposure_tracker.measure()


def add_remark(report: Report, accept: str | None) -> None:
    """Add what is worth a sentence at the end of a resync."""
    if accept is not None and not report.accepted:
        now = stopped_now(report.run if report.stopped else None)
        report.remarks.append(
            f"nothing of what run {accept} listed was stopped in this run. {now}."
        )
    if report.gone:
        one = report.gone == 1
        gone = "1 event is gone by its id" if one else f"{report.gone} events are gone by their ids"
        their = "its" if one else "their"
        report.remarks.append(
            f"{gone}, but {their} list{'' if one else 's'} {'does' if one else 'do'} not prove it: "
            f"{their} time stays blocked until a list is whole"
        )


async def _tell_standing(engine: Engine, report: Report) -> None:
    """Count the conflicts, double bookings and reported items, and which are acknowledged.

    An acknowledgement of what has ended or changed is forgotten.
    """
    store, conflicts = engine.store, engine.store.open_conflicts()
    marks = acknowledgements_of(store)
    doubles = [h for h in conflicts if h.conflict.kind is ConflictKind.DOUBLE_BOOKED]
    known = sum(acknowledged(h, marks) is not None for h in conflicts)
    told = sum(not h.conflict.held for h in conflicts)
    report.items = shown_items(store, engine.clock.now(), marks)
    await yield_after(report.items)
    report.conflicts = sum(h.conflict.held for h in conflicts)
    report.double_bookings = len(doubles)
    report.doubles_open = told - known
    report.acknowledged = known + sum(i.acknowledged_at is not None for i in report.items)
    if marks and not report.dry_run:
        delete_acknowledgements(store, stale(marks, report.items, conflicts))


def _covered(seen: Observation) -> Counter[tuple[str, str, str]]:
    """How many minutes of each calendar's lists were proven to be whole, by kind."""
    found: Counter[tuple[str, str, str]] = Counter()
    for each in seen.coverage:
        minutes = round((each.window.end - each.window.start).total_seconds() / 60)
        found.update({(seen.system, each.provider, str(kind)): minutes for kind in each.kinds})
    return found


def _name_refused_writes(engine: Engine, report: Report) -> None:
    """Say of systems that answer, and take no writes for now, why that is."""
    silent = [name for name in engine.systems if engine.rests(name) is not None]
    healths = engine.store.health() if silent else {}
    for name in silent:
        health, told = healths.get(name), report.systems[name]
        if health is not None and not told.cause:
            told.cause = health.cause
