"""What is kept of free slots, and of time that is offered although it is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, select

from syncd.model import (
    Availability,
    Exposure,
    ExposureCause,
    Offer,
    TimeToBlock,
    TrackedEvent,
    Window,
)
from syncd.store import rows
from syncd.store.store import Store
from syncd.store.tables import CLOSING, COVERAGE, EVENT, EXPOSURE, FREE_TIME
from syncd.store.timestamps import instant_text

# What is asked in every cycle that measures: made once, because that takes longer than to ask.
_HOW_MANY = select(func.count().label("n")).select_from(EXPOSURE)
_HOW_MANY = _HOW_MANY.where(EXPOSURE.c.ends > bindparam("now"))
_EXPOSED = select(EXPOSURE).where(EXPOSURE.c.ends > bindparam("now"))
_EXPOSED = _EXPOSED.order_by(EXPOSURE.c.starts, EXPOSURE.c.provider, EXPOSURE.c.system)
_COVERED = delete(EXPOSURE).where(EXPOSURE.c.provider == bindparam("provider"))
_FREE = select(FREE_TIME)
_ASKED_AT = select(FREE_TIME.c.provider, FREE_TIME.c.system, FREE_TIME.c.asked_at)
_FREE_OF = select(FREE_TIME).where(FREE_TIME.c.provider == bindparam("provider"))
_ENDED = select(EVENT).where(
    EVENT.c.provider == bindparam("provider"),
    EVENT.c.retired.is_(True),
    EVENT.c.starts.is_(None),
    EVENT.c.observed_at >= bindparam("since"),
)
_CLOSINGS_OF = select(CLOSING).where(CLOSING.c.booking == bindparam("booking"))
_FIRST_READS = (
    select(COVERAGE.c.system, func.min(COVERAGE.c.first_at).label("at"))
    .where(COVERAGE.c.provider == bindparam("provider"))
    .group_by(COVERAGE.c.system)
)


def save_availability(store: Store, free: Availability) -> None:
    """Put what a system offers of a provider in the place of what it offered before."""
    row = {
        "system": free.system,
        "provider": free.provider,
        "asked_at": free.asked_at,
        "starts": free.window.start,
        "ends": free.window.end,
        "offers": [
            [instant_text(o.start), instant_text(o.end), o.calendar_id] for o in free.offers
        ],
        "fault": free.fault,
    }
    store.replace(FREE_TIME, [row])


def availabilities(
    store: Store, provider: str | None = None
) -> dict[tuple[str, str], Availability]:
    """What systems last offered, by (provider, system)."""
    query, asked = (_FREE, {}) if provider is None else (_FREE_OF, {"provider": provider})
    found = (_free_time(row) for row in store.query(query, asked))
    return {(free.provider, free.system): free for free in found}


def availability_read_at(store: Store) -> dict[tuple[str, str], datetime]:
    """When systems were last asked for free slots, by (provider, system)."""
    return {(row["provider"], row["system"]): row["asked_at"] for row in store.query(_ASKED_AT, {})}


def _free_time(row: Mapping[str, Any]) -> Availability:
    instant = datetime.fromisoformat
    return Availability(
        row["system"],
        row["provider"],
        row["asked_at"],
        Window(row["starts"], row["ends"]),
        tuple(Offer(instant(start), instant(end), seat) for start, end, seat in row["offers"]),
        row["fault"],
    )


def save_exposures(store: Store, found: Mapping[str, Sequence[Exposure]]) -> None:
    """Put providers' exposures in the place of those that were known."""
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
        for each in found.values()
        for e in each
    ]
    store.replace(EXPOSURE, values, _COVERED, *({"provider": provider} for provider in found))


def exposures(store: Store, now: datetime) -> list[Exposure]:
    """The exposures whose time is not over, by start."""
    return [
        Exposure(
            row["provider"],
            row["system"],
            row["starts"],
            row["ends"],
            ExposureCause(row["cause"]),
            tuple(row["bookings"]),
            row["since"],
            tuple(row["seats"]),
        )
        for row in store.query(_EXPOSED, {"now": now})
    ]


def count_exposures(store: Store, now: datetime) -> int:
    """How many exposures there are."""
    return int(store.query(_HOW_MANY, {"now": now})[0]["n"])


def count_held_back_exposures(store: Store, now: datetime) -> int:
    """Count those that a person wants, by a pause or observe mode."""
    held_back = {ExposureCause.PAUSED, ExposureCause.OBSERVE}
    return sum(each.cause in held_back for each in exposures(store, now))


def ended_events(store: Store, provider: str, since: datetime) -> list[TrackedEvent]:
    """The events of a provider that were seen to be gone since; ``former`` is where they were."""
    asked = {"provider": provider, "since": since}
    return [rows.to_record(row) for row in store.query(_ENDED, asked)]


def save_times_to_block(store: Store, closings: Sequence[TimeToBlock]) -> None:
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
    store.replace(CLOSING, values)


def stored_times_to_block(store: Store, since: datetime | None = None) -> list[TimeToBlock]:
    """How long values of bookings were open, of those that could be seen after ``since``."""
    query = select(CLOSING)
    if since is not None:
        query = query.where(CLOSING.c.visible_at >= since)
    return [TimeToBlock(**row) for row in store.query_once(query.order_by(CLOSING.c.visible_at))]


def times_to_block_of(store: Store, bookings: Sequence[str]) -> list[TimeToBlock]:
    """How long values of these bookings were open."""
    asked = ({"booking": booking} for booking in bookings)
    return [TimeToBlock(**row) for row in store.query(_CLOSINGS_OF, *asked)]


def first_reads(store: Store, provider: str) -> dict[str, datetime]:
    """When each system's calendar of a provider was first read in full."""
    # The least of texts of fixed length is the earliest; a function's result comes as it is stored.
    found = store.query(_FIRST_READS, {"provider": provider})
    return {row["system"]: _instant(row["at"]) for row in found}


def _instant(stored: Any) -> datetime:
    return stored if isinstance(stored, datetime) else datetime.fromisoformat(stored)
