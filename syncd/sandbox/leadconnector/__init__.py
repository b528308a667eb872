"""Emulator of a LeadConnector v2 (GoHighLevel) location.

It follows docs/platforms/leadconnector-v2.md.
"""

from syncd.sandbox.leadconnector.api import EmulatedLeadConnector
from syncd.sandbox.leadconnector.records import (
    CalendarRecord,
    GroupRecord,
    Notification,
    OpeningHours,
    StaffUser,
)

__all__ = [
    "CalendarRecord",
    "EmulatedLeadConnector",
    "GroupRecord",
    "Notification",
    "OpeningHours",
    "StaffUser",
]
