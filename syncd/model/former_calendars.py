"""The name of a calendar that a provider had before the configuration named another one."""

from __future__ import annotations

_MARK = "~"
"""In no configured name."""


def former_name(provider: str, token: str) -> str:
    """Name a provider's former calendar; the token tells several from each other."""
    return f"{provider}{_MARK}{token}"


def is_former(name: str) -> bool:
    """Whether it is the name of a former calendar."""
    return _MARK in name


def provider_of_former(name: str) -> str:
    """Return the provider whose former calendar it is; any other name is returned as it is."""
    return name.partition(_MARK)[0]
