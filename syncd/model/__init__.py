"""The words of syncd as value types (DESIGN section 1); imports nothing of syncd.

Every instant is an aware ``datetime`` in UTC; zones appear only where a wall-clock time comes in
(`resolve_wall_time`) or goes out to a person.
"""

from syncd.model.doors import Door, Need, ShutDoor
from syncd.model.health import (
    Allowance,
    OnRota,
    SystemHealth,
    SystemState,
)
from syncd.model.hours import (
    Hours,
    Span,
)
from syncd.model.keys import (
    find_key,
    mark,
)
from syncd.model.stored import (
    Baseline,
    Booking,
    Cause,
    Changes,
    Closing,
    Exposure,
    FreeTime,
    HeldConflict,
    Intent,
    IntentState,
    Note,
    ProviderState,
    Record,
    Replica,
    Waiver,
)
from syncd.model.time import (
    Clock,
    Resolved,
    floor_to,
    resolve_wall_time,
    utc,
    zone,
)
from syncd.model.waits import LONGEST_DAILY_WAIT, LONGEST_WAIT, capped_wait
from syncd.model.words import (
    Action,
    Claim,
    Conflict,
    ConflictKind,
    Coverage,
    Event,
    EventRef,
    Id,
    Kind,
    Offer,
    Operation,
    Person,
    Role,
    Status,
    Value,
    Window,
)

__all__ = [
    "LONGEST_DAILY_WAIT",
    "LONGEST_WAIT",
    "Action",
    "Allowance",
    "Baseline",
    "Booking",
    "Cause",
    "Changes",
    "Claim",
    "Clock",
    "Closing",
    "Conflict",
    "ConflictKind",
    "Coverage",
    "Door",
    "Event",
    "EventRef",
    "Exposure",
    "FreeTime",
    "HeldConflict",
    "Hours",
    "Id",
    "Intent",
    "IntentState",
    "Kind",
    "Need",
    "Note",
    "Offer",
    "OnRota",
    "Operation",
    "Person",
    "ProviderState",
    "Record",
    "Replica",
    "Resolved",
    "Role",
    "ShutDoor",
    "Span",
    "Status",
    "SystemHealth",
    "SystemState",
    "Value",
    "Waiver",
    "Window",
    "capped_wait",
    "find_key",
    "floor_to",
    "mark",
    "resolve_wall_time",
    "utc",
    "zone",
]
