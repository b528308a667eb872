"""Bookings follow the end of an open-ended event, which is put off as time goes on."""

from __future__ import annotations

from dataclasses import replace

from syncd.core import edited_blocks
from syncd.core.observation import has_pending_change
from syncd.core.workspace import Workspace


def renew_open_ends(workspace: Workspace) -> None:
    """Let bookings follow the fixed end of an open-ended event that was put off."""
    for booking in list(workspace.bookings.values()):
        for replica, record in workspace.pairs(booking.id):
            shown = record.observed
            if (
                not record.open_ended
                or shown is None
                or has_pending_change(record)
                or replica.synced_revision != booking.revision
                or shown.start != booking.agreed.start
                or shown.end <= booking.agreed.end
            ):
                continue
            agreed, rule = replace(booking.agreed, end=shown.end), "open end"
            after = replace(booking, agreed=agreed, revision=booking.revision + 1, rule=rule)
            workspace.put_booking(after)
            workspace.link(replace(replica, synced_revision=after.revision))
            workspace.log(after, "agreed", before=booking, rule=rule)
            edited_blocks.extend_release(workspace, booking, after)
            break
