"""Store free slots, exposures (busy time that a system still offers) and times to block."""

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
from syncd.store.store import Store
from syncd.store.tables import rows
from syncd.store.tables.tables import CLOSING, COVERAGE, EVENT, EXPOSURE, FREE_TIME
from syncd.store.tables.timestamps import instant_text

# Queries of every cycle: they are built once, because building takes longer than running them.
_COUNT_EXPOSURES = select(func.count().label("n")).select_from(EXPOSURE)
_COUNT_EXPOSURES = _COUNT_EXPOSURES.where(EXPOSURE.c.ends > bindparam("now"))
_EXPOSURES = select(EXPOSURE).where(EXPOSURE.c.ends > bindparam("now"))
_EXPOSURES = _EXPOSURES.order_by(EXPOSURE.c.starts, EXPOSURE.c.provider, EXPOSURE.c.system)
_DELETE_EXPOSURES = delete(EXPOSURE).where(EXPOSURE.c.provider == bindparam("provider"))
_AVAILABILITIES = select(FREE_TIME)
_READ_AT = select(FREE_TIME.c.provider, FREE_TIME.c.system, FREE_TIME.c.asked_at)
_AVAILABILITIES_OF = select(FREE_TIME).where(FREE_TIME.c.provider == bindparam("provider"))
_ENDED_EVENTS = select(EVENT).where(
    EVENT.c.provider == bindparam("provider"),
    EVENT.c.retired.is_(True),
    EVENT.c.starts.is_(None),
    EVENT.c.observed_at >= bindparam("since"),
)
_TIMES_TO_BLOCK = select(CLOSING).where(CLOSING.c.booking == bindparam("booking"))
_FIRST_READS = (
    select(COVERAGE.c.system, func.min(COVERAGE.c.first_at).label("at"))
    .where(COVERAGE.c.provider == bindparam("provider"))
    .group_by(COVERAGE.c.system)
)


def save_availability(store: Store, free: Availability) -> None:
    """Store the free slots of a provider in a system, and replace the former ones."""
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
    """Load the last read free slots, by (provider, system); of all providers for None."""
    if provider is None:
        loaded = store.query(_AVAILABILITIES, {})
    else:
        loaded = store.query(_AVAILABILITIES_OF, {"provider": provider})
    return {(row["provider"], row["system"]): _availability(row) for row in loaded}


def availability_read_at(store: Store) -> dict[tuple[str, str], datetime]:
    """Return when free slots were last read, by (provider, system)."""
    return {(row["provider"], row["system"]): row["asked_at"] for row in store.query(_READ_AT, {})}


def _availability(row: Mapping[str, Any]) -> Availability:
    instant = datetime.fromisoformat
    return Availability(
        row["system"],
        row["provider"],
        row["asked_at"],
        Window(row["starts"], row["ends"]),
        tuple(Offer(instant(start), instant(end), id_) for start, end, id_ in row["offers"]),
        row["fault"],
    )


def save_exposures(store: Store, by_provider: Mapping[str, Sequence[Exposure]]) -> None:
    """Replace the stored exposures of each provider in ``by_provider``.

    Exposures of other providers stay as they are.
    """
    values = [
        {
            "provider": e.provider,
            "system": e.system,
            "starts": e.start,
            "ends": e.end,
            "cause": str(e.cause),
            "bookings": list(e.bookings),
            "since": e.since,
            "seats": list(e.calendars),
        }
        for exposed in by_provider.values()
        for e in exposed
    ]
    providers = ({"provider": provider} for provider in by_provider)
    store.replace(EXPOSURE, values, _DELETE_EXPOSURES, *providers)


def exposures(store: Store, now: datetime) -> list[Exposure]:
    """Load the exposures that end after ``now``, ordered by start."""
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
        for row in store.query(_EXPOSURES, {"now": now})
    ]


def count_exposures(store: Store, now: datetime) -> int:
    """Count the exposures that end after ``now``."""
    return int(store.query(_COUNT_EXPOSURES, {"now": now})[0]["n"])


def count_held_back_exposures(store: Store, now: datetime) -> int:
    """Count the exposures that exist only because of a pause or observe mode."""
    held_back = {ExposureCause.PAUSED, ExposureCause.OBSERVE}
    return sum(each.cause in held_back for each in exposures(store, now))


def ended_events(store: Store, provider: str, since: datetime) -> list[TrackedEvent]:
    """Load the events of a provider that ended (are gone) at or after ``since``.

    For a block that was removed, ``before_write`` is the last known interval.
    """
    parameters = {"provider": provider, "since": since}
    return [rows.to_record(row) for row in store.query(_ENDED_EVENTS, parameters)]


def save_times_to_block(store: Store, closings: Sequence[TimeToBlock]) -> None:
    """Store when values of bookings became visible, and when the other calendars were blocked.

    Used for the percentiles of the time to block in `syncd status`.
    """
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
    """Load the times to block of values that became visible at ``since`` or later."""
    query = select(CLOSING)
    if since is not None:
        query = query.where(CLOSING.c.visible_at >= since)
    return [TimeToBlock(**row) for row in store.query_once(query.order_by(CLOSING.c.visible_at))]


def times_to_block_of(store: Store, bookings: Sequence[str]) -> list[TimeToBlock]:
    """Load the stored times to block of these bookings, given by id."""
    parameters = ({"booking": booking} for booking in bookings)
    return [TimeToBlock(**row) for row in store.query(_TIMES_TO_BLOCK, *parameters)]


def first_reads(store: Store, provider: str) -> dict[str, datetime]:
    """Return when a provider's calendar in each system was first read in full."""
    # The result of min() has no column type, so it may be text as stored.
    loaded = store.query(_FIRST_READS, {"provider": provider})
    return {row["system"]: _instant(row["at"]) for row in loaded}


def _instant(stored: Any) -> datetime:
    return stored if isinstance(stored, datetime) else datetime.fromisoformat(stored)
