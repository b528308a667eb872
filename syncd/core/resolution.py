"""What a person's answer to a held conflict means for the next decision.

The answer itself writes nothing: it becomes the `Directive` of one decision, which merges, plans
and writes like any other. It counts only for the very conflict that the person saw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from syncd.core.buffers import as_meeting
from syncd.core.double_bookings import booking_pair
from syncd.core.inputs import CalendarState
from syncd.core.matching import MatchResult, Relink, TwinLink
from syncd.core.merging import RESOLVED, ForcedValue, effective_value
from syncd.core.rebooked import REBOOKED
from syncd.core.rejected_writes import REJECTIONS, operation_key_of, why_not_written, why_only_read
from syncd.core.series import by_position
from syncd.core.workspace import Workspace
from syncd.model import (
    Booking,
    Claim,
    Conflict,
    ConflictKind,
    HeldConflict,
    Id,
    Status,
    TrackedEvent,
    Value,
    series_of,
)


class ResolutionKind(StrEnum):
    """How a person may decide."""

    TAKE = "take"
    AT = "at"
    KEEP_BOTH = "keep-both"
    DISMISS = "dismiss"


@dataclass(frozen=True, slots=True)
class Resolution:
    """A person's decision.

    ``system`` is for TAKE, with ``event`` where that system claims more than once; ``at`` for AT.
    """

    kind: ResolutionKind
    system: str = ""
    event: str = ""
    at: datetime | None = None

    def __str__(self) -> str:
        """The answer as it stands in history and in the closed conflict."""
        match self.kind:
            case ResolutionKind.TAKE:
                return f"take {self.system}" + (f"/{self.event}" if self.event else "")
            case ResolutionKind.AT:
                return f"at {self.at:%Y-%m-%dT%H:%MZ}"
            case _:
                return str(self.kind)


@dataclass(frozen=True, slots=True)
class Directive:
    """The answer as a decision takes it.

    ``conflict`` is what is answered, None for no answer at all. ``forced_values`` are values of
    bookings; ``not_twins`` are events that become bookings of their own; ``retry`` names the
    operation that is to be tried again; ``same`` is which of several candidates it is, None for
    none of them. ``quiet``: nothing is decided, and the conflict is told no more.
    """

    conflict: HeldConflict | None = None
    rule: str = ""
    forced_values: Mapping[str, ForcedValue] = field(default_factory=dict)
    not_twins: frozenset[Id] = frozenset()
    retry: str = ""
    same: Id | None = None
    quiet: bool = False

    def answers(self, conflict: Conflict) -> bool:
        """Whether this conflict is the one that was answered."""
        mine = self.conflict.conflict if self.conflict is not None else None
        return mine is not None and conflict_identity(mine) == conflict_identity(conflict)


class InvalidResolutionError(ValueError):
    """An answer that makes no sense for its conflict; carries the remedy."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}. {remedy}")
        self.reason, self.remedy = reason, remedy


NO_DIRECTIVE = Directive()


def conflict_identity(conflict: Conflict) -> tuple[ConflictKind, str, str]:
    """What makes two conflicts the same one."""
    return (conflict.kind, conflict.subject, conflict.inputs)


def accepted_double_bookings(
    workspace: Workspace, verdict: Directive
) -> set[tuple[ConflictKind, str, str]]:
    """The double bookings of which a person said that both take place: they wait no more."""
    both = f"{RESOLVED}: {ResolutionKind.KEEP_BOTH}"
    kept = {
        conflict_identity(held.conflict)
        for held in workspace.state.conflicts
        if held.outcome == both
    }
    if verdict.conflict is not None and verdict.rule == both:
        kept.add(conflict_identity(verdict.conflict.conflict))
    return kept


@dataclass(frozen=True, slots=True)
class _Table:
    """A conflict on the table: what is needed to understand an answer to it."""

    workspace: Workspace
    calendars: Mapping[str, CalendarState]
    held: HeldConflict
    answer: Resolution

    @property
    def conflict(self) -> Conflict:
        return self.held.conflict

    def verdict(self, **said: object) -> Directive:
        return Directive(self.held, f"{RESOLVED}: {self.answer}", **said)  # type: ignore[arg-type]

    def word(self, booking: Booking, value: Value) -> Directive:
        """Give a booking this value, if syncd may write it."""
        why = why_only_read(self.workspace, booking, value)
        if not why and (value.interval != booking.agreed.interval or not value.busy):
            why = why_not_written(self.workspace, booking, self.calendars)
        if why:
            raise InvalidResolutionError(
                f"this cannot be carried out: {why}", "Change it there by hand."
            )
        return self.verdict(
            forced_values={booking.id: ForcedValue(value, f"{RESOLVED}: {self.answer}")}
        )


def interpret(
    workspace: Workspace,
    calendars: Mapping[str, CalendarState],
    held: HeldConflict,
    answer: Resolution,
) -> Directive:
    """Say what an answer means. Raises InvalidResolutionError."""
    table = _Table(workspace, calendars, held, answer)
    conflict = held.conflict
    if conflict.kind is ConflictKind.GUARD:
        accept = f"If these changes are right: syncd resync --accept {held.run}. If not: undo them."
        raise InvalidResolutionError("a stop of the guard is not about one booking", accept)
    if answer.kind is ResolutionKind.DISMISS:
        return table.verdict(quiet=True)
    match conflict.kind:
        case ConflictKind.DOUBLE_BOOKED:
            return _double(table)
        case ConflictKind.AMBIGUOUS if conflict.claims[0].event is not None:
            return _ambiguous(table)
        case _:
            return _of_booking(table)


def _of_booking(table: _Table) -> Directive:
    conflict, answer = table.conflict, table.answer
    booking = table.workspace.bookings.get(conflict.subject)
    if conflict.kind in REJECTIONS and (booking is None or answer.kind is ResolutionKind.TAKE):
        return _refused(table, booking)
    if booking is None:
        raise InvalidResolutionError(
            "its booking is history", "It closes by itself with the next resync."
        )
    match answer.kind:
        case ResolutionKind.TAKE:
            return _take(table, booking)
        case ResolutionKind.AT:
            verdict = table.word(booking, _at(booking, answer))
            # Said of the very time that was not written, it means: try again.
            again = operation_key_of(conflict) if conflict.kind in REJECTIONS else ""
            return replace(verdict, retry=again)
        case _:
            return _apart(table, booking)


def apply_to_matches(matched: MatchResult, workspace: Workspace, verdict: Directive) -> MatchResult:
    """Answer an ambiguous match: one candidate is it, all others stand for themselves."""
    mine = next((c for c in matched.conflicts if verdict.answers(c)), None)
    if mine is None or verdict.quiet:
        return matched
    links = workspace.linked_ids()
    ids = {(c.system, c.event) for c in mine.claims}
    ours = [r for r in matched.undecided if (r.system, r.id) in ids]
    chosen = next((r for r in ours if (r.system, r.id) == verdict.same), None)
    taken = [] if chosen is None else [chosen]
    relinked, twins = matched.relinked, matched.twins
    if chosen is not None and mine.subject in workspace.bookings:
        pairs = _successors(workspace, mine, chosen, ours)
        taken = [new for _, new in pairs]
        relinked += tuple(
            Relink(links[old.system, old.id], old, new, _rule(old, new)) for old, new in pairs
        )
    elif chosen is not None:
        twins = (*twins, TwinLink(_meeting_of(workspace, mine, chosen), None, chosen))
    # What another series could have become, too, waits for the answer to that.
    others = {(c.system, c.event) for m in matched.conflicts if m is not mine for c in m.claims}
    ours = [r for r in ours if r in taken or (r.system, r.id) not in others]
    rest = tuple(r for r in ours if r not in taken and (r.system, r.id) not in links)
    return replace(
        matched,
        relinked=relinked,
        twins=twins,
        opened=(*matched.opened, *rest),
        undecided=tuple(r for r in matched.undecided if r not in ours),
        conflicts=tuple(c for c in matched.conflicts if c is not mine),
    )


def _successors(
    workspace: Workspace,
    conflict: Conflict,
    chosen: TrackedEvent,
    candidates: Sequence[TrackedEvent],
) -> list[tuple[TrackedEvent, TrackedEvent]]:
    """Pair what vanished with what it is: one answer holds for all instances of a series."""
    ended = (c for c in conflict.claims if c.value is None or not c.value.busy)
    gone = [workspace.records[c.system, c.event or ""] for c in ended]
    if not gone[0].series or not chosen.series:
        return [(gone[0], chosen)]
    same = [r for r in candidates if series_of(r) == series_of(chosen)]
    return by_position(gone, same)


def _rule(old: TrackedEvent, new: TrackedEvent) -> str:
    return "" if old.series and new.series else REBOOKED


def split_bookings(workspace: Workspace, verdict: Directive, new_id: Callable[[], str]) -> None:
    """Make bookings of their own of what a person wants to keep apart."""
    linked = workspace.linked_ids()
    for id_ in sorted(verdict.not_twins):
        record = workspace.records.get(id_)
        if record is None or record.observed is None or id_ not in linked:
            continue
        workspace.unlink(linked[id_])
        workspace.log(
            workspace.open_booking(record, new_id()), "apart", record=record, rule=verdict.rule
        )


def _take(table: _Table, booking: Booking) -> Directive:
    """What one system says is right, of time and of status."""
    record = _record_of(table, booking)
    if record.created_by_us:
        # A block says when, and nothing more.
        shown = as_meeting(table.workspace, table.calendars, booking, record)
        seen = shown.observed or booking.agreed
        return table.word(booking, replace(booking.agreed, start=seen.start, end=seen.end))
    value = effective_value(record)
    if table.conflict.kind is ConflictKind.CANNOT_CANCEL and not value.busy:
        system = table.conflict.claims[-1].system
        remedy = f"Cancel it in {system} by hand, or --dismiss; --take {system} revives it."
        raise InvalidResolutionError(f"{system} has no way to cancel", remedy)
    return table.word(booking, value)


def _refused(table: _Table, booking: Booking | None) -> Directive:
    """A write was refused: try it again where another system is right, else do as it is there."""
    conflict, answer = table.conflict, table.answer
    refusing = conflict.claims[-1].system
    if answer.kind is not ResolutionKind.TAKE:
        remedy = "Choose --take SYSTEM to have it tried again, or --dismiss."
        raise InvalidResolutionError("no booking stands behind this write", remedy)
    record = _appointment(table, booking) if booking is not None else None
    if booking is not None and record is not None:
        value = effective_value(record)
        if value.interval != booking.agreed.interval or value.busy is not booking.agreed.busy:
            return table.word(booking, replace(value, status=_on(value, booking)))
    elif answer.system == refusing or answer.system not in table.calendars or answer.event:
        which = f" {answer.event!r}" if answer.event else ""
        says = f"{answer.system} has no appointment{which} of this booking"
        raise InvalidResolutionError(says, _claims_of(conflict))
    return table.verdict(retry=operation_key_of(conflict))


def _on(value: Value, booking: Booking) -> Status:
    return booking.agreed.status if value.busy and booking.agreed.busy else value.status


def _at(booking: Booking, answer: Resolution) -> Value:
    if answer.at is None:
        raise InvalidResolutionError("no time is given", "Write --at TIME.")
    agreed = booking.agreed
    status = agreed.status if agreed.busy else Status.CONFIRMED
    return Value(answer.at, answer.at + (agreed.end - agreed.start), status)


def _apart(table: _Table, booking: Booking) -> Directive:
    """Both are right: the booking keeps the first that takes place, the others go their own way."""
    conflict = table.conflict
    records = [r for r in table.workspace.appointments(booking.id) if _claims(conflict, r)]
    if conflict.kind is ConflictKind.TWIN_DELETED:
        raise InvalidResolutionError(
            "one of the two is deleted", "Choose --take, --at or --dismiss."
        )
    # A derived event is never written to, so its time is the one that the booking keeps.
    on = sorted((r for r in records if effective_value(r).busy), key=lambda r: not r.derived)
    if conflict.kind in {ConflictKind.SLOT_TAKEN, ConflictKind.CANNOT_CANCEL}:
        if not records:
            raise InvalidResolutionError(
                "there are no two appointments here", "Choose --take, --at or --dismiss."
            )
        return table.verdict(not_twins=frozenset((r.system, r.id) for r in records))
    if conflict.kind in REJECTIONS or not on or len(records) < 2:  # noqa: PLR2004 - both of two
        raise InvalidResolutionError(
            "there are no two appointments here", "Choose --take, --at or --dismiss."
        )
    verdict = table.word(booking, effective_value(on[0]))
    return replace(
        verdict, not_twins=frozenset((r.system, r.id) for r in records if r is not on[0])
    )


def _double(table: _Table) -> Directive:
    """Two meetings: one stands and the other is called off or moved, or both take place."""
    answer, conflict = table.answer, table.conflict
    if answer.kind is ResolutionKind.KEEP_BOTH:
        return table.verdict(quiet=True)
    first, second = booking_pair(conflict)
    bookings = table.workspace.bookings
    if first not in bookings or second not in bookings:
        raise InvalidResolutionError(
            "one of the two is history", "It closes by itself with the next resync."
        )
    if answer.kind is ResolutionKind.AT:
        return table.word(bookings[second], _at(bookings[second], answer))
    stays = _claim(table, conflict.claims)
    keeps = table.workspace.linked_ids().get((stays.system, stays.event or ""))
    other = bookings[second if keeps is not None and keeps.booking == first else first]
    return table.word(other, other.agreed.cancelled())


def _ambiguous(table: _Table) -> Directive:
    """Which is it? One of the candidates, or none."""
    conflict, answer = table.conflict, table.answer
    if answer.kind is ResolutionKind.AT:
        raise InvalidResolutionError(
            "it is not known which one to move", "First --take SYSTEM/EVENT, or --keep-both."
        )
    if answer.kind is ResolutionKind.KEEP_BOTH:
        return table.verdict()
    linked = table.workspace.linked_ids()
    candidates = [c for c in conflict.claims if (c.system, c.event) not in linked]
    if conflict.subject in table.workspace.bookings:
        # What was booked may have opened a booking of its own.
        candidates = [c for c in conflict.claims if c.value is not None and c.value.busy]
    if not answer.event:
        candidates = _one_of_each_series(table, candidates)
    claim = _claim(table, candidates)
    return table.verdict(same=(claim.system, claim.event or ""))


def _one_of_each_series(table: _Table, claims: Sequence[Claim]) -> list[Claim]:
    """Leave out what is answered with another instance of the same series."""
    found: dict[object, Claim] = {}
    for claim in claims:
        record = table.workspace.records.get((claim.system, claim.event or ""))
        series = series_of(record) if record is not None else ()
        found.setdefault(series or (claim.system, claim.event), claim)
    return list(found.values())


def _record_of(table: _Table, booking: Booking) -> TrackedEvent:
    """What a system says of a booking: by an appointment, else by a block that it claims with."""
    record = _appointment(table, booking)
    if record is not None:
        return record
    answer = table.answer
    blocks = [
        c
        for c in table.conflict.claims
        if c.system == answer.system and c.event and answer.event in {"", c.event}
    ]
    found = table.workspace.records.get((answer.system, blocks[0].event or "")) if blocks else None
    if found is None:
        says = f"{answer.system} says nothing of this booking"
        if answer.event:
            says = f"{answer.system} has no event {answer.event!r} of this booking"
        raise InvalidResolutionError(says, _claims_of(table.conflict))
    return found


def _appointment(table: _Table, booking: Booking) -> TrackedEvent | None:
    answer = table.answer
    here = [
        r
        for r in table.workspace.present(booking.id)
        if r.system == answer.system and answer.event in {"", r.id}
    ]
    if len(here) > 1:
        raise _several(answer.system, [r.id for r in here])
    return here[0] if here else None


def _claim(table: _Table, claims: Sequence[Claim]) -> Claim:
    answer = table.answer
    here = [c for c in claims if c.system == answer.system and answer.event in {"", c.event}]
    if len(here) > 1:
        raise _several(answer.system, [c.event or "" for c in here])
    if not here:
        raise InvalidResolutionError(
            f"{answer} is no choice here", _claims_of(table.conflict, claims)
        )
    return here[0]


def _several(system: str, events: Sequence[str]) -> InvalidResolutionError:
    choices = " or ".join(f"--take {system}/{event}" for event in sorted(events))
    return InvalidResolutionError(f"{system} has several of them", f"Choose {choices}.")


def _claims_of(conflict: Conflict, claims: Sequence[Claim] | None = None) -> str:
    known = sorted({c.system for c in (conflict.claims if claims is None else claims)} - {"agreed"})
    return f"Choose --take {' or '.join(known)}." if known else "Choose --keep-both or --dismiss."


def _claims(conflict: Conflict, record: TrackedEvent) -> bool:
    return any((c.system, c.event) == (record.system, record.id) for c in conflict.claims)


def _meeting_of(workspace: Workspace, conflict: Conflict, chosen: TrackedEvent) -> str | None:
    """The booking that a candidate is the twin of: one of another system, the oldest of several."""
    linked = workspace.linked_ids()
    ids = [(c.system, c.event or "") for c in conflict.claims if c.system != chosen.system]
    bookings = [workspace.bookings[linked[i].booking] for i in ids if i in linked]
    oldest = min(bookings, key=lambda b: (str(b.opened_at), b.id), default=None)
    return oldest.id if oldest is not None else None
