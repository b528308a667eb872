"""LeadSquared: the adapter of one account (leadsquared.md)."""

from syncd.systems.leadsquared.account import REMEDY, Account, CalendarOf
from syncd.systems.leadsquared.system import LeadSquared

__all__ = ["REMEDY", "Account", "CalendarOf", "LeadSquared"]
