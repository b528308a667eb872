"""Judge whether an event that its list lacks is proven to be gone (promise 3).

Absence alone proves nothing. What must be asked besides the list, and how often, depends on what
the platform can answer; `judge_absence` decides from the evidence alone, for all platforms alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from syncd.model import Status, UserState, Value, Window


class ByIdAnswer(StrEnum):
    """What the system says of the event when it is asked for it by id."""

    GONE = "gone"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class SlotAnswer(StrEnum):
    """What the system's free slots say of the time at which the event was last seen.

    UNTOLD: they cannot say anything of that time. UNANSWERED: they could, but not now.
    """

    OFFERED = "offered"
    TAKEN = "taken"
    UNKNOWN = "untold"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of an event that the list of its calendar lacks; None: not asked yet.

    - ``listed_whole``: the list proved complete where the event was last seen, and hides no event
      that the system shows by id.
    - ``others_listed``: that list shows another known event of the same calendar.
    - ``by_list``: the answer by id comes from a list itself, as nothing reads this kind by id.
    - ``own_list``: that list shows other events of the calendar's own user.
    - ``refused_when_gone``: the platform may refuse to read what was deleted (`Capabilities`).
    - ``counted``, ``since``: how many earlier cycles brought the same evidence, and when the first
      of them asked for its list. ``needed`` is how many there must be, this one included.
    - ``key_reads``: the same credentials read another event by id in this cycle.
    - ``user``: whether the user behind the calendar is there.
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
    """What follows from the evidence; of ASK_..., that more of it is needed.

    COUNTED: this cycle brought a proof, and another one must bring the next. WAITING: it is too
    early for the next one. OWNER_IN_DOUBT: the event's user may be the one that is missing.
    UNPROVEN: nothing follows, and the event stays as it was.
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
    """Say whether the event is proven to be gone, or what is missing for a proof."""
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
    """The system says that there is no such event: a fact, once it was said often enough."""
    if evidence.by_list:
        if evidence.user is None:
            return AbsenceVerdict.ASK_USER
        if _user_in_doubt(evidence, others=evidence.own_list):
            return AbsenceVerdict.OWNER_IN_DOUBT
    enough = evidence.counted + 1 >= evidence.needed
    return AbsenceVerdict.PROVEN if enough else AbsenceVerdict.COUNTED


def _judge_refused(evidence: Evidence) -> AbsenceVerdict:
    """The system refuses the id, which a deleted event and any other trouble look like.

    The proof is then: two complete lists of different cycles, at least the lag bound apart, each of
    which shows another known event; another id is read in the same cycle; the user is there; and
    the time is offered again, where that can be asked.
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
    """Whether the list may be short because its user is missing; one that shows others is not."""
    unknown = evidence.user is UserState.UNKNOWN and not others
    return evidence.user is UserState.MISSING or unknown


_WEEKS = 2


def slots_window(value: Value) -> Window:
    """The window of free slots that `slot_of` needs."""
    return Window(value.start, value.end + timedelta(weeks=_WEEKS))


def slot_of(
    value: Value, offers: Iterable[Window], taken: Iterable[Value], now: datetime
) -> SlotAnswer:
    """Say whether a time is offered again.

    That it is not says something only where the same time of a later week is offered: else it may
    lie outside of the hours in which people can book. Where the clocks change in between, a time
    at the edge of these hours may count as taken although it is free: the safe side.
    ``taken`` are the calendar's other events.
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


_LISTED = frozenset({Status.NEW, Status.CONFIRMED})


@dataclass(frozen=True, slots=True)
class ShownElsewhere:
    """An event that a list lacks and that the system shows by id.

    ``same_place``: it is in the calendar in which it was known to be. ``elsewhere``: no list
    that was read can show it (`port.Found`). ``changed_at`` is when it was last changed, or
    first seen as it is.
    """

    value: Value
    same_place: bool
    changed_at: datetime
    elsewhere: bool = False


def listed_by(shown: ShownElsewhere, windows: Iterable[Window], lag: timedelta) -> datetime | None:
    """Return from when on a list that proved complete in these windows has to show the event.

    A list may be older than a change by the lag bound, and what was moved to another calendar, or
    with its calendar to another group, is in another list. Some lists leave out what is over or
    off: that they lack it says nothing of the rest. None: no list has to show it.
    """
    if shown.value.status not in _LISTED or not shown.same_place or shown.elsewhere:
        return None
    return (
        shown.changed_at + lag if any(window.contains(shown.value) for window in windows) else None
    )
