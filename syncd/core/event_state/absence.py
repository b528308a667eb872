"""Decide whether an event that its list lacks is proven to be gone.

This is promise 3 (docs/design.md#promises). Used when the list of a calendar no longer shows a
known event. Absence alone proves nothing. Which other proofs are needed, and how often, depends on
what the platform can answer. `judge_absence` decides from the evidence alone, in the same way for
all platforms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from syncd.model import Status, UserState, Value, Window


class ByIdResult(StrEnum):
    """The system's response when syncd reads the event by id.

    GONE: the event does not exist. REFUSED: the system refuses to return the event. UNKNOWN: no
    usable response.
    """

    GONE = "gone"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class SlotResult(StrEnum):
    """What the system's free slots show for the time at which the event was last seen.

    OFFERED: the time can be booked again. TAKEN: the time cannot be booked. UNKNOWN: free slots can
    show nothing about that time. UNANSWERED: the free slots could not be read now.
    """

    OFFERED = "offered"
    TAKEN = "taken"
    UNKNOWN = "untold"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of an event that the list of its calendar lacks; None: not asked yet.

    - ``by_id``: the response to the read by id.
    - ``asked_at``: when the list was requested. ``lag``: the platform's lag bound.
    - ``listed_whole``: the list is proven complete where the event was last seen, and hides no
      event that the system returns by id.
    - ``others_listed``: the list has another known event of the same calendar.
    - ``by_list``: ``by_id`` was itself taken from a list, because this kind of event cannot be
      read by id. ``own_list``: that list has other events of the calendar's own user.
    - ``refused_when_gone``: the platform may refuse to read a deleted event (`Capabilities`).
    - ``counted``: how many earlier cycles had the same evidence. ``since``: when the first of these
      cycles requested its list. ``needed``: how many cycles there must be, this one included.
    - ``key_reads``: the same credentials read another event by id in this cycle.
    - ``user``: whether the user of the calendar exists.
    - ``slot``: whether the event's time can be booked again.
    """

    by_id: ByIdResult
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
    slot: SlotResult | None = None


class AbsenceVerdict(StrEnum):
    """What follows from the evidence.

    - PROVEN: the event is deleted.
    - COUNTED: this cycle is one proof; a later cycle must give the next proof.
    - WAITING: it is too early for the next proof.
    - OWNER_IN_DOUBT: the event may be missing from the list because its user no longer exists.
    - ASK_KEY, ASK_USER, ASK_SLOT: the caller must first supply ``key_reads``, ``user`` or ``slot``
      of `Evidence`, and judge again.
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
    match evidence.by_id:
        case ByIdResult.UNKNOWN:
            return AbsenceVerdict.UNPROVEN
        case _ if not evidence.listed_whole:
            return AbsenceVerdict.UNPROVEN
        case ByIdResult.GONE:
            return _judge_gone(evidence)
        case ByIdResult.REFUSED:
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
    """Judge an event that the system refuses to read, as systems do after a deletion or on a fault.

    The proof has four parts: two complete lists of different cycles, at least the lag bound apart,
    each with another known event; a successful read of another id in the same cycle; a user that
    exists; and a time that is offered again, if free slots can be read.
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
        (e.slot is SlotResult.TAKEN, AbsenceVerdict.UNPROVEN),
        (e.slot is SlotResult.UNANSWERED, AbsenceVerdict.WAITING),
    )
    return next((verdict for applies, verdict in steps if applies), AbsenceVerdict.PROVEN)


def _user_in_doubt(evidence: Evidence, *, others: bool) -> bool:
    """Return true if the list may lack events because its user no longer exists.

    ``others``: the list shows other events, so a user whose existence is unknown is no doubt.
    """
    unknown = evidence.user is UserState.UNKNOWN and not others
    return evidence.user is UserState.MISSING or unknown


_WEEKS = 2


def slots_window(value: Value) -> Window:
    """Return the window for which free slots must be read before `slot_of` is called."""
    return Window(value.start, value.end + timedelta(weeks=_WEEKS))


def slot_of(
    value: Value, offers: Iterable[Window], taken: Iterable[Value], now: datetime
) -> SlotResult:
    """Return what the free slots show for ``value``, the time of a possibly deleted event.

    - ``offers``: the free slots of the calendar within `slots_window`.
    - ``taken``: the other events of the calendar. If one of these overlaps: UNKNOWN.

    A time that is not offered is TAKEN only if the same time of a later week is offered. Otherwise
    the time may be outside of the bookable hours. Across a DST change, a time at the edge of these
    hours may count as taken although it is free, which is the safe side.
    """
    if value.start <= now or any(other.busy and other.overlaps(value) for other in taken):
        return SlotResult.UNKNOWN
    offered = list(offers)
    if any(offer.overlaps(value) for offer in offered):
        return SlotResult.OFFERED
    for week in range(1, _WEEKS + 1):
        later = Value(value.start + timedelta(weeks=week), value.end + timedelta(weeks=week))
        if any(offer.overlaps(later) for offer in offered):
            return SlotResult.TAKEN
    return SlotResult.UNKNOWN


_LISTED_STATUSES = frozenset({Status.NEW, Status.CONFIRMED})


@dataclass(frozen=True, slots=True)
class ShownElsewhere:
    """An event that a list lacks and that the system returns by id.

    - ``value``: the event's value in the response to the read by id.
    - ``same_place``: the event is in the calendar in which it was last known.
    - ``changed_at``: when the event was last changed, or when ``value`` was first seen.
    - ``elsewhere``: no list that was read can have the event (`lookup_results.Found`).
    """

    value: Value
    same_place: bool
    changed_at: datetime
    elsewhere: bool = False


def listed_by(shown: ShownElsewhere, windows: Iterable[Window], lag: timedelta) -> datetime | None:
    """Return the time from which a list that is complete in ``windows`` must show the event.

    Used to find lists that hide events. None: no list has to show this event. A list may be older
    than a change by the lag bound ``lag``. An event that was moved to another calendar, or with its
    calendar to another group, is in another list. Some lists leave out events that are over or
    cancelled, so the absence of such events says nothing.
    """
    if shown.value.status not in _LISTED_STATUSES or not shown.same_place or shown.elsewhere:
        return None
    return (
        shown.changed_at + lag if any(window.contains(shown.value) for window in windows) else None
    )
