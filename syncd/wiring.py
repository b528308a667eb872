"""The composition root: settings become systems, store, engine. Only `cli` and `daemon` use it.

This is also where real time and real randomness come from; everything below is handed them.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from syncd.config.settings import (
    LeadConnectorSystem,
    LeadConnectorV1System,
    LeadSquaredSystem,
    Settings,
)
from syncd.core.facts import Choice, Limits, Rules
from syncd.engine.cycle import Engine, Ids, Policy
from syncd.engine.persons import Persons
from syncd.model import Clock
from syncd.store.store import Store
from syncd.systems.port import System


class RealClock:
    """The host's time."""

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def random_id() -> str:
    """A new id for a row: 12 letters and digits, easy to read out."""
    return base64.b32encode(secrets.token_bytes(8)).decode().rstrip("=").lower()[:12]


def random_key() -> str:
    """A new key for a block: what `model.find_key` finds, 50 bits of chance."""
    return base64.b32encode(secrets.token_bytes(7)).decode().lower()[:10]
