"""A platform that ends a request after 62 s with DEADLINE_EXCEEDED, under planted bugs.

See docs/platforms/leadconnector-v2.md#errors.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from syncd.systems import redact
from syncd.systems.errors import RetryableError, UnknownOutcomeError
from syncd.systems.transport import Transport
from tests.planted.swap import swap
from tests.systems.test_transport import (
    test_a_write_that_times_out_with_500_is_unknown_and_keeps_its_code as story,
)


async def test_planted_a_write_that_counts_as_not_made_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A 500 counts as a refusal, so the write would be sent again."""
    write = Transport.write

    async def refused(self: Transport, *given: Any, **named: Any) -> Any:
        try:
            return await write(self, *given, **named)
        except UnknownOutcomeError as fault:
            raise RetryableError(fault.system, fault.call, status=fault.status) from None

    swap(monkeypatch, write, refused)
    with pytest.raises(RetryableError):
        await story()


async def test_planted_a_redactor_that_masks_error_codes_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Capitalised words are masked, also error codes of platforms."""
    mask = redact.platform_words
    swap(monkeypatch, mask, lambda text: mask(re.sub(r"[A-Z]\w+", "[text]", text)))
    with pytest.raises(AssertionError):
        await story()
