"""The guard (promise 7): too much of a calendar gone or moved at once waits for a person.

It judges what a calendar says of meetings: several appointments at exactly the same time are one
(a class), and so are the instances of a series. What was carried lately counts as well, so that an
accident which arrives in slices is stopped. A stop lasts until a person accepts it or all of its
events are back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from syncd.core.inputs import GuardLimits, inputs_digest
from syncd.core.observation import has_pending_change
from syncd.core.rebooked import relocated_meetings as rebooked
from syncd.core.series import relocated_instances
from syncd.model import (
    Claim,
    Conflict,
    ConflictKind,
    Id,
    Kind,
    TrackedEvent,
    Value,
    Window,
    record_id,
    series_of,
)

_NONE: Mapping[str, Sequence[TrackedEvent]] = MappingProxyType({})

MIN_OF_SYSTEM = 10
"""A system with fewer meetings than this is judged by its calendars alone."""


def change_key(system: str, event: str | None, value: Value | None) -> str:
    """Return the name of one change, for acceptance."""
    return inputs_digest(system, event, value)


def change_key_of(record: TrackedEvent) -> str:
    """Return the name of what is observed of a record now."""
    return change_key(record.system, record.id, record.observed)


def change_keys_of(conflicts: Iterable[Conflict]) -> frozenset[str]:
    """Return the names of all changes that guard conflicts list."""
    return frozenset(
        change_key(c.system, c.event, c.value) for each in conflicts for c in each.claims
    )


@dataclass(frozen=True, slots=True)
class RecentReads:
    """What the guard is told of a calendar besides its records.

    ``read`` are the windows that this cycle read, ``covered`` those of all last reads: lists show
    what begins in them. ``carried`` are the changes that were carried in the last ``far.every``, as
    records from before: ``base`` is the value until then, ``observed`` what came after.
    """

    now: datetime
    read: Sequence[Window] = ()
    covered: Sequence[Window] = ()
    carried: Sequence[TrackedEvent] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """What counts of one calendar: ``pending`` are changes that are not decided on yet.

    ``known`` are the future meetings in the time that was read, as they were; ``changed`` those
    of them that are gone or moved, ``nearby`` what of ``known`` this cycle read. ``shown`` tells
    where meetings are that came back under new ids.
    """

    known: Mapping[Id, TrackedEvent] = field(default_factory=dict)
    changed: Mapping[Id, TrackedEvent] = field(default_factory=dict)
    nearby: AbstractSet[Id] = frozenset()
    pending: tuple[TrackedEvent, ...] = ()
    shown: Mapping[Id, Value] = field(default_factory=dict)


def tally(
    system: str,
    records: Iterable[TrackedEvent],
    lately: RecentReads,
    *,
    accepted: AbstractSet[str] = frozenset(),
    stopped: AbstractSet[str] = frozenset(),
    mine: bool = False,
) -> Tally:
    """Count one calendar: what others entered there, or (``mine``) what syncd did.

    ``stopped`` are the events that the guard has stopped there: they are pending for as long as
    they are gone or moved. They count until their time has passed, like all others.
    """
    here = [r for r in records if r.system == system]
    ours = [r for r in here if r.created_by_us is mine and not r.end_accepted]
    news = [r for r in ours if _is_withdrawn(r) and change_key_of(r) not in accepted]
    pending = tuple(r for r in news if r.id in stopped or _is_ahead(r, lately.now))
    current = {(r.system, r.id): r for r in here}
    changed = {
        (r.system, r.id): r
        for r in lately.carried
        if r.system == system
        and r.created_by_us is mine
        and _is_withdrawn(r)
        and _is_ahead(r, lately.now)
        and change_key_of(r) not in accepted
        and not _is_back(current.get((r.system, r.id)), r)
    }
    for record in (r for r in pending if _is_ahead(r, lately.now)):
        before = changed.get((record.system, record.id))
        changed[record.system, record.id] = (
            record if before is None else replace(record, base=before.base)
        )
    covered = [*lately.covered, *lately.read]
    known = {
        (r.system, r.id): r
        for r in ours
        if r.base is not None
        and r.base.busy
        and r.base.end > lately.now
        and (not covered or _inside(r, covered))
    }
    known |= changed
    nearby = {id_ for id_, r in known.items() if _inside(r, lately.read)}
    others = [r for r in here if not r.created_by_us]
    shown = rebooked(others) | relocated_instances(others)
    return Tally(known, changed, frozenset(nearby), pending, shown)


def check_changes(
    provider: str,
    system: str,
    tallies: Sequence[Tally],
    limits: GuardLimits,
    tripped: AbstractSet[str] = frozenset(),
) -> Conflict | None:
    """Return the guard's conflict for one calendar, or None when its news is of a usual size.

    ``tripped`` are the events on which the guard has stopped already: it stays so for as long as
    one of them is still gone or moved, whatever a later read covers and whatever has ended since.
    All that is pending in a stopped calendar is stopped, in whichever tally it counts.
    """
    pending = [record for each in tallies for record in each.pending]
    notes = [note for each in tallies if each.pending and (note := excess(each, limits))]
    if not notes and tripped & {record.id for record in pending}:
        meetings = count_meetings(pending)
        notes = [f"{_meetings(meetings)} of the same accident {_are(meetings)} still gone or moved"]
    if not notes:
        return None
    return _conflict(provider, f"{system}/{provider}", pending, "; ".join(notes))


def check_system(
    system: str,
    calendars: Mapping[str, Tally],
    stopped: AbstractSet[str],
    limits: GuardLimits,
    tripped: Mapping[str, AbstractSet[str]],
    own: Mapping[str, Sequence[TrackedEvent]] = _NONE,
) -> dict[str, Conflict]:
    """Return the conflicts of a system whose calendars lose too much together, by provider.

    ``stopped`` are the providers whose calendars are stopped by themselves: what the others do is
    no part of that accident unless several of them share it. ``tripped`` are the events of the
    system's stop so far; ``own`` are syncd's blocks whose changes count as news, by provider.
    """
    others = {p: each for p, each in calendars.items() if p not in stopped}
    pending = {p: (*each.pending, *own.get(p, ())) for p, each in others.items()}
    pending = {p: records for p, records in pending.items() if records}
    if not pending:
        return {}
    every, rest = _together(calendars.values()), _together(others.values())
    note = ""
    if count_meetings(every.known.values()) >= MIN_OF_SYSTEM:
        note = _all_of_it(every, limits)
        if not note and (not stopped or _is_share(rest, limits.all - 1, limits.share)):
            note = _too_much(every, limits)
    if not note and any(
        tripped.get(provider, frozenset()) & {r.id for r in records}
        for provider, records in pending.items()
    ):
        note = "events of the same accident are still gone or moved"
    if not note:
        return {}
    told = f"in all calendars of {system} together: {note}"
    return {
        provider: _conflict(provider, system, records, told)
        for provider, records in sorted(pending.items())
    }


def excess(counted: Tally, limits: GuardLimits) -> str:
    """Say in which way too much is gone or moved; '' if it is of a usual size."""
    return _too_much(counted, limits) or _all_of_it(counted, limits)


def count_meetings(records: Iterable[TrackedEvent]) -> int:
    """Count meetings: a class, a series, and a meeting of several hosts are one each."""
    parents: dict[object, object] = {}

    def root(key: object) -> object:
        while parents.setdefault(key, key) != key:
            key = parents[key]
        return key

    for record in records:
        first, *others = _names(record)
        for other in others:
            parents[root(other)] = root(first)
        root(first)
    return len({root(key) for key in list(parents)})


def count_stopped(conflicts: Iterable[Conflict], known: Mapping[Id, TrackedEvent]) -> int:
    """Count the meetings that conflicts of the guard are about; ``known`` are their records."""
    records = []
    for each in conflicts:
        for claim in each.claims:
            record = known.get((claim.system, claim.event or ""))
            if record is None or record.provider != each.provider:
                kind, at = Kind.APPOINTMENT, claim.seen_at or datetime.min.replace(tzinfo=UTC)
                record = TrackedEvent(
                    claim.system, each.provider, claim.event or "", kind, None, at, ""
                )
            records.append(record)
    return count_meetings(records)


def _names(record: TrackedEvent) -> list[object]:
    """Return what makes two events one meeting: its record, its time in a calendar, its series."""
    names: list[object] = [("record", record.system, record_id(record.id))]
    if record.base is not None:
        names.append(("time", record.system, record.provider, record.kind, record.base.interval))
    series = series_of(record)
    return [*names, ("series", *series)] if series else names


def _together(tallies: Iterable[Tally]) -> Tally:
    """Return the tally of several calendars of one system."""
    known: dict[Id, TrackedEvent] = {}
    changed: dict[Id, TrackedEvent] = {}
    nearby: set[Id] = set()
    shown: dict[Id, Value] = {}
    for number, each in enumerate(tallies):
        # An event that was handed over is known in two calendars.
        apart = {id_: (f"{id_[0]}#{number}", id_[1]) for id_ in each.known}
        known |= {apart[id_]: r for id_, r in each.known.items()}
        changed |= {apart[id_]: r for id_, r in each.changed.items()}
        nearby |= {apart[id_] for id_ in each.nearby}
        shown |= {apart[id_]: v for id_, v in each.shown.items() if id_ in apart}
    return Tally(known, changed, frozenset(nearby), shown=shown)


def _too_much(counted: Tally, limits: GuardLimits) -> str:
    """Say that more than the allowed number and share is gone or moved; '' otherwise."""
    if not _is_share(counted, limits.count, limits.share):
        return ""
    meetings = count_meetings(counted.changed.values())
    return f"{_meetings(meetings)} gone, cancelled or moved at once"


def _is_share(counted: Tally, number: int, share: float) -> bool:
    meetings = count_meetings(counted.changed.values())
    return meetings > number and meetings > share * count_meetings(counted.known.values())


def _all_of_it(counted: Tally, limits: GuardLimits) -> str:
    """Say that everything moved by one amount, or vanished unproven; '' otherwise.

    Everything is all that is known, or the appointments among it: blocks come from another list,
    and a lunch break that stays says nothing of them. By one amount: all of that, or all that this
    cycle could see of it.
    """
    meetings = {id_: r for id_, r in counted.known.items() if r.kind is Kind.APPOINTMENT}
    for known in (counted.known, meetings):
        near = {id_: r for id_, r in known.items() if id_ in counted.nearby}
        note = next(filter(None, (_shifted(counted, each, limits) for each in (known, near))), "")
        note = note or _vanished(counted, known, limits)
        if note:
            return note
    return ""


def _shifted(counted: Tally, known: Mapping[Id, TrackedEvent], limits: GuardLimits) -> str:
    """Say that all of these changed, and most of them moved by one amount; '' otherwise.

    Somebody may have moved or cancelled a few shortly before: news is summed, so those show another
    amount, and must not hide that all the rest moved at once.
    """
    changed = {id_: r for id_, r in counted.changed.items() if id_ in known}
    if changed.keys() != known.keys():
        return ""
    by: dict[timedelta, list[TrackedEvent]] = {}
    for id_, record in sorted(changed.items()):
        delta = _delta(record.base, counted.shown.get(id_, record.observed))
        if delta is not None:
            by.setdefault(delta, []).append(record)
    delta, most = max(by.items(), key=lambda each: _sittings(each[1]), default=(None, []))
    moved, every = _sittings(most), _sittings(changed.values())
    if moved < limits.common or 2 * moved <= every:
        return ""
    which = f"all {_meetings(moved)}" if moved == every else f"{moved} of {_meetings(every)}"
    rest = "" if moved == every else ", and the rest changed, too"
    return f"{which} moved by {_words(delta)}{rest}"


def _vanished(counted: Tally, known: Mapping[Id, TrackedEvent], limits: GuardLimits) -> str:
    """Say that all of these vanished, and the system did not say of any that it is off."""
    unproven = {id_: r for id_, r in known.items() if not is_proven_gone(r)}
    gone = {id_ for id_ in unproven if id_ in counted.changed and unproven[id_].observed is None}
    meetings = count_meetings(unproven.values())
    if meetings < limits.all or gone != unproven.keys():
        return ""
    return f"all {_meetings(meetings)} vanished, and the system did not say so of any of them"


def _sittings(records: Iterable[TrackedEvent]) -> int:
    """Count what takes place at different times: of a common shift each instance counts."""
    return len({(r.provider, r.kind, r.base.interval) for r in records if r.base is not None})


def _inside(record: TrackedEvent, windows: Iterable[Window]) -> bool:
    """Whether lists of that time show an event: they show what begins in it."""
    return record.base is not None and any(record.base.start in window for window in windows)


def _is_withdrawn(record: TrackedEvent) -> bool:
    """Whether a meeting is gone, off or elsewhere."""
    base, shown = record.base, record.observed
    if base is None or not base.busy or not has_pending_change(record):
        return False
    return shown is None or not shown.busy or shown.interval != base.interval


def _is_ahead(record: TrackedEvent, now: datetime) -> bool:
    """Whether a meeting that was, or is now, has not ended yet."""
    return any(v is not None and v.busy and v.end > now for v in (record.base, record.observed))


def _is_back(current: TrackedEvent | None, carried: TrackedEvent) -> bool:
    """Whether an event stands again where it stood before it was carried."""
    shown = current.observed if current is not None else None
    base = carried.base
    return shown is not None and shown.busy and base is not None and shown.interval == base.interval


def is_proven_gone(record: TrackedEvent) -> bool:
    """Whether the system itself said of this event that it is deleted or cancelled."""
    off = record.observed is not None and not record.observed.busy
    return off or (record.observed is None and record.gone_by_id)


def _conflict(provider: str, subject: str, stopped: Sequence[TrackedEvent], note: str) -> Conflict:
    return Conflict(
        kind=ConflictKind.GUARD,
        provider=provider,
        subject=subject,
        claims=tuple(Claim(r.system, r.id, r.observed, r.observed_at) for r in stopped),
        inputs=inputs_digest(*sorted(change_key_of(r) for r in stopped)),
        note=note,
    )


def _delta(before: Value | None, after: Value | None) -> timedelta | None:
    if before is None or after is None or not after.busy:
        return None
    start, end = after.start - before.start, after.end - before.end
    return start if start == end else None


def _words(delta: timedelta | None) -> str:
    if delta is None:
        return "different amounts"
    minutes = int(delta.total_seconds() // 60)
    sign = "+" if minutes >= 0 else "-"
    return f"{sign}{abs(minutes) // 60}:{abs(minutes) % 60:02d} h"


def _meetings(number: int) -> str:
    return "1 meeting" if number == 1 else f"{number} meetings"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
