"""The guard: stop a calendar in which too many meetings are gone or moved at once.

This is promise 7 (docs/design.md#promises).
Meetings are counted, not events: several appointments at exactly the same time are one meeting (a
class), and so are the instances of a series. Recently propagated changes count as well, so that an
accident that arrives in parts is stopped. A stop lasts until the operator accepts the changes or
all stopped events are back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from syncd.core.event_state.observation import has_pending_change
from syncd.core.inputs import GuardLimits, inputs_digest
from syncd.core.matching.rebooked import relocated_meetings as rebooked
from syncd.core.matching.series import relocated_instances
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
from syncd.model.intervals import takes_time

_NONE: Mapping[str, Sequence[TrackedEvent]] = MappingProxyType({})

MIN_OF_SYSTEM = 10
"""A system with fewer meetings is judged only by its single calendars."""


def change_key(system: str, event: str | None, value: Value | None) -> str:
    """Return the digest by which the operator's acceptance of one change is stored."""
    return inputs_digest(system, event, value)


def change_key_of(record: TrackedEvent) -> str:
    """Return the key of an event's observed change."""
    return change_key(record.system, record.id, record.observed)


def observation_of(record: TrackedEvent) -> tuple[str, datetime]:
    """Return the key of an event's observed change, and when the change was observed."""
    return (change_key_of(record), record.observed_at)


def change_keys_of(conflicts: Iterable[Conflict]) -> frozenset[str]:
    """Return the keys of all changes in guard conflicts."""
    return frozenset(
        change_key(c.system, c.event, c.value) for conflict in conflicts for c in conflict.claims
    )


@dataclass(frozen=True, slots=True)
class GuardHistory:
    """What the guard knows about a calendar besides its events.

    - ``read``: the windows that this cycle read.
    - ``covered``: the windows of all last reads. Lists show what starts in them.
    - ``carried``: the changes propagated within the last ``far.every`` (configuration). In each,
      ``base`` is the value before the change, ``observed`` the value after the change.
    """

    now: datetime
    read: Sequence[Window] = ()
    covered: Sequence[Window] = ()
    carried: Sequence[TrackedEvent] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """The counts for one calendar.

    - ``known``: its future meetings within the time that was read, before the changes.
    - ``changed``: the meetings of ``known`` that are gone or moved.
    - ``nearby``: the ids of ``known`` that are in the windows that this cycle read.
    - ``pending``: the changes that are not decided on yet.
    - ``relocated``: the new values of meetings that returned under new ids.
    """

    known: Mapping[Id, TrackedEvent] = field(default_factory=dict)
    changed: Mapping[Id, TrackedEvent] = field(default_factory=dict)
    nearby: AbstractSet[Id] = frozenset()
    pending: tuple[TrackedEvent, ...] = ()
    relocated: Mapping[Id, Value] = field(default_factory=dict)


def tally(
    system: str,
    records: Iterable[TrackedEvent],
    history: GuardHistory,
    *,
    accepted: AbstractSet[tuple[str, datetime]] = frozenset(),
    stopped: AbstractSet[str] = frozenset(),
    ours: bool = False,
) -> Tally:
    """Count the meetings and changes of one calendar.

    - ``records``: the provider's events. ``ours``: count only syncd's blocks; otherwise only events
      that syncd did not make.
    - ``accepted``: the observations that the operator accepted (`observation_of`); these do not
      count. The same change, if observed again later, does.
    - ``stopped``: the ids of events that the guard stopped in this calendar. Each stays pending as
      long as it is gone or moved.
    """
    here = [r for r in records if r.system == system]
    considered = [r for r in here if r.created_by_us is ours and not r.end_accepted]
    withdrawn = [r for r in considered if _is_withdrawn(r) and observation_of(r) not in accepted]
    pending = tuple(r for r in withdrawn if r.id in stopped or _is_ahead(r, history.now))
    current = {(r.system, r.id): r for r in here}
    changed = {
        (r.system, r.id): r
        for r in history.carried
        if r.system == system
        and r.created_by_us is ours
        and _is_withdrawn(r)
        and _is_ahead(r, history.now)
        and observation_of(r) not in accepted
        and not _is_back(current.get((r.system, r.id)), r)
    }
    for record in (r for r in pending if _is_ahead(r, history.now)):
        before = changed.get((record.system, record.id))
        changed[record.system, record.id] = (
            record if before is None else replace(record, base=before.base)
        )
    covered = [*history.covered, *history.read]
    known = {
        (r.system, r.id): r
        for r in considered
        if r.base is not None
        and r.base.busy
        and r.base.end > history.now
        and (not covered or starts_inside(r, covered))
    }
    known |= changed
    nearby = {id_ for id_, r in known.items() if starts_inside(r, history.read)}
    others = [r for r in here if not r.created_by_us]
    relocated = rebooked(others) | relocated_instances(others)
    return Tally(known, changed, frozenset(nearby), pending, relocated)


def check_changes(
    provider: str,
    system: str,
    tallies: Sequence[Tally],
    limits: GuardLimits,
    tripped: AbstractSet[str] = frozenset(),
) -> Conflict | None:
    """Return the guard's conflict for one calendar; None if its changes are within the limits.

    ``tallies``: the calendar's tally of meetings and its tally of our blocks. ``tripped``: the ids
    of the events of an earlier stop. That stop lasts as long as one of these events is gone or
    moved, whatever later reads cover. In a stopped calendar, all pending changes are stopped.
    """
    pending = [record for counted in tallies for record in counted.pending]
    notes = [note for counted in tallies if counted.pending and (note := excess(counted, limits))]
    if not notes and tripped & {record.id for record in pending}:
        meetings = count_meetings(pending)
        notes = [
            f"{_meetings_text(meetings)} of the earlier stop {_are(meetings)} still gone or moved"
        ]
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
    """Return the conflicts of a system whose calendars change too much together, by provider.

    Used after `check_changes`, for an accident that is too small in each single calendar.

    - ``calendars``: the tally of each provider's calendar.
    - ``stopped``: the providers whose calendars are already stopped on their own. The other
      calendars are not part of that accident, unless several of these change.
    - ``tripped``: by provider, the events of the system's earlier stop.
    - ``own``: by provider, syncd's blocks with pending changes, which are stopped as well.
    """
    others = {p: counted for p, counted in calendars.items() if p not in stopped}
    pending = {p: (*counted.pending, *own.get(p, ())) for p, counted in others.items()}
    pending = {p: records for p, records in pending.items() if records}
    if not pending:
        return {}
    all_calendars, other_calendars = (
        _merged_tally(calendars.values()),
        _merged_tally(others.values()),
    )
    note = ""
    if count_meetings(all_calendars.known.values()) >= MIN_OF_SYSTEM:
        note = _note_on_all(all_calendars, limits)
        if not note and (not stopped or _exceeds(other_calendars, limits.all - 1, limits.share)):
            note = _note_on_number(all_calendars, limits)
    if not note and any(
        tripped.get(provider, frozenset()) & {r.id for r in records}
        for provider, records in pending.items()
    ):
        note = "events of the earlier stop are still gone or moved"
    if not note:
        return {}
    full_note = f"in all calendars of {system} together: {note}"
    return {
        provider: _conflict(provider, system, records, full_note)
        for provider, records in sorted(pending.items())
    }


def excess(counted: Tally, limits: GuardLimits) -> str:
    """Return the text that says how a limit is exceeded; '' if no limit is exceeded."""
    return _note_on_number(counted, limits) or _note_on_all(counted, limits)


def count_meetings(records: Iterable[TrackedEvent]) -> int:
    """Count meetings: a class, a series, and a meeting of several hosts are one each."""
    parents: dict[object, object] = {}

    def root(key: object) -> object:
        while parents.setdefault(key, key) != key:
            key = parents[key]
        return key

    for record in records:
        first, *others = _meeting_keys(record)
        for other in others:
            parents[root(other)] = root(first)
        root(first)
    return len({root(key) for key in list(parents)})


def count_stopped(conflicts: Iterable[Conflict], known: Mapping[Id, TrackedEvent]) -> int:
    """Count the meetings in guard conflicts; ``known`` are the stored events by id."""
    records = []
    for conflict in conflicts:
        for claim in conflict.claims:
            record = known.get((claim.system, claim.event or ""))
            if record is None or record.provider != conflict.provider:
                kind, at = Kind.APPOINTMENT, claim.seen_at or datetime.min.replace(tzinfo=UTC)
                record = TrackedEvent(
                    claim.system, conflict.provider, claim.event or "", kind, None, at, ""
                )
            records.append(record)
    return count_meetings(records)


def _meeting_keys(record: TrackedEvent) -> list[object]:
    """Return the keys that make two events one meeting: same record, same time, same series."""
    names: list[object] = [("record", record.system, record_id(record.id))]
    if record.base is not None:
        names.append(("time", record.system, record.provider, record.kind, record.base.interval))
    series = series_of(record)
    return [*names, ("series", *series)] if series else names


def _merged_tally(tallies: Iterable[Tally]) -> Tally:
    """Return the tally of several calendars of one system."""
    known: dict[Id, TrackedEvent] = {}
    changed: dict[Id, TrackedEvent] = {}
    nearby: set[Id] = set()
    relocated: dict[Id, Value] = {}
    for number, counted in enumerate(tallies):
        # An event that now belongs to another provider is known in two calendars.
        distinct_ids = {id_: (f"{id_[0]}#{number}", id_[1]) for id_ in counted.known}
        known |= {distinct_ids[id_]: r for id_, r in counted.known.items()}
        changed |= {distinct_ids[id_]: r for id_, r in counted.changed.items()}
        nearby |= {distinct_ids[id_] for id_ in counted.nearby}
        relocated |= {
            distinct_ids[id_]: v for id_, v in counted.relocated.items() if id_ in distinct_ids
        }
    return Tally(known, changed, frozenset(nearby), relocated=relocated)


def _note_on_number(counted: Tally, limits: GuardLimits) -> str:
    """Return a note if the allowed number and share are exceeded; '' otherwise."""
    if not _exceeds(counted, limits.count, limits.share):
        return ""
    meetings = count_meetings(counted.changed.values())
    return f"{_meetings_text(meetings)} gone, cancelled or moved at once"


def _exceeds(counted: Tally, number: int, share: float) -> bool:
    meetings = count_meetings(counted.changed.values())
    return meetings > number and meetings > share * count_meetings(counted.known.values())


def _note_on_all(counted: Tally, limits: GuardLimits) -> str:
    """Return a note if all meetings moved by one amount, or vanished without proof; '' otherwise.

    "All" means all known events, or all appointments: blocks are in another list, so a lunch break
    that stays says nothing about the appointments. For a common move, it also means all that this
    cycle read.
    """
    meetings = {id_: r for id_, r in counted.known.items() if r.kind is Kind.APPOINTMENT}
    for known in (counted.known, meetings):
        near = {id_: r for id_, r in known.items() if id_ in counted.nearby}
        note = next(
            filter(None, (_note_on_shift(counted, each, limits) for each in (known, near))), ""
        )
        note = note or _note_on_vanished(counted, known, limits)
        if note:
            return note
    return ""


def _note_on_shift(counted: Tally, known: Mapping[Id, TrackedEvent], limits: GuardLimits) -> str:
    """Return a note if all ``known`` meetings changed and most moved by one amount; '' otherwise.

    Somebody on the platform may have moved or cancelled a few of them shortly before. These few
    must not hide that all others moved at once.
    """
    changed = {id_: r for id_, r in counted.changed.items() if id_ in known}
    if changed.keys() != known.keys():
        return ""
    by_delta: dict[timedelta, list[TrackedEvent]] = {}
    for id_, record in sorted(changed.items()):
        delta = _delta(record.base, counted.relocated.get(id_, record.observed))
        if delta is not None:
            by_delta.setdefault(delta, []).append(record)
    delta, most = max(by_delta.items(), key=lambda each: _count_times(each[1]), default=(None, []))
    moved, total = _count_times(most), _count_times(changed.values())
    if moved < limits.common or 2 * moved <= total:
        return ""
    subject = (
        f"all {_meetings_text(moved)}" if moved == total else f"{moved} of {_meetings_text(total)}"
    )
    rest = "" if moved == total else ", and the others changed as well"
    return f"{subject} moved by {_shift_text(delta)}{rest}"


def _note_on_vanished(counted: Tally, known: Mapping[Id, TrackedEvent], limits: GuardLimits) -> str:
    """Return a note if all ``known`` meetings vanished without a proof by id; '' otherwise."""
    unproven = {id_: r for id_, r in known.items() if not is_proven_gone(r)}
    gone = {id_ for id_ in unproven if id_ in counted.changed and unproven[id_].observed is None}
    meetings = count_meetings(unproven.values())
    if meetings < limits.all or gone != unproven.keys():
        return ""
    return f"all {_meetings_text(meetings)} vanished, and no read by id confirmed a deletion"


def _count_times(records: Iterable[TrackedEvent]) -> int:
    """Count different meeting times; for a common shift, each instance of a series counts."""
    return len({(r.provider, r.kind, r.base.interval) for r in records if r.base is not None})


def starts_inside(record: TrackedEvent, windows: Iterable[Window]) -> bool:
    """Return true if lists of these windows show an event: they show what starts in them."""
    return record.base is not None and any(record.base.start in window for window in windows)


def _is_withdrawn(record: TrackedEvent) -> bool:
    """Return true if a meeting is deleted, cancelled or moved."""
    base = record.base
    if base is None or not base.busy or not has_pending_change(record):
        return False
    return not takes_time(record.observed, base)


def _is_ahead(record: TrackedEvent, now: datetime) -> bool:
    """Return true if a meeting is not over yet, at its old or its new time."""
    return any(v is not None and v.busy and v.end > now for v in (record.base, record.observed))


def _is_back(current: TrackedEvent | None, carried: TrackedEvent) -> bool:
    """Return true if an event is again where it was before the propagated change."""
    return (
        current is not None
        and carried.base is not None
        and takes_time(current.observed, carried.base)
    )


def is_proven_gone(record: TrackedEvent) -> bool:
    """Return true if the system itself confirmed that an event is deleted or cancelled."""
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


def _shift_text(delta: timedelta | None) -> str:
    if delta is None:
        return "different amounts"
    minutes = int(delta.total_seconds() // 60)
    sign = "+" if minutes >= 0 else "-"
    return f"{sign}{abs(minutes) // 60}:{abs(minutes) % 60:02d} h"


def _meetings_text(number: int) -> str:
    return "1 meeting" if number == 1 else f"{number} meetings"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
