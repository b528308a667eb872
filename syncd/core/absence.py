"""Decide whether an event that its list lacks is proven to be gone (promise 3).

Absence alone proves nothing. Which other proofs are needed, and how often, depends on what the
platform can answer. `judge_absence` decides from the evidence alone, in the same way for all
platforms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from syncd.model import Status, UserState, Value, Window


class ByIdAnswer(StrEnum):
    """The system's answer when it is asked for the event by id."""

    GONE = "gone"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class SlotAnswer(StrEnum):
    """What the system's free slots show for the time at which the event was last seen.

    UNKNOWN: they can show nothing about that time. UNANSWERED: they could not be read now.
    """

    OFFERED = "offered"
    TAKEN = "taken"
    UNKNOWN = "untold"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of an event that the list of its calendar lacks; None: not asked yet.

    - ``listed_whole``: the list is proven complete where the event was last seen, and hides no
      event that the system returns by id.
    - ``others_listed``: the list has another known event of the same calendar.
    - ``by_list``: the answer by id is itself from a list, because this kind of event cannot be read
      by id.
    - ``own_list``: that list has other events of the calendar's own user.
    - ``refused_when_gone``: the platform may refuse to read a deleted event (`Capabilities`).
    - ``counted``, ``since``: how many earlier cycles had the same evidence, and when the first of
      them started its list. ``needed`` is how many there must be, this one included.
    - ``key_reads``: the same credentials read another event by id in this cycle.
    - ``user``: whether the user of the calendar exists.
    """

    answer: ByIdAnswer
    asked_at: datetime
    lag: timedelta
    listed_whole: bool = True
    others_listed: bool = False
    by_list: bool = False
    own_list: bool = False
    refused_when_gone: bool = False
    counted: int = 0
    since: datetime | None = None
    needed: int = 1
    key_reads: bool | None = None
    user: UserState | None = None
    slot: SlotAnswer | None = None


class AbsenceVerdict(StrEnum):
    """What follows from the evidence; ASK_...: which evidence is missing.

    - COUNTED: this cycle is one proof, and a later one must be the next.
    - WAITING: it is too early for the next proof.
    - OWNER_IN_DOUBT: the event may be missing because its user is.
    - UNPROVEN: nothing follows, and the event stays as it was.
    """

    PROVEN = "proven"
    COUNTED = "counted"
    WAITING = "waiting"
    OWNER_IN_DOUBT = "owner-in-doubt"
    UNPROVEN = "unproven"
    ASK_KEY = "ask-key"
    ASK_USER = "ask-user"
    ASK_SLOT = "ask-slot"


def judge_absence(evidence: Evidence) -> AbsenceVerdict:
    """Decide whether the event is proven to be gone, or which evidence is missing."""
    match evidence.answer:
        case ByIdAnswer.UNKNOWN:
            return AbsenceVerdict.UNPROVEN
        case _ if not evidence.listed_whole:
            return AbsenceVerdict.UNPROVEN
        case ByIdAnswer.GONE:
            return _judge_gone(evidence)
        case ByIdAnswer.REFUSED:
            return _judge_refused(evidence)


def _judge_gone(evidence: Evidence) -> AbsenceVerdict:
    """Judge an event that the system says does not exist: proven after enough answers."""
    if evidence.by_list:
        if evidence.user is None:
            return AbsenceVerdict.ASK_USER
        if _user_in_doubt(evidence, others=evidence.own_list):
            return AbsenceVerdict.OWNER_IN_DOUBT
    enough = evidence.counted + 1 >= evidence.needed
    return AbsenceVerdict.PROVEN if enough else AbsenceVerdict.COUNTED


def _judge_refused(evidence: Evidence) -> AbsenceVerdict:
    """Judge an event that the system refuses to read, as it does after a deletion or on a fault.

    The proof consists of two complete lists of different cycles, at least the lag bound apart, each
    with another known event; another id that is read in the same cycle; the user exists; and the
    time is offered again, if that can be asked.
    """
    e = evidence
    steps: tuple[tuple[bool, AbsenceVerdict], ...] = (
        (not (e.refused_when_gone and e.others_listed), AbsenceVerdict.UNPROVEN),
        (e.key_reads is None, AbsenceVerdict.ASK_KEY),
        (e.key_reads is False, AbsenceVerdict.UNPROVEN),
        (e.user is None, AbsenceVerdict.ASK_USER),
        (_user_in_doubt(e, others=e.others_listed), AbsenceVerdict.OWNER_IN_DOUBT),
        (e.since is None or e.counted + 1 < max(2, e.needed), AbsenceVerdict.COUNTED),
        (e.since is not None and e.asked_at - e.since < e.lag, AbsenceVerdict.WAITING),
        (e.slot is None, AbsenceVerdict.ASK_SLOT),
        (e.slot is SlotAnswer.TAKEN, AbsenceVerdict.UNPROVEN),
        (e.slot is SlotAnswer.UNANSWERED, AbsenceVerdict.WAITING),
    )
    return next((verdict for applies, verdict in steps if applies), AbsenceVerdict.PROVEN)


def _user_in_doubt(evidence: Evidence, *, others: bool) -> bool:
    """Return true if the list may lack events because its user is missing."""
    unknown = evidence.user is UserState.UNKNOWN and not others
    return evidence.user is UserState.MISSING or unknown


_WEEKS = 2


def slots_window(value: Value) -> Window:
    """Return the window of free slots that `slot_of` needs."""
    return Window(value.start, value.end + timedelta(weeks=_WEEKS))


def slot_of(
    value: Value, offers: Iterable[Window], taken: Iterable[Value], now: datetime
) -> SlotAnswer:
    """Return whether a time is offered again.

    If it is not, it counts as taken only if the same time of a later week is offered. Otherwise the
    time may be outside of the bookable hours. Across a DST change, a time at the edge of these
    hours may count as taken although it is free, which is the safe side. ``taken`` are the
    calendar's other events.
    """
    if value.start <= now or any(other.busy and other.overlaps(value) for other in taken):
        return SlotAnswer.UNKNOWN
    offered = list(offers)
    if any(offer.overlaps(value) for offer in offered):
        return SlotAnswer.OFFERED
    for week in range(1, _WEEKS + 1):
        later = Value(value.start + timedelta(weeks=week), value.end + timedelta(weeks=week))
        if any(offer.overlaps(later) for offer in offered):
            return SlotAnswer.TAKEN
    return SlotAnswer.UNKNOWN


_LISTED_STATUSES = frozenset({Status.NEW, Status.CONFIRMED})


@dataclass(frozen=True, slots=True)
class ShownElsewhere:
    """An event that a list lacks and that the system returns by id.

    - ``same_place``: it is in the calendar in which it was last known.
    - ``elsewhere``: no list that was read can have it (`port.Found`).
    - ``changed_at``: when it was last changed, or first seen as it is.
    """

    value: Value
    same_place: bool
    changed_at: datetime
    elsewhere: bool = False


def listed_by(shown: ShownElsewhere, windows: Iterable[Window], lag: timedelta) -> datetime | None:
    """Return from when on a list that is complete in these windows must have the event.

    A list may be older than a change by the lag bound. An event that was moved to another calendar,
    or with its calendar to another group, is in another list. Some lists leave out events that are
    over or cancelled, so the absence of these says nothing. None: no list must have it.
    """
    if shown.value.status not in _LISTED_STATUSES or not shown.same_place or shown.elsewhere:
        return None
    return (
        shown.changed_at + lag if any(window.contains(shown.value) for window in windows) else None
    )
