"""Putting back what a run wrote: for each booking that nobody has touched since, or not at all.

A booking is put back whole or left whole. What is put back stays so until the booking changes: the
next cycle would otherwise write it anew. That is what a waiver says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.core.inputs import CalendarState
from syncd.core.observation import has_pending_change
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
    """A booking that is left as it is, and why."""

    booking: str
    why: str


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """What one provider's undoing takes: writes, waivers, and what is left alone."""

    operations: tuple[Operation, ...] = ()
    suppressions: tuple[UndoSuppression, ...] = ()
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, slots=True)
class NetWrite:
    """All that the run wrote to one event, from its first value to its last (None: not there)."""

    system: str
    event: str
    kind: Kind
    before: Value | None
    after: Value | None
    key: str | None
    bookings: frozenset[str]


@dataclass(frozen=True, slots=True)
class RunHistory:
    """What is known of a run and of what came after it.

    ``intents`` are the run's own; ``later`` those of other runs since. ``news`` tells for a booking
    what was seen of it since.
    """

    run: str
    intents: Sequence[Intent]
    later: Sequence[Intent] = ()
    news: Mapping[str, str] = field(default_factory=dict)


def plan_undo(
    state: ProviderState,
    calendars: Mapping[str, CalendarState],
    past: RunHistory,
    now: datetime,
    *,
    only: str | None = None,
    by: str = "",
) -> UndoPlan:
    """Plan to put back what the run wrote for one provider; ``only`` names a single booking.

    ``by`` is the run that undoes.
    """
    wrote = [w for w in net_writes(past.intents) if only is None or only in w.bookings]
    left = {
        booking: why
        for booking in sorted({b for w in wrote for b in w.bookings})
        if (why := _touched(booking, state, past))
    }
    if only is not None:
        for w in wrote:
            for other in sorted(w.bookings - {only}):
                left.setdefault(only, f"its block in {w.system} serves booking {other}, too")
    records = {(r.system, r.id): r for r in state.records}
    for w in wrote:
        record = records.get((w.system, w.event))
        if why := _hindered(w, record, calendars.get(w.system), past, now):
            for booking in w.bookings:
                left.setdefault(booking, why)
    _spread(wrote, left, state.records)
    back = [w for w in wrote if w.bookings and not w.bookings & left.keys()]
    orphans = [
        Skipped("", f"a block in {w.system} served no booking") for w in wrote if not w.bookings
    ]
    revisions = {b.id: b.revision for b in state.bookings}
    return UndoPlan(
        operations=tuple(
            operation
            for w in back
            for operation in _reverse(w, records.get((w.system, w.event)), state, past.run)
        ),
        suppressions=tuple(
            UndoSuppression(booking, w.system, revisions[booking], by)
            for w in back
            for booking in sorted(w.bookings)
        ),
        skipped=(
            *(Skipped(b, why) for b, why in sorted(left.items()) if only in {None, b}),
            *orphans,
        ),
    )


def net_writes(intents: Iterable[Intent]) -> list[NetWrite]:
    """The run's writes, one for each event; what came back to where it was is left out."""
    found: dict[tuple[str, str], NetWrite] = {}
    for intent in sorted(intents, key=lambda i: (i.opened_at, i.id)):
        o = intent.operation
        if o.event is None or intent.state is not IntentState.DONE:
            continue
        first = found.get((o.system, o.event))
        bookings = frozenset(o.bookings)
        if first is None:
            before = None if o.action is Action.CREATE_BLOCK else o.before
            new = NetWrite(o.system, o.event, o.kind, before, o.after, o.key, bookings)
        else:
            new = replace(first, after=o.after, bookings=first.bookings | bookings)
        found[o.system, o.event] = new
    return [w for _, w in sorted(found.items()) if w.before != w.after]


def _touched(booking: str, state: ProviderState, past: RunHistory) -> str:
    """Why a booking as a whole is left alone; empty if it is not."""
    if booking not in {b.id for b in state.bookings}:
        return "it is over"
    if any(h.conflict.subject == booking for h in state.conflicts):
        return "a conflict about it is held: decide that first (`syncd conflicts`)"
    linked = {(r.system, r.event) for r in state.replicas if r.booking == booking}
    for record in state.records:
        if (record.system, record.id) in linked and has_pending_change(record):
            return f"it was changed in {record.system} since"
    for intent in (*past.intents, *state.intents):
        if intent.state.pending and booking in intent.operation.bookings:
            return f"a write to {intent.operation.system} is not confirmed yet"
    if booking in past.news:
        return past.news[booking]
    wrote_again = sorted(
        (i.opened_at, i.run)
        for i in past.later
        if booking in i.operation.bookings and i.state is IntentState.DONE
    )
    return f"run {wrote_again[-1][1]} wrote it since" if wrote_again else ""


def _hindered(
    wrote: NetWrite,
    record: TrackedEvent | None,
    calendar: CalendarState | None,
    past: RunHistory,
    now: datetime,
) -> str:
    """Why a write cannot be put back; empty if it can."""
    where = wrote.system
    if calendar is None:
        return f"{where} is not one of its systems any more"
    if calendar.held_back:
        return f"writing to {where} is paused: `syncd unpause` ends that"
    if not calendar.writable:
        return f"{where} did not answer, or may not be written to"
    if any((i.operation.system, i.operation.event) == (where, wrote.event) for i in past.later):
        return f"{where} was written to since"
    return _moved_on(wrote, record) or _impossible(wrote, calendar, now)


def _moved_on(wrote: NetWrite, record: TrackedEvent | None) -> str:
    """What somebody did to the event since the run wrote it."""
    shown = record.observed if record is not None else None
    if wrote.kind is Kind.BLOCK and record is not None and not record.created_by_us:
        return f"somebody has made it theirs in {wrote.system} since"
    if wrote.after is not None and (record is None or shown is None):
        return f"somebody has removed it from {wrote.system} since"
    if wrote.after is None and shown is not None:
        return f"it is in {wrote.system} again"
    if record is not None and shown != wrote.after and not _rounded(record, wrote.after):
        return f"it was changed in {wrote.system} since"
    return ""


def _impossible(wrote: NetWrite, calendar: CalendarState, now: datetime) -> str:
    """What a system, or time, does not let anybody put back."""
    if all(value is None or value.end <= now for value in (wrote.before, wrote.after)):
        return "it is over"
    if wrote.before is not None and not in_range(wrote.before, now):
        return "a time of it is out of range"
    if wrote.kind is Kind.APPOINTMENT and wrote.before is not None and wrote.after is not None:
        wanted = wrote.before.status
        if wanted is not wrote.after.status and calendar.statuses.get(wanted) is not wanted:
            return f"{wrote.system} cannot set the status back to {wanted}"
    return ""


def _rounded(record: TrackedEvent, after: Value | None) -> bool:
    """Whether what it shows is how the platform keeps what was written."""
    return record.written == after and record.base == record.observed


def _spread(
    wrote: Sequence[NetWrite], left: dict[str, str], records: Sequence[TrackedEvent]
) -> None:
    """Leave alone what shares an event with what is left alone, or would lie on a block that is."""
    standing = [r for r in records if r.created_by_us and r.observed is not None]
    again = True
    while again:
        again = False
        going = {(w.system, w.event) for w in wrote if not w.bookings & left.keys()}
        taken = {
            (r.system, r.observed.interval)
            for r in standing
            if r.observed and (r.system, r.id) not in going
        }
        for w in wrote:
            kept = sorted(w.bookings & left.keys())
            why = ""
            if kept:
                why = f"it shares a block in {w.system} with {kept[0]}, which is left"
            elif w.kind is Kind.BLOCK and w.before and (w.system, w.before.interval) in taken:
                why = f"another block stands in {w.system} where its own was"
            for booking in sorted(w.bookings - left.keys()) if why else ():
                left[booking] = why
                again = True


def _reverse(
    wrote: NetWrite, record: TrackedEvent | None, state: ProviderState, run: str
) -> list[Operation]:
    """The writes that put one event back, in order."""
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
