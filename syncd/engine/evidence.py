"""Gather what proves an absence, as far as it is needed; `core.absence` judges it."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.absence import ById, Evidence, Slot, Verdict, judge, slot_of, slots_window
from syncd.engine.observation import Read
from syncd.engine.questions import Questions, other_listed
from syncd.model import Record
from syncd.model.platform_facts import NO
from syncd.systems.port import Gone, Rejected, Sighting, SystemFault, Unknown


async def weigh(
    read: Read,
    questions: Questions,
    record: Record,
    sighting: Sighting,
    *,
    listed_whole: bool | None,
) -> Verdict:
    """Judge one event that its list lacks and that was not found by id. Raises no SystemFault.

    ``listed_whole``: whether its list proved whole without it; None where no list should show it.

    Each question besides the first is asked only where the verdict hangs on it.
    """
    answer = _answer(sighting)
    if answer is ById.REFUSED and listed_whole:
        # Where what is deleted was always said to be gone, it may be refused after all.
        read.system.measured.contradict("refuses_deleted", NO)
    able = read.system.capabilities
    evidence = Evidence(
        answer,
        read.asked_at,
        able.lag,
        listed_whole=listed_whole is not False,
        by_list=record.kind in able.gone_by_list,
        own_list=isinstance(sighting, Gone) and sighting.own_list,
        refused_when_gone=record.kind in able.refused_when_gone,
        counted=record.missing,
        since=record.missing_since,
        needed=able.gone_proofs.get(record.kind, 1),
    )
    if evidence.answer is ById.REFUSED and evidence.refused_when_gone and listed_whole:
        listed = other_listed(record, await questions.listed())
        evidence = replace(evidence, others_listed=listed)
    while True:
        match verdict := judge(evidence):
            case Verdict.ASK_KEY:
                evidence = replace(evidence, key_reads=await _reads_another(questions, record))
            case Verdict.ASK_USER:
                user = await read.owners.user_of(record.provider)
                evidence = replace(evidence, user=user)
            case Verdict.ASK_SLOT:
                evidence = replace(evidence, slot=await _slot(read, record))
            case _:
                return verdict


def _answer(sighting: Sighting) -> ById:
    match sighting:
        case Gone():
            return ById.GONE
        case Unknown(refused=True):
            return ById.REFUSED
        case _:
            return ById.UNKNOWN


async def _reads_another(questions: Questions, record: Record) -> bool:
    try:
        return await questions.reads_another(record)
    except SystemFault:
        return False


async def _slot(read: Read, record: Record) -> Slot:
    """Ask whether the event's time is offered again."""
    value, now = record.observed, read.clock.now()
    if value is None or value.start <= now:
        return Slot.UNTOLD
    try:
        offers = await read.system.free_slots(record.provider, slots_window(value))
    except Rejected:
        return Slot.UNTOLD
    except SystemFault:
        return Slot.UNANSWERED
    events = read.store.events_of(read.system.name, record.provider)
    others = [r.observed for r in events if r.id != record.id and r.observed is not None]
    return slot_of(value, offers, others, now)
