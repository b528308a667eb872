"""Messages and remedies for faults."""

from __future__ import annotations

import pytest

from syncd.systems.errors import (
    IncompleteReadError,
    PlatformError,
    RateLimitedError,
    RejectedError,
    RejectionReason,
    RetryableError,
    UnauthorizedError,
    UnknownOutcomeError,
)
from syncd.systems.remedies import advice


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (UnauthorizedError("clinic", detail="bad token"), ["clinic", "bad token", "syncd check"]),
        (RateLimitedError("clinic", wait=10), ["10 s", "waits automatically"]),
        (RateLimitedError("clinic", wait=600), ["10 min"]),
        (RateLimitedError("clinic", wait=7200), ["2 h"]),
        (
            RejectedError("clinic", why=RejectionReason.GONE),
            ["no longer has this event", "no action"],
        ),
        (
            RejectedError("clinic", why=RejectionReason.SLOT_TAKEN),
            ["this time", "syncd conflicts resolve"],
        ),
        (RejectedError("clinic", "PUT /x", status=422), ["PUT /x", "[systems.clinic]"]),
        (UnknownOutcomeError("clinic", "POST /x"), ["POST /x", "reads before it writes"]),
        (IncompleteReadError("clinic"), ["incomplete or malformed", "treats nothing as deleted"]),
        (RetryableError("clinic"), ["cannot be reached", "base_url"]),
        (
            RetryableError("clinic", "GET /x", status=503),
            ["GET /x returned HTTP 503", "status page"],
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_fault_says_what_happened_and_what_to_do(
    fault: PlatformError, words: list[str]
) -> None:
    said = advice(fault)
    assert said.startswith("clinic ")
    assert said.endswith(".")
    for word in words:
        assert word in said
