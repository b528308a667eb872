"""What every test begins with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def no_log_of_another_test() -> Iterator[None]:
    """A command sets up the log on the terminal that it finds, which ends with its test."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
