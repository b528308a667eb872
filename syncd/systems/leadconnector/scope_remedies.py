"""What a token lacks, in the words of the page where a person gives it that right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.port import CheckResult, UnauthorizedError

if TYPE_CHECKING:
    from syncd.systems.port import PlatformError


def lacks_scope(fault: PlatformError) -> bool:
    """Whether the token is right, and may not do this.

    See docs/platforms/leadconnector-v2.md#errors.
    """
    return (
        isinstance(fault, UnauthorizedError)
        and "not authorized for this scope" in fault.detail.lower()
    )


def missing_scope(level: str, subject: str, scope: str) -> CheckResult:
    """Name the scope, and where it is ticked."""
    return CheckResult(
        level,
        subject,
        f"the token has no right to read this ({scope} is missing)",
        f"in LeadConnector under Settings, Private Integrations, edit the integration and "
        f"tick {scope}; the token stays the same",
    )
