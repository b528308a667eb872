"""LeadSquared: the adapter of one account (docs/platforms/leadsquared.md)."""

from syncd.systems.leadsquared.account import REMEDY, Account, CalendarMapping
from syncd.systems.leadsquared.provision import Provisioner
from syncd.systems.leadsquared.system import LeadSquared

__all__ = ["REMEDY", "Account", "CalendarMapping", "LeadSquared", "Provisioner"]
