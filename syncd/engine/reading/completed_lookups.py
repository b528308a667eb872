"""Apply the result of a lookup by id to one event: found, gone, refused or unknown.

A lookup by id is made for a known event that no list shows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from syncd.core.event_state.absence import AbsenceVerdict
from syncd.core.event_state.observation import ObservationKind, apply_observation, mark_deleted
from syncd.engine.reading.evidence import judge_unlisted
from syncd.engine.reading.list_lag import recheck_lag
from syncd.engine.reading.lookups import Lookups
from syncd.engine.reading.observation import SystemRead
from syncd.engine.reading.owners import FoundElsewhere
from syncd.engine.report.reported_items import ReportedItems
from syncd.model import Event, TrackedEvent
from syncd.systems.errors import UnreadableError
from syncd.systems.lookup_results import Found, Gone, LookupResult, Unknown


def apply_lookup_result(
    read: SystemRead, before: TrackedEvent | None, after: TrackedEvent, news: ObservationKind
) -> None:
    """Store the current state of an event and note the change for its provider.

    ``before`` is the stored event (None if it is new), ``after`` the event as read. ``news`` says
    how they differ; an echo of syncd's own write counts as no news.
    """
    read.changes.records.append(after)
    if news is ObservationKind.SAME and before is not None and _nothing_to_decide(before, after):
        return
    seen = read.seen
    seen.add_changed(after.provider, after.id)
    if before is not None:
        seen.add_changed(before.provider, before.id)
    if news is not ObservationKind.ECHO:
        seen.news += 1


def _nothing_to_decide(before: TrackedEvent, after: TrackedEvent) -> bool:
    """Return whether a read event needs no decision: owner, value and customer are unchanged.

    An event that is back at its base still needs one: a conflict may hold the change.
    """
    return (before.provider, before.observed, before.customer) == (
        after.provider,
        after.observed,
        after.customer,
    )


def apply_other_owner(read: SystemRead, found: FoundElsewhere) -> None:
    """Apply an event that now has another owner.

    The event moves to the new owner's calendar if that provider is mapped; otherwise it stays where
    it was. Our own blocks move only once the change of owner is proven, because in the other
    calendar a block of ours would only take up the other provider's time.
    """
    change = read.owners.change(found.before)
    proven = change is not None and change.proven
    if found.event.provider in read.system.providers and (proven or not found.before.created_by_us):
        apply_lookup_result(read, found.before, replace(found.after, archived=False), found.news)
    else:
        read.seen.add_changed(found.before.provider, found.before.id)
        read.seen.news += 1


@dataclass(frozen=True, slots=True)
class CompletedLookup:
    """The result of a lookup of an unlisted event, made at ``asked_at``.

    ``record`` is the stored event. ``hidden``: lists should have shown the event and did not.
    """

    record: TrackedEvent
    result: LookupResult
    asked_at: datetime
    hidden: bool = False

    @property
    def moved(self) -> bool:
        """Return whether other lists than those read show the event's calendar by now."""
        return isinstance(self.result, Found) and self.result.outdated


async def look_up(
    read: SystemRead, lookups: Lookups, reports: ReportedItems, record: TrackedEvent
) -> bool:
    """Look up one event that no list should show; return whether its state is settled.

    Settled: found, proven to be gone, with its owner in doubt, or reported. Raises PlatformError.
    """
    result, asked_at = await lookups.look_up(record)
    return await resolve_unlisted(read, lookups, reports, CompletedLookup(record, result, asked_at))


async def resolve_unlisted(
    read: SystemRead,
    lookups: Lookups,
    reports: ReportedItems,
    lookup: CompletedLookup,
    *,
    listed_whole: bool | None = None,
) -> bool:
    """Apply the result about one unlisted event; return whether its state is settled.

    ``listed_whole``: true if the list of the event's calendar is complete and lacks the event,
    false if that list is incomplete, None if no list should show the event. The return value is as
    in `look_up`; false means that the next cycles look the event up again.
    """
    record, probes, known = lookup.record, read.probes, not isinstance(lookup.result, Unknown)
    probes.close(record.id)
    probes.note_gone(record.id, gone=isinstance(lookup.result, Gone) and listed_whole is False)
    found = isinstance(lookup.result, Found)
    probes.note_undecided(record.id, undecided=not found and listed_whole is False)
    if known:
        reports.answered.add(record.id)
        probes.note_unanswered(record.id, unanswered=False)
    if isinstance(lookup.result, Found):
        _apply_found(read, record, lookup.result.event, lookup.asked_at)
        return True
    if known and listed_whole is False:
        probes.hidden.discard(record.id)
        return False
    if _was_proven(read, record, lookup.result):
        reports.answered.add(record.id)
        probes.forget(record.id)
        read.owners.note_deleted(record)
        return True
    verdict = await judge_unlisted(read, lookups, record, lookup.result, listed_whole=listed_whole)
    match verdict:
        case AbsenceVerdict.PROVEN:
            reports.answered.add(record.id)
            probes.forget(record.id)
            read.owners.note_deleted(record)
            by_id = isinstance(lookup.result, Gone) and not lookup.result.own_list
            by_id = by_id and record.kind not in read.system.capabilities.gone_by_list
            apply_lookup_result(
                read,
                record,
                mark_deleted(record, lookup.asked_at, by_id=by_id),
                ObservationKind.CHANGED,
            )
        case AbsenceVerdict.OWNER_IN_DOUBT:
            reports.answered.add(record.id)
            read.owners.note_unlisted(record)
        case AbsenceVerdict.COUNTED:
            read.owners.note_returned(record)
            counted = _counted(read, record)
            read.changes.records.append(counted)
            probes.note_open(record.id, _next_proof(read, counted, lookup.result))
        case AbsenceVerdict.WAITING:
            probes.note_open(record.id, _next_proof(read, record, lookup.result))
        case _:
            return _report_unreadable(read, reports, record, lookup.result)
    return verdict in {AbsenceVerdict.PROVEN, AbsenceVerdict.OWNER_IN_DOUBT}


def _was_proven(read: SystemRead, record: TrackedEvent, result: LookupResult) -> bool:
    """Return whether a lookup of an event that was proven to be gone is refused once more.

    The event is looked up again because its owner was in doubt. Another calendar's list proved that
    the event is gone; the list of its own calendar may show nothing that could prove that again.
    """
    refused = isinstance(result, Unknown) and result.refused
    able = read.system.capabilities.refused_when_gone
    return record.observed is None and refused and record.kind in able


def _next_proof(read: SystemRead, record: TrackedEvent, result: LookupResult) -> datetime:
    """Return when the next answer may count as a further proof.

    Refusals count once per lag bound.
    """
    since = record.absent_since
    if isinstance(result, Gone) or since is None:
        return read.asked_at
    return max(read.asked_at, since + read.system.capabilities.lag)


def _counted(read: SystemRead, record: TrackedEvent) -> TrackedEvent:
    """Return an unlisted event with one more proof of absence."""
    since = record.absent_since if record.absence_proofs else None
    return replace(
        record,
        absence_proofs=record.absence_proofs + 1,
        absent_since=since or read.asked_at,
        # Without a fingerprint, the row is parsed as soon as it is listed again.
        fingerprint=record.fingerprint if record.open_ended else "",
    )


def _report_unreadable(
    read: SystemRead, reports: ReportedItems, record: TrackedEvent, result: LookupResult
) -> bool:
    """Report an event that cannot be read by id; return whether it is reported.

    The event keeps its state. A first failed lookup is not reported, because the failure may be
    temporary; a second one in a row and a refusal are reported.
    """
    if not isinstance(result, Unknown):
        return False
    before = read.probes.note_unanswered(record.id, unanswered=True)
    by_list = record.kind in read.system.capabilities.gone_by_list
    if not result.refused and (by_list or not before):
        if not by_list:
            read.probes.note_open(record.id, read.asked_at)
        return False
    if record.id not in reports.unreadable:
        reason = f"no list shows the event, and its read by id fails: {result.why}"
        reports.add(UnreadableError(read.system.name, record.id, reason, provider=record.provider))
    return True


def _apply_found(read: SystemRead, record: TrackedEvent, event: Event, asked_at: datetime) -> None:
    """Apply the state of an event that was found by id, in its calendar or at another owner."""
    owners = read.owners
    recheck_lag(read.system, record, event, asked_at)
    after, news = apply_observation(record, event, "", asked_at, read.system.capabilities.lag)
    if news is ObservationKind.STALE:
        return
    after = owners.restored_base(record, after)
    owners.update_open_changes(record, event)
    if owners.leaves_calendar(record, event):
        owners.note_elsewhere(FoundElsewhere(record, after, event, news))
    else:
        owners.note_returned(record)
        apply_lookup_result(read, record, after, news)
