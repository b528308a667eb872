"""Treat events that the guard stopped as unchanged, and keep their time blocked.

This is promise 7 (docs/design.md#promises). A decision sees a stopped event as it was last
accepted. The observed value is kept as well: the time that the event newly takes is also blocked,
and nothing is written to the event.
"""

from __future__ import annotations

from collections.abc import Mapping

from syncd.core.inputs import CalendarState
from syncd.core.workspace import Workspace
from syncd.model import GONE_BY_ID, Id, Kind, OwnerChange, ProviderState, TrackedEvent, Value
from syncd.model.intervals import takes_time


def stopped_records(
    state: ProviderState, calendars: Mapping[str, CalendarState]
) -> dict[Id, TrackedEvent]:
    """Return the stopped events that are not ours, as observed, by id.

    An event that was handed over to another provider is returned as deleted.
    """
    ids = {(name, event) for name, calendar in calendars.items() for event in calendar.stopped}
    if not ids:
        return {}
    handed_over = {
        (change.system, change.event): handed_over_event(change)
        for change in state.owner_changes
        if change.proven and (change.system, change.event) in ids
    }
    return handed_over | {
        (r.system, r.id): r
        for r in state.records
        if (r.system, r.id) in ids and not r.created_by_us
    }


def handed_over_event(change: OwnerChange) -> TrackedEvent:
    """Return an event that was handed over to another provider as deleted from its former calendar.

    The proof of that is the event itself, which names another existing owner.
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
    """Log the change of owner for the booking, because the guard counts propagated changes."""
    for replica in workspace.state.replicas:
        booking = workspace.bookings.get(replica.booking)
        if (replica.system, replica.event) == (change.system, change.event) and booking:
            rule = str(change.proof).replace("-", " ")
            workspace.log(booking, "changed", record=handed_over_event(change), rule=rule)


def stopped_bookings(workspace: Workspace, *, except_in: str = "") -> frozenset[str]:
    """Return the bookings with stopped events in other systems than ``except_in``.

    The blocks of these bookings stay where they are. If a stopped event moves again, the time that
    it had in between stays blocked.
    """
    return frozenset(
        r.booking
        for r in workspace.replicas()
        if (r.system, r.event) in workspace.stopped and r.system != except_in
    )


def close_stopped(workspace: Workspace, claims: dict[str, list[Value]]) -> None:
    """Add the former and the present time of stopped events to their bookings' claims."""
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
    """Return the times of meetings that left the calendar of ``system`` by a stopped change.

    The result is by booking. Another system still has each of these meetings, so its time must be
    blocked in ``system``. ``changes`` are the values that this cycle's writes give to appointments.
    """
    vacated: dict[str, list[Value]] = {}
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
            and all((r.system, r.id) in workspace.stopped and _has_left(r) for r in here)
        ):
            vacated[booking] = values
    return vacated


def _has_left(record: TrackedEvent) -> bool:
    """Return true if the system itself shows that a meeting is no longer where it was."""
    shown, base = record.observed, record.base
    if shown is None or base is None:
        return shown is None and record.gone_by_id
    return not takes_time(shown, base)
