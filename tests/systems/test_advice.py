"""Faults in plain words."""

from __future__ import annotations

import pytest

from syncd.systems.advice import advice
from syncd.systems.port import (
    Ambiguous,
    AuthLost,
    Incomplete,
    RateLimited,
    Refusal,
    Rejected,
    Retryable,
    SystemFault,
)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (AuthLost("clinic", detail="bad token"), ["clinic", "bad token", "syncd check"]),
        (RateLimited("clinic", wait=10), ["10 s", "waits by itself"]),
        (RateLimited("clinic", wait=600), ["10 min"]),
        (RateLimited("clinic", wait=7200), ["2 h"]),
        (Rejected("clinic", why=Refusal.GONE), ["no such record", "nothing to do"]),
        (Rejected("clinic", why=Refusal.SLOT_TAKEN), ["that time", "syncd conflicts resolve"]),
        (Rejected("clinic", "PUT /x", status=422), ["PUT /x", "[systems.clinic]"]),
        (Ambiguous("clinic", "POST /x"), ["POST /x", "reads before it writes"]),
        (Incomplete("clinic"), ["only in part", "nothing is taken for deleted"]),
        (Retryable("clinic"), ["cannot be reached", "base_url"]),
        (Retryable("clinic", "GET /x", status=503), ["GET /x answered 503", "status page"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_fault_says_what_happened_and_what_to_do(fault: SystemFault, words: list[str]) -> None:
    said = advice(fault)
    assert said.startswith("clinic ")
    assert said.endswith(".")
    for word in words:
        assert word in said
