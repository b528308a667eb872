"""Fixtures and settings for all tests."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings

from syncd.store import store
from syncd.store.database import database
from tests.deploy.clean import OUTSIDE
from tests.newstate import copying

pytest_plugins = ["tests.prove", "tests.skips"]

# A commit waits for the disk, and the tests make many thousands. Memory that is mounted like a disk
# is as good for them, where there is enough of it: a clean Debian needs some hundred MB.
MEMORY = Path("/dev/shm")
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK):
    _found = os.statvfs(MEMORY)
    if _found.f_bavail * _found.f_frsize > 4e9 and not _found.f_flag & (os.ST_NOEXEC | os.ST_NODEV):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# Every command and every client reads the authorities that it trusts: all that the world knows take
# 30 ms. No test needs one of them, but for those that install packages.
os.environ.setdefault(OUTSIDE, os.environ.get("SSL_CERT_FILE", ""))
os.environ["SSL_CERT_FILE"] = str(Path(__file__).parent / "authority.pem")

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


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Switch garbage collection off during collection: collected tests live to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def no_log_of_another_test() -> Iterator[None]:
    """Reset the log after each test: a command logs to a terminal that ends with its test."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(autouse=True, scope="session")
def no_migration_for_every_test() -> Iterator[None]:
    """Copy a migrated state instead of running Alembic for each test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "migrate_schema", copying(database.migrate_schema))
        yield
