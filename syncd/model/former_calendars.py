"""Names of former calendars: calendars that a provider had before the configuration changed."""

from __future__ import annotations

_MARK = "~"
"""Separates the provider from the token. No configured name contains it."""


def former_name(provider: str, token: str) -> str:
    """Return the name of a provider's former calendar.

    A former calendar is one to which the provider is no longer mapped. ``token`` distinguishes
    several former calendars of the provider.
    """
    return f"{provider}{_MARK}{token}"


def is_former(name: str) -> bool:
    """Return true if the name is that of a former calendar."""
    return _MARK in name


def provider_of_former(name: str) -> str:
    """Return the provider of a former calendar; any other name is returned unchanged."""
    return name.partition(_MARK)[0]
