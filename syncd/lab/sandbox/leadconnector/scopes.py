"""The scope that each v2 call needs (docs/platforms/leadconnector-v2.md)."""

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
"""Scopes by the start of the path; longer paths come first."""


def needed_scope(method: str, path: str) -> str:
    """Return the scope of a call, such as ``calendars/resources.readonly``; '' if not known."""
    right = "readonly" if method == "GET" else "write"
    return next((f"{scope}.{right}" for start, scope in _SCOPES if path.startswith(start)), "")


def may_call(granted: Collection[str] | None, method: str, path: str) -> bool:
    """Return true if a token with these scopes (None: all) may make the call."""
    needed = needed_scope(method, path)
    return granted is None or not needed or needed in granted
