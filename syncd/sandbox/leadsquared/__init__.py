"""A LeadSquared account.

Emulated after docs/platforms/leadsquared.md.
"""

from syncd.sandbox.leadsquared.api import LeadSquared
from syncd.sandbox.leadsquared.records import Category, Shift, Task, TaskType, User

__all__ = ["Category", "LeadSquared", "Shift", "Task", "TaskType", "User"]
