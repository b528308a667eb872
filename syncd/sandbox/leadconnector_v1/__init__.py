"""A legacy LeadConnector v1 (GoHighLevel) location, emulated after leadconnector-v1.md."""

from syncd.sandbox.leadconnector_v1.api import LeadConnectorV1

__all__ = ["LeadConnectorV1"]
