"""The adapter of LeadConnector (GoHighLevel) v2: one location as a `port.System`.

See docs/platforms/leadconnector-v2.md.
"""

from syncd.systems.leadconnector.account import REMEDY, Account, CalendarMapping
from syncd.systems.leadconnector.provision import Provisioner
from syncd.systems.leadconnector.system import LeadConnector

__all__ = ["REMEDY", "Account", "CalendarMapping", "LeadConnector", "Provisioner"]
