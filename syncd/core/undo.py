"""Plan to undo the writes of a run (`syncd undo`).

The writes for a booking are undone completely or not at all, and only if nothing changed the
booking after the run. An `UndoSuppression` keeps the next cycle from making the undone writes
again, until the booking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.core.event_state.observation import has_pending_change
from syncd.core.inputs import CalendarState
from syncd.model import (
    Action,
    Intent,
    IntentState,
    Kind,
    Operation,
    ProviderState,
    TrackedEvent,
    UndoSuppression,
    Value,
    in_range,
)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A booking (its id, '' for a block without a booking) that is not undone, and the reason."""

    booking: str
    why: str


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """The writes that undo a run for one provider, and the suppressions to store with them.

    ``skipped``: the bookings that are not undone.
    """

    operations: tuple[Operation, ...] = ()
    suppressions: tuple[UndoSuppression, ...] = ()
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, slots=True)
class NetWrite:
    """The net effect of a run's writes to one event.

    ``before``, ``after``: the value before the first and after the last write; None: the event does
    not exist. ``key``: the tag of a block.
    """

    system: str
    event: str
    kind: Kind
    before: Value | None
    after: Value | None
    key: str | None
    bookings: frozenset[str]


@dataclass(frozen=True, slots=True)
class RunHistory:
    """What is known of a run and of the time after it.

    - ``run``: the id of the run. ``intents``: its journal rows. ``later``: the journal rows of
      later runs.
    - ``news``: by booking that was seen to change after the run, the reason not to undo it.
    """

    run: str
    intents: Sequence[Intent]
    later: Sequence[Intent] = ()
    news: Mapping[str, str] = field(default_factory=dict)


def plan_undo(
    state: ProviderState,
    calendars: Mapping[str, CalendarState],
    history: RunHistory,
    now: datetime,
    *,
    only: str | None = None,
    by: str = "",
) -> UndoPlan:
    """Plan to undo what a run wrote for one provider.

    - ``calendars``: the provider's calendars by system, as this cycle found them.
    - ``only``: undo only this booking; None: all bookings.
    - ``by``: the id of the run that undoes, stored in the suppressions.
    """
    writes = [w for w in net_writes(history.intents) if only is None or only in w.bookings]
    skipped = {
        booking: reason
        for booking in sorted({b for w in writes for b in w.bookings})
        if (reason := _why_not_booking(booking, state, history))
    }
    if only is not None:
        for w in writes:
            for other in sorted(w.bookings - {only}):
                skipped.setdefault(only, f"its block in {w.system} also serves booking {other}")
    records = {(r.system, r.id): r for r in state.records}
    for w in writes:
        record = records.get((w.system, w.event))
        if reason := _why_not_write(w, record, calendars.get(w.system), history, now):
            for booking in w.bookings:
                skipped.setdefault(booking, reason)
    _propagate_skips(writes, skipped, state.records)
    undoable = [w for w in writes if w.bookings and not w.bookings & skipped.keys()]
    orphans = [
        Skipped("", f"a block in {w.system} belongs to no booking")
        for w in writes
        if not w.bookings
    ]
    revisions = {b.id: b.revision for b in state.bookings}
    return UndoPlan(
        operations=tuple(
            operation
            for w in undoable
            for operation in _undo_writes(w, records.get((w.system, w.event)), state, history.run)
        ),
        suppressions=tuple(
            UndoSuppression(booking, w.system, revisions[booking], by)
            for w in undoable
            for booking in sorted(w.bookings)
        ),
        skipped=(
            *(Skipped(b, reason) for b, reason in sorted(skipped.items()) if only in {None, b}),
            *orphans,
        ),
    )


def net_writes(intents: Iterable[Intent]) -> list[NetWrite]:
    """Return the net writes of a run, one for each event; events without a net effect are left out.

    Only confirmed writes count.
    """
    by_event: dict[tuple[str, str], NetWrite] = {}
    for intent in sorted(intents, key=lambda i: (i.opened_at, i.id)):
        operation = intent.operation
        if operation.event is None or intent.state is not IntentState.DONE:
            continue
        earlier = by_event.get((operation.system, operation.event))
        bookings = frozenset(operation.bookings)
        if earlier is None:
            before = None if operation.action is Action.CREATE_BLOCK else operation.before
            new = NetWrite(
                operation.system,
                operation.event,
                operation.kind,
                before,
                operation.after,
                operation.key,
                bookings,
            )
        else:
            new = replace(earlier, after=operation.after, bookings=earlier.bookings | bookings)
        by_event[operation.system, operation.event] = new
    return [w for _, w in sorted(by_event.items()) if w.before != w.after]


def _why_not_booking(booking: str, state: ProviderState, history: RunHistory) -> str:
    """Return the text that says why a booking cannot be undone; '' if it can be."""
    if booking not in {b.id for b in state.bookings}:
        return "it is over"
    if any(h.conflict.subject == booking for h in state.conflicts):
        return "it has an open conflict: resolve that first (`syncd conflicts`)"
    linked = {(r.system, r.event) for r in state.replicas if r.booking == booking}
    for record in state.records:
        if (record.system, record.id) in linked and has_pending_change(record):
            return f"it was changed in {record.system} after the run"
    for intent in (*history.intents, *state.intents):
        if intent.state.pending and booking in intent.operation.bookings:
            return f"a write to {intent.operation.system} is not confirmed yet"
    if booking in history.news:
        return history.news[booking]
    later_writes = sorted(
        (i.opened_at, i.run)
        for i in history.later
        if booking in i.operation.bookings and i.state is IntentState.DONE
    )
    return f"run {later_writes[-1][1]} changed it later" if later_writes else ""


def _why_not_write(
    wrote: NetWrite,
    record: TrackedEvent | None,
    calendar: CalendarState | None,
    history: RunHistory,
    now: datetime,
) -> str:
    """Return why a write cannot be undone; '' if it can."""
    system = wrote.system
    if calendar is None:
        return f"{system} is no longer one of the provider's systems"
    if calendar.held_back:
        return f"writing to {system} is paused: end the pause with `syncd unpause`"
    if not calendar.writable:
        return f"{system} did not answer or is read-only"
    if any((i.operation.system, i.operation.event) == (system, wrote.event) for i in history.later):
        return f"the event in {system} was written to after the run"
    return _outside_change(wrote, record) or _why_impossible(wrote, calendar, now)


def _outside_change(wrote: NetWrite, record: TrackedEvent | None) -> str:
    """Return the text that says how the event was changed after the run; '' if it was not."""
    shown = record.observed if record is not None else None
    if wrote.kind is Kind.BLOCK and record is not None and not record.created_by_us:
        return f"somebody added a customer to the block in {wrote.system} after the run"
    if wrote.after is not None and (record is None or shown is None):
        return f"its event was deleted in {wrote.system} after the run"
    if wrote.after is None and shown is not None:
        return f"its event exists in {wrote.system} again"
    if record is not None and shown != wrote.after and not _is_shown_rounded(record, wrote.after):
        return f"it was changed in {wrote.system} after the run"
    return ""


def _why_impossible(wrote: NetWrite, calendar: CalendarState, now: datetime) -> str:
    """Return why a write cannot be undone in this system or at this time; '' if it can."""
    if all(value is None or value.end <= now for value in (wrote.before, wrote.after)):
        return "it is over"
    if wrote.before is not None and not in_range(wrote.before, now):
        return "the time to restore is too far in the past or future for a platform"
    if wrote.kind is Kind.APPOINTMENT and wrote.before is not None and wrote.after is not None:
        former_status = wrote.before.status
        if (
            former_status is not wrote.after.status
            and calendar.statuses.get(former_status) is not former_status
        ):
            return f"{wrote.system} cannot set the status back to {former_status}"
    return ""


def _is_shown_rounded(record: TrackedEvent, after: Value | None) -> bool:
    """Return true if the platform shows the written value rounded."""
    return record.written == after and record.base == record.observed


def _propagate_skips(
    writes: Sequence[NetWrite], skipped: dict[str, str], records: Sequence[TrackedEvent]
) -> None:
    """Also skip bookings that share an event with a skipped booking, or whose time is blocked."""
    our_blocks = [r for r in records if r.created_by_us and r.observed is not None]
    changed = True
    while changed:
        changed = False
        undone = {(w.system, w.event) for w in writes if not w.bookings & skipped.keys()}
        occupied = {
            (r.system, r.observed.interval)
            for r in our_blocks
            if r.observed and (r.system, r.id) not in undone
        }
        for w in writes:
            shared = sorted(w.bookings & skipped.keys())
            reason = ""
            if shared:
                reason = f"it shares a block in {w.system} with {shared[0]}, which is not undone"
            elif w.kind is Kind.BLOCK and w.before and (w.system, w.before.interval) in occupied:
                reason = f"another block in {w.system} is at its former time"
            for booking in sorted(w.bookings - skipped.keys()) if reason else ():
                skipped[booking] = reason
                changed = True


def _undo_writes(
    wrote: NetWrite, record: TrackedEvent | None, state: ProviderState, run: str
) -> list[Operation]:
    """Return the writes that undo the net write to one event, in order."""
    shown = record.observed if record is not None else None

    def write(action: Action, before: Value | None, after: Value | None) -> Operation:
        return Operation(
            action=action,
            system=wrote.system,
            provider=state.provider,
            kind=wrote.kind,
            event=None if action is Action.CREATE_BLOCK else wrote.event,
            before=before,
            after=after,
            bookings=tuple(sorted(wrote.bookings)),
            key=wrote.key,
            reason=f"undo of run {run}",
        )

    if wrote.before is None:
        return [write(Action.REMOVE_BLOCK, shown, None)]
    if shown is None:
        return [write(Action.CREATE_BLOCK, None, wrote.before)]
    if wrote.kind is Kind.BLOCK:
        return [write(Action.MOVE_BLOCK, shown, wrote.before)]
    writes = []
    if shown.status is not wrote.before.status:
        after = replace(shown, status=wrote.before.status)
        writes.append(write(Action.SET_STATUS, shown, after))
        shown = after
    if shown.interval != wrote.before.interval:
        after = replace(wrote.before, status=shown.status)
        writes.append(write(Action.MOVE_APPOINTMENT, shown, after))
    return writes
