"""The calendars that the running program's configuration lacks, and since when."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple


class ConfigPlace(NamedTuple):
    """What may be left out of a configuration: a system, a provider, or a provider's calendar."""

    system: str
    provider: str

    def covers(self, other: ConfigPlace) -> bool:
        """Return true if the other place is part of this one."""
        return self in {
            other,
            ConfigPlace(other.system, ""),
            ConfigPlace("", other.provider),
        } and any(self)

    def __str__(self) -> str:
        """Format the place for a trace."""
        return " of ".join(part for part in reversed(self) if part) if all(self) else "".join(self)


@dataclass(frozen=True, slots=True)
class _Absence:
    """A period in which a place is out of the file.

    ``known`` is when the program loaded that file, None before that.
    """

    place: ConfigPlace
    since: datetime
    known: datetime | None = None
    until: datetime | None = None


@dataclass(slots=True)
class Unmapped:
    """All places that were left out on a day."""

    absences: list[_Absence] = field(default_factory=list)

    def leave_out(self, place: ConfigPlace, now: datetime) -> None:
        """Record that a place is out of the file from now on."""
        self.absences.append(_Absence(place, now))

    def put_back(self, now: datetime) -> None:
        """Record that restore the whole file."""
        self.absences = [a if a.until else replace(a, until=now) for a in self.absences]

    def note_loaded(self, now: datetime) -> None:
        """Record that the program now uses the present file."""
        self.absences = [
            replace(a, known=now) if a.until is None and a.known is None else a
            for a in self.absences
        ]

    def absent_since(self, system: str, provider: str) -> datetime | None:
        """Return since when the running program lacks a calendar; None if it has it."""
        place = ConfigPlace(system, provider)
        out = [a.known for a in self.absences if a.until is None and a.place.covers(place)]
        return next((known for known in out if known is not None), None)

    def is_absent(self, system: str, provider: str, now: datetime) -> bool:
        """Return true if a calendar is out of the configuration, or was recently.

        A place that is back is not read at once.
        """
        place = ConfigPlace(system, provider)
        return any(
            a.place.covers(place) and (a.until is None or now < a.until + _UNREAD)
            for a in self.absences
        )

    def longest_mapped(self, place: ConfigPlace, since: datetime, now: datetime) -> timedelta:
        """Return the longest time in this period in which a calendar was in the file."""
        longest = timedelta(0)
        for absence in self.absences:
            until = absence.until or now
            if absence.place.covers(place) and until > since:
                longest = max(longest, absence.since - since)
                since = until
        return max(longest, now - since)

    def changed_after(self, at: datetime) -> bool:
        """Return true if a place is out, or was out after that time."""
        return any(a.until is None or a.until > at for a in self.absences)


_UNREAD = timedelta(hours=3)
"""A place that is back may be unread for so long, as systems fail."""
