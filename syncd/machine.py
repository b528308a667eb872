"""The clock and the random ids of this machine; all other code gets them as arguments."""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from datetime import UTC, datetime


class RealClock:
    """The clock of the host."""

    def now(self) -> datetime:
        """Return the current time (UTC)."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return a time in seconds that never decreases."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds."""
        await asyncio.sleep(seconds)


def random_id() -> str:
    """Make a random id for a row: 12 letters and digits."""
    return base64.b32encode(secrets.token_bytes(8)).decode().rstrip("=").lower()[:12]


def random_key() -> str:
    """Make a random key for a block's tag (50 bits), as `model.find_tag` finds it."""
    return base64.b32encode(secrets.token_bytes(7)).decode().lower()[:10]


def random_secret() -> bytes:
    """Make a random secret of 32 bytes."""
    return secrets.token_bytes(32)
