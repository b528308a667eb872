"""Hold back writes that a platform rejected, or that come too late.

After `filter_allowed`, each write is allowed, in conflict, or waiting. A rejected write is tried
again only when the reason for the rejection changed, or when the operator asks for it. A rule may
choose another time for the booking (`fallback_times`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime

from syncd.core.availability.free import busy_intervals, nearest_free
from syncd.core.conflicts.double_bookings import booking_pair
from syncd.core.event_state.observation import has_pending_change
from syncd.core.inputs import CalendarState, inputs_digest
from syncd.core.merging.merge import RESOLVED, ForcedValue
from syncd.core.merging.rules import Choice, Rules
from syncd.core.propagation import write_order
from syncd.core.workspace import Workspace
from syncd.model import (
    Action,
    Booking,
    Claim,
    Conflict,
    ConflictKind,
    Id,
    Kind,
    Operation,
    ProviderState,
    StoredConflict,
    TrackedEvent,
    Value,
    Waiting,
    WaitReason,
)
from syncd.model.intervals import may_show_time, shows, truncate

REJECTIONS = frozenset({ConflictKind.SLOT_TAKEN, ConflictKind.QUARANTINED, ConflictKind.AMBIGUOUS})
"""The kinds of conflicts whose ``inputs`` may name an operation that must not be tried."""

_ANY_TIME = datetime.min.replace(tzinfo=UTC)

MAX_FAILURES = 3
"""After this many permanent failures an operation is quarantined (docs/design.md#replies)."""


def slot_taken(operation: Operation, detail: str, state: ProviderState) -> Conflict:
    """Return the conflict for a time that a platform refused.

    ``operation`` is the refused write, ``detail`` the platform's reason. The inputs of the conflict
    name the operation and the events at the wanted time. When these events change, the write is
    tried again.
    """
    reason_digest = _obstacle_digest(operation, Workspace(state, "", _ANY_TIME))
    return _time_refused(operation, reason_digest, f"{operation.system} rejects the time: {detail}")


def _time_refused(operation: Operation, reason_digest: str, note: str) -> Conflict:
    """Return a conflict about a refused time; the write is tried again if the digest changes."""
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
        inputs=f"{write_order.operation_key(operation)}:{reason_digest}",
        note=note,
        rule=f"{ConflictKind.SLOT_TAKEN} = {Choice.HOLD}",
    )


def _what_to_check(operation: Operation, calendar: CalendarState) -> str:
    """Return what the operator can check after a write was rejected; '' if nothing is known."""
    after = operation.after
    if operation.action is not Action.SET_STATUS or after is None:
        return ""
    return calendar.status_checks.get(after.status, "")


def quarantine(operation: Operation, key: str, *, note: str = "", check: str = "") -> Conflict:
    """Return the conflict for an operation that failed permanently too often.

    ``key`` is its operation key, ``note`` replaces the text of the conflict, and ``check`` is what
    the operator can check, added to the default text.
    """
    failed = f"{operation.system} rejected {operation.action} {MAX_FAILURES} times"
    claims = (Claim(operation.system, operation.event, operation.after),)
    return Conflict(
        kind=ConflictKind.QUARANTINED,
        provider=operation.provider,
        subject=operation.bookings[0] if operation.bookings else f"{operation.system}/{key}",
        claims=claims,
        inputs=key,
        note=note or (f"{failed}: {check}" if check else failed),
    )


def fallback_times(
    workspace: Workspace, calendars: Mapping[str, CalendarState], rules: Rules
) -> dict[str, ForcedValue]:
    """Return the values that the rule `slot_taken` gives to bookings whose move was refused.

    With ``revert``, a booking gets the time that the refusing calendar shows; with ``next-free``,
    the nearest free time. A booking that this rule already moved is held when it is refused again,
    so that two calendars cannot move the booking back and forth.
    """
    forced: dict[str, ForcedValue] = {}
    for held in workspace.state.conflicts:
        conflict = held.conflict
        booking = workspace.bookings.get(conflict.subject)
        if conflict.kind is not ConflictKind.SLOT_TAKEN or booking is None or held.dismissed:
            continue
        refusing = conflict.claims[-1]
        rule = rules.effective_rule(conflict.kind, {refusing.system})
        if rule.choice is Choice.HOLD or booking.rule.startswith(conflict.kind):
            continue
        record = workspace.records.get((refusing.system, refusing.event or ""))
        if record is None or not _still_refused(workspace, booking, conflict, record, calendars):
            continue
        value = _fallback_value(workspace, booking, record, rule.choice, rules)
        if value is not None:
            forced[booking.id] = ForcedValue(value, str(rule))
    return forced


def filter_allowed(
    workspace: Workspace,
    calendars: Mapping[str, CalendarState],
    operations: Sequence[Operation],
    failures: Mapping[str, int],
    retried: AbstractSet[str],
    why: Callable[[Operation], WaitReason | None],
) -> tuple[list[Operation], list[Conflict], list[Waiting]]:
    """Sort writes into those to make, those in conflict, and those that wait.

    - ``failures``: the count of permanent failures by operation key.
    - ``retried``: the operation keys that the operator wants to try again.
    - ``why``: returns why a write waits; None if it can be made now.
    """
    allowed: list[Operation] = []
    conflicts: list[Conflict] = []
    waiting: list[Waiting] = []
    for operation in operations:
        key, reason = write_order.operation_key(operation), why(operation)
        conflict = None
        if key not in retried:
            conflict = blocking_conflict(workspace, operation, waits=reason is not None)
        if conflict is not None:
            conflicts.append(conflict)
        elif failures.get(key, 0) >= MAX_FAILURES and key not in retried:
            check = _what_to_check(operation, calendars[operation.system])
            conflicts.append(quarantine(operation, key, check=check))
        elif reason is not None:
            waiting.append(Waiting(operation, reason))
        else:
            allowed.append(operation)
    return allowed, conflicts, waiting


def blocking_conflict(
    workspace: Workspace, operation: Operation, *, waits: bool = False
) -> Conflict | None:
    """Return the conflict because of which a write is not tried; None if there is none.

    ``waits``: the write cannot be made now for another reason. It does not become too late then.
    """
    known = _open_rejection(workspace, operation)
    if known is None and not waits and is_too_late(operation, workspace):
        note = f"too late to move in {operation.system}: the new time has passed already"
        return _time_refused(operation, _meeting_digest(operation, workspace), note)
    return known


def _open_rejection(workspace: Workspace, operation: Operation) -> Conflict | None:
    """Return the open conflict about a write that was rejected; None if there is none."""
    key = write_order.operation_key(operation)
    for held in workspace.state.conflicts:
        conflict = held.conflict
        if conflict.kind not in REJECTIONS or operation_key_of(conflict) != key:
            continue
        known_inputs = {
            f"{key}:{_obstacle_digest(operation, workspace)}",
            f"{key}:{_meeting_digest(operation, workspace)}",
        }
        if conflict.kind is not ConflictKind.SLOT_TAKEN or conflict.inputs in known_inputs:
            return conflict
    return None


def operation_key_of(conflict: Conflict) -> str:
    """Return the operation key of the write that was rejected, from the inputs of a conflict."""
    return conflict.inputs.partition(":")[0]


def why_immovable(
    workspace: Workspace, booking: Booking, calendars: Mapping[str, CalendarState]
) -> str:
    """Return the text that says why syncd cannot move a meeting; '' if it can."""
    return why_not_written(workspace, booking, calendars) or why_only_read(workspace, booking)


def why_not_written(
    workspace: Workspace, booking: Booking, calendars: Mapping[str, CalendarState]
) -> str:
    """Return the text that says why syncd never writes to a meeting; '' if it may write."""
    if booking.kind is Kind.BLOCK:
        return "somebody on the platform made this block, and syncd never changes such blocks"
    read_only = sorted(
        record.system
        for record in workspace.present(booking.id)
        if record.system in calendars and calendars[record.system].never_written
    )
    return f"{read_only[0]} is read-only (write = false)" if read_only else ""


def why_only_read(workspace: Workspace, booking: Booking, value: Value | None = None) -> str:
    """Return the text that says why a meeting cannot get ``value``; '' if it can.

    The obstacle is a derived event, which syncd never writes to. A derived event that already shows
    the value is no obstacle. If ``value`` is None, any derived event is one.
    """
    for record in workspace.appointments(booking.id):
        if not record.derived or record.observed is None:
            continue
        if value is None or not shows(record.observed, value, any_status=True):
            return f"the meeting in {record.system} has other hosts or uses a room"
    return ""


def _still_refused(
    workspace: Workspace,
    booking: Booking,
    conflict: Conflict,
    record: TrackedEvent,
    calendars: Mapping[str, CalendarState],
) -> bool:
    """Return true if the refusal still applies and the meeting can be moved.

    False if an appointment of the booking has a pending change: the merge decides on that first.
    """
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


def _fallback_value(
    workspace: Workspace, booking: Booking, record: TrackedEvent, choice: Choice, rules: Rules
) -> Value | None:
    """Return the value for a refused move: from the refusing calendar, or the nearest free time."""
    shown = record.observed
    if choice is Choice.REVERT and shown is not None:
        return replace(booking.agreed, start=shown.start, end=shown.end)
    busy = busy_intervals(workspace, frozenset({booking.id}))
    return next(iter(nearest_free(busy, booking.agreed, rules.search, workspace.now)), None)


def is_too_late(operation: Operation, workspace: Workspace) -> bool:
    """Return true if the target time of a move passed before the move was made.

    A move is also too late if it waited for the resolution of a double booking until one of the two
    meetings was over. A move is not too late if another calendar shows the meeting at the target
    time, because then the meeting took place there, or if the operator chose that time.
    """
    after = operation.after
    if operation.action is not Action.MOVE_APPOINTMENT or after is None:
        return False
    for booking in (workspace.bookings[id_] for id_ in operation.bookings):
        if booking.rule.startswith(RESOLVED):
            return False
        if any(
            _expired_in_conflict(held, booking, workspace.now) for held in workspace.state.conflicts
        ):
            return True
    observed = [r.observed for id_ in operation.bookings for r in workspace.appointments(id_)]
    return after.end <= workspace.now and not any(
        may_show_time(after, value) for value in observed if value is not None
    )


def _expired_in_conflict(held: StoredConflict, booking: Booking, now: datetime) -> bool:
    """Return true if a held double booking ended because one of its meetings was over."""
    conflict = held.conflict
    claimed = [claim.value for claim in conflict.claims if claim.value is not None]
    return (
        conflict.kind is ConflictKind.DOUBLE_BOOKED
        and conflict.held
        and booking.id in booking_pair(conflict)
        and any(value.interval == booking.agreed.interval for value in claimed)
        and any(value.end <= now for value in claimed)
    )


def _meeting_digest(operation: Operation, workspace: Workspace) -> str:
    """Return a digest of a meeting's observed values; when it changes, a late move is tried."""
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
    """Return the intervals of ``wanted`` at which a system refuses blocks, with the conflicts.

    An interval counts as long as the events at that time do not change. Some platforms do not say
    that a time is taken, so quarantined blocks count as well.
    """
    rejected: dict[tuple[datetime, datetime], Conflict] = {}
    for held in workspace.state.conflicts:
        conflict = held.conflict
        value = conflict.claims[0].value if conflict.claims else None
        if conflict.kind not in _TIME_REFUSED or conflict.claims[-1].system != system:
            continue
        if value is None or value.interval not in wanted:
            continue
        reason_digest = _busy_digest(workspace, system, wanted[value.interval], value)
        quarantined = conflict.kind is ConflictKind.QUARANTINED
        if quarantined or conflict.inputs.partition(":")[2] == reason_digest:
            rejected[value.interval] = conflict
    return rejected


_TIME_REFUSED = frozenset({ConflictKind.SLOT_TAKEN, ConflictKind.QUARANTINED})


def _obstacle_digest(operation: Operation, workspace: Workspace) -> str:
    """Return a digest of the other events in the calendar at the wanted time."""
    if operation.after is None:
        return ""
    return _busy_digest(workspace, operation.system, operation.bookings, operation.after)


def _busy_digest(workspace: Workspace, system: str, bookings: Iterable[str], wanted: Value) -> str:
    own = {id_ for booking in bookings for id_ in workspace.links.get(booking, {})}
    others = [r for id_, r in workspace.records.items() if r.system == system and id_ not in own]
    return inputs_digest(
        *sorted(
            value.interval
            for values in _occupied_times(workspace, others)
            for value in values
            if value.busy and value.overlaps(wanted)
        )
    )


def _occupied_times(
    workspace: Workspace, records: Iterable[TrackedEvent]
) -> Iterator[Sequence[Value]]:
    """Yield the time that each event takes up; for our blocks, the time of their meetings."""
    meetings: dict[Id, list[Value]] = defaultdict(list)
    for link in workspace.replicas():
        if link.booking in workspace.bookings:
            meetings[link.system, link.event].append(workspace.bookings[link.booking].agreed)
    for record in records:
        if record.observed is not None and record.observed.busy:
            served = meetings.get((record.system, record.id), []) if record.created_by_us else []
            yield served or [record.observed]
