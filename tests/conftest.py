"""What every test begins with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings

pytest_plugins = ["tests.prove", "tests.skips"]

# The same examples in every run: a change is judged by what it changes, not by luck or by how busy
# the machine is. Fresh ones: pytest --hypothesis-profile default tests/core
settings.register_profile(
    "same",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
settings.load_profile("same")


@pytest.fixture(autouse=True)
def no_log_of_another_test() -> Iterator[None]:
    """A command sets up the log on the terminal that it finds, which ends with its test."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
