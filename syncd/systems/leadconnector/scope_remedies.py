"""Explain a missing scope in the words of the page that grants it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.errors import UnauthorizedError
from syncd.systems.port import CheckResult

if TYPE_CHECKING:
    from syncd.systems.errors import PlatformError


def lacks_scope(fault: PlatformError) -> bool:
    """Return true if a valid token lacks the scope for a call.

    See docs/platforms/leadconnector-v2.md#errors.
    """
    return (
        isinstance(fault, UnauthorizedError)
        and "not authorized for this scope" in fault.detail.lower()
    )


def missing_scope(level: str, subject: str, scope: str) -> CheckResult:
    """Return the check result about a missing scope."""
    return CheckResult(
        level,
        subject,
        f"the token lacks the scope {scope}",
        f"in LeadConnector, edit the integration under Settings, Private Integrations, and "
        f"select {scope}; the token stays the same",
    )
