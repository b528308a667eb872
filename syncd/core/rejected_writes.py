"""Writes that are refused, or come too late: held back, decided by policy, tried again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime

from syncd.core import write_order
from syncd.core.double_bookings import booking_pair
from syncd.core.free_intervals import busy_intervals, nearest_free
from syncd.core.inputs import CalendarState, inputs_digest
from syncd.core.merging import RESOLVED, ForcedValue
from syncd.core.observation import has_pending_change, is_rounding, truncate
from syncd.core.propagation import shows_agreed_value
from syncd.core.rules import Choice, Rules
from syncd.core.workspace import Workspace
from syncd.model import (
    Action,
    Booking,
    Claim,
    Conflict,
    ConflictKind,
    HeldConflict,
    Id,
    Kind,
    Operation,
    ProviderState,
    TrackedEvent,
    Value,
    Waiting,
    WaitReason,
)

REJECTIONS = frozenset({ConflictKind.SLOT_TAKEN, ConflictKind.QUARANTINED, ConflictKind.AMBIGUOUS})
"""Kinds whose ``inputs`` may name an operation that is not to be tried."""

_ANY_TIME = datetime.min.replace(tzinfo=UTC)

MAX_FAILURES = 3
"""After this many permanent failures an operation is quarantined (docs/design.md#replies)."""


def slot_taken(operation: Operation, detail: str, state: ProviderState) -> Conflict:
    """The conflict that a refused time becomes.

    Its inputs name the operation and what stands in its way: when that changes, it is tried again.
    """
    way = _in_the_way(operation, Workspace(state, "", _ANY_TIME))
    return _time_refused(operation, way, f"{operation.system} refuses the time: {detail}")


def _time_refused(operation: Operation, way: str, note: str) -> Conflict:
    """``way`` is a digest of what the refusal rests on."""
    claims: tuple[Claim, ...] = (Claim(operation.system, operation.event, operation.after),)
    if operation.before is not None:
        shown = Claim(operation.system, operation.event, operation.before)
        claims = (Claim("agreed", None, operation.after), shown)
    return Conflict(
        kind=ConflictKind.SLOT_TAKEN,
        provider=operation.provider,
        subject=operation.bookings[0]
        if operation.bookings
        else write_order.operation_key(operation),
        claims=claims,
        inputs=f"{write_order.operation_key(operation)}:{way}",
        note=note,
        rule=f"{ConflictKind.SLOT_TAKEN} = {Choice.HOLD}",
    )


def _check(operation: Operation, calendar: CalendarState) -> str:
    """Return what a person can check where a write was refused, '' if nothing is known of it."""
    after = operation.after
    if operation.action is not Action.SET_STATUS or after is None:
        return ""
    return calendar.status_checks.get(after.status, "")


def quarantine(operation: Operation, name: str, *, note: str = "", check: str = "") -> Conflict:
    """The conflict that an operation becomes when it fails for good."""
    failed = f"{operation.action} failed {MAX_FAILURES} times"
    claims = (Claim(operation.system, operation.event, operation.after),)
    return Conflict(
        kind=ConflictKind.QUARANTINED,
        provider=operation.provider,
        subject=operation.bookings[0] if operation.bookings else f"{operation.system}/{name}",
        claims=claims,
        inputs=name,
        note=note or (f"{failed}: {check}" if check else failed),
    )


def fallback_times(
    workspace: Workspace, calendars: Mapping[str, CalendarState], rules: Rules
) -> dict[str, ForcedValue]:
    """What policy makes of refused moves: back to where the refusing calendar has it, or elsewhere.

    Only once for each change from outside: a booking that such a rule has moved already, and that
    is refused again, waits for a person. So two calendars cannot throw it to and fro.
    """
    found: dict[str, ForcedValue] = {}
    for held in workspace.state.conflicts:
        conflict = held.conflict
        booking = workspace.bookings.get(conflict.subject)
        if conflict.kind is not ConflictKind.SLOT_TAKEN or booking is None or held.dismissed:
            continue
        refusing = conflict.claims[-1]
        law = rules.effective_rule(conflict.kind, {refusing.system})
        if law.choice is Choice.HOLD or booking.rule.startswith(conflict.kind):
            continue
        record = workspace.records.get((refusing.system, refusing.event or ""))
        if record is None or not _still_refused(workspace, booking, conflict, record, calendars):
            continue
        value = _instead(workspace, booking, record, law.choice, rules)
        if value is not None:
            found[booking.id] = ForcedValue(value, str(law))
    return found


def filter_allowed(
    workspace: Workspace,
    calendars: Mapping[str, CalendarState],
    operations: Sequence[Operation],
    failures: Mapping[str, int],
    retried: AbstractSet[str],
    why: Callable[[Operation], WaitReason | None],
) -> tuple[list[Operation], list[Conflict], list[Waiting]]:
    """Sort writes into those to make, those refused for good, and those that wait, and ``why``."""
    allowed: list[Operation] = []
    conflicts: list[Conflict] = []
    waiting: list[Waiting] = []
    for operation in operations:
        name, reason = write_order.operation_key(operation), why(operation)
        refusal = None
        if name not in retried:
            # A write that waits anyway is not newly too late: it is tried first.
            refusal = (blocking_conflict if reason is None else open_rejection)(
                workspace, operation
            )
        if refusal is not None:
            conflicts.append(refusal)
        elif failures.get(name, 0) >= MAX_FAILURES and name not in retried:
            check = _check(operation, calendars[operation.system])
            conflicts.append(quarantine(operation, name, check=check))
        elif reason is not None:
            waiting.append(Waiting(operation, reason))
        else:
            allowed.append(operation)
    return allowed, conflicts, waiting


def blocking_conflict(workspace: Workspace, operation: Operation) -> Conflict | None:
    """The conflict because of which this write is not tried; none when its reason is gone."""
    known = open_rejection(workspace, operation)
    if known is None and is_too_late(operation, workspace):
        note = f"too late for {operation.system}: that time came while the move waited"
        return _time_refused(operation, _shown(operation, workspace), note)
    return known


def open_rejection(workspace: Workspace, operation: Operation) -> Conflict | None:
    """Return the open conflict because of which this write is not tried."""
    name = write_order.operation_key(operation)
    for held in workspace.state.conflicts:
        conflict = held.conflict
        if conflict.kind not in REJECTIONS or operation_key_of(conflict) != name:
            continue
        ways = {
            f"{name}:{_in_the_way(operation, workspace)}",
            f"{name}:{_shown(operation, workspace)}",
        }
        if conflict.kind is not ConflictKind.SLOT_TAKEN or conflict.inputs in ways:
            return conflict
    return None


def operation_key_of(conflict: Conflict) -> str:
    """The name of the operation that was refused."""
    return conflict.inputs.partition(":")[0]


def why_immovable(
    workspace: Workspace, booking: Booking, calendars: Mapping[str, CalendarState]
) -> str:
    """Why syncd cannot bring a meeting to another time; '' when it can."""
    return why_not_written(workspace, booking, calendars) or why_only_read(workspace, booking)


def why_not_written(
    workspace: Workspace, booking: Booking, calendars: Mapping[str, CalendarState]
) -> str:
    """Return why syncd never writes to a meeting at all; '' when it does."""
    if booking.kind is Kind.BLOCK:
        return "it is busy time that somebody else made, which syncd never writes to"
    fixed = sorted(
        record.system
        for record in workspace.present(booking.id)
        if record.system in calendars and calendars[record.system].never_written
    )
    return f"{fixed[0]} is only read (write = false)" if fixed else ""


def why_only_read(workspace: Workspace, booking: Booking, value: Value | None = None) -> str:
    """Return why a meeting cannot be brought to a value, or to any; '' when it can.

    A derived event that shows the value needs no write.
    """
    for record in workspace.appointments(booking.id):
        if not record.derived or record.observed is None:
            continue
        if value is None or not shows_agreed_value(record.observed, value):
            return f"the meeting in {record.system} has other hosts or uses a room"
    return ""


def _still_refused(
    workspace: Workspace,
    booking: Booking,
    conflict: Conflict,
    record: TrackedEvent,
    calendars: Mapping[str, CalendarState],
) -> bool:
    """Whether the refusal still stands, nobody has news, and the meeting can be moved at all."""
    calendar = calendars.get(record.system)
    wanted = conflict.claims[0].value
    return (
        calendar is not None
        and calendar.trusted
        and not record.created_by_us
        and record.observed is not None
        and record.observed.busy
        and booking.agreed.busy
        and wanted is not None
        and wanted.interval == truncate(booking.agreed, calendar.grain).interval
        and not any(has_pending_change(r) for r in workspace.appointments(booking.id))
        and not why_immovable(workspace, booking, calendars)
    )


def _instead(
    workspace: Workspace, booking: Booking, record: TrackedEvent, choice: Choice, rules: Rules
) -> Value | None:
    shown = record.observed
    if choice is Choice.REVERT and shown is not None:
        return replace(booking.agreed, start=shown.start, end=shown.end)
    busy = busy_intervals(workspace, frozenset({booking.id}))
    return next(iter(nearest_free(busy, booking.agreed, rules.search, workspace.now)), None)


def is_too_late(operation: Operation, workspace: Workspace) -> bool:
    """Whether the time that a meeting is to be moved to came first, and nobody has seen it there.

    The move could not be written in time; or it waited for a person until one of two that overlap
    was over, which decides nothing. Where another calendar shows the meeting at a time that has
    passed, that is what happened, and is told. What a person decides is meant.
    """
    after = operation.after
    if operation.action is not Action.MOVE_APPOINTMENT or after is None:
        return False
    for booking in (workspace.bookings[id_] for id_ in operation.bookings):
        if booking.rule.startswith(RESOLVED):
            return False
        if any(_ran_out(held, booking, workspace.now) for held in workspace.state.conflicts):
            return True
    seen = [r.observed for id_ in operation.bookings for r in workspace.appointments(id_)]
    return after.end <= workspace.now and not any(
        value.interval == after.interval or is_rounding(replace(after, status=value.status), value)
        for value in seen
        if value is not None
    )


def _ran_out(held: HeldConflict, booking: Booking, now: datetime) -> bool:
    """Whether a double booking has held what is agreed until one of the two was over."""
    conflict = held.conflict
    claimed = [claim.value for claim in conflict.claims if claim.value is not None]
    return (
        conflict.kind is ConflictKind.DOUBLE_BOOKED
        and conflict.held
        and booking.id in booking_pair(conflict)
        and any(value.interval == booking.agreed.interval for value in claimed)
        and any(value.end <= now for value in claimed)
    )


def _shown(operation: Operation, workspace: Workspace) -> str:
    """A digest of where the meeting stands: when that changes, what was too late is news again."""
    return inputs_digest(
        *(
            (r.system, r.id, r.observed)
            for b in operation.bookings
            for r in workspace.appointments(b)
        )
    )


def rejected_times(
    workspace: Workspace, system: str, wanted: Mapping[tuple[datetime, datetime], AbstractSet[str]]
) -> dict[tuple[datetime, datetime], Conflict]:
    """Those of these intervals that a system refused for blocks, while the reason still stands.

    Not every platform says that the time is taken: a block that it refused for good counts, too.
    """
    found: dict[tuple[datetime, datetime], Conflict] = {}
    for held in workspace.state.conflicts:
        conflict = held.conflict
        value = conflict.claims[0].value if conflict.claims else None
        if conflict.kind not in _TIME_REFUSED or conflict.claims[-1].system != system:
            continue
        if value is None or value.interval not in wanted:
            continue
        way = _standing_at(workspace, system, wanted[value.interval], value)
        quarantined = conflict.kind is ConflictKind.QUARANTINED
        if quarantined or conflict.inputs.partition(":")[2] == way:
            found[value.interval] = conflict
    return found


_TIME_REFUSED = frozenset({ConflictKind.SLOT_TAKEN, ConflictKind.QUARANTINED})


def _in_the_way(operation: Operation, workspace: Workspace) -> str:
    """A digest of what stands in the calendar at the wanted time, and is not for this meeting."""
    if operation.after is None:
        return ""
    return _standing_at(workspace, operation.system, operation.bookings, operation.after)


def _standing_at(workspace: Workspace, system: str, bookings: Iterable[str], wanted: Value) -> str:
    own = {id_ for booking in bookings for id_ in workspace.links.get(booking, {})}
    there = [r for id_, r in workspace.records.items() if r.system == system and id_ not in own]
    return inputs_digest(
        *sorted(
            value.interval
            for values in _taken_by(workspace, there)
            for value in values
            if value.busy and value.overlaps(wanted)
        )
    )


def _taken_by(workspace: Workspace, records: Iterable[TrackedEvent]) -> Iterator[Sequence[Value]]:
    """The time that each event takes; of our blocks that of their meetings, whatever they cover."""
    meetings: dict[Id, list[Value]] = defaultdict(list)
    for link in workspace.replicas():
        if link.booking in workspace.bookings:
            meetings[link.system, link.event].append(workspace.bookings[link.booking].agreed)
    for record in records:
        if record.observed is not None and record.observed.busy:
            served = meetings.get((record.system, record.id), []) if record.created_by_us else []
            yield served or [record.observed]
