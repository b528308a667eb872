"""Emulator of a LeadSquared account, after docs/platforms/leadsquared.md."""

from syncd.lab.sandbox.leadsquared.api import EmulatedLeadSquared
from syncd.lab.sandbox.leadsquared.records import (
    AccountUser,
    Category,
    Shift,
    TaskRecord,
    TaskTypeRecord,
)

__all__ = [
    "AccountUser",
    "Category",
    "EmulatedLeadSquared",
    "Shift",
    "TaskRecord",
    "TaskTypeRecord",
]
