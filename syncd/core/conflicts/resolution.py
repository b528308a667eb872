"""Interpret the operator's resolution of a held conflict (`syncd conflicts resolve`).

A resolution writes nothing itself. `interpret` turns it into the `Directive` of one decision, which
merges, plans and writes like any other decision. The resolution is used only for the very conflict
that the operator saw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from syncd.core.blocks.buffers import as_meeting
from syncd.core.conflicts.double_bookings import booking_pair
from syncd.core.inputs import CalendarState
from syncd.core.merging.merge import RESOLVED, ForcedValue, effective_value
from syncd.core.propagation.rejected_writes import (
    REJECTIONS,
    operation_key_of,
    why_not_written,
    why_only_read,
)
from syncd.core.workspace import Workspace
from syncd.model import (
    Booking,
    Claim,
    Conflict,
    ConflictKind,
    Id,
    Status,
    StoredConflict,
    TrackedEvent,
    Value,
    series_of,
)


class ResolutionKind(StrEnum):
    """The ways in which the operator can resolve a conflict.

    TAKE: use the value of one system. AT: move the meeting to a given time. KEEP_BOTH: treat the
    appointments as separate meetings, or accept a double booking. DISMISS: decide nothing.
    """

    TAKE = "take"
    AT = "at"
    KEEP_BOTH = "keep-both"
    DISMISS = "dismiss"


@dataclass(frozen=True, slots=True)
class Resolution:
    """The operator's resolution of a conflict.

    TAKE needs ``system``, and ``event`` (its id) if that system has several claims. AT needs ``at``
    (UTC), the new start; the meeting keeps its length.
    """

    kind: ResolutionKind
    system: str = ""
    event: str = ""
    at: datetime | None = None

    def __str__(self) -> str:
        """Return the resolution as history and the closed conflict show it."""
        match self.kind:
            case ResolutionKind.TAKE:
                return f"take {self.system}" + (f"/{self.event}" if self.event else "")
            case ResolutionKind.AT:
                return f"at {self.at:%Y-%m-%dT%H:%MZ}"
            case _:
                return str(self.kind)


@dataclass(frozen=True, slots=True)
class Directive:
    """What a resolution means for a decision.

    - ``conflict``: the conflict that is resolved; None if there is no resolution.
    - ``rule``: the rule text for the history.
    - ``forced_values``: by booking, the value that the booking must have.
    - ``not_twins``: the events that get bookings of their own.
    - ``retry``: the operation key of the write to try again; '' for none.
    - ``same``: the candidate that is the same meeting; None if none of the candidates is.
    - ``quiet``: nothing is decided, and the conflict is not reported again.
    """

    conflict: StoredConflict | None = None
    rule: str = ""
    forced_values: Mapping[str, ForcedValue] = field(default_factory=dict)
    not_twins: frozenset[Id] = frozenset()
    retry: str = ""
    same: Id | None = None
    quiet: bool = False

    def answers(self, conflict: Conflict) -> bool:
        """Return true if ``conflict`` is the conflict that is resolved."""
        answered = self.conflict.conflict if self.conflict is not None else None
        return answered is not None and conflict_identity(answered) == conflict_identity(conflict)


class InvalidResolutionError(ValueError):
    """The resolution is not possible for its conflict; ``remedy`` says what to do instead."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}. {remedy}")
        self.reason, self.remedy = reason, remedy


NO_DIRECTIVE = Directive()


def conflict_identity(conflict: Conflict) -> tuple[ConflictKind, str, str]:
    """Return (kind, subject, inputs); two conflicts with equal values are the same conflict."""
    return (conflict.kind, conflict.subject, conflict.inputs)


def accepted_double_bookings(
    workspace: Workspace, directive: Directive
) -> set[tuple[ConflictKind, str, str]]:
    """Return the identities of the double bookings that the operator accepted (``--keep-both``).

    Their meetings are written to again.
    """
    rule = f"{RESOLVED}: {ResolutionKind.KEEP_BOTH}"
    accepted = {
        conflict_identity(held.conflict)
        for held in workspace.state.conflicts
        if held.outcome == rule
    }
    if directive.conflict is not None and directive.rule == rule:
        accepted.add(conflict_identity(directive.conflict.conflict))
    return accepted


@dataclass(frozen=True, slots=True)
class _AnsweredConflict:
    """A held conflict, its resolution (``answer``), and the state in which to interpret it."""

    workspace: Workspace
    calendars: Mapping[str, CalendarState]
    held: StoredConflict
    answer: Resolution

    @property
    def conflict(self) -> Conflict:
        return self.held.conflict

    def directive(self, **values: object) -> Directive:
        return Directive(self.held, f"{RESOLVED}: {self.answer}", **values)  # type: ignore[arg-type]

    def set_value(self, booking: Booking, value: Value) -> Directive:
        """Return the directive that sets a booking's value. Raises InvalidResolutionError."""
        obstacle = why_only_read(self.workspace, booking, value)
        if not obstacle and (value.interval != booking.agreed.interval or not value.busy):
            obstacle = why_not_written(self.workspace, booking, self.calendars)
        if obstacle:
            raise InvalidResolutionError(
                f"syncd cannot write this resolution: {obstacle}",
                "Change the meeting on the platform by hand.",
            )
        return self.directive(
            forced_values={booking.id: ForcedValue(value, f"{RESOLVED}: {self.answer}")}
        )


def interpret(
    workspace: Workspace,
    calendars: Mapping[str, CalendarState],
    held: StoredConflict,
    answer: Resolution,
) -> Directive:
    """Return what the resolution ``answer`` of ``held`` means for the next decision.

    Raises InvalidResolutionError if the resolution is not possible for that conflict.
    """
    context = _AnsweredConflict(workspace, calendars, held, answer)
    conflict = held.conflict
    if conflict.kind is ConflictKind.GUARD:
        accept = f"If the changes are right: syncd resync --accept {held.run}. If not: revert them."
        raise InvalidResolutionError("a guard stop concerns many meetings, not one booking", accept)
    if answer.kind is ResolutionKind.DISMISS:
        return context.directive(quiet=True)
    match conflict.kind:
        case ConflictKind.DOUBLE_BOOKED:
            return _for_double_booking(context)
        case ConflictKind.AMBIGUOUS if conflict.claims[0].event is not None:
            return _for_ambiguous_match(context)
        case _:
            return _for_booking(context)


def _for_booking(context: _AnsweredConflict) -> Directive:
    conflict, answer = context.conflict, context.answer
    booking = context.workspace.bookings.get(conflict.subject)
    if conflict.kind in REJECTIONS and (booking is None or answer.kind is ResolutionKind.TAKE):
        return _for_rejection(context, booking)
    if booking is None:
        raise InvalidResolutionError(
            "the booking of this conflict is over", "The next resync closes the conflict."
        )
    match answer.kind:
        case ResolutionKind.TAKE:
            return _set_to_system(context, booking)
        case ResolutionKind.AT:
            directive = context.set_value(booking, _value_at(booking, answer))
            # The time of a rejected write means: try that write again.
            operation_key = operation_key_of(conflict) if conflict.kind in REJECTIONS else ""
            return replace(directive, retry=operation_key)
        case _:
            return _keep_both(context, booking)


def split_bookings(workspace: Workspace, directive: Directive, new_id: Callable[[], str]) -> None:
    """Open a booking for each event that the operator wants to keep apart (``--keep-both``)."""
    linked = workspace.linked_ids()
    for id_ in sorted(directive.not_twins):
        record = workspace.records.get(id_)
        if record is None or record.observed is None or id_ not in linked:
            continue
        workspace.unlink(linked[id_])
        workspace.log(
            workspace.open_booking(record, new_id()), "apart", record=record, rule=directive.rule
        )


def _set_to_system(context: _AnsweredConflict, booking: Booking) -> Directive:
    """Set the booking to one system's time and status."""
    record = _event_of(context, booking)
    if record.created_by_us:
        # A block has a time, but no status of the meeting.
        shown = as_meeting(context.workspace, context.calendars, booking, record)
        time = shown.observed or booking.agreed
        return context.set_value(booking, replace(booking.agreed, start=time.start, end=time.end))
    value = effective_value(record)
    if context.conflict.kind is ConflictKind.CANNOT_CANCEL and not value.busy:
        system = context.conflict.claims[-1].system
        remedy = (
            f"Cancel the appointment in {system} by hand, or choose --dismiss. --take {system} "
            "revives the meeting."
        )
        raise InvalidResolutionError(f"syncd cannot cancel appointments in {system}", remedy)
    return context.set_value(booking, value)


def _for_rejection(context: _AnsweredConflict, booking: Booking | None) -> Directive:
    """Resolve a rejected write.

    TAKE of the wanted value tries the write again; TAKE of another value gives the booking that
    value.
    """
    conflict, answer = context.conflict, context.answer
    refusing = conflict.claims[-1].system
    if answer.kind is not ResolutionKind.TAKE:
        remedy = "Choose --take SYSTEM to try the write again, or --dismiss."
        raise InvalidResolutionError("the rejected write belongs to no booking", remedy)
    record = _appointment(context, booking) if booking is not None else None
    if booking is not None and record is not None:
        value = effective_value(record)
        if value.interval != booking.agreed.interval or value.busy is not booking.agreed.busy:
            return context.set_value(booking, replace(value, status=_status_for(value, booking)))
    elif answer.system == refusing or answer.system not in context.calendars or answer.event:
        event = f" {answer.event!r}" if answer.event else ""
        reason = f"{answer.system} has no appointment{event} of this booking"
        raise InvalidResolutionError(reason, _claim_remedy(conflict))
    return context.directive(retry=operation_key_of(conflict))


def _status_for(value: Value, booking: Booking) -> Status:
    return booking.agreed.status if value.busy and booking.agreed.busy else value.status


def _value_at(booking: Booking, answer: Resolution) -> Value:
    if answer.at is None:
        raise InvalidResolutionError("the new time is missing", "Add --at TIME.")
    agreed = booking.agreed
    status = agreed.status if agreed.busy else Status.CONFIRMED
    return Value(answer.at, answer.at + (agreed.end - agreed.start), status)


def _keep_both(context: _AnsweredConflict, booking: Booking) -> Directive:
    """Keep both: each appointment gets a booking of its own.

    The conflict's booking keeps the first appointment that takes place.
    """
    conflict = context.conflict
    records = [r for r in context.workspace.appointments(booking.id) if _has_claim(conflict, r)]
    if conflict.kind is ConflictKind.TWIN_DELETED:
        raise InvalidResolutionError(
            "one of the two appointments is deleted", "Choose --take, --at or --dismiss."
        )
    # A derived event is never written to, so the booking keeps its time.
    taking_place = sorted(
        (r for r in records if effective_value(r).busy), key=lambda r: not r.derived
    )
    if conflict.kind in {ConflictKind.SLOT_TAKEN, ConflictKind.CANNOT_CANCEL}:
        if not records:
            raise InvalidResolutionError(
                "the conflict does not have two appointments", "Choose --take, --at or --dismiss."
            )
        return context.directive(not_twins=frozenset((r.system, r.id) for r in records))
    if conflict.kind in REJECTIONS or not taking_place or len(records) < 2:  # noqa: PLR2004 - both of two
        raise InvalidResolutionError(
            "the conflict does not have two appointments", "Choose --take, --at or --dismiss."
        )
    directive = context.set_value(booking, effective_value(taking_place[0]))
    return replace(
        directive,
        not_twins=frozenset((r.system, r.id) for r in records if r is not taking_place[0]),
    )


def _for_double_booking(context: _AnsweredConflict) -> Directive:
    """Resolve a double booking: cancel or move one of the two meetings, or accept both."""
    answer, conflict = context.answer, context.conflict
    if answer.kind is ResolutionKind.KEEP_BOTH:
        return context.directive(quiet=True)
    first, second = booking_pair(conflict)
    bookings = context.workspace.bookings
    if first not in bookings or second not in bookings:
        raise InvalidResolutionError(
            "one of the two meetings is over", "The next resync closes the conflict."
        )
    if answer.kind is ResolutionKind.AT:
        return context.set_value(bookings[second], _value_at(bookings[second], answer))
    kept = _chosen_claim(context, conflict.claims)
    kept_link = context.workspace.linked_ids().get((kept.system, kept.event or ""))
    other = bookings[second if kept_link is not None and kept_link.booking == first else first]
    return context.set_value(other, other.agreed.cancelled())


def _for_ambiguous_match(context: _AnsweredConflict) -> Directive:
    """Resolve an ambiguous match: one of the candidates, or none."""
    conflict, answer = context.conflict, context.answer
    if answer.kind is ResolutionKind.AT:
        raise InvalidResolutionError(
            "no event is chosen yet, so it is unclear which one to move",
            "First choose --take SYSTEM/EVENT or --keep-both.",
        )
    if answer.kind is ResolutionKind.KEEP_BOTH:
        return context.directive()
    linked = context.workspace.linked_ids()
    candidates = [c for c in conflict.claims if (c.system, c.event) not in linked]
    if conflict.subject in context.workspace.bookings:
        # The new appointment may already have a booking of its own.
        candidates = [c for c in conflict.claims if c.value is not None and c.value.busy]
    if not answer.event:
        candidates = _one_of_each_series(context, candidates)
    claim = _chosen_claim(context, candidates)
    return context.directive(same=(claim.system, claim.event or ""))


def _one_of_each_series(context: _AnsweredConflict, claims: Sequence[Claim]) -> list[Claim]:
    """Keep one candidate of each series, as one resolution is for all instances of a series."""
    first_claims: dict[object, Claim] = {}
    for claim in claims:
        record = context.workspace.records.get((claim.system, claim.event or ""))
        series = series_of(record) if record is not None else ()
        first_claims.setdefault(series or (claim.system, claim.event), claim)
    return list(first_claims.values())


def _event_of(context: _AnsweredConflict, booking: Booking) -> TrackedEvent:
    """Return a system's appointment of a booking, or else its block that is in the conflict."""
    record = _appointment(context, booking)
    if record is not None:
        return record
    answer = context.answer
    blocks = [
        c
        for c in context.conflict.claims
        if c.system == answer.system and c.event and answer.event in {"", c.event}
    ]
    block = (
        context.workspace.records.get((answer.system, blocks[0].event or "")) if blocks else None
    )
    if block is None:
        reason = f"{answer.system} has no event of this booking"
        if answer.event:
            reason = f"{answer.system} has no event {answer.event!r} of this booking"
        raise InvalidResolutionError(reason, _claim_remedy(context.conflict))
    return block


def _appointment(context: _AnsweredConflict, booking: Booking) -> TrackedEvent | None:
    answer = context.answer
    appointments = [
        r
        for r in context.workspace.present(booking.id)
        if r.system == answer.system and answer.event in {"", r.id}
    ]
    if len(appointments) > 1:
        raise _several_events_error(answer.system, [r.id for r in appointments])
    return appointments[0] if appointments else None


def _chosen_claim(context: _AnsweredConflict, claims: Sequence[Claim]) -> Claim:
    answer = context.answer
    matching = [c for c in claims if c.system == answer.system and answer.event in {"", c.event}]
    if len(matching) > 1:
        raise _several_events_error(answer.system, [c.event or "" for c in matching])
    if not matching:
        raise InvalidResolutionError(
            f"{answer} is no possible answer to this conflict",
            _claim_remedy(context.conflict, claims),
        )
    return matching[0]


def _several_events_error(system: str, events: Sequence[str]) -> InvalidResolutionError:
    choices = " or ".join(f"--take {system}/{event}" for event in sorted(events))
    return InvalidResolutionError(
        f"the conflict has several events of {system}", f"Choose {choices}."
    )


def _claim_remedy(conflict: Conflict, claims: Sequence[Claim] | None = None) -> str:
    systems = sorted(
        {c.system for c in (conflict.claims if claims is None else claims)} - {"agreed"}
    )
    return (
        f"Choose --take {' or '.join(systems)}." if systems else "Choose --keep-both or --dismiss."
    )


def _has_claim(conflict: Conflict, record: TrackedEvent) -> bool:
    return any((c.system, c.event) == (record.system, record.id) for c in conflict.claims)
