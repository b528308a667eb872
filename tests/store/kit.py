"""Helpers for the tests of the store: values on one day, rows of provider p."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from syncd.model import (
    Action,
    Booking,
    Claim,
    Conflict,
    ConflictKind,
    HistoryEntry,
    Intent,
    IntentState,
    Kind,
    Operation,
    Replica,
    ReportedItem,
    Role,
    Status,
    StoredConflict,
    Topic,
    TrackedEvent,
    Value,
    Window,
)
from syncd.store import Store

DAY = datetime(2026, 6, 1, tzinfo=UTC)


def at(hour: float) -> datetime:
    """Return an instant of the day."""
    return DAY + timedelta(hours=hour)


def v(start: float, end: float | None = None, status: Status = Status.CONFIRMED) -> Value:
    """Return a value; by default it is an hour long."""
    return Value(at(start), at(start + 1 if end is None else end), status)


def span(start: float, end: float) -> Window:
    """Return a window of the day."""
    return Window(at(start), at(end))


def rec(event: str, observed: Value | None, system: str = "a", **more: Any) -> TrackedEvent:
    """Return an event of provider p."""
    more = {"provider": "p", "kind": Kind.APPOINTMENT, "observed_at": DAY, **more}
    more.setdefault("fingerprint", f"print of {event}")
    return TrackedEvent(system=system, id=event, observed=observed, **more)


def book(name: str, agreed: Value, provider: str = "p") -> Booking:
    """Return a booking of an appointment."""
    return Booking(name, provider, Kind.APPOINTMENT, agreed)


def link(booking: str, event: str, system: str = "a", role: Role = Role.ORIGIN) -> Replica:
    """Return a link of a booking to an event."""
    return Replica(booking, system, event, role)


def intent(name: str, *, state: IntentState = IntentState.OPEN, **more: Any) -> Intent:
    """Return a journal row of the create of a block for provider p."""
    operation = Operation(
        action=Action.CREATE_BLOCK,
        system="b",
        provider=more.pop("provider", "p"),
        kind=Kind.BLOCK,
        event=None,
        before=None,
        after=v(9),
        bookings=("m",),
        key=more.pop("key", None),
    )
    return Intent(name, more.pop("run", "run"), operation, state, more.pop("opened_at", DAY))


def item(event: str, **more: Any) -> ReportedItem:
    """Return a reported item: an unreadable record in a read of the whole window."""
    more = {"topic": Topic.UNREADABLE, "reason": "no end", "calendars": ("p",), **more}
    more = {"back": timedelta(days=1), "ahead": timedelta(days=60), **more}
    return ReportedItem(
        system="a", event=event, since=DAY, seen_at=more.pop("seen_at", DAY), **more
    )


def held(name: str, *, provider: str = "p", **more: Any) -> StoredConflict:
    """Return a held conflict."""
    claims = (Claim("a", "e1", v(9)), Claim("b", "e2", v(10)))
    conflict = Conflict(ConflictKind.MOVED_APART, provider, "m", claims, "digest")
    return StoredConflict(
        name, conflict, more.pop("opened_at", DAY), more.pop("run", "run"), **more
    )


def note(what: str, **more: Any) -> HistoryEntry:
    """Return a history entry."""
    return HistoryEntry(
        more.pop("at", DAY), more.pop("run", "run"), more.pop("provider", "p"), what, **more
    )


def alive(store: Store) -> tuple[set[str], set[str]]:
    """Return the ids of the active bookings and events of provider p."""
    state = store.state("p")
    return {b.id for b in state.bookings}, {r.id for r in state.records}
