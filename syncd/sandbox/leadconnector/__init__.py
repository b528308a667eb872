"""A LeadConnector v2 (GoHighLevel) location.

Emulated after docs/platforms/leadconnector-v2.md.
"""

from syncd.sandbox.leadconnector.api import LeadConnector
from syncd.sandbox.leadconnector.records import Calendar, Group, Notification, Opening, User

__all__ = ["Calendar", "Group", "LeadConnector", "Notification", "Opening", "User"]
