"""Revive cancelled meetings whose deleted event exists again.

Appointments that syncd cancelled because of the deletion get their former status back. An
appointment that somebody cancelled meanwhile stays cancelled and no longer belongs to the meeting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from syncd.core.event_state.observation import has_pending_change
from syncd.core.workspace import Workspace
from syncd.model import Booking, Kind, Status, TrackedEvent, Value


def relink_recreated(workspace: Workspace, fresh: Sequence[TrackedEvent]) -> None:
    """Link bookings to events that replace a deleted event: same customer, service and time.

    ``fresh`` are the events without a booking. An event is linked only if syncd cancelled another
    appointment of the meeting; otherwise the event opens a booking of its own.
    """
    deleted = [
        (replica, record)
        for booking in workspace.bookings.values()
        if not booking.agreed.busy and _cancelled_by_us(workspace, booking)
        for replica, record in workspace.pairs(booking.id)
        if record.over and _identity(record) is not None
    ]
    for replica, old in deleted:
        same_identity = [record for _, record in deleted if _identity(record) == _identity(old)]
        replacements = [
            record
            for record in fresh
            if record.kind is Kind.APPOINTMENT
            and record.observed is not None
            and record.observed.busy
            and _identity(record) == _identity(old)
        ]
        if len(replacements) == len(same_identity) == 1:
            workspace.unlink(replica)
            workspace.upsert(
                replace(
                    replacements[0], base=old.base, end_accepted=True, before_write=old.before_write
                )
            )
            workspace.link(replace(replica, event=replacements[0].id))


def unlink_cancelled(workspace: Workspace, trusted: Sequence[str]) -> None:
    """Unlink the appointments that somebody cancelled from meetings that are revived.

    ``trusted`` are the names of the systems whose changes may be acted on.
    """
    for booking in workspace.bookings.values():
        pairs = workspace.pairs(booking.id)
        recreated = [r for _, r in pairs if _is_recreated(r) and r.system in trusted]
        if booking.agreed.busy or not recreated:
            continue
        for replica, record in pairs:
            shown = record.observed
            if shown is not None and not shown.busy and not was_cancelled_by_us(record):
                workspace.unlink(replica)
                workspace.accept(record)
                workspace.log(
                    booking, "apart", record=record, rule="cancelled on the platform meanwhile"
                )


def was_cancelled_by_us(record: TrackedEvent) -> bool:
    """Return true if syncd cancelled an appointment and nobody changed it after that."""
    written = record.written
    return written is not None and not written.busy and not has_pending_change(record)


def status_before(record: TrackedEvent) -> Status | None:
    """Return the status before syncd cancelled the appointment; None if syncd did not cancel it."""
    former = record.before_write
    return former.status if was_cancelled_by_us(record) and former and former.busy else None


def is_undoable(before: Booking, agreed: Value, accepted: Sequence[TrackedEvent]) -> bool:
    """Return true if a booking was cancelled only by deletions, or revived only by recreations.

    ``before`` is the booking before the merge, ``agreed`` its new value, and ``accepted`` the
    events whose changes the merge accepted. If true, nobody set a status, and each appointment
    keeps its own status or gets it back.
    """
    if before.agreed.busy and not agreed.busy:
        return all(record.observed is None for record in accepted)
    recreated = [r for r in accepted if r.observed is not None and r.observed.busy]
    return (
        agreed.busy
        and not before.agreed.busy
        and all(
            _is_recreated(r) and r.before_write and r.before_write.status is agreed.status
            for r in recreated
        )
    )


def _is_recreated(record: TrackedEvent) -> bool:
    shown = record.observed
    return record.end_accepted and shown is not None and shown.busy


def _cancelled_by_us(workspace: Workspace, booking: Booking) -> bool:
    return any(was_cancelled_by_us(record) for record in workspace.present(booking.id))


def _identity(record: TrackedEvent) -> tuple[object, ...] | None:
    """Return system, customer, service and time of an appointment.

    None if the appointment has no customer or no known busy time.
    """
    last = record.observed or record.before_write
    if last is None or not last.busy or not record.customer:
        return None
    return (record.system, record.customer, record.service, *last.interval)
