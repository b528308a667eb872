"""A meeting of which a record was deleted, and that record is back: the meeting is on again.

What syncd had cancelled because of the deletion goes back to the status that it had before. What a
person cancelled meanwhile stays cancelled, and is no record of the meeting any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from syncd.core.observation import has_pending_change
from syncd.core.workspace import Workspace
from syncd.model import Booking, Kind, Status, TrackedEvent, Value


def relink_recreated(workspace: Workspace, fresh: Sequence[TrackedEvent]) -> None:
    """Let bookings follow records that replace a deleted one: same person, service and time.

    Only where syncd cancelled another record of the meeting: else it is a booking like any other.
    """
    gone = [
        (replica, record)
        for booking in workspace.bookings.values()
        if not booking.agreed.busy and _cancelled_by_us(workspace, booking)
        for replica, record in workspace.pairs(booking.id)
        if record.over and _place(record) is not None
    ]
    for replica, old in gone:
        rivals = [record for _, record in gone if _place(record) == _place(old)]
        found = [
            record
            for record in fresh
            if record.kind is Kind.APPOINTMENT
            and record.observed is not None
            and record.observed.busy
            and _place(record) == _place(old)
        ]
        if len(found) == len(rivals) == 1:
            workspace.unlink(replica)
            workspace.upsert(
                replace(found[0], base=old.base, end_accepted=True, before_write=old.before_write)
            )
            workspace.link(replace(replica, event=found[0].id))


def unlink_cancelled(workspace: Workspace, believed: Sequence[str]) -> None:
    """Take what a person cancelled out of each meeting of which a deleted record is back."""
    for booking in workspace.bookings.values():
        pairs = workspace.pairs(booking.id)
        back = [r for _, r in pairs if _is_back(r) and r.system in believed]
        if booking.agreed.busy or not back:
            continue
        for replica, record in pairs:
            shown = record.observed
            if shown is not None and not shown.busy and not was_cancelled_by_us(record):
                workspace.unlink(replica)
                workspace.accept(record)
                workspace.log(
                    booking, "apart", record=record, rule="cancelled by a person meanwhile"
                )


def was_cancelled_by_us(record: TrackedEvent) -> bool:
    """Return whether syncd called an appointment off, and nobody has changed it since."""
    written = record.written
    return written is not None and not written.busy and not has_pending_change(record)


def status_before(record: TrackedEvent) -> Status | None:
    """Return the status that an appointment had when syncd called it off; None if it did not."""
    former = record.before_write
    return former.status if was_cancelled_by_us(record) and former and former.busy else None


def is_undoable(before: Booking, agreed: Value, accepted: Sequence[TrackedEvent]) -> bool:
    """Return whether a booking is off only because of deletions, or on because they are undone.

    Then no status was newly said by anybody: each record has, or gets back, its own.
    """
    if before.agreed.busy and not agreed.busy:
        return all(record.observed is None for record in accepted)
    back = [r for r in accepted if r.observed is not None and r.observed.busy]
    return (
        agreed.busy
        and not before.agreed.busy
        and all(
            _is_back(r) and r.before_write and r.before_write.status is agreed.status for r in back
        )
    )


def _is_back(record: TrackedEvent) -> bool:
    shown = record.observed
    return record.end_accepted and shown is not None and shown.busy


def _cancelled_by_us(workspace: Workspace, booking: Booking) -> bool:
    return any(was_cancelled_by_us(record) for record in workspace.present(booking.id))


def _place(record: TrackedEvent) -> tuple[object, ...] | None:
    """Return whose appointment it is, for what, when and where it was last seen."""
    last = record.observed or record.before_write
    if last is None or not last.busy or not record.person:
        return None
    return (record.system, record.person, record.service, *last.interval)
