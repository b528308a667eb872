"""Choose which unlisted events to look up by id: at most 40 per cycle and system, in rotation.

In a resync, an event is looked up once, and again only while a proof that needs several cycles is
open, which means that a further answer may complete the proof. The daemon repeats a lookup after
5 minutes, then 10, then every 15, as long as nothing changes. An open proof continues in the next
cycle.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b

from syncd.model import TrackedEvent, is_recent
from syncd.systems.lookup_results import Found, LookupResult

MAX_ABSENCE_LOOKUPS = 40
"""The most lookups by id in one cycle and system; other events wait for the next cycle."""

FIRST_RECHECK_DELAY = timedelta(minutes=5)
"""The delay before an event is looked up again if the last answer proved nothing."""

MAX_RECHECK_DELAY = timedelta(minutes=15)
"""The longest delay between two lookups of one event."""

ASKS_PER_RUN = 4
"""The most lookups of one event in a resync, even if its proof is still incomplete."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """The last lookup of an event.

    ``turn`` is the number of the cycle, ``at`` the time of the lookup. ``times`` is the number of
    lookups since the event has been unlisted.
    """

    turn: int
    at: datetime
    times: int


@dataclass(slots=True)
class AbsenceLookups:
    """The rotation of lookups by id for the unlisted events of one system.

    Kept in memory from cycle to cycle. A new process starts at another place in the rotation.
    """

    _turn: int = 0
    _asked: dict[str, _Asked] = field(default_factory=dict)
    _run: dict[str, int] | None = None
    _open: dict[str, datetime] = field(default_factory=dict)
    _found: dict[str, Found] = field(default_factory=dict)
    _later: dict[str, datetime] = field(default_factory=dict)
    _gone: set[str] = field(default_factory=set)
    _unanswered: set[str] = field(default_factory=set)
    _undecided: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    """Events that lists hide although a lookup by id finds them."""
    list_only: set[str] = field(default_factory=set)
    """Events that no list shows and that cannot be read by id: only a list can show their state."""
    other_owner: set[str] = field(default_factory=set)
    """Events that a read before a write found at another owner; the new owner is not proven yet."""
    emptied: dict[str, datetime] = field(default_factory=dict)
    """The newly mapped calendars (providers) with an empty list, and when it was first read."""
    _unshown: dict[str, str] = field(default_factory=dict)

    def begin_run(self) -> None:
        """Begin a resync: each event may be looked up once, more often only for an open proof."""
        self._run = {}
        for noted in (self._open, self._found, self._later):
            noted.clear()

    def end_run(self) -> None:
        """End a resync: from now on, the delays of the daemon apply."""
        self._run = None

    # --- rotation -----------------------------------------------------------------------------

    @property
    def in_run(self) -> bool:
        """Return whether a resync is running."""
        return self._run is not None

    def is_due(self, event: str, now: datetime) -> bool:
        """Return whether a lookup now can show more than the last one did."""
        if (begins := self._open.get(event)) is not None:
            # If ``begins`` is far ahead, the clock was set back, and the proof continues at once.
            return not timedelta(0) < begins - now <= FIRST_RECHECK_DELAY and self._may_ask(event)
        if self._run is not None:
            return event not in self._run
        asked = self._asked.get(event)
        if asked is None:
            return True
        if (later := self._later.get(event)) is not None:
            return not timedelta(0) < later - now <= FIRST_RECHECK_DELAY
        delay = min(FIRST_RECHECK_DELAY * asked.times, MAX_RECHECK_DELAY)
        return not is_recent(asked.at, now, delay)

    def _may_ask(self, event: str) -> bool:
        return self._run is None or self._run.get(event, 0) < ASKS_PER_RUN

    def choose(
        self, sure: Iterable[TrackedEvent], unsure: Iterable[TrackedEvent], now: datetime, most: int
    ) -> list[TrackedEvent]:
        """Return the events to look up now, at most ``most``; begins a new turn of the rotation.

        The absence of ``sure`` events counts once a lookup by id confirms it. The absence of
        ``unsure`` events does not count, because no list confirms it; these events are looked up to
        follow their changes.
        """
        sure, unsure = list(sure), list(unsure)
        self._gone &= {record.id for record in unsure}
        self._turn += 1
        certain = {record.id for record in sure}
        # Now that a list is complete, an answer that proved nothing may prove the absence.
        again = {event for event in certain & self._undecided if self._may_ask(event)}
        due = [r for r in (*sure, *unsure) if r.id in again or self.is_due(r.id, now)]

        def rank(record: TrackedEvent) -> tuple[int, bool, int, bytes]:
            asked = self._asked.get(record.id)
            turn = 0 if asked is None else asked.turn
            return (
                turn,
                record.id not in certain,
                -record.absence_proofs,
                _random_order(record.id, now),
            )

        return sorted(due, key=rank)[:most]

    def note_asked(self, event: str, now: datetime) -> None:
        """Note that an event is being looked up."""
        before = self._asked.get(event)
        self._asked[event] = _Asked(self._turn, now, 1 if before is None else before.times + 1)
        if self._run is not None:
            self._run[event] = self._run.get(event, 0) + 1

    def was_asked(self, event: str) -> bool:
        """Return whether an event was looked up since it has been unlisted.

        In a resync, only lookups of this resync count.
        """
        return event in (self._asked if self._run is None else self._run)

    # --- answers ------------------------------------------------------------------------------

    def note_open(self, event: str, begins: datetime) -> None:
        """Note that another answer, at ``begins`` or later, may complete the proof of absence."""
        self._open[event] = begins

    def close(self, event: str) -> None:
        """Note that another answer about the event would show nothing new for now."""
        self._open.pop(event, None)

    def next_check_at(self, event: str, now: datetime) -> datetime | None:
        """Return when a lookup may show more about an event; None if the next cycles cannot."""
        if event in self._open:
            return max(self._open[event], now) if self._may_ask(event) else None
        if not self.was_asked(event):
            return now
        later = self._later.get(event)
        return later if later is not None and now < later <= now + FIRST_RECHECK_DELAY else None

    @property
    def any_open(self) -> bool:
        """Return whether the proof of absence of any event is open."""
        return bool(self._open)

    def is_open(self, event: str) -> bool:
        """Return whether the proof of absence of this event is open."""
        return event in self._open

    def note_found(self, event: str, result: LookupResult) -> None:
        """Store the result of a lookup, so that this resync does not repeat it."""
        self._later.pop(event, None)
        if isinstance(result, Found) and self._run is not None:
            self._found[event] = result
        else:
            self._found.pop(event, None)

    def note_later(self, event: str, by: datetime) -> None:
        """Note that lists may omit an event that was found by id, but only until ``by``."""
        self._later[event] = by

    def found_before(self, event: str) -> Found | None:
        """Return the result with which this resync found the event by id; None if not found."""
        return self._found.get(event)

    def note_listed(self, events: Container[str]) -> None:
        """Note that these events are listed and therefore not unlisted any more."""
        for noted in (self._asked, self._found, self._later, self._open, self._unshown):
            for event in [event for event in noted if event in events]:
                del noted[event]
        shown = {event for event in self.hidden if event in events}
        self.hidden -= shown
        for event in self.hidden if shown else ():
            # The list shows some hidden events again, so the others may be gone by now.
            self._asked.pop(event, None)
        for events_noted in (self._unanswered, self._undecided, self.list_only):
            events_noted -= {event for event in events_noted if event in events}

    def forget(self, event: str) -> None:
        """Note that an event is proven to be gone."""
        self.note_listed({event})

    def note_unanswered(self, event: str, *, unanswered: bool) -> bool:
        """Note whether the last lookup of an event failed; return whether the one before failed."""
        before = event in self._unanswered
        (self._unanswered.add if unanswered else self._unanswered.discard)(event)
        return before

    def note_gone(self, event: str, *, gone: bool) -> None:
        """Note whether a lookup says that an event is gone while no complete list confirms it."""
        (self._gone.add if gone else self._gone.discard)(event)

    def note_undecided(self, event: str, *, undecided: bool) -> None:
        """Note whether a lookup proved nothing only because no list is complete."""
        (self._undecided.add if undecided else self._undecided.discard)(event)

    @property
    def gone(self) -> Collection[str]:
        """Return the unsure events that are gone by id, without a complete list as proof."""
        return self._gone

    # --- events that lists lack ---------------------------------------------------------------

    def note_unshown(
        self, lacking: Mapping[str, str], looked: Container[str], whole: Container[str]
    ) -> None:
        """Note which events lists should show and do not show; `status` reports such events.

        ``lacking`` maps each such event to its provider. ``looked`` are the unlisted events that
        this read checked, ``whole`` the providers all of whose unlisted events it checked. Events
        that this read did not check stay noted.
        """
        others = {
            event: provider
            for event, provider in self._unshown.items()
            if event not in looked and provider not in whole
        }
        self._unshown = {**others, **lacking}

    @property
    def unshown(self) -> Mapping[str, str]:
        """Return the known events that lists should show and do not, each with its provider."""
        return self._unshown


def _random_order(event: str, now: datetime) -> bytes:
    return blake2b(f"{now.isoformat()} {event}".encode(), digest_size=8).digest()
