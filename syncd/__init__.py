"""Keeps appointments and busy time the same in LeadSquared and LeadConnector v2 and v1."""

__version__ = "0.1.0"
