"""Extend bookings whose open-ended event got a later end.

An open-ended event has no usable end on its platform, so syncd cuts it at a fixed end, which moves
on with time. After `renew_open_ends`, the agreed end of each such booking is the end of its event.
"""

from __future__ import annotations

from dataclasses import replace

from syncd.core.blocks import edited_blocks
from syncd.core.event_state.observation import has_pending_change
from syncd.core.workspace import Workspace


def renew_open_ends(workspace: Workspace) -> None:
    """Set the agreed end of each booking to the later end of its open-ended event."""
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
