"""Customers of an emulated platform."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ContactRecord:
    """A customer: a contact in LeadConnector, a lead in LeadSquared.

    ``email`` may be empty; ``phone`` is E.164 or empty.
    """

    id: str
    name: str
    email: str = ""
    phone: str = ""
