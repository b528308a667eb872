"""Which missing events are asked for by id in a cycle: at most 40 a system, each in its turn."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b

from syncd.model import Record

PROBES = 40
"""At most so many events are asked for by id in one cycle and system; the rest wait."""

RECHECK = timedelta(minutes=5)
"""An event whose absence no list can prove now is asked for again after this long."""


@dataclass(slots=True)
class Probes:
    """Whose turn it is to be asked for by id, of the events of one system that are missing.

    Kept from cycle to cycle. A process that starts anew begins at another place each time.
    """

    _turn: int = 0
    _asked: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    _gone: set[str] = field(default_factory=set)
    _silent: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    """The events that lists hid although they are shown by their ids."""

    def choose(
        self, sure: Iterable[Record], unsure: Iterable[Record], now: datetime, most: int
    ) -> list[Record]:
        """Return the events to ask for now.

        The absence of ``sure`` events counts once it is proven by id. That of ``unsure`` ones does
        not, as no list proves it: they are asked for less often, to follow their changes.
        """
        sure, unsure = list(sure), list(unsure)
        self._gone &= {record.id for record in unsure}
        self._turn += 1
        due = [
            r for r in unsure if r.id not in self._asked or now - self._asked[r.id][1] >= RECHECK
        ]
        certain = {record.id for record in sure}

        def rank(record: Record) -> tuple[int, bool, int, bytes]:
            turn = self._asked.get(record.id, (0, now))[0]
            return (turn, record.id not in certain, -record.missing, _shuffled(record.id, now))

        return sorted((*sure, *due), key=rank)[:most]

    def listed(self, events: Container[str]) -> None:
        """Note which events are listed: they are missing no more."""
        for event in [event for event in self._asked if event in events]:
            del self._asked[event]
        self.hidden -= {event for event in self.hidden if event in events}
        self._silent -= {event for event in self._silent if event in events}

    def note_asked(self, event: str, now: datetime) -> None:
        """Note that an event is asked for."""
        self._asked[event] = (self._turn, now)

    def was_asked(self, event: str) -> bool:
        """Whether an event was asked for since it is missing."""
        return event in self._asked

    def note_silence(self, event: str, *, silent: bool) -> bool:
        """Note whether an event could not be read by id; return whether that was so before."""
        before = event in self._silent
        (self._silent.add if silent else self._silent.discard)(event)
        return before

    def found(self, event: str, *, gone: bool) -> None:
        """Note what the system said of an unsure event."""
        (self._gone.add if gone else self._gone.discard)(event)

    @property
    def gone(self) -> Collection[str]:
        """The unsure events that the system says are gone, without a whole list to prove it."""
        return self._gone


def _shuffled(event: str, now: datetime) -> bytes:
    return blake2b(f"{now.isoformat()} {event}".encode(), digest_size=8).digest()
