"""An emulated LeadSquared account (leadsquared.md)."""

from syncd.sandbox.leadsquared.api import LeadSquared

__all__ = ["LeadSquared"]
