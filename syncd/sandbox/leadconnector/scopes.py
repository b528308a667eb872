"""Which scope a v2 call needs (docs/platforms/leadconnector-v2.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_SCOPES = (
    ("/calendars/groups", "calendars/groups"),
    ("/calendars/resources", "calendars/resources"),
    ("/calendars/events", "calendars/events"),
    ("/calendars/blocked-slots", "calendars/events"),
    ("/calendars", "calendars"),
    ("/associations/relations", "associations/relation"),
    ("/associations", "associations"),
    ("/users", "users"),
    ("/locations", "locations"),
    ("/contacts", "contacts"),
)
"""By the beginning of the path, the narrower ones first."""


def scope_of(method: str, path: str) -> str:
    """Name the scope, such as ``calendars/resources.readonly``; '' where none is known."""
    right = "readonly" if method == "GET" else "write"
    return next((f"{scope}.{right}" for start, scope in _SCOPES if path.startswith(start)), "")


def may_call(granted: Collection[str] | None, method: str, path: str) -> bool:
    """Whether a token with these scopes (None: all) may make the call."""
    needed = scope_of(method, path)
    return granted is None or not needed or needed in granted
