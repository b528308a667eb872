"""Which missing events are asked for by id: at most 40 a cycle and system, each in its turn.

In a resync an id is asked once, and again only while its answers make up a proof that takes
several cycles. The daemon asks again after five minutes, then ten, and then every quarter of an
hour, as long as nothing changes; a proof that is under way goes on with the next cycle.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b

from syncd.model import TrackedEvent, is_recent
from syncd.systems.port import Found, LookupResult

MAX_ABSENCE_LOOKUPS = 40
"""At most so many events are asked for by id in one cycle and system; the rest wait."""

FIRST_RECHECK_DELAY = timedelta(minutes=5)
"""An event of which the last answer proved nothing is asked for again after this long."""

MAX_RECHECK_DELAY = timedelta(minutes=15)
"""The longest time after which such an event is asked for again: a proof is delayed by no more."""

ASKS_PER_RUN = 4
"""A resync asks for one event at most so often, even if its proof is not complete by then."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """When an event was last asked for, and how often since it is missing."""

    turn: int
    at: datetime
    times: int


@dataclass(slots=True)
class AbsenceLookups:
    """Whose turn it is to be asked for by id, of the events of one system that are missing.

    Kept from cycle to cycle. A process that starts anew begins at another place each time.
    """

    _turn: int = 0
    _asked: dict[str, _Asked] = field(default_factory=dict)
    _run: dict[str, int] | None = None
    _open: dict[str, datetime] = field(default_factory=dict)
    _found: dict[str, Found] = field(default_factory=dict)
    _later: dict[str, datetime] = field(default_factory=dict)
    _gone: set[str] = field(default_factory=set)
    _silent: set[str] = field(default_factory=set)
    _undecided: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    """The events that lists hid although they are shown by their ids."""
    list_only: set[str] = field(default_factory=set)
    """The events that no list shows, and of which only lists could tell more."""
    other_owner: set[str] = field(default_factory=set)
    """The events that a read before a write found at another owner, which is to be proven."""
    _unshown: dict[str, str] = field(default_factory=dict)

    def begin_run(self) -> None:
        """Begin a resync: each id may be asked once."""
        self._run = {}
        for kept in (self._open, self._found, self._later):
            kept.clear()

    def end_run(self) -> None:
        """End a resync."""
        self._run = None

    # --- whose turn it is ---------------------------------------------------------------------

    @property
    def in_run(self) -> bool:
        """Return whether a resync is under way."""
        return self._run is not None

    def is_due(self, event: str, now: datetime) -> bool:
        """Return whether an answer can tell more than the last one did."""
        if (begins := self._open.get(event)) is not None:
            # A clock that was set back does not stop a proof.
            return not timedelta(0) < begins - now <= FIRST_RECHECK_DELAY and self._may_ask(event)
        if self._run is not None:
            return event not in self._run
        asked = self._asked.get(event)
        if asked is None:
            return True
        if (later := self._later.get(event)) is not None:
            return not timedelta(0) < later - now <= FIRST_RECHECK_DELAY
        pause = min(FIRST_RECHECK_DELAY * asked.times, MAX_RECHECK_DELAY)
        return not is_recent(asked.at, now, pause)

    def _may_ask(self, event: str) -> bool:
        return self._run is None or self._run.get(event, 0) < ASKS_PER_RUN

    def choose(
        self, sure: Iterable[TrackedEvent], unsure: Iterable[TrackedEvent], now: datetime, most: int
    ) -> list[TrackedEvent]:
        """Return the events to ask for now.

        The absence of ``sure`` events counts once it is proven by id. That of ``unsure`` ones does
        not, as no list proves it: they are asked for to follow their changes.
        """
        sure, unsure = list(sure), list(unsure)
        self._gone &= {record.id for record in unsure}
        self._turn += 1
        certain = {record.id for record in sure}
        # An answer that proved nothing for want of a whole list may prove something with one.
        again = {event for event in certain & self._undecided if self._may_ask(event)}
        due = [r for r in (*sure, *unsure) if r.id in again or self.is_due(r.id, now)]

        def rank(record: TrackedEvent) -> tuple[int, bool, int, bytes]:
            asked = self._asked.get(record.id)
            turn = 0 if asked is None else asked.turn
            return (
                turn,
                record.id not in certain,
                -record.absence_proofs,
                _shuffled(record.id, now),
            )

        return sorted(due, key=rank)[:most]

    def note_asked(self, event: str, now: datetime) -> None:
        """Note that an event is asked for."""
        before = self._asked.get(event)
        self._asked[event] = _Asked(self._turn, now, 1 if before is None else before.times + 1)
        if self._run is not None:
            self._run[event] = self._run.get(event, 0) + 1

    def was_asked(self, event: str) -> bool:
        """Return whether an event was asked for since it is missing, in a resync: by this one."""
        return event in (self._asked if self._run is None else self._run)

    # --- what was answered --------------------------------------------------------------------

    def note_open(self, event: str, begins: datetime) -> None:
        """Note that another answer, not before then, may complete the proof that it is gone."""
        self._open[event] = begins

    def close(self, event: str) -> None:
        """Note that another answer would tell nothing more for now."""
        self._open.pop(event, None)

    def next_check_at(self, event: str, now: datetime) -> datetime | None:
        """When the next cycle may complete something of an event; None: it cannot."""
        if event in self._open:
            return max(self._open[event], now) if self._may_ask(event) else None
        if not self.was_asked(event):
            return now
        later = self._later.get(event)
        return later if later is not None and now < later <= now + FIRST_RECHECK_DELAY else None

    @property
    def any_open(self) -> bool:
        """Return whether a proof of any event is under way."""
        return bool(self._open)

    def is_open(self, event: str) -> bool:
        """Return whether a proof that this event is gone is under way."""
        return event in self._open

    def note_found(self, event: str, sighting: LookupResult) -> None:
        """Keep what an event shows by its id: a resync does not ask for it again."""
        self._later.pop(event, None)
        if isinstance(sighting, Found) and self._run is not None:
            self._found[event] = sighting
        else:
            self._found.pop(event, None)

    def note_later(self, event: str, by: datetime) -> None:
        """Note that lists may be older than what an event shows, but not after this instant."""
        self._later[event] = by

    def found_before(self, event: str) -> Found | None:
        """Return what an event showed when this resync asked for it."""
        return self._found.get(event)

    def note_listed(self, events: Container[str]) -> None:
        """Note which events are listed: they are missing no more."""
        for kept in (self._asked, self._found, self._later, self._open, self._unshown):
            for event in [event for event in kept if event in events]:
                del kept[event]
        shown = {event for event in self.hidden if event in events}
        self.hidden -= shown
        for event in self.hidden if shown else ():
            # The list that hid them shows others again: they may be gone by now.
            self._asked.pop(event, None)
        for noted in (self._silent, self._undecided, self.list_only):
            noted -= {event for event in noted if event in events}

    def forget(self, event: str) -> None:
        """Note that an event is proven to be gone."""
        self.note_listed({event})

    def note_unanswered(self, event: str, *, silent: bool) -> bool:
        """Note whether an event could not be read by id; return whether that was so before."""
        before = event in self._silent
        (self._silent.add if silent else self._silent.discard)(event)
        return before

    def note_gone(self, event: str, *, gone: bool) -> None:
        """Note what the system said of an unsure event."""
        (self._gone.add if gone else self._gone.discard)(event)

    def note_undecided(self, event: str, *, undecided: bool) -> None:
        """Note whether an answer proved nothing only because no list is whole."""
        (self._undecided.add if undecided else self._undecided.discard)(event)

    @property
    def gone(self) -> Collection[str]:
        """The unsure events that the system says are gone, without a whole list to prove it."""
        return self._gone

    # --- what lists do not show ---------------------------------------------------------------

    def note_unshown(
        self, lacking: Mapping[str, str], looked: Container[str], whole: Container[str]
    ) -> None:
        """Note which events, with their providers, lists should show and do not.

        ``looked`` are the missing events that this read looked at, ``whole`` the providers of whom
        it looked at all.
        """
        kept = {
            event: provider
            for event, provider in self._unshown.items()
            if event not in looked and provider not in whole
        }
        self._unshown = {**kept, **lacking}

    @property
    def unshown(self) -> Mapping[str, str]:
        """The known events that lists should show and do not, by the last reads: providers."""
        return self._unshown


def _shuffled(event: str, now: datetime) -> bytes:
    return blake2b(f"{now.isoformat()} {event}".encode(), digest_size=8).digest()
