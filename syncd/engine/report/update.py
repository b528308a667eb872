"""Update a run's report after each cycle: states of the systems, calls, and remaining work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from syncd.engine.context import Context
from syncd.engine.deciding.guard_stops import describe_open_stops
from syncd.engine.reading.observation import Observation
from syncd.engine.report.run_report import (
    Report,
    SystemReport,
    SystemStatus,
    UnknownOwners,
    unknown_owners,
)
from syncd.model import ConflictKind, OwnerProof
from syncd.model.summary import acknowledgement_of, stale_acknowledgements
from syncd.store.queries.owners import owner_changes
from syncd.store.queries.reported import acknowledgements_of, delete_acknowledgements, shown_items
from syncd.systems.errors import RateLimitedError
from syncd.systems.time_slices import yield_after


async def update_report(
    ctx: Context,
    report: Report,
    observed: Mapping[str, Observation],
    before: Mapping[str, object],
) -> None:
    """Update the report after a cycle.

    ``observed`` are the cycle's reads; ``before`` are the call counts of each system before the
    cycle.
    """
    for name, observation in observed.items():
        if name not in ctx.systems:
            continue
        report_of_system = report.systems.setdefault(name, SystemReport())
        report_of_system.state = observation.state
        report_of_system.cause = observation.cause
        report_of_system.writing = observation.writing
        report.news += observation.news
        report.remarks += observation.remarks
    for name, system in ctx.systems.items():
        report_of_system = report.systems.setdefault(name, SystemReport())
        start, traffic = before[name], system.traffic
        report_of_system.reads += traffic.reads - getattr(start, "reads", 0)
        report_of_system.writes += traffic.writes - getattr(start, "writes", 0)
    for name, cause in ctx.resources.unknown.items():
        report_of_system = report.systems[name]
        if report_of_system.state is SystemStatus.OK:
            report_of_system.state = (
                SystemStatus.INTERRUPTED if ctx.stopping.is_set() else SystemStatus.DOWN
            )
            report_of_system.cause = (
                f"the calendars that its rooms block could not be read: {cause}"
            )
    _explain_failing_writes(ctx, report)
    report.suspected = sum(o.suspected for o in observed.values())
    # It is useless to read a system again at once that does not respond.
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
    report.pending = len(ctx.store.pending_intents())
    await _count_open_items(ctx, report)
    now = ctx.clock.now()
    report.unknown = unknown_owners(owner_changes(ctx.store), now)
    reported_calendars = {(each.provider, each.system) for each in report.unknown}
    report.unknown += [
        UnknownOwners(provider, o.system, OwnerProof.USER_MISSING, 0, (), (), now)
        for o in observed.values()
        for provider in sorted(o.without_user)
        if (provider, o.system) not in reported_calendars
    ]
    report.clock_error = ctx.clock_error
    report.gone = sum(o.gone for o in observed.values())
    report.exposures = await ctx.exposure_tracker.measure()


def add_remark(report: Report, accept: str | None) -> None:
    """Add remarks at the end of a resync: on an ``--accept`` without effect, on unproven deletions.

    ``accept`` is the run id that the operator gave, or None.
    """
    if accept is not None and not report.accepted:
        now = describe_open_stops(report.run if report.stopped else None)
        report.remarks.append(
            f"The guard stops none of the changes that run {accept} listed. {now}."
        )
    if report.gone:
        one = report.gone == 1
        gone = "1 event does not exist" if one else f"{report.gone} events do not exist"
        their = "its" if one else "their"
        report.remarks.append(
            f"{gone} any more when read by id, but {their} list{'' if one else 's'} "
            f"{'does' if one else 'do'} not prove it: {their} time stays blocked until a list is "
            "complete"
        )


async def _count_open_items(ctx: Context, report: Report) -> None:
    """Count conflicts, double bookings and reported items, and the acknowledged ones among them.

    Acknowledgements of items that have ended or changed are deleted.
    """
    store, conflicts = ctx.store, ctx.store.open_conflicts()
    acknowledgements = acknowledgements_of(store)
    double_bookings = [h for h in conflicts if h.conflict.kind is ConflictKind.DOUBLE_BOOKED]
    acknowledged_conflicts = sum(
        acknowledgement_of(h, acknowledgements) is not None for h in conflicts
    )
    not_held = sum(not h.conflict.held for h in conflicts)
    report.items = shown_items(store, ctx.clock.now(), acknowledgements)
    await yield_after(report.items)
    report.conflicts = sum(h.conflict.held for h in conflicts)
    report.double_bookings = len(double_bookings)
    report.doubles_open = not_held - acknowledged_conflicts
    report.acknowledged = acknowledged_conflicts + sum(
        i.acknowledged_at is not None for i in report.items
    )
    if acknowledgements and not report.dry_run:
        delete_acknowledgements(
            store, stale_acknowledgements(acknowledgements, report.items, conflicts)
        )


def _covered(seen: Observation) -> Counter[tuple[str, str, str]]:
    """Return how many minutes of each list are proven complete, by (system, provider, kind)."""
    found: Counter[tuple[str, str, str]] = Counter()
    for each in seen.coverage:
        minutes = round((each.window.end - each.window.start).total_seconds() / 60)
        found.update({(seen.system, each.provider, str(kind)): minutes for kind in each.kinds})
    return found


def _explain_failing_writes(ctx: Context, report: Report) -> None:
    """State the cause for systems that respond to reads, but whose writes are suspended."""
    silent = [name for name in ctx.systems if ctx.why_suspended(name) is not None]
    by_system = ctx.store.health() if silent else {}
    for name in silent:
        health, report_of_system = by_system.get(name), report.systems[name]
        if health is not None and not report_of_system.cause:
            report_of_system.cause = health.cause
