"""A legacy LeadConnector v1 (GoHighLevel) location.

Emulated after docs/platforms/leadconnector-v1.md.
"""

from syncd.sandbox.leadconnector_v1.api import LeadConnectorV1

__all__ = ["LeadConnectorV1"]
