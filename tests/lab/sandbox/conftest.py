"""Fixtures of the emulated platforms."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.lab.sandbox.kit import Clinic, serve_clinic


@pytest.fixture
async def clinic() -> AsyncIterator[Clinic]:
    """Serve a clinic on a loopback socket."""
    async with serve_clinic() as served:
        yield served
