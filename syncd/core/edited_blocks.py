"""What policy makes of syncd's own blocks that a person moved or removed (`block_edited`).

``restore`` puts them back where they belong (`blocks` does that). ``reschedule`` lets the booking
follow a moved block, as one more voice in the merge; a removed block, or one that several bookings
share, says nothing about one of them, and is put back. ``release_edited`` lets the block be: that
calendar stays open for as long as the booking stays where it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from syncd.core.buffers import as_meeting, buffer_of
from syncd.core.inputs import CalendarState
from syncd.core.observation import expected_value, has_pending_change, truncate
from syncd.core.rejected_writes import why_immovable
from syncd.core.rules import Choice, Rules
from syncd.core.workspace import Workspace
from syncd.model import Booking, ConflictKind, Replica, Role, TrackedEvent


def blocks_to_follow(
    draft: Workspace, calendars: Mapping[str, CalendarState], rules: Rules
) -> dict[str, list[TrackedEvent]]:
    """The moved blocks that each booking is to follow."""
    found: dict[str, list[TrackedEvent]] = defaultdict(list)
    for record, links in _edited(draft, calendars, rules, Choice.RESCHEDULE):
        if record.observed is None or not record.observed.busy or len(links) != 1:
            continue
        booking = draft.bookings[links[0].booking]
        shown = as_meeting(draft, calendars, booking, record)
        moved = record.base is not None and record.base.interval != record.observed.interval
        late = shown.observed is None or shown.observed.end <= draft.now
        if moved and not late and not why_immovable(draft, booking, calendars):
            found[booking.id].append(shown)
    return found


def release_edited(draft: Workspace, calendars: Mapping[str, CalendarState], rules: Rules) -> None:
    """Let go of the blocks that a person moved or removed, where the rule says so."""
    for record, links in list(_edited(draft, calendars, rules, Choice.RELEASE)):
        law = rules.effective_rule(ConflictKind.BLOCK_EDITED, {record.system})
        for link in links:
            booking = draft.bookings[link.booking]
            draft.link(replace(link, role=Role.RELEASED, synced_revision=booking.revision))
            draft.log(booking, "released", record=record, rule=str(law))
        draft.accept(record)
    for link in list(draft.replicas()):
        released = draft.records.get((link.system, link.event))
        if link.role is Role.RELEASED and released is not None and has_pending_change(released):
            # Moved once more: whoever did it may have it there, too.
            draft.accept(released)


def end_releases(draft: Workspace) -> None:
    """A release ends with what it was for: the booking has moved, or is off."""
    for link in list(draft.replicas()):
        if link.role is not Role.RELEASED:
            continue
        booking = draft.bookings.get(link.booking)
        if booking is not None and booking.agreed.busy and link.synced_revision == booking.revision:
            continue
        record = draft.records.get((link.system, link.event))
        if booking is None or record is None or record.observed is None:
            draft.unlink(link)
        else:
            draft.link(replace(link, role=Role.BLOCK))


def transfer_release(draft: Workspace, before: Booking, after: Booking) -> None:
    """A release lasts while only the status changes."""
    if before.agreed.interval == after.agreed.interval and after.agreed.busy:
        extend_release(draft, before, after)


def extend_release(draft: Workspace, before: Booking, after: Booking) -> None:
    """Let the releases of a booking last, as nobody has changed when it is."""
    for link in list(draft.links.get(after.id, {}).values()):
        if link.role is Role.RELEASED and link.synced_revision == before.revision:
            draft.link(replace(link, synced_revision=after.revision))


def _edited(
    draft: Workspace, calendars: Mapping[str, CalendarState], rules: Rules, choice: Choice
) -> Iterator[tuple[TrackedEvent, list[Replica]]]:
    """Own blocks with news under this rule, each with its links; all stood for what is agreed."""
    links: dict[tuple[str, str], list[Replica]] = defaultdict(list)
    for link in draft.replicas():
        if link.role is Role.BLOCK:
            links[link.system, link.event].append(link)
    for id_, record in sorted(draft.records.items()):
        calendar = calendars.get(record.system)
        if not (
            record.created_by_us and has_pending_change(record) and calendar and calendar.trusted
        ):
            continue
        if record.id in calendar.stopped:
            continue
        if rules.effective_rule(ConflictKind.BLOCK_EDITED, {record.system}).choice is not choice:
            continue
        mine = sorted(links.get(id_, []), key=lambda link: link.booking)
        if mine and all(_stood_for(draft, record, link, calendars) for link in mine):
            yield record, mine


def _stood_for(
    draft: Workspace, record: TrackedEvent, link: Replica, calendars: Mapping[str, CalendarState]
) -> bool:
    booking, meant = draft.bookings.get(link.booking), expected_value(record)
    if booking is None or meant is None:
        return False
    buffer = buffer_of(draft, calendars, booking, record.system)
    closed = truncate(buffer.expand(booking.agreed), calendars[record.system].grain)
    return (
        booking.agreed.busy and booking.agreed.end > draft.now and meant.interval == closed.interval
    )
