"""Take what a system says of a single event that was asked for by id."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from syncd.core.absence import Verdict
from syncd.core.diff import News, absorb, vanish
from syncd.engine.evidence import weigh
from syncd.engine.late import doubt_lag
from syncd.engine.observation import Read
from syncd.engine.owners import Found as FoundElsewhere
from syncd.engine.questions import Questions
from syncd.engine.reports import Reports
from syncd.model import Event, Record
from syncd.systems.port import Found, Gone, Malformed, Sighting, Unknown


def take(read: Read, before: Record | None, after: Record, news: News) -> None:
    """Store what an event shows now, and note whose news that is."""
    read.changes.records.append(after)
    if news is News.SAME and before is not None and _alike(before, after):
        return
    seen = read.seen
    seen.touch(after.provider, after.id)
    if before is not None:
        seen.touch(before.provider, before.id)
    if news is not News.ECHO:
        seen.news += 1
        seen.lively[after.provider] += 1


def _alike(before: Record, after: Record) -> bool:
    """Whether nothing is left to decide; news that was taken back may be what a conflict held."""
    return (before.provider, before.observed, before.person) == (
        after.provider,
        after.observed,
        after.person,
    )


def take_elsewhere(read: Read, found: FoundElsewhere) -> None:
    """Take an event that shows another owner: to whoever is mapped; else it stays where it was.

    A block of ours stays, too, until it is proven: for the other one it would only be in the way.
    """
    change = read.owners.change(found.before)
    proven = change is not None and change.proven
    if found.event.provider in read.system.providers and (proven or not found.before.mine):
        take(read, found.before, replace(found.after, retired=False), found.news)
    else:
        read.seen.touch(found.before.provider, found.before.id)
        read.seen.news += 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of a missing event. ``hidden``: its list should have shown it."""

    record: Record
    sighting: Sighting
    asked_at: datetime
    hidden: bool = False

    @property
    def moved(self) -> bool:
        """Whether other lists show its whole calendar by now."""
        return isinstance(self.sighting, Found) and self.sighting.outdated


async def ask(read: Read, questions: Questions, reports: Reports, record: Record) -> bool:
    """Ask for one event of which no list says anything. True when the question is settled.

    Raises SystemFault.
    """
    sighting, asked_at = await questions.ask(record)
    return await settle(read, questions, reports, Answer(record, sighting, asked_at))


async def settle(
    read: Read,
    questions: Questions,
    reports: Reports,
    answer: Answer,
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
        read.owners.gone(record)
        return True
    verdict = await weigh(read, questions, record, answer.sighting, listed_whole=listed_whole)
    match verdict:
        case Verdict.PROVEN:
            reports.answered.add(record.id)
            probes.forget(record.id)
            read.owners.gone(record)
            told = isinstance(answer.sighting, Gone) and not answer.sighting.own_list
            told = told and record.kind not in read.system.capabilities.gone_by_list
            take(read, record, vanish(record, answer.asked_at, by_id=told), News.CHANGED)
        case Verdict.OWNER_IN_DOUBT:
            reports.answered.add(record.id)
            read.owners.missing(record)
        case Verdict.COUNTED:
            read.owners.back(record)
            # Its calendar is changing, and is to be read again soon (`core.rota`).
            read.seen.lively[record.provider] += 1
            counted = _counted(read, record)
            read.changes.records.append(counted)
            probes.note_open(record.id, _next_proof(read, counted, answer.sighting))
        case Verdict.WAITING:
            probes.note_open(record.id, _next_proof(read, record, answer.sighting))
        case _:
            return _cannot_tell(read, reports, record, answer.sighting)
    return verdict in {Verdict.PROVEN, Verdict.OWNER_IN_DOUBT}


def _was_proven(read: Read, record: Record, sighting: Sighting) -> bool:
    """Whether an event is still refused that was proven to be gone, at whoever it was by then.

    It is asked for again as it was in doubt whose it is. What proved it then was another calendar's
    list, and its own, in which it does not stand, may show nothing to prove it with once more.
    """
    refused = isinstance(sighting, Unknown) and sighting.refused
    able = read.system.capabilities.refused_when_gone
    return record.observed is None and refused and record.kind in able


def _next_proof(read: Read, record: Record, sighting: Sighting) -> datetime:
    """When the next answer may be a further proof: a refusal counts once per lag bound."""
    since = record.missing_since
    if isinstance(sighting, Gone) or since is None:
        return read.asked_at
    return max(read.asked_at, since + read.system.capabilities.lag)


def _counted(read: Read, record: Record) -> Record:
    """Return a missing event with one more proof that it is gone."""
    since = record.missing_since if record.missing else None
    return replace(
        record,
        missing=record.missing + 1,
        missing_since=since or read.asked_at,
        # Without its fingerprint the row is looked at again as soon as it is listed again.
        fingerprint=record.fingerprint if record.open_ended else "",
    )


def _cannot_tell(read: Read, reports: Reports, record: Record, sighting: Sighting) -> bool:
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
        reports.add(Malformed(read.system.name, record.id, reason, provider=record.provider))
    return True


def _take_found(read: Read, record: Record, event: Event, asked_at: datetime) -> None:
    """Take what an event shows that was found by id, here or at another owner."""
    owners = read.owners
    doubt_lag(read.system, record, event, asked_at)
    after, news = absorb(record, event, "", asked_at, read.system.capabilities.lag)
    if news is News.STALE:
        return
    after = owners.given_back(record, after)
    owners.still_held(record, event)
    if owners.concerns(record, event):
        owners.found(FoundElsewhere(record, after, event, news))
    else:
        owners.back(record)
        take(read, record, after, news)
