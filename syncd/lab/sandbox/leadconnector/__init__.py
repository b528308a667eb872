"""Emulator of a LeadConnector v2 (GoHighLevel) location.

It follows docs/platforms/leadconnector-v2.md.
"""

from syncd.lab.sandbox.leadconnector.api import EmulatedLeadConnector
from syncd.lab.sandbox.leadconnector.records import (
    CalendarRecord,
    GroupRecord,
    Notification,
    OpenHours,
    StaffUser,
)

__all__ = [
    "CalendarRecord",
    "EmulatedLeadConnector",
    "GroupRecord",
    "Notification",
    "OpenHours",
    "StaffUser",
]
