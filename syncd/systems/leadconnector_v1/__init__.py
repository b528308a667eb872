"""The adapter of LeadConnector (GoHighLevel) v1: one location as a `port.System`.

See docs/platforms/leadconnector-v1.md.
"""

from syncd.systems.leadconnector_v1.account import REMEDY, Account, CalendarMapping
from syncd.systems.leadconnector_v1.provision import Provisioner
from syncd.systems.leadconnector_v1.system import LeadConnectorV1

__all__ = ["REMEDY", "Account", "CalendarMapping", "LeadConnectorV1", "Provisioner"]
