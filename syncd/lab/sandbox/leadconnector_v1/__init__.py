"""Emulator of a legacy LeadConnector v1 location, after docs/platforms/leadconnector-v1.md."""

from syncd.lab.sandbox.leadconnector_v1.api import EmulatedLeadConnectorV1

__all__ = ["EmulatedLeadConnectorV1"]
