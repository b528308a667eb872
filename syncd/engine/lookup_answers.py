"""Take what a system says of a single event that was asked for by id."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from syncd.core.absence import AbsenceVerdict
from syncd.core.observation import ObservationKind, apply_observation, mark_deleted
from syncd.engine.evidence import weigh
from syncd.engine.list_lag import doubt_lag
from syncd.engine.lookups import Lookups
from syncd.engine.observation import SystemRead
from syncd.engine.owners import FoundElsewhere
from syncd.engine.reported_items import ReportedItems
from syncd.model import Event, TrackedEvent
from syncd.systems.port import Found, Gone, LookupResult, Unknown, UnreadableError


def apply_answer(
    read: SystemRead, before: TrackedEvent | None, after: TrackedEvent, news: ObservationKind
) -> None:
    """Store what an event shows now, and note whose news that is."""
    read.changes.records.append(after)
    if news is ObservationKind.SAME and before is not None and _alike(before, after):
        return
    seen = read.seen
    seen.add_changed(after.provider, after.id)
    if before is not None:
        seen.add_changed(before.provider, before.id)
    if news is not ObservationKind.ECHO:
        seen.news += 1
        seen.external_changes[after.provider] += 1


def _alike(before: TrackedEvent, after: TrackedEvent) -> bool:
    """Whether nothing is left to decide; news that was taken back may be what a conflict held."""
    return (before.provider, before.observed, before.person) == (
        after.provider,
        after.observed,
        after.person,
    )


def apply_other_owner(read: SystemRead, found: FoundElsewhere) -> None:
    """Take an event that shows another owner: to whoever is mapped; else it stays where it was.

    A block of ours stays, too, until it is proven: for the other one it would only be in the way.
    """
    change = read.owners.change(found.before)
    proven = change is not None and change.proven
    if found.event.provider in read.system.providers and (proven or not found.before.created_by_us):
        apply_answer(read, found.before, replace(found.after, archived=False), found.news)
    else:
        read.seen.add_changed(found.before.provider, found.before.id)
        read.seen.news += 1


@dataclass(frozen=True, slots=True)
class LookupAnswer:
    """What was said of a missing event. ``hidden``: its list should have shown it."""

    record: TrackedEvent
    sighting: LookupResult
    asked_at: datetime
    hidden: bool = False

    @property
    def moved(self) -> bool:
        """Whether other lists show its whole calendar by now."""
        return isinstance(self.sighting, Found) and self.sighting.outdated


async def look_up(
    read: SystemRead, questions: Lookups, reports: ReportedItems, record: TrackedEvent
) -> bool:
    """Ask for one event of which no list says anything. True when the question is settled.

    Raises PlatformError.
    """
    sighting, asked_at = await questions.look_up(record)
    return await settle_missing(read, questions, reports, LookupAnswer(record, sighting, asked_at))


async def settle_missing(
    read: SystemRead,
    questions: Lookups,
    reports: ReportedItems,
    answer: LookupAnswer,
    *,
    listed_whole: bool | None = None,
) -> bool:
    """Take what the system said of one missing event. True when the question is settled.

    ``listed_whole``: whether its list proved whole without it; None where no list should show it.
    """
    record, probes, known = answer.record, read.probes, not isinstance(answer.sighting, Unknown)
    probes.close(record.id)
    probes.note_gone(record.id, gone=isinstance(answer.sighting, Gone) and listed_whole is False)
    found = isinstance(answer.sighting, Found)
    probes.note_undecided(record.id, undecided=not found and listed_whole is False)
    if known:
        reports.answered.add(record.id)
        probes.note_silence(record.id, silent=False)
    if isinstance(answer.sighting, Found):
        _take_found(read, record, answer.sighting.event, answer.asked_at)
        return True
    if known and listed_whole is False:
        probes.hidden.discard(record.id)
        return False
    if _was_proven(read, record, answer.sighting):
        reports.answered.add(record.id)
        probes.forget(record.id)
        read.owners.note_deleted(record)
        return True
    verdict = await weigh(read, questions, record, answer.sighting, listed_whole=listed_whole)
    match verdict:
        case AbsenceVerdict.PROVEN:
            reports.answered.add(record.id)
            probes.forget(record.id)
            read.owners.note_deleted(record)
            told = isinstance(answer.sighting, Gone) and not answer.sighting.own_list
            told = told and record.kind not in read.system.capabilities.gone_by_list
            apply_answer(
                read,
                record,
                mark_deleted(record, answer.asked_at, by_id=told),
                ObservationKind.CHANGED,
            )
        case AbsenceVerdict.OWNER_IN_DOUBT:
            reports.answered.add(record.id)
            read.owners.note_missing(record)
        case AbsenceVerdict.COUNTED:
            read.owners.note_returned(record)
            # Its calendar is changing, and is to be read again soon (`core.poll_schedule`).
            read.seen.external_changes[record.provider] += 1
            counted = _counted(read, record)
            read.changes.records.append(counted)
            probes.note_open(record.id, _next_proof(read, counted, answer.sighting))
        case AbsenceVerdict.WAITING:
            probes.note_open(record.id, _next_proof(read, record, answer.sighting))
        case _:
            return _cannot_tell(read, reports, record, answer.sighting)
    return verdict in {AbsenceVerdict.PROVEN, AbsenceVerdict.OWNER_IN_DOUBT}


def _was_proven(read: SystemRead, record: TrackedEvent, sighting: LookupResult) -> bool:
    """Whether an event is still refused that was proven to be gone, at whoever it was by then.

    It is asked for again as it was in doubt whose it is. What proved it then was another calendar's
    list, and its own, in which it does not stand, may show nothing to prove it with once more.
    """
    refused = isinstance(sighting, Unknown) and sighting.refused
    able = read.system.capabilities.refused_when_gone
    return record.observed is None and refused and record.kind in able


def _next_proof(read: SystemRead, record: TrackedEvent, sighting: LookupResult) -> datetime:
    """When the next answer may be a further proof: a refusal counts once per lag bound."""
    since = record.missing_since
    if isinstance(sighting, Gone) or since is None:
        return read.asked_at
    return max(read.asked_at, since + read.system.capabilities.lag)


def _counted(read: SystemRead, record: TrackedEvent) -> TrackedEvent:
    """Return a missing event with one more proof that it is gone."""
    since = record.missing_since if record.absence_proofs else None
    return replace(
        record,
        absence_proofs=record.absence_proofs + 1,
        missing_since=since or read.asked_at,
        # Without its fingerprint the row is looked at again as soon as it is listed again.
        fingerprint=record.fingerprint if record.open_ended else "",
    )


def _cannot_tell(
    read: SystemRead, reports: ReportedItems, record: TrackedEvent, sighting: LookupResult
) -> bool:
    """Report an event that cannot be read by id: it stays as it was. True once it is reported.

    One question that fails may be an accident; a refusal is none.
    """
    if not isinstance(sighting, Unknown):
        return False
    before = read.probes.note_silence(record.id, silent=True)
    by_list = record.kind in read.system.capabilities.gone_by_list
    if not sighting.refused and (by_list or not before):
        if not by_list:
            read.probes.note_open(record.id, read.asked_at)
        return False
    if record.id not in reports.unreadable:
        reason = f"no list shows it, and it cannot be read by its id: {sighting.why}"
        reports.add(UnreadableError(read.system.name, record.id, reason, provider=record.provider))
    return True


def _take_found(read: SystemRead, record: TrackedEvent, event: Event, asked_at: datetime) -> None:
    """Take what an event shows that was found by id, here or at another owner."""
    owners = read.owners
    doubt_lag(read.system, record, event, asked_at)
    after, news = apply_observation(record, event, "", asked_at, read.system.capabilities.lag)
    if news is ObservationKind.STALE:
        return
    after = owners.restored_base(record, after)
    owners.update_open_changes(record, event)
    if owners.leaves_calendar(record, event):
        owners.note_elsewhere(FoundElsewhere(record, after, event, news))
    else:
        owners.note_returned(record)
        apply_answer(read, record, after, news)
