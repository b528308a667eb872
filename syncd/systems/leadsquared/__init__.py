"""LeadSquared: the adapter of one account (docs/platforms/leadsquared.md)."""

from syncd.systems.leadsquared.account import REMEDY, Account, CalendarOf
from syncd.systems.leadsquared.provision import Provisioner
from syncd.systems.leadsquared.system import LeadSquared

__all__ = ["REMEDY", "Account", "CalendarOf", "LeadSquared", "Provisioner"]
