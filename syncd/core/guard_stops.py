"""What the guard has stopped counts as unchanged, and its time stays closed (promise 7).

A decision sees a stopped event as it was accepted last. What it really shows is kept beside that,
so that the time which it newly takes is closed, too, and nothing is written to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.core.inputs import CalendarState
from syncd.model import GONE_BY_ID, Id, Kind, OwnerChange, ProviderState, TrackedEvent, Value

if TYPE_CHECKING:
    from syncd.core.workspace import Workspace


def stopped_records(
    state: ProviderState, calendars: Mapping[str, CalendarState]
) -> dict[Id, TrackedEvent]:
    """Return what stopped events of others show, by id; one that was handed over has vanished."""
    ids = {(name, event) for name, each in calendars.items() for event in each.stopped}
    if not ids:
        return {}
    found = {
        (change.system, change.event): handed_over_events(change)
        for change in state.owner_changes
        if change.proven and (change.system, change.event) in ids
    }
    return found | {
        (r.system, r.id): r
        for r in state.records
        if (r.system, r.id) in ids and not r.created_by_us
    }


def handed_over_events(change: OwnerChange) -> TrackedEvent:
    """Return an event that was handed over as what it is in its former calendar: gone.

    The record itself names another existing owner, which proves it.
    """
    return TrackedEvent(
        system=change.system,
        provider=change.provider,
        id=change.event,
        kind=Kind.APPOINTMENT,
        observed=None,
        observed_at=change.since,
        fingerprint=GONE_BY_ID,
        base=change.value,
    )


def note_handed_over(workspace: Workspace, change: OwnerChange) -> None:
    """Note a change of the booking: the guard counts what was carried."""
    for replica in workspace.state.replicas:
        booking = workspace.bookings.get(replica.booking)
        if (replica.system, replica.event) == (change.system, change.event) and booking:
            rule = str(change.proof).replace("-", " ")
            workspace.log(booking, "changed", record=handed_over_events(change), rule=rule)


def as_unchanged(record: TrackedEvent) -> TrackedEvent:
    """Return a stopped event as it was accepted last."""
    return replace(record, observed=record.base, absence_proofs=0, missing_since=None)


def stopped_bookings(workspace: Workspace, *, beside: str = "") -> frozenset[str]:
    """Return the bookings with events that the guard has stopped, in other systems than ``beside``.

    The blocks of such a booking stay where they stand: a stopped event that moves once more leaves
    closed what it had newly taken in between.
    """
    return frozenset(
        r.booking
        for r in workspace.replicas()
        if (r.system, r.event) in workspace.stopped and r.system != beside
    )


def close_stopped(workspace: Workspace, claims: dict[str, list[Value]]) -> None:
    """Add to the claims of each booking where its stopped events stood and where they are now."""
    if not workspace.stopped:
        return
    for replica in workspace.replicas():
        record = workspace.stopped.get((replica.system, replica.event))
        if record is None or not replica.role.is_meeting:
            continue
        values = (record.base, record.observed)
        taken = [value for value in values if value is not None and value.busy]
        claims.setdefault(replica.booking, []).extend(taken)


def vacated_intervals(
    workspace: Workspace, system: str, changes: Mapping[Id, Value]
) -> dict[str, list[Value]]:
    """Return when meetings are of which this calendar shows no more, as the guard has stopped that.

    Where another system still has such a meeting, its time would be open here. ``changes`` are the
    appointments that are changed now, and to what.
    """
    found: dict[str, list[Value]] = {}
    for booking in stopped_bookings(workspace):
        records = workspace.present(booking)
        here = [r for r in records if r.system == system]
        others = {(r.system, r.id): r for r in records if r.system != system}
        shown = [
            changes.get(i, r.observed) for i, r in others.items() if i not in workspace.stopped
        ]
        values = [value for value in shown if value is not None and value.busy]
        if (
            values
            and here
            and all((r.system, r.id) in workspace.stopped and _is_away(r) for r in here)
        ):
            found[booking] = values
    return found


def _is_away(record: TrackedEvent) -> bool:
    """Whether the system itself says that a meeting is not where it was."""
    shown, base = record.observed, record.base
    if shown is None or base is None:
        return shown is None and record.gone_by_id
    return not shown.busy or shown.interval != base.interval
