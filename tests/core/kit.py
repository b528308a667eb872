"""Short builders for the tables of `tests/core`: hours of one day, systems a, b and c."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from syncd.core.decision import Decision, DecisionInput
from syncd.core.inputs import CalendarState
from syncd.core.merging.rules import Rules
from syncd.core.reconcile import reconcile
from syncd.model import (
    Booking,
    Kind,
    ProviderState,
    Replica,
    Role,
    Status,
    TrackedEvent,
    Value,
    WaitReason,
)

DAY = datetime(2026, 6, 1, tzinfo=UTC)
NOW = DAY + timedelta(hours=6)
SYSTEMS = ("a", "b", "c")


def at(hour: float) -> datetime:
    """Return an instant of the day."""
    return DAY + timedelta(hours=hour)


def v(start: float, end: float | None = None, status: Status = Status.CONFIRMED) -> Value:
    """Return a value; one hour long by default."""
    return Value(at(start), at(start + 1 if end is None else end), status)


def off(start: float) -> Value:
    """Return a cancelled hour."""
    return v(start, status=Status.CANCELLED)


def rec(
    system: str,
    event: str,
    observed: Value | None,
    base: Value | None = None,
    **more: Any,
) -> TrackedEvent:
    """Return a tracked event of provider p."""
    more.setdefault("kind", Kind.APPOINTMENT)
    more.setdefault("observed_at", NOW)
    more.setdefault("fingerprint", "f")
    return TrackedEvent(system=system, provider="p", id=event, observed=observed, base=base, **more)


def block(system: str, event: str, observed: Value | None, **more: Any) -> TrackedEvent:
    """Return a block that syncd made, where it was written."""
    value = more.pop("base", observed)
    more.setdefault("written", value)
    more.setdefault("key", f"key{event}")
    return rec(system, event, observed, value, kind=Kind.BLOCK, created_by_us=True, **more)


def booking(name: str, agreed: Value, revision: int = 0, kind: Kind = Kind.APPOINTMENT) -> Booking:
    """Return a booking of provider p."""
    return Booking(name, "p", kind, agreed, revision)


def origin(name: str, system: str, event: str, settled: int = 0) -> Replica:
    """Return a link to the event that opened the booking."""
    return Replica(name, system, event, Role.ORIGIN, settled)


def twin(name: str, system: str, event: str, settled: int = 0) -> Replica:
    """Return a link to a twin."""
    return Replica(name, system, event, Role.TWIN, settled)


def serves(name: str, system: str, event: str) -> Replica:
    """Return a link to a block."""
    return Replica(name, system, event, Role.BLOCK)


def calendars(*, without: str = "") -> dict[str, CalendarState]:
    """Return three calendars, writable and trusted except ``without``, which did not answer."""
    return {
        s: CalendarState(
            s,
            blocked=WaitReason.UNANSWERED if s in without else None,
            trusted=s not in without,
        )
        for s in SYSTEMS
    }


def decided(state: ProviderState, **more: Any) -> Decision:
    """Decide on a state with default inputs, except the named ones."""
    numbers = count(1)
    return reconcile(state, case(**more), lambda: f"new{next(numbers)}")


def case(**more: Any) -> DecisionInput:
    """Return the default decision inputs, except the named ones."""
    more.setdefault("calendars", calendars())
    more.setdefault("rules", Rules(prefer=SYSTEMS))
    return DecisionInput(now=NOW, horizon=DAY - timedelta(days=1), run="run", **more)


def summary(decision: Decision) -> list[tuple[str, str, str]]:
    """Return the writes of a decision: action, system, interval in hours."""

    def hours(value: Value | None) -> str:
        return f"{value.start:%H}-{value.end:%H}" if value else ""

    return sorted(
        (str(o.action), o.system, f"{hours(o.before)}>{hours(o.after)}")
        for o in decision.operations
    )
