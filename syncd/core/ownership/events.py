"""Unlink events that now belong to another provider (the owner was changed on the platform).

After `reassign_events`, every linked event belongs to this provider, except where a change of owner
is not proven, not trusted or stopped by the guard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from syncd.core.inputs import CalendarState
from syncd.core.mass_change.stops import note_handed_over
from syncd.core.workspace import Workspace
from syncd.model import Id, OwnerChange, same_record


def reassign_events(workspace: Workspace, calendars: Mapping[str, CalendarState]) -> None:
    """Unlink the events that are proven to belong to another provider now.

    If the change of owner is not proven, its calendar not trusted, or the event stopped by the
    guard, the event stays linked and its time stays blocked.
    """
    unproven: set[Id] = set()
    for change in workspace.state.owner_changes:
        calendar = calendars.get(change.system)
        may_not_follow = calendar is not None and (
            not calendar.trusted or change.event in calendar.stopped
        )
        if not change.proven or may_not_follow:
            unproven.add((change.system, change.event))
            continue
        if not _follow_record(workspace, change):
            note_handed_over(workspace, change)
        workspace.hand_over((change.system, change.event))
        workspace.changes.owners_resolved.append(change)
    for replica in workspace.state.replicas:
        id_ = (replica.system, replica.event)
        if id_ not in workspace.records and id_ not in unproven:
            workspace.unlink_ended(replica, "the event is no longer in this calendar")


def _follow_record(workspace: Workspace, change: OwnerChange) -> bool:
    """Keep a booking linked to its event if the provider is still a host of the meeting.

    The first host of the meeting changed, so the event is now another provider's, and this provider
    has an event derived from it. Return false if there is no such derived event.
    """
    known = workspace.linked_ids()
    for replica in workspace.state.replicas:
        if (replica.system, replica.event) != (change.system, change.event):
            continue
        for record in workspace.unlinked() if replica.role.is_meeting else ():
            is_same = record.system == change.system and same_record(record.id, change.event)
            if is_same and (record.system, record.id) not in known:
                workspace.upsert(replace(record, base=change.value))
                workspace.link(replace(replica, event=record.id))
                return True
    return False
