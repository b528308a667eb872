"""Apply the rule `block_edited` to blocks of syncd that somebody on a platform moved or removed.

- ``restore`` moves the block back, or creates it again; that is done in `blocks`.
- ``reschedule`` lets the booking follow a moved block, as one more change in the merge. A block
  that was removed, or that several bookings share, says nothing about one booking and is restored.
- ``release`` accepts the edit: that calendar stays open for as long as the booking does not move.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from syncd.core.blocks.buffers import as_meeting, buffer_of
from syncd.core.event_state.observation import expected_value, has_pending_change
from syncd.core.inputs import CalendarState
from syncd.core.merging.rules import Choice, Rules
from syncd.core.propagation.rejected_writes import why_immovable
from syncd.core.workspace import Workspace
from syncd.model import Booking, ConflictKind, Replica, Role, TrackedEvent
from syncd.model.intervals import truncate


def blocks_to_follow(
    workspace: Workspace, calendars: Mapping[str, CalendarState], rules: Rules
) -> dict[str, list[TrackedEvent]]:
    """Return the moved blocks that each booking must follow, by booking id.

    Used if the rule is ``reschedule``. The values of each block are turned into the time of the
    meeting, without buffers. Blocks of meetings that are over or cannot be moved are left out.
    """
    blocks: dict[str, list[TrackedEvent]] = defaultdict(list)
    for record, links in _edited(workspace, calendars, rules, Choice.RESCHEDULE):
        if record.observed is None or not record.observed.busy or len(links) != 1:
            continue
        booking = workspace.bookings[links[0].booking]
        meeting = as_meeting(workspace, calendars, booking, record)
        moved = record.base is not None and record.base.interval != record.observed.interval
        is_over = meeting.observed is None or meeting.observed.end <= workspace.now
        if moved and not is_over and not why_immovable(workspace, booking, calendars):
            blocks[booking.id].append(meeting)
    return blocks


def release_edited(
    workspace: Workspace, calendars: Mapping[str, CalendarState], rules: Rules
) -> None:
    """Release the blocks that were moved or removed by hand, if the rule is ``release``."""
    for record, links in list(_edited(workspace, calendars, rules, Choice.RELEASE)):
        rule = rules.effective_rule(ConflictKind.BLOCK_EDITED, {record.system})
        for link in links:
            booking = workspace.bookings[link.booking]
            workspace.link(replace(link, role=Role.RELEASED, synced_revision=booking.revision))
            workspace.log(booking, "released", record=record, rule=str(rule))
        workspace.accept(record)
    for link in list(workspace.replicas()):
        released = workspace.records.get((link.system, link.event))
        if link.role is Role.RELEASED and released is not None and has_pending_change(released):
            # A released block that moves again stays released.
            workspace.accept(released)


def end_releases(workspace: Workspace) -> None:
    """End the releases of bookings that moved or were cancelled."""
    for link in list(workspace.replicas()):
        if link.role is not Role.RELEASED:
            continue
        booking = workspace.bookings.get(link.booking)
        if booking is not None and booking.agreed.busy and link.synced_revision == booking.revision:
            continue
        record = workspace.records.get((link.system, link.event))
        if booking is None or record is None or record.observed is None:
            workspace.unlink(link)
        else:
            workspace.link(replace(link, role=Role.BLOCK))


def transfer_release(workspace: Workspace, before: Booking, after: Booking) -> None:
    """Keep the releases of a booking if only its status changed, from ``before`` to ``after``."""
    if before.agreed.interval == after.agreed.interval and after.agreed.busy:
        extend_release(workspace, before, after)


def extend_release(workspace: Workspace, before: Booking, after: Booking) -> None:
    """Keep the releases of a booking whose time nobody changed, in its new revision ``after``."""
    for link in list(workspace.links.get(after.id, {}).values()):
        if link.role is Role.RELEASED and link.synced_revision == before.revision:
            workspace.link(replace(link, synced_revision=after.revision))


def _edited(
    workspace: Workspace, calendars: Mapping[str, CalendarState], rules: Rules, choice: Choice
) -> Iterator[tuple[TrackedEvent, list[Replica]]]:
    """Yield each edited block of ours for which the rule is ``choice``, with its links to bookings.

    Only blocks that were at the agreed time of all their bookings before the edit.
    """
    links: dict[tuple[str, str], list[Replica]] = defaultdict(list)
    for link in workspace.replicas():
        if link.role is Role.BLOCK:
            links[link.system, link.event].append(link)
    for id_, record in sorted(workspace.records.items()):
        calendar = calendars.get(record.system)
        if not (
            record.created_by_us and has_pending_change(record) and calendar and calendar.trusted
        ):
            continue
        if record.id in calendar.stopped:
            continue
        if rules.effective_rule(ConflictKind.BLOCK_EDITED, {record.system}).choice is not choice:
            continue
        block_links = sorted(links.get(id_, []), key=lambda link: link.booking)
        if block_links and all(
            _was_at_agreed_time(workspace, record, link, calendars) for link in block_links
        ):
            yield record, block_links


def _was_at_agreed_time(
    workspace: Workspace,
    record: TrackedEvent,
    link: Replica,
    calendars: Mapping[str, CalendarState],
) -> bool:
    """Return true if a block was at the agreed time of its booking, buffers included."""
    booking, expected = workspace.bookings.get(link.booking), expected_value(record)
    if booking is None or expected is None:
        return False
    buffer = buffer_of(workspace, calendars, booking, record.system)
    blocked = truncate(buffer.expand(booking.agreed), calendars[record.system].grain)
    return (
        booking.agreed.busy
        and booking.agreed.end > workspace.now
        and expected.interval == blocked.interval
    )
