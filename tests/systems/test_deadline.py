"""A platform that ends a request after 62 s with DEADLINE_EXCEEDED, under planted bugs.

See docs/platforms/leadconnector-v2.md#errors.
"""

from __future__ import annotations

import re

import pytest

from syncd.systems import redact, transport
from syncd.systems.port import RetryableError
from tests.systems.test_transport import (
    test_a_write_that_times_out_with_500_is_unknown_and_keeps_its_code as story,
)


async def test_planted_a_write_that_counts_as_not_made_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A 500 counts as a refusal, so the write would be sent again."""
    monkeypatch.setattr(transport.Transport, "_recast", lambda _self, fault, _kind: fault)
    with pytest.raises(RetryableError):
        await story()


async def test_planted_a_redactor_that_masks_error_codes_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Capitalised words are masked, also error codes of platforms."""
    monkeypatch.setattr(redact, "_unless_usual", lambda _found: "[text]")
    monkeypatch.setattr(redact, "KEPT_PHRASES", re.compile(r"(?!)"))
    monkeypatch.setattr(redact, "CAPITALISED", re.compile(r"[A-Z]\w+"))
    with pytest.raises(AssertionError):
        await story()
