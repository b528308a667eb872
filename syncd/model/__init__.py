"""The words of syncd as value types (DESIGN section 1); imports nothing of syncd.

Every instant is an aware ``datetime`` in UTC; zones appear only where a wall-clock time comes in
(`resolve_wall_time`) or goes out to a person.
"""

from syncd.model.doors import Door, Need, ShutDoor
from syncd.model.keys import (
    find_key,
    mark,
)
from syncd.model.stored import (
    Booking,
    Changes,
    HeldConflict,
    Intent,
    IntentState,
    Note,
    ProviderState,
    Record,
    Replica,
)
from syncd.model.time import (
    Clock,
    Resolved,
    floor_to,
    resolve_wall_time,
    utc,
    zone,
)
from syncd.model.words import (
    Action,
    Claim,
    Conflict,
    ConflictKind,
    Coverage,
    Event,
    EventRef,
    Kind,
    Operation,
    Person,
    Role,
    Status,
    Value,
    Window,
)

__all__ = [
    "Action",
    "Booking",
    "Changes",
    "Claim",
    "Clock",
    "Conflict",
    "ConflictKind",
    "Coverage",
    "Door",
    "Event",
    "EventRef",
    "HeldConflict",
    "Intent",
    "IntentState",
    "Kind",
    "Need",
    "Note",
    "Operation",
    "Person",
    "ProviderState",
    "Record",
    "Replica",
    "Resolved",
    "Role",
    "ShutDoor",
    "Status",
    "Value",
    "Window",
    "find_key",
    "floor_to",
    "mark",
    "resolve_wall_time",
    "utc",
    "zone",
]
