"""What is kept of free slots, and of time that is offered although it is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select

from syncd.model import Cause, Closing, Exposure, FreeTime, Offer, Record, Window
from syncd.store import rows
from syncd.store.instants import instant_text
from syncd.store.removal import CHUNK
from syncd.store.store import Store
from syncd.store.tables import CLOSING, COVERAGE, EVENT, EXPOSURE, FREE_TIME

_HOW_MANY = select(func.count().label("n")).select_from(EXPOSURE)
_HOW_MANY = _HOW_MANY.where(EXPOSURE.c.ends > bindparam("now"))  # asked in every cycle


def keep_free_time(store: Store, free: FreeTime) -> None:
    """Put what a system offers of a provider in the place of what it offered before."""
    row = {
        "system": free.system,
        "provider": free.provider,
        "asked_at": free.asked_at,
        "starts": free.window.start,
        "ends": free.window.end,
        "offers": [[instant_text(o.start), instant_text(o.end), o.seat] for o in free.offers],
        "fault": free.fault,
    }
    store.keep(FREE_TIME, [row])


def free_times(store: Store, provider: str | None = None) -> dict[tuple[str, str], FreeTime]:
    """What systems last offered, by (provider, system)."""
    query = select(FREE_TIME)
    if provider is not None:
        query = query.where(FREE_TIME.c.provider == provider)
    found = (_free_time(row) for row in store.ask(query))
    return {(free.provider, free.system): free for free in found}


def asked_at(store: Store) -> dict[tuple[str, str], datetime]:
    """When systems were last asked for free slots, by (provider, system)."""
    query = select(FREE_TIME.c.provider, FREE_TIME.c.system, FREE_TIME.c.asked_at)
    return {(row["provider"], row["system"]): row["asked_at"] for row in store.ask(query)}


def _free_time(row: Mapping[str, Any]) -> FreeTime:
    instant = datetime.fromisoformat
    return FreeTime(
        row["system"],
        row["provider"],
        row["asked_at"],
        Window(row["starts"], row["ends"]),
        tuple(Offer(instant(start), instant(end), seat) for start, end, seat in row["offers"]),
        row["fault"],
    )


def keep_exposures(store: Store, provider: str, found: Sequence[Exposure]) -> None:
    """Put a provider's exposures in the place of those that were known."""
    values = [
        {
            "provider": e.provider,
            "system": e.system,
            "starts": e.start,
            "ends": e.end,
            "cause": str(e.cause),
            "bookings": list(e.bookings),
            "since": e.since,
            "seats": list(e.seats),
        }
        for e in found
    ]
    store.keep(EXPOSURE, values, EXPOSURE.c.provider == provider)


def exposures(store: Store, now: datetime) -> list[Exposure]:
    """The exposures whose time is not over, by start."""
    query = select(EXPOSURE).where(EXPOSURE.c.ends > now)
    order = (EXPOSURE.c.starts, EXPOSURE.c.provider, EXPOSURE.c.system)
    return [
        Exposure(
            row["provider"],
            row["system"],
            row["starts"],
            row["ends"],
            Cause(row["cause"]),
            tuple(row["bookings"]),
            row["since"],
            tuple(row["seats"]),
        )
        for row in store.ask(query.order_by(*order))
    ]


def count_exposures(store: Store, now: datetime) -> int:
    """How many exposures there are."""
    return int(store.ask(_HOW_MANY, {"now": now})[0]["n"])


def ended(store: Store, provider: str, since: datetime) -> list[Record]:
    """The events of a provider that were seen to be gone since; ``former`` is where they were."""
    query = select(EVENT).where(
        EVENT.c.provider == provider,
        EVENT.c.retired.is_(True),
        EVENT.c.starts.is_(None),
        EVENT.c.observed_at >= since,
    )
    return [rows.to_record(row) for row in store.ask(query)]


def keep_closings(store: Store, closings: Sequence[Closing]) -> None:
    """Note how long values of bookings were open, or that they still are."""
    values = [
        {
            "booking": c.booking,
            "revision": c.revision,
            "provider": c.provider,
            "visible_at": c.visible_at,
            "closed_at": c.closed_at,
        }
        for c in closings
    ]
    store.keep(CLOSING, values)


def closings(store: Store, since: datetime | None = None) -> list[Closing]:
    """How long values of bookings were open, of those that could be seen after ``since``."""
    query = select(CLOSING)
    if since is not None:
        query = query.where(CLOSING.c.visible_at >= since)
    return [Closing(**row) for row in store.ask(query.order_by(CLOSING.c.visible_at))]


def closings_of(store: Store, bookings: Sequence[str]) -> list[Closing]:
    """How long values of these bookings were open."""
    asked = (bookings[at : at + CHUNK] for at in range(0, len(bookings), CHUNK))
    found = (store.ask(select(CLOSING).where(CLOSING.c.booking.in_(some))) for some in asked)
    return [Closing(**row) for some in found for row in some]


def first_reads(store: Store, provider: str) -> dict[str, datetime]:
    """When each system's calendar of a provider was first read in full."""
    query = select(COVERAGE.c.system, func.min(COVERAGE.c.first_at).label("at")).where(
        COVERAGE.c.provider == provider
    )
    # The least of texts of fixed length is the earliest; a function's result comes as it is stored.
    return {
        row["system"]: _instant(row["at"]) for row in store.ask(query.group_by(COVERAGE.c.system))
    }


def _instant(stored: Any) -> datetime:
    return stored if isinstance(stored, datetime) else datetime.fromisoformat(stored)
