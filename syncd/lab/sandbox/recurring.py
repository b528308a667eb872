"""Recurring events: book, move, extend and delete a series as people do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol


class Instance(Protocol):
    """One appointment of a series."""

    @property
    def id(self) -> str:
        """The instance's own id."""
        ...

    @property
    def start(self) -> datetime:
        """The start of the instance."""
        ...

    @property
    def end(self) -> datetime:
        """The end of the instance."""
        ...


Move = tuple[str, datetime, datetime]
"""A move of one instance: the id after the move, the new start and the new end."""


class Recurring(Protocol):
    """A platform with recurring appointments."""

    def new_id(self) -> str:
        """Return a new id."""
        ...

    def series_of(self) -> dict[str, str]:
        """Return the series of every instance that ever existed, by instance id."""
        ...

    def instances(self, series: str) -> Sequence[Instance]:
        """Return the appointments of a series that are not deleted, sorted by time."""
        ...

    def instance_id(self, series: str, start: datetime, end: datetime) -> str:
        """Return the id of a new instance of a series with this start and end."""
        ...

    def book(
        self,
        calendar: str,
        user: str,
        start: datetime,
        end: datetime,
        contact: str,
        status: str = "confirmed",
        title: str = "Appointment",
        *,
        id: str = "",
        series: str = "",
    ) -> str:
        """Enter an appointment, optionally as an instance of a series, and return its id."""
        ...

    def move_instances(self, moves: Mapping[str, Move], series: str) -> None:
        """Move instances of a series, all at the same moment, optionally with new ids.

        ``moves`` has the new id, start and end of each instance, by its current id. ``series`` is
        the master id of the moved instances, which may be new.
        """
        ...

    def delete(self, id: str) -> None:
        """Delete an appointment."""
        ...


def book_series(
    platform: Recurring,
    calendar: str,
    user: str,
    starts: Sequence[datetime],
    length: timedelta,
    contact: str,
    *,
    series: str = "",
    title: str = "Appointment",
) -> str:
    """Book a recurring appointment with an instance at each start; return its master id.

    Each instance takes ``length``. With ``series``, the recurring appointment with that master id
    gets more instances.
    """
    series = series or platform.new_id()
    for start in starts:
        end = start + length
        instance_id = platform.instance_id(series, start, end)
        platform.book(
            calendar, user, start, end, contact, title=title, id=instance_id, series=series
        )
    return series


def move_series(
    platform: Recurring,
    series: str,
    by: timedelta,
    *,
    new_ids: bool = True,
    new_master: bool = False,
) -> str:
    """Move all instances of a series ``by`` a length of time; return the series' master id.

    ``new_ids`` gives each instance a new id; ``new_master`` gives the series a new master id. No
    platform documents whether instances keep their ids.
    """
    master = platform.new_id() if new_master else series
    moves: dict[str, Move] = {}
    for instance in platform.instances(series):
        start, end = instance.start + by, instance.end + by
        changes = new_ids or new_master
        instance_id = platform.instance_id(master, start, end) if changes else instance.id
        moves[instance.id] = (instance_id, start, end)
    platform.move_instances(moves, master)
    return master


def delete_series(platform: Recurring, series: str) -> None:
    """Delete all instances of a series, as somebody does who deletes a recurring appointment.

    ``series`` is the master id. Nothing happens if the series has no instances.
    """
    for instance in list(platform.instances(series)):
        platform.delete(instance.id)
