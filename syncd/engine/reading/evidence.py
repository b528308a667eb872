"""Gather the evidence that an unlisted event is gone; `core.event_state.absence` judges it."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.event_state.absence import (
    AbsenceVerdict,
    ByIdResult,
    Evidence,
    SlotResult,
    judge_absence,
    slot_of,
    slots_window,
)
from syncd.engine.reading.lookups import Lookups, other_listed
from syncd.engine.reading.observation import SystemRead
from syncd.model import TrackedEvent
from syncd.model.platform_facts import NO
from syncd.systems.errors import PlatformError, RejectedError
from syncd.systems.lookup_results import Gone, LookupResult, Unknown


async def judge_unlisted(
    read: SystemRead,
    lookups: Lookups,
    record: TrackedEvent,
    result: LookupResult,
    *,
    listed_whole: bool | None,
) -> AbsenceVerdict:
    """Judge whether one event is gone that its calendar's list lacks and no lookup by id found.

    ``result`` is the result of the lookup. ``listed_whole``: true if the list is complete and lacks
    the event, false if the list is incomplete, None if no list should show the event. Further calls
    (another event by id, the user, the free slots) are made only if the verdict depends on them.
    Returns a verdict, never one of ASK_... Raises no PlatformError.
    """
    by_id = _by_id_result(result)
    if by_id is ByIdResult.REFUSED and listed_whole:
        # The platform was measured to answer "gone" for deleted ids; a refusal contradicts that.
        read.system.measured.contradict("refuses_deleted", NO)
    able = read.system.capabilities
    evidence = Evidence(
        by_id,
        read.asked_at,
        able.lag,
        listed_whole=listed_whole is not False,
        by_list=record.kind in able.gone_by_list,
        own_list=isinstance(result, Gone) and result.own_list,
        refused_when_gone=record.kind in able.refused_when_gone,
        counted=record.absence_proofs,
        since=record.absent_since,
        needed=able.gone_proofs.get(record.kind, 1),
    )
    if evidence.by_id is ByIdResult.REFUSED and evidence.refused_when_gone and listed_whole:
        listed = other_listed(record, await lookups.listed())
        evidence = replace(evidence, others_listed=listed)
    while True:
        match verdict := judge_absence(evidence):
            case AbsenceVerdict.ASK_KEY:
                evidence = replace(evidence, key_reads=await _reads_another(lookups, record))
            case AbsenceVerdict.ASK_USER:
                user = await read.owners.user_state(record.provider)
                evidence = replace(evidence, user=user)
            case AbsenceVerdict.ASK_SLOT:
                evidence = replace(evidence, slot=await _slot(read, record))
            case _:
                return verdict


def _by_id_result(result: LookupResult) -> ByIdResult:
    match result:
        case Gone():
            return ByIdResult.GONE
        case Unknown(refused=True):
            return ByIdResult.REFUSED
        case _:
            return ByIdResult.UNKNOWN


async def _reads_another(lookups: Lookups, record: TrackedEvent) -> bool:
    try:
        return await lookups.reads_another(record)
    except PlatformError:
        return False


async def _slot(read: SystemRead, record: TrackedEvent) -> SlotResult:
    """Return whether the platform offers the event's time again."""
    value, now = record.observed, read.clock.now()
    if value is None or value.start <= now:
        return SlotResult.UNKNOWN
    try:
        offers = await read.system.free_slots(record.provider, slots_window(value))
    except RejectedError:
        return SlotResult.UNKNOWN
    except PlatformError:
        return SlotResult.UNANSWERED
    events = read.store.events_of(read.system.name, record.provider)
    others = [r.observed for r in events if r.id != record.id and r.observed is not None]
    return slot_of(value, offers, others, now)
